"""Entries of a ``flax_model.msgpack`` that are no weights; whole files are read in tests/parity."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from roformer_edge.checkpoint import flax_msgpack

KERNEL = np.arange(6, dtype=np.float32).reshape(2, 3)


def test_what_is_no_array(monkeypatch, tmp_path):
    """Such as the counter of a training state."""
    tree = {"step": 3, "classifier": {"dense": {"kernel": KERNEL, "bias": "none"}}}
    serialization = SimpleNamespace(msgpack_restore=lambda content: tree)
    monkeypatch.setattr(flax_msgpack, "require", lambda package, purpose: serialization)
    (tmp_path / "flax_model.msgpack").touch()
    file = flax_msgpack.open_flax(tmp_path / "flax_model.msgpack")
    assert list(file.names()) == ["classifier.dense.weight"]
    assert np.array_equal(file.read("classifier.dense.weight"), KERNEL.T)
