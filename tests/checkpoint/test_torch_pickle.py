from __future__ import annotations

import json
import os
from contextlib import suppress
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
    assert_refused(path, "is truncated or not what its name says|damaged, or a pickle")


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


# what pytorch_lightning 2 writes beside the weights
LIGHTNING = {
    "epoch": 3,
    "global_step": 400,
    "pytorch-lightning_version": "2.5.0",
    "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"total": {"ready": 4}}}},
    "callbacks": {"ModelCheckpoint{'monitor': 'loss'}": {"best_model_score": torch.tensor(0.1), "last_model_path": ""}},
    "optimizer_states": [{"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 0.1, "params": [0]}]}],
    "lr_schedulers": [],
    "hparams_name": "kwargs",
    "hyper_parameters": {"lr": 0.1, "layers": [1, 2]},
}


class TestTrainers:
    @pytest.mark.parametrize(
        ("nest", "prefix"),
        [
            (lambda state: {**LIGHTNING, "state_dict": state}, "model."),
            (lambda state: {**LIGHTNING, "state_dict": state}, "net._orig_mod."),
            (lambda state: {"model_state_dict": state, "optimizer_state_dict": {"state": {}}, "epoch": 7}, ""),
            (lambda state: {"model": state, "args": {"lr": 1}, "best": 0.9}, "module."),
            (lambda state: {"model": {"state_dict": state}, "step": 3}, "module._orig_mod."),
            (lambda state: {"model": {"module": {"model": {"state_dict": state}}}}, "model.model."),
        ],
        ids=["Lightning", "Lightning, compiled", "model_state_dict", "model", "twice", "four times"],
    )
    def test_the_state_dict_is_found(self, checkpoint_directory, tiny_config, random_arrays, nest, prefix):
        directory = checkpoint_directory()
        (directory / "model.safetensors").unlink()
        arrays = random_arrays(tiny_config)
        state = {prefix + name: tensor for name, tensor in as_torch(arrays).items()}
        torch.save(nest(state), directory / "epoch=3-step=400.ckpt")
        checkpoint = load_checkpoint(directory, TASK)
        assert [file.name for file in checkpoint.files] == ["epoch=3-step=400.ckpt"]
        assert checkpoint.unused == ()
        assert all(np.array_equal(checkpoint.arrays[name], array) for name, array in arrays.items())

    def test_an_average_beside_it_is_named(self, checkpoint_directory, tiny_config, random_arrays):
        directory = checkpoint_directory()
        (directory / "model.safetensors").unlink()
        state = as_torch(random_arrays(tiny_config))
        torch.save({"state_dict": state, "ema_state_dict": state, "epoch": 3}, directory / "a.ckpt")
        note = "a.ckpt: the weights under 'state_dict' are used, and not those under 'ema_state_dict'"
        assert load_checkpoint(directory, TASK).notes == (note,)

    def test_none_is_found(self, tmp_path):
        torch.save({**LIGHTNING, "weights": {"a": torch.zeros(1)}}, tmp_path / "a.ckpt")
        assert_refused(tmp_path / "a.ckpt", r"a\.ckpt must hold .* by itself or under one of: state_dict, ")

    def test_of_an_object_it_says_what_converts_it(self, tmp_path):
        torch.save({**LIGHTNING, "hyper_parameters": Path("x"), "state_dict": {}}, tmp_path / "a.ckpt")
        assert_refused(tmp_path / "a.ckpt", r"a\.ckpt was not opened: .*save its state_dict\(\) alone")


def test_reading_gives_arrays_of_their_own(tmp_path):
    torch.save({"a": torch.ones(3)}, tmp_path / "a.bin")
    file = open_torch(tmp_path / "a.bin")
    file.read("a")[:] = 7
    assert file.read("a").tolist() == [1, 1, 1]


@pytest.mark.parametrize("zipped", [True, False])
def test_damaged_bytes_are_one_line(tmp_path, zipped):
    path, random = tmp_path / "a.bin", np.random.default_rng(0)
    torch.save({"a": torch.ones(3, 4), "b": torch.zeros(3)}, path, _use_new_zipfile_serialization=zipped)
    whole, read = path.read_bytes(), 0
    for _ in range(150):
        content = bytearray(whole)
        for place in random.integers(0, len(whole), 1):
            content[place] = random.integers(256)
        path.write_bytes(content)
        with suppress(CheckpointError):
            file = open_torch(path)
            read += all(file.read(name).size for name in file.names())
    assert 0 < read < 150
