from __future__ import annotations

import json

import numpy as np
import pytest

from roformer_edge import _extras
from roformer_edge.checkpoint.finding import FORMATS, find_weights
from roformer_edge.checkpoint.loading import load_checkpoint
from roformer_edge.checkpoint.safetensors import write_safetensors
from roformer_edge.errors import CheckpointError, MissingDependencyError
from roformer_edge.tasks import TASKS

TASK = TASKS["text-classification"]


def assert_refused(directory, message: str) -> None:
    with pytest.raises(CheckpointError, match=message) as caught:
        find_weights(directory)
    assert str(caught.value).isprintable()


def test_shards_are_read_as_one(checkpoint_directory, tiny_config, random_arrays):
    directory = checkpoint_directory()
    (directory / "model.safetensors").unlink()
    arrays = random_arrays(tiny_config)
    weight_map = {}
    for shard in range(3):
        file = f"model-{shard}.safetensors"
        part = {name: array for index, (name, array) in enumerate(arrays.items()) if index % 3 == shard}
        write_safetensors(directory / file, part)
        weight_map |= dict.fromkeys(part, file)
    index = directory / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    checkpoint = load_checkpoint(directory, TASK)
    assert all(np.array_equal(checkpoint.arrays[name], array) for name, array in arrays.items())
    assert [file.name for file in checkpoint.files] == [f"model-{shard}.safetensors" for shard in range(3)]

    (directory / "model-1.safetensors").unlink()
    assert_refused(directory, r"names the file 'model-1\.safetensors', which is missing")


@pytest.mark.parametrize("name", ["../model.safetensors", "/etc/passwd", "..", "", 3, "\x1b[2J/x"])
def test_shards_lie_beside_the_index(tmp_path, name):
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": name}}))
    assert_refused(tmp_path, "must lie beside the index")


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "{", "[]", "{}", '{"weight_map": 3}', '{"weight_map": {"a": [1], "b": "c"}}']
)
def test_a_malformed_index(tmp_path, text):
    (tmp_path / "model.safetensors.index.json").write_text(text)
    assert_refused(tmp_path, "must be a JSON object with a weight_map")


def test_no_weights(tmp_path):
    assert_refused(tmp_path, r"holds no weights: expected one of model\.safetensors, pytorch_model\.bin, tf_model\.h5")
    (tmp_path / "weights.onnx").touch()
    assert_refused(tmp_path, r"found weights\.onnx, which must be converted")


def test_two_checkpoints_of_tensorflow_1(tmp_path):
    """Which one is meant is not guessed: the names would sort step 1000 before step 900."""
    for step in (900, 1000):
        (tmp_path / f"model.ckpt-{step}.index").touch()
    assert_refused(tmp_path, r"holds 2 TensorFlow 1 checkpoints: model\.ckpt-1000\.index, model\.ckpt-900\.index; keep")


def test_the_best_format_is_taken(tmp_path):
    for row in reversed(FORMATS):
        (tmp_path / row.file.replace("*", "x")).touch()
        assert find_weights(tmp_path).format is row


@pytest.mark.parametrize("row", FORMATS, ids=lambda row: row.file)
def test_a_missing_package_names_the_pip_line(tmp_path, monkeypatch, row):
    monkeypatch.setattr(_extras.importlib.util, "find_spec", lambda name: None)
    (tmp_path / row.file.replace("*", "x")).write_bytes(b"x")
    with pytest.raises(MissingDependencyError, match=rf"{row.package} is needed .* pip install 'roformer-edge\["):
        find_weights(tmp_path).open()


def test_what_was_opened_is_closed_where_a_later_shard_is_broken(tmp_path):
    write_safetensors(tmp_path / "a.safetensors", {"a": np.ones(3, np.float32)})
    (tmp_path / "b.safetensors").write_bytes(b"broken")
    (tmp_path / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": {"a": "a.safetensors", "b": "b.safetensors"}})
    )
    with pytest.raises(CheckpointError, match=r"b\.safetensors is truncated"):
        find_weights(tmp_path).open()
