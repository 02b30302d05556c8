"""Every stored tensor is used, known to be without effect, said to be left out, or refused."""

from __future__ import annotations

import numpy as np
import pytest

from roformer_edge.checkpoint.leftovers import WITHOUT_EFFECT
from roformer_edge.checkpoint.loading import load_architecture
from roformer_edge.checkpoint.names import ROTARY_TABLE
from roformer_edge.checkpoint.rotary_table import rotary_table
from roformer_edge.errors import CheckpointError, OptionError, UnsupportedModelError

CLASSIFIER = "RoFormerForSequenceClassification"


def holding(*names: str):
    def add(arrays):
        arrays |= {name: np.zeros(3, np.float32) for name in names}

    return add


@pytest.mark.parametrize(
    "name",
    [
        "roformer.embeddings.position_ids",
        "embeddings.position_ids",
        "roformer.embeddings.token_type_ids",
        "batch_norm.num_batches_tracked",
        "roformer.encoder.layer.0.attention.self.rotary_emb.inv_freq",
        "loss_fct.weight",
        "criterion.weight",
    ],
)
def test_buffers_and_losses_change_nothing(checkpoint_directory, name):
    checkpoint = load_architecture(checkpoint_directory(holding(name)), CLASSIFIER)
    assert checkpoint.notes == ()
    assert len(checkpoint.unused) == 1
    assert checkpoint.unused[0].endswith(name)


def test_each_that_is_without_effect_has_a_reason():
    assert all(reason for reason in WITHOUT_EFFECT.values())


@pytest.mark.parametrize("name", ["cls.predictions.bias", "qa_outputs.weight", "cls.seq_relationship.weight"])
def test_another_head_is_named(checkpoint_directory, name):
    checkpoint = load_architecture(checkpoint_directory(holding(name)), CLASSIFIER)
    assert checkpoint.unused == (name,)
    assert checkpoint.notes == (f"1 tensor of other heads not used: {name}",)


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("lstm.weight_ih_l0", "lstm.*"),
        ("classifier.dense2.weight", "classifier.dense2.*"),
        ("classifier.dense.scale", "classifier.dense.scale"),
        ("dropout_rate", "dropout_rate"),
    ],
)
def test_what_may_lie_between_the_encoder_and_the_head_is_refused(checkpoint_directory, name, pattern):
    directory = checkpoint_directory(holding(name))
    with pytest.raises(CheckpointError, match=f"1 tensor that RoFormer has no place for.*: {name}; ") as caught:
        load_architecture(directory, CLASSIFIER)
    assert str(caught.value).endswith(f"leave them out: ignore_weights=['{pattern}']")
    checkpoint = load_architecture(directory, CLASSIFIER, ignore_weights=[pattern])
    assert checkpoint.notes == (f"1 tensor left out, as asked: {name}",)
    assert checkpoint.unused == (name,)


def test_a_pattern_to_leave_out_must_match(checkpoint_directory):
    directory = checkpoint_directory(holding("lstm.weight"))
    with pytest.raises(OptionError, match=r"ignore_weights must be a pattern of names .*, found 'lstn\.\*'"):
        load_architecture(directory, CLASSIFIER, ignore_weights=["lstm.*", "lstn.*"])


def test_what_is_left_out_is_not_read(checkpoint_directory):
    rounded = rotary_table(32, 8).astype(np.float16).astype(np.float32)
    directory = checkpoint_directory(lambda arrays: arrays.update({ROTARY_TABLE: rounded}))
    checkpoint = load_architecture(directory, CLASSIFIER, ignore_weights=[ROTARY_TABLE])
    assert np.array_equal(checkpoint.arrays[ROTARY_TABLE], rotary_table(32, 8))
    assert checkpoint.unused == (ROTARY_TABLE,)


def test_beside_a_bare_encoder_anything_is_a_head(checkpoint_directory):
    checkpoint = load_architecture(checkpoint_directory(holding("lstm.weight"), "RoFormerModel"), "RoFormerModel")
    assert checkpoint.unused == ("lstm.weight",)
    assert checkpoint.notes == ("1 tensor of other heads not used: lstm.weight",)


def test_a_part_of_the_encoder_without_a_place_is_refused_in_any_case(checkpoint_directory):
    name = "roformer.encoder.layer.0.attention.self.gate.weight"
    for architecture in (CLASSIFIER, "RoFormerModel"):
        with pytest.raises(CheckpointError, match=f"1 unexpected: {name}"):
            load_architecture(checkpoint_directory(holding(name), architecture), architecture)


@pytest.mark.parametrize(
    "name",
    [
        "roformer.encoder.layer.0.attention.self.query.lora_A.default.weight",
        "roformer.encoder.layer.0.output.adapters.x.adapter_down.0.weight",
        "adapter.weight",
        "prompt_encoder.default.embedding.weight",
    ],
)
@pytest.mark.parametrize("architecture", [CLASSIFIER, "RoFormerModel"])
def test_an_adapter_that_is_not_merged_is_refused(checkpoint_directory, name, architecture):
    with pytest.raises(UnsupportedModelError, match=r"adapter that is not merged: .*merge_and_unload\(\)"):
        load_architecture(checkpoint_directory(holding(name), architecture), architecture)


def _pruned(arrays):
    weight = arrays.pop("classifier.dense.weight")
    arrays |= {"classifier.dense.weight_orig": weight, "classifier.dense.weight_mask": weight * 0}


def _normalised(arrays):
    name = "roformer.encoder.layer.0.output.dense"
    arrays |= {f"{name}.weight_v": arrays.pop(f"{name}.weight"), f"{name}.weight_g": np.ones((32, 1), np.float32)}


def _parametrised(arrays):
    name = "classifier.out_proj"
    arrays[f"{name}.parametrizations.weight.original"] = arrays.pop(f"{name}.weight")


@pytest.mark.parametrize("change", [_pruned, _normalised, _parametrised])
def test_parts_that_a_weight_is_computed_from_are_refused(checkpoint_directory, change):
    with pytest.raises(UnsupportedModelError, match=r"parts that weights are computed from.*prune\.remove"):
        load_architecture(checkpoint_directory(change), CLASSIFIER)


def test_of_very_many_a_few_are_named(checkpoint_directory):
    names = [f"{'x' * 300}{number}.weight" for number in range(500)]
    with pytest.raises(CheckpointError, match="500 tensors that RoFormer has no place for") as caught:
        load_architecture(checkpoint_directory(holding(*names)), CLASSIFIER)
    assert len(str(caught.value)) < 3000


def test_names_from_a_file_are_escaped(checkpoint_directory):
    with pytest.raises(CheckpointError) as caught:
        load_architecture(checkpoint_directory(holding("\x1b[2J\n" + "x" * 100_000)), CLASSIFIER)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1500
