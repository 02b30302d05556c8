"""Entries of a ``tf_model.h5`` that are no weights; whole files are read in tests/parity."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from roformer_edge.checkpoint import keras_h5

KERNEL = np.arange(6, dtype=np.float32).reshape(2, 3)


class KerasFile:
    """As h5py opens one in which a name was damaged."""

    def __init__(self, path: Path, mode: str) -> None:
        assert mode == "r"

    def visititems(self, visit: Callable[[Any, Any], object]) -> None:
        visit("classifier", {})
        visit("classifier/dense/kernel:0", KERNEL)
        visit("adam/iterations:0", KERNEL)
        visit(b"classifier/dense/bi\xffs:0", KERNEL)


def test_a_damaged_name_and_an_optimizer(monkeypatch):
    h5py = SimpleNamespace(File=KerasFile, Dataset=np.ndarray)
    monkeypatch.setattr(keras_h5, "require", lambda package, purpose: h5py)
    file = keras_h5.open_keras(Path("tf_model.h5"))
    assert "classifier.dense.weight" in file.names()
    assert "classifier.dense.bias" not in file.names()
    assert not [name for name in file.names() if "iterations" in name]
    assert file.shape("classifier.dense.weight") == (3, 2)
    assert np.array_equal(file.read("classifier.dense.weight"), KERNEL.T)
