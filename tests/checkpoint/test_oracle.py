"""Odd checkpoints: answers and labels are those of transformers 4.57.6."""

from __future__ import annotations

import json

import pytest

from roformer_edge.checkpoint.loading import load_architecture
from roformer_edge.config import ACTIVATIONS, RoFormerConfig
from tests.checkpoint.oracle_cases import CLASSIFIER, CONFIGS, TOLERANCE, difference

pytestmark = pytest.mark.oracle


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(oracle, name):
    case = oracle / f"activation {name}"
    checkpoint = load_architecture(case, CLASSIFIER)
    assert checkpoint.config.hidden_act == name
    assert difference(checkpoint, case) <= TOLERANCE


def test_every_activation_of_transformers_is_known_or_has_weights_of_its_own(oracle):
    assert {path.name.removeprefix("activation ") for path in oracle.glob("activation *")} == set(ACTIVATIONS)


@pytest.mark.parametrize("name", ["pruned", "pruned with rotary value"])
def test_pruned_heads(oracle, name):
    checkpoint = load_architecture(oracle / name, CLASSIFIER)
    assert [checkpoint.config.heads_of(layer) for layer in range(2)] == [2, 3]
    assert checkpoint.notes == ()
    assert difference(checkpoint, oracle / name) <= TOLERANCE


@pytest.mark.parametrize(("name", "done"), [("more positions", "continued by its formula"), ("fewer positions", "cut")])
def test_another_number_of_positions_in_the_config(oracle, name, done):
    checkpoint = load_architecture(oracle / name, CLASSIFIER)
    (note,) = checkpoint.notes
    assert note.endswith(f"the stored rotary table 32: it is {done}")
    assert difference(checkpoint, oracle / name) <= TOLERANCE


def test_keys_of_other_packages_change_nothing(oracle):
    checkpoint = load_architecture(oracle / "pooler activation", CLASSIFIER)
    assert checkpoint.notes == ()
    assert difference(checkpoint, oracle / "pooler activation") <= TOLERANCE


def test_the_weights_count_where_the_config_says_that_there_are_no_biases(oracle):
    checkpoint = load_architecture(oracle / "no biases said", CLASSIFIER)
    assert checkpoint.notes == (
        "the config says use_bias False, and the weights have biases: the weights count",
        "the config says norm_type rms_norm, and the weights are those of layer_norm: the weights count",
    )
    assert difference(checkpoint, oracle / "no biases said") <= TOLERANCE


def test_a_decoder_that_differs_from_the_table_it_is_tied_to(oracle):
    checkpoint = load_architecture(oracle / "another decoder", "RoFormerForMaskedLM")
    assert checkpoint.unused == ("cls.predictions.decoder.weight",)
    assert any("differs from the word embeddings" in note for note in checkpoint.notes)
    assert difference(checkpoint, oracle / "another decoder", "RoFormerForMaskedLM") <= TOLERANCE


def test_labels(oracle):
    names = json.loads((oracle / "labels.json").read_text())
    assert [list(RoFormerConfig.from_dict(values).labels) for values in CONFIGS] == names
