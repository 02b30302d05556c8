from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from roformer_edge.checkpoint.loading import load_checkpoint
from roformer_edge.checkpoint.torch_pickle import open_torch
from roformer_edge.errors import CheckpointError
from roformer_edge.tasks import TASKS

TASK = TASKS["text-classification"]


def as_torch(arrays: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def assert_refused(path: Path, message: str) -> None:
    with pytest.raises(CheckpointError, match=message) as caught:
        open_torch(path)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("zipped", [True, False])
def test_a_state_dict(checkpoint_directory, tiny_config, random_arrays, zipped):
    directory = checkpoint_directory()
    (directory / "model.safetensors").unlink()
    arrays = random_arrays(tiny_config)
    torch.save(as_torch(arrays), directory / "pytorch_model.bin", _use_new_zipfile_serialization=zipped)
    checkpoint = load_checkpoint(directory, TASK)
    assert all(np.array_equal(checkpoint.arrays[name], array) for name, array in arrays.items())


def test_shards_in_half_precision(checkpoint_directory, tiny_config, random_arrays):
    directory = checkpoint_directory()
    (directory / "model.safetensors").unlink()
    halves = {name: tensor.half() for name, tensor in as_torch(random_arrays(tiny_config)).items()}
    names = list(halves)
    weight_map = {}
    for file, part in (("pytorch_model-1.bin", names[:5]), ("pytorch_model-2.bin", names[5:])):
        torch.save({name: halves[name] for name in part}, directory / file)
        weight_map |= dict.fromkeys(part, file)
    (directory / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": weight_map}))
    arrays = load_checkpoint(directory, TASK).arrays
    assert all(np.array_equal(arrays[name], tensor.float().numpy()) for name, tensor in halves.items())


@pytest.mark.parametrize("keep", [0, 10, 2000, -30])
def test_a_truncated_file(tmp_path, tiny_config, random_arrays, keep):
    path = tmp_path / "pytorch_model.bin"
    torch.save(as_torch(random_arrays(tiny_config)), path)
    path.write_bytes(path.read_bytes()[:keep])
    assert_refused(path, "is truncated, damaged or|damaged, or a pickle")


class Payload:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_with_code_is_not_run(tmp_path, zipped):
    path, victim = tmp_path / "pytorch_model.bin", tmp_path / "victim"
    torch.save({"a": Payload(victim)}, path, _use_new_zipfile_serialization=zipped)
    assert_refused(path, "could run code")
    assert not victim.exists()


@pytest.mark.parametrize("content", [[1, 2], {"a": 1}, {3: torch.zeros(1)}])
def test_a_pickle_of_something_else(tmp_path, content):
    torch.save(content, tmp_path / "pytorch_model.bin")
    assert_refused(tmp_path / "pytorch_model.bin", "mapping of names to tensors")


@pytest.mark.parametrize(
    ("tensor", "dtype"),
    [(torch.zeros(3, dtype=torch.int8), "int8"), (torch.zeros(3).to_sparse(), "sparse"), (torch.zeros(2) > 1, "bool")],
)
def test_what_is_no_dense_floating_point_tensor_is_no_weight(tmp_path, tensor, dtype):
    torch.save({"a": tensor}, tmp_path / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match=rf"pytorch_model\.bin: tensor 'a' is stored as {dtype}"):
        open_torch(tmp_path / "pytorch_model.bin").read("a")
