from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from roformer_edge.checkpoint.loading import load_architecture, load_checkpoint
from roformer_edge.checkpoint.names import ROTARY_TABLE
from roformer_edge.checkpoint.weight_file import WeightFile
from roformer_edge.errors import CheckpointError, ConfigError
from tests.checkpoint.edited import TASK, WORDS, as_torch, assert_refused


def test_every_tensor_comes_back(checkpoint_directory, tiny_config, random_arrays):
    directory = checkpoint_directory()
    checkpoint = load_checkpoint(directory, TASK)
    expected = random_arrays(tiny_config)
    assert checkpoint.config == tiny_config
    assert list(checkpoint.arrays) == [*expected, ROTARY_TABLE]
    for name, array in expected.items():
        assert np.array_equal(checkpoint.arrays[name], array)
    assert checkpoint.files == (directory / "model.safetensors",)
    assert checkpoint.unused == ()
    assert checkpoint.digest == hashlib.sha256((directory / "model.safetensors").read_bytes()).hexdigest()


class TestOpens:
    """How often a file is opened: by Python, which an audit hook sees, and by the library, which it does not."""

    @pytest.fixture
    def opens(self, monkeypatch):
        names: list[str] = []
        library = _safetensors_library()
        original = library.safe_open
        monkeypatch.setattr(
            library, "safe_open", lambda path, **options: names.append(Path(path).name) or original(path, **options)
        )
        with _audited(names):
            yield names

    def test_passes_over_the_weights_share_one(self, checkpoint_directory, opens):
        directory = checkpoint_directory()
        opens.clear()
        with load_checkpoint(directory, TASK, max_length=50) as checkpoint:
            for _ in range(3):
                assert len(dict(checkpoint.arrays)) == len(checkpoint.arrays)
            assert opens.count("model.safetensors") == 1
            assert opens.count("config.json") == 1
            assert checkpoint.digest == checkpoint.digest
        assert opens.count("model.safetensors") == 2  # the digest's pass

    def test_an_open_is_counted_on_both_sides(self, checkpoint_directory, opens):
        path = checkpoint_directory() / "model.safetensors"
        path.read_bytes()
        _safetensors_library().safe_open(path, framework="numpy")
        assert opens.count("model.safetensors") == 2

    def test_a_closed_checkpoint_reads_no_more(self, checkpoint_directory):
        with load_checkpoint(checkpoint_directory(), TASK) as checkpoint:
            pass
        with pytest.raises(CheckpointError, match=r"model\.safetensors was closed"):
            checkpoint.arrays[WORDS]


def _safetensors_library():
    import safetensors as library

    return library


@contextmanager
def _audited(names: list[str]) -> Iterator[None]:
    """Note the names of the files that Python opens; an audit hook cannot be removed, so it is switched off."""
    active = True

    def hook(event: str, arguments: tuple) -> None:
        if active and event == "open" and isinstance(arguments[0], (str, bytes, os.PathLike)):
            names.append(Path(os.fsdecode(arguments[0])).name)

    sys.addaudithook(hook)
    try:
        yield
    finally:
        active = False


def test_the_encoder_alone_leaves_the_head_unused(checkpoint_directory):
    checkpoint = load_checkpoint(checkpoint_directory(), None)
    assert not any(name.startswith("classifier") for name in checkpoint.arrays)
    assert checkpoint.unused == (
        "classifier.dense.bias", "classifier.dense.weight", "classifier.out_proj.bias", "classifier.out_proj.weight",
    )  # fmt: skip


def test_another_head_beside_the_right_one_is_kept_in_unused(checkpoint_directory):
    def add_head(arrays):
        arrays["cls.predictions.bias"] = np.zeros(40, np.float32)
        arrays["cls.predictions.decoder.weight"] = arrays[WORDS]

    assert load_checkpoint(checkpoint_directory(add_head), TASK).unused == ("cls.predictions.bias",)


class TestRefusals:
    def test_no_directory(self, tmp_path):
        assert_refused(tmp_path / "nowhere", "no such checkpoint directory")

    def test_no_config(self, tmp_path):
        assert_refused(tmp_path, "config.json", ConfigError)

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_numbers_that_are_not_finite(self, checkpoint_directory, value):
        def spoil(arrays):
            arrays[WORDS][3, 4] = value

        checkpoint = load_checkpoint(checkpoint_directory(spoil), TASK)
        with pytest.raises(CheckpointError, match=rf"tensor '{WORDS}' holds NaN or infinity"):
            checkpoint.arrays[WORDS]

    def test_a_truncated_safetensors(self, checkpoint_directory):
        directory = checkpoint_directory()
        file = directory / "model.safetensors"
        file.write_bytes(file.read_bytes()[:-100])
        assert_refused(directory, "is truncated or no safetensors file")

    def test_quantised_weights_are_no_source(self, checkpoint_directory, tiny_config, random_arrays):
        directory = checkpoint_directory()
        tensors = as_torch(random_arrays(tiny_config))
        tensors[WORDS] = tensors[WORDS].to(torch.int8)
        save_file(tensors, directory / "model.safetensors")
        with pytest.raises(CheckpointError, match="stored as I8"):
            load_checkpoint(directory, TASK).arrays[WORDS]


class TestPooler:
    """The pooler of RoFormer-sim, and of classes of pip's roformer: read where it is whole, not needed here."""

    @staticmethod
    def add(arrays):
        arrays["roformer.pooler.dense.weight"] = np.full((16, 16), 0.5, np.float32)
        arrays["roformer.pooler.dense.bias"] = np.arange(16, dtype=np.float32)

    @pytest.mark.parametrize("architecture", ["RoFormerModel", "RoFormerForMaskedLM", TASK.model_class])
    def test_it_is_there_for_whoever_wants_it(self, checkpoint_directory, architecture):
        checkpoint = load_architecture(checkpoint_directory(self.add, architecture), architecture)
        assert checkpoint.has_pooler
        assert checkpoint.arrays["roformer.pooler.dense.bias"].tolist() == list(range(16))
        assert (checkpoint.unused, checkpoint.notes) == ((), ())

    def test_without_one(self, checkpoint_directory):
        checkpoint = load_checkpoint(checkpoint_directory(), TASK)
        assert not checkpoint.has_pooler
        assert "roformer.pooler.dense.bias" not in checkpoint.arrays

    def test_half_a_pooler_is_none(self, checkpoint_directory):
        def add(arrays):
            self.add(arrays)
            del arrays["roformer.pooler.dense.bias"]

        checkpoint = load_checkpoint(checkpoint_directory(add), TASK)
        assert not checkpoint.has_pooler
        assert checkpoint.unused == ("roformer.pooler.dense.weight",)
        assert checkpoint.notes == ("1 tensor of other heads not used: roformer.pooler.dense.weight",)

    @pytest.mark.parametrize("is_decoder", [True, False])
    def test_text_generation_of_roformer_sim_is_that_of_a_prefix_language_model(
        self, checkpoint_directory, tiny_config, is_decoder
    ):
        architecture = "RoFormerForCausalLM"
        directory = checkpoint_directory(self.add, architecture, tiny_config.replace(is_decoder=is_decoder))
        checkpoint = load_architecture(directory, architecture)
        assert (checkpoint.config.prefix_lm, checkpoint.config.is_decoder) == (True, True)
        assert "as in RoFormer-sim: the model sees all of a prompt at once" in checkpoint.notes[-1]
        assert load_architecture(directory, "RoFormerForMaskedLM").config.prefix_lm is None
        plain = load_architecture(directory, architecture, ignore_weights=["roformer.pooler.*"])
        assert (plain.config.prefix_lm, plain.config.is_decoder) == (None, is_decoder)
        # what is said in config.json counts
        plain = load_architecture(directory, architecture, changes={"prefix_lm": False})
        assert (plain.config.prefix_lm, plain.config.is_decoder) == (False, is_decoder)


def test_what_was_opened_is_closed_where_a_check_fails(checkpoint_directory, monkeypatch):
    closed = []
    original = WeightFile.close
    monkeypatch.setattr(WeightFile, "close", lambda self: closed.append(self.path.name) or original(self))
    with pytest.raises(CheckpointError):
        load_architecture(checkpoint_directory(), "RoFormerForMaskedLM")
    assert closed == ["model.safetensors"]


def test_a_directory_can_move_and_keeps_its_digest(checkpoint_directory, tmp_path_factory):
    directory = checkpoint_directory()
    digest = load_checkpoint(directory, TASK).digest
    other = tmp_path_factory.mktemp("other") / "copy"
    shutil.copytree(directory, other)
    assert load_checkpoint(other, None).digest == digest
