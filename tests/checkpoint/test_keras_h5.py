"""Files of Keras: those of bert4keras against its own answers; tf_model.h5 of transformers is read in tests/parity."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from roformer_edge.checkpoint import keras_h5

KERNEL = np.arange(6, dtype=np.float32).reshape(2, 3)
HERE = Path(__file__).parent


class KerasFile:
    """As h5py opens one in which a name was damaged."""

    def __init__(self, path: Path, mode: str) -> None:
        assert mode == "r"
        self.attrs: dict[str, Any] = {}
        self.open = True

    def get(self, name: str, default: Any) -> Any:
        return default

    def visititems(self, visit: Callable[[Any, Any], object]) -> None:
        visit("classifier", {})
        visit("classifier/dense/kernel:0", KERNEL)
        visit("adam/iterations:0", KERNEL)
        visit(b"classifier/dense/bi\xffs:0", KERNEL)

    def close(self) -> None:
        assert self.open
        self.open = False


def test_a_damaged_name_and_an_optimizer(monkeypatch):
    h5py = SimpleNamespace(File=KerasFile, Dataset=np.ndarray)
    monkeypatch.setattr(keras_h5, "require", lambda package, purpose: h5py)
    file = keras_h5.open_keras(Path("tf_model.h5"))
    assert "classifier.dense.weight" in file.names()
    assert "classifier.dense.bias" not in file.names()
    assert not [name for name in file.names() if "iterations" in name]
    assert file.shape("classifier.dense.weight") == (3, 2)
    assert np.array_equal(file.read("classifier.dense.weight"), KERNEL.T)
    file.close()


@pytest.fixture(scope="module")
def report(frameworks_python: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    environment = {**os.environ, "PYTHONPATH": str(HERE.parents[1]), "CUDA_VISIBLE_DEVICES": ""}
    command = [frameworks_python, HERE / "keras_check.py", HERE / "golden", tmp_path_factory.mktemp("keras")]
    done = subprocess.run(command, check=False, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", ["bert4keras_v1", "bert4keras_v2", "whole model"])
def test_weights_of_bert4keras_answer_as_there(report, name):
    found = report[name]
    assert found["largest"] > 0.5
    assert found["difference"] < 1e-5
    assert found["unused"] == []
    assert any("layer_norm_eps is 1e-07, as in the framework" in note for note in found["notes"])
    assert any("the weights are those of rms_norm" in note for note in found["notes"]) == (name == "bert4keras_v2")


def test_a_layer_that_is_not_bert4keras_own_is_named(report):
    assert "1 tensor that RoFormer has no place for" in report["layers of its own"]
    assert "dense_12.weight" in report["layers of its own"]


@pytest.mark.parametrize(
    ("name", "file", "what"),
    [
        ("Keras 3", "best_model.weights.h5", "numbers its variables and names no layers"),
        ("objects", "best_model.weights.index", "a checkpoint of objects of TensorFlow 2, which names no layers"),
    ],
)
def test_files_without_names_are_refused_with_what_converts_them(report, name, file, what):
    assert file in report[name]
    assert what in report[name]
    assert "load it into the model that wrote it and save that" in report[name]
