from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from roformer_edge.checkpoint.loading import check_vocabulary, load_architecture, load_checkpoint
from roformer_edge.checkpoint.names import ROTARY_TABLE
from roformer_edge.checkpoint.rotary import rotary_table
from roformer_edge.checkpoint.weight_file import WeightFile
from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import (
    CheckpointError,
    ConfigError,
    UnsupportedModelError,
    VocabularyError,
)
from roformer_edge.tasks import TASKS

TASK = TASKS["text-classification"]
WORDS = "roformer.embeddings.word_embeddings.weight"


def assert_refused(directory: Path, message: str, error: type[Exception] = CheckpointError, task=TASK) -> None:
    with pytest.raises(error, match=message) as caught:
        load_checkpoint(directory, task)
    assert "\n" not in str(caught.value)


def as_torch(arrays: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


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


def test_tensors_are_read_when_asked_for(checkpoint_directory, monkeypatch):
    directory = checkpoint_directory()
    reads = []
    original = WeightFile.read
    monkeypatch.setattr(WeightFile, "read", lambda self, name: reads.append(name) or original(self, name))
    checkpoint = load_checkpoint(directory, TASK)
    assert reads == []
    checkpoint.arrays[WORDS]
    assert reads == [WORDS]


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


def test_an_absent_rotary_table_follows_from_the_config(checkpoint_directory):
    arrays = load_checkpoint(checkpoint_directory(), TASK).arrays
    assert np.array_equal(arrays[ROTARY_TABLE], rotary_table(32, 8))


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


def rename(arrays: dict[str, np.ndarray], change: Callable[[str], str]) -> None:
    renamed = {change(name): array for name, array in arrays.items()}
    arrays.clear()
    arrays.update(renamed)


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


def test_an_untied_decoder_is_required(checkpoint_directory, tiny_config):
    directory = checkpoint_directory(architecture="RoFormerForMaskedLM")
    tiny_config.replace(tie_word_embeddings=False).save_pretrained(directory)
    with pytest.raises(CheckpointError, match=r"cls\.predictions\.decoder\.weight missing"):
        load_architecture(directory, "RoFormerForMaskedLM")


class TestRefusals:
    def test_no_directory(self, tmp_path):
        assert_refused(tmp_path / "nowhere", "no such checkpoint directory")

    def test_no_config(self, tmp_path):
        assert_refused(tmp_path, "config.json", ConfigError)

    def test_more_layers_than_weights_are_refused_at_once(self, checkpoint_directory):
        directory = checkpoint_directory(lambda arrays: None)
        config = json.loads((directory / "config.json").read_text())
        (directory / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 10**9}))
        assert_refused(directory, r"asks for 1000000000 layers")

    def test_missing_tensors_are_counted_and_named(self, checkpoint_directory):
        def remove(arrays):
            for name in [name for name in arrays if ".layer.1." in name]:
                del arrays[name]

        assert_refused(
            checkpoint_directory(remove), r"16 missing: roformer\.encoder\.layer\.1\.attention.* and 13 more;"
        )

    def test_weights_of_another_model_are_named(self, checkpoint_directory):
        def spoil(arrays):
            rename(arrays, lambda name: name.replace("roformer.", "bert."))

        assert_refused(
            checkpoint_directory(spoil),
            r"missing: roformer\.embeddings\.word_embeddings.*unexpected: bert\.embeddings",
        )

    def test_everything_wrong_is_in_one_message(self, checkpoint_directory):
        def spoil(arrays):
            del arrays["classifier.dense.bias"]
            arrays["roformer.encoder.layer.2.output.dense.bias"] = np.zeros(16, np.float32)
            arrays[WORDS] = arrays[WORDS][:-1]

        assert_refused(
            checkpoint_directory(spoil),
            r"1 missing: classifier\.dense\.bias; 1 unexpected: roformer\.encoder\.layer\.2\.output\.dense\.bias; "
            r"1 of another shape: .*word_embeddings\.weight is \[39, 12\], expected \[40, 12\]",
        )

    def test_a_checkpoint_of_another_task(self, checkpoint_directory):
        directory = checkpoint_directory(architecture="RoFormerForMaskedLM")
        assert_refused(directory, "has no head for RoFormerForSequenceClassification.*RoFormerForCausalLM or RoFormer")

    def test_a_bare_encoder(self, checkpoint_directory):
        assert_refused(checkpoint_directory(architecture="RoFormerModel"), "it is a bare encoder")

    def test_the_head_may_miss_when_it_is_to_be_trained(self, checkpoint_directory):
        directory = checkpoint_directory(architecture="RoFormerModel")
        arrays = load_architecture(directory, TASK.model_class, head_may_miss=True).arrays
        assert WORDS in arrays
        assert "classifier.dense.weight" not in arrays

    def test_half_a_head_is_an_error_even_then(self, checkpoint_directory):
        directory = checkpoint_directory(lambda arrays: arrays.pop("classifier.dense.bias"))
        with pytest.raises(CheckpointError, match=r"classifier\.dense\.bias missing"):
            load_architecture(directory, TASK.model_class, head_may_miss=True)

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_numbers_that_are_not_finite(self, checkpoint_directory, value):
        def spoil(arrays):
            arrays[WORDS][3, 4] = value

        checkpoint = load_checkpoint(checkpoint_directory(spoil), TASK)
        with pytest.raises(CheckpointError, match=rf"tensor '{WORDS}' holds NaN or infinity"):
            checkpoint.arrays[WORDS]

    def test_another_position_embedding(self, checkpoint_directory):
        def learned(arrays):
            arrays[ROTARY_TABLE] = np.zeros((32, 8), np.float32)

        assert_refused(checkpoint_directory(learned), "not the sinusoidal table")

    @pytest.mark.parametrize("positions", [20, 32, 50])
    @pytest.mark.parametrize("stored", [True, False])
    def test_another_number_of_positions_when_asked(self, checkpoint_directory, positions, stored):
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

    def test_a_rotary_table_of_another_width_is_refused_in_any_case(self, checkpoint_directory):
        def narrower(arrays):
            arrays[ROTARY_TABLE] = rotary_table(32, 4)

        with pytest.raises(CheckpointError, match=r"rotary table is \[32, 4\], expected \[50, 8\]"):
            load_checkpoint(checkpoint_directory(narrower), TASK, max_length=50)

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
    """Of RoFormer-sim, and of classes of pip's roformer: read where it is whole, needed by nothing of ours."""

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

    def test_text_generation_of_roformer_sim_is_refused(self, checkpoint_directory, tiny_config):
        architecture = "RoFormerForCausalLM"
        directory = checkpoint_directory(self.add, architecture, tiny_config.replace(is_decoder=True))
        with pytest.raises(UnsupportedModelError, match=r"it is a RoFormer-sim, .*fill-mask and feature-extraction"):
            load_architecture(directory, architecture)
        load_architecture(directory, "RoFormerForMaskedLM")
        load_architecture(directory, architecture, ignore_weights=["roformer.pooler.*"])


class TestDoubles:
    @pytest.mark.parametrize("prefix", ["module.", "_orig_mod."])
    def test_two_of_one_name_must_be_equal(self, checkpoint_directory, prefix):
        def repeat(arrays):
            arrays |= {prefix + name: array + name.endswith("out_proj.bias") for name, array in arrays.items()}

        directory = checkpoint_directory(lambda arrays: arrays.update({prefix + WORDS: arrays[WORDS]}))
        assert WORDS in load_checkpoint(directory, TASK).arrays
        directory = checkpoint_directory(repeat)
        assert_refused(directory, r"two tensors for classifier\.out_proj\.bias that differ: .*; keep the model")

    def test_the_two_biases_of_a_language_model(self, checkpoint_directory):
        def repeat(arrays):
            arrays["cls.predictions.decoder.bias"] = arrays["cls.predictions.bias"] + 1

        directory = checkpoint_directory(repeat, "RoFormerForMaskedLM")
        with pytest.raises(CheckpointError, match=r"two tensors for cls\.predictions\.bias that differ"):
            load_architecture(directory, "RoFormerForMaskedLM")


def test_what_was_opened_is_closed_where_a_check_fails(checkpoint_directory, monkeypatch):
    closed = []
    original = WeightFile.close
    monkeypatch.setattr(WeightFile, "close", lambda self: closed.append(self.path.name) or original(self))
    with pytest.raises(CheckpointError):
        load_architecture(checkpoint_directory(), "RoFormerForMaskedLM")
    assert closed == ["model.safetensors"]


class TestVocabulary:
    def test_one_token_a_row(self):
        assert check_vocabulary(RoFormerConfig(vocab_size=50000), 50000, "vocab.txt") == ()

    @pytest.mark.parametrize(("rows", "tokens"), [(21248, 21128), (40, 37), (50000, 12000), (64, 1)])
    def test_rows_to_spare(self, rows, tokens):
        (note,) = check_vocabulary(RoFormerConfig(vocab_size=rows), tokens, "vocab.txt")
        assert note == (
            f"vocab.txt has {tokens} tokens and the model {rows} embeddings: the last {rows - tokens} are never used"
        )

    def test_a_token_without_a_row(self):
        with pytest.raises(VocabularyError, match=r"vocab\.txt has 41 tokens and the model 40 embeddings"):
            check_vocabulary(RoFormerConfig(vocab_size=40), 41, "vocab.txt")


def test_a_directory_can_move_and_keeps_its_digest(checkpoint_directory, tmp_path_factory):
    directory = checkpoint_directory()
    digest = load_checkpoint(directory, TASK).digest
    other = tmp_path_factory.mktemp("other") / "copy"
    shutil.copytree(directory, other)
    assert load_checkpoint(other, None).digest == digest
