from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from roformer_edge.checkpoint.loading import load_architecture, load_checkpoint
from roformer_edge.checkpoint.names import ROTARY_TABLE
from roformer_edge.checkpoint.rotary_table import rotary_table
from roformer_edge.checkpoint.weight_file import WeightFile
from roformer_edge.errors import CheckpointError
from tests.checkpoint.edited import TASK, WORDS, as_torch, assert_refused, rename


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_float_types_come_out_as_float32(checkpoint_directory, tiny_config, random_arrays, dtype):
    directory = checkpoint_directory()
    stored = {name: tensor.to(dtype) for name, tensor in as_torch(random_arrays(tiny_config)).items()}
    stored[ROTARY_TABLE] = torch.from_numpy(rotary_table(32, 8)).to(dtype)
    save_file(stored, directory / "model.safetensors")
    checkpoint = load_checkpoint(directory, TASK)
    for name, tensor in stored.items():
        array = checkpoint.arrays[name]
        assert array.dtype == np.float32
        assert np.array_equal(array, tensor.float().numpy())


def test_tensors_are_read_when_asked_for(checkpoint_directory, monkeypatch):
    directory = checkpoint_directory()
    reads = []
    original = WeightFile.read
    monkeypatch.setattr(WeightFile, "read", lambda self, name: reads.append(name) or original(self, name))
    checkpoint = load_checkpoint(directory, TASK)
    assert reads == []
    checkpoint.arrays[WORDS]
    assert reads == [WORDS]


def test_an_absent_rotary_table_follows_from_the_config(checkpoint_directory):
    arrays = load_checkpoint(checkpoint_directory(), TASK).arrays
    assert np.array_equal(arrays[ROTARY_TABLE], rotary_table(32, 8))


@pytest.mark.parametrize(
    "change",
    [
        lambda name: name.removeprefix("roformer."),
        lambda name: name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"),
        lambda name: f"module.{name}",
        lambda name: f"module.{name.removeprefix('roformer.')}",
    ],
    ids=["without prefix", "gamma and beta", "of a wrapped model", "of a wrapped model without prefix"],
)
def test_legacy_names(checkpoint_directory, tiny_config, random_arrays, change):
    checkpoint = load_checkpoint(checkpoint_directory(lambda arrays: rename(arrays, change)), TASK)
    for name, array in random_arrays(tiny_config).items():
        assert np.array_equal(checkpoint.arrays[name], array)


def test_a_decoder_bias_stands_in_for_the_bias(checkpoint_directory):
    def move(arrays):
        arrays["cls.predictions.decoder.bias"] = arrays.pop("cls.predictions.bias") + 5

    directory = checkpoint_directory(move, "RoFormerForMaskedLM")
    assert load_architecture(directory, "RoFormerForMaskedLM").arrays["cls.predictions.bias"].mean() > 4


@pytest.mark.parametrize("positions", [20, 32, 50])
@pytest.mark.parametrize("stored", [True, False])
def test_another_number_of_positions_when_asked(checkpoint_directory, positions, stored):
    table = rotary_table(32, 8).astype(np.float16).astype(np.float32)  # with the rounding of a small file

    def put(arrays):
        arrays.pop(ROTARY_TABLE, None)
        if stored:
            arrays[ROTARY_TABLE] = table

    checkpoint = load_checkpoint(checkpoint_directory(put), TASK, max_length=positions)
    assert checkpoint.config.max_position_embeddings == positions
    found, formula = checkpoint.arrays[ROTARY_TABLE], rotary_table(positions, 8)
    assert found.shape == (positions, 8)
    np.testing.assert_array_equal(found[:32], (table if stored else formula)[: min(32, positions)])
    np.testing.assert_array_equal(found[32:], formula[32:])


class TestDoubles:
    @pytest.mark.parametrize("prefix", ["module.", "_orig_mod."])
    def test_two_of_one_name_must_be_equal(self, checkpoint_directory, prefix):
        def repeat(arrays):
            arrays |= {prefix + name: array + name.endswith("out_proj.bias") for name, array in arrays.items()}

        directory = checkpoint_directory(lambda arrays: arrays.update({prefix + WORDS: arrays[WORDS]}))
        assert WORDS in load_checkpoint(directory, TASK).arrays
        directory = checkpoint_directory(repeat)
        assert_refused(directory, r"two tensors for classifier\.out_proj\.bias that differ: .*; keep the model")

    @pytest.mark.parametrize("difference", [0, 1])
    def test_in_two_shards(self, checkpoint_directory, difference):
        directory = checkpoint_directory()
        tensors = load_file(directory / "model.safetensors")
        (directory / "model.safetensors").rename(directory / "first.safetensors")
        save_file({WORDS: tensors[WORDS] + difference}, directory / "more.safetensors")
        index = dict.fromkeys(tensors, "first.safetensors") | {"another": "more.safetensors"}
        (directory / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))
        if difference:
            assert_refused(directory, rf"two tensors for {WORDS} that differ: .* of more\.safetensors; keep the model")
        else:
            assert load_checkpoint(directory, TASK).notes == ()

    def test_the_two_biases_of_a_language_model(self, checkpoint_directory):
        def repeat(arrays):
            arrays["cls.predictions.decoder.bias"] = arrays["cls.predictions.bias"] + 1

        directory = checkpoint_directory(repeat, "RoFormerForMaskedLM")
        with pytest.raises(CheckpointError, match=r"two tensors for cls\.predictions\.bias that differ"):
            load_architecture(directory, "RoFormerForMaskedLM")
