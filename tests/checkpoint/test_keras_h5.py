"""Files of Keras: those of bert4keras against its own answers; tf_model.h5 of transformers is read in tests/parity."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from roformer_edge.checkpoint import keras_h5

KERNEL = np.arange(6, dtype=np.float32).reshape(2, 3)


class Dataset(np.ndarray):
    """As h5py has one whose numbers lie in the file itself."""

    is_virtual = False
    external = None


DATASET = KERNEL.view(Dataset)


class KerasFile:
    """As h5py opens one in which a name was damaged."""

    def __init__(self, path: Path, mode: str) -> None:
        assert mode == "r"
        self.attrs: dict[str, Any] = {}
        self.open = True

    def get(self, name: str, default: Any) -> Any:
        return default

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def visititems(self, visit: Callable[[Any, Any], object]) -> None:
        visit("classifier", {})
        visit("classifier/dense/kernel:0", DATASET)
        visit("adam/iterations:0", DATASET)
        visit(b"classifier/dense/bi\xffs:0", DATASET)

    def close(self) -> None:
        assert self.open
        self.open = False


def test_a_damaged_name_and_an_optimizer(monkeypatch):
    h5py = SimpleNamespace(File=KerasFile, Dataset=Dataset)
    monkeypatch.setattr(keras_h5, "require", lambda package, purpose: h5py)
    file = keras_h5.open_keras(Path("tf_model.h5"))
    assert "classifier.dense.weight" in file.names()
    assert "classifier.dense.bias" not in file.names()
    assert not [name for name in file.names() if "iterations" in name]
    assert file.shape("classifier.dense.weight") == (3, 2)
    assert np.array_equal(file.read("classifier.dense.weight"), KERNEL.T)
    file.close()


@pytest.mark.parametrize("name", ["bert4keras_v1", "bert4keras_v2", "whole model"])
def test_weights_of_bert4keras_answer_as_there(tensorflow_report, name):
    found = tensorflow_report[name]
    assert found["largest"] > 0.5
    assert found["difference"] < 1e-5
    assert found["unused"] == []
    assert any("layer_norm_eps is 1e-07, as in the framework" in note for note in found["notes"])
    assert any("the weights are those of rms_norm" in note for note in found["notes"]) == (name == "bert4keras_v2")


def test_a_layer_that_is_not_bert4keras_own_is_named(tensorflow_report):
    assert "1 tensor that RoFormer has no place for" in tensorflow_report["layers of its own"]
    assert "dense_12.weight" in tensorflow_report["layers of its own"]


def test_numbered_variables_are_refused_with_what_converts_them(tensorflow_report):
    found = tensorflow_report["Keras 3"]
    assert "best_model.weights.h5 numbers its variables and names no layers" in found
    assert "load it into the model that wrote it and save that" in found
