"""Files of TensorFlow and Flax with entries that are no weights; whole files are read in tests/parity."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from roformer_edge.checkpoint import foreign_files

KERNEL = np.arange(6, dtype=np.float32).reshape(2, 3)


class KerasFile:
    """As h5py opens one in which a name was damaged."""

    def __init__(self, path: Path, mode: str) -> None:
        assert mode == "r"

    def visititems(self, visit: Callable[[Any, Any], object]) -> None:
        visit("classifier", {})
        visit("classifier/dense/kernel:0", KERNEL)
        visit(b"classifier/dense/bi\xffs:0", KERNEL)


def assert_only_the_kernel(store: foreign_files.ForeignStore) -> None:
    assert "classifier.dense.weight" in store.names()
    assert "classifier.dense.bias" not in store.names()
    assert np.array_equal(store.read("classifier.dense.weight"), KERNEL.T)


def test_a_damaged_name_in_tf_model_h5(monkeypatch):
    h5py = SimpleNamespace(File=KerasFile, Dataset=np.ndarray)
    monkeypatch.setattr(foreign_files, "require", lambda package, purpose: h5py)
    assert_only_the_kernel(foreign_files.open_keras(Path("tf_model.h5")))


def test_what_is_no_array_in_flax_model_msgpack(monkeypatch, tmp_path):
    """Such as the counter of a training state."""
    tree = {"step": 3, "classifier": {"dense": {"kernel": KERNEL, "bias": "none"}}}
    serialization = SimpleNamespace(msgpack_restore=lambda content: tree)
    monkeypatch.setattr(foreign_files, "require", lambda package, purpose: serialization)
    (tmp_path / "flax_model.msgpack").touch()
    assert_only_the_kernel(foreign_files.open_flax(tmp_path / "flax_model.msgpack"))
