"""Poolers, and poolings that are asked for."""

from __future__ import annotations

import numpy as np
import pytest

from roformer_edge.checkpoint.loading import load_checkpoint
from roformer_edge.errors import OptionError, UnknownNameError, UnsupportedModelError
from roformer_edge.tasks import get_task

FEATURES = get_task("feature-extraction")


def add_pooler(arrays):
    arrays["roformer.pooler.dense.weight"] = np.full((16, 16), 0.5, np.float32)
    arrays["roformer.pooler.dense.bias"] = np.arange(16, dtype=np.float32)


@pytest.fixture
def sim(checkpoint_directory, tiny_config):
    return checkpoint_directory(add_pooler, "RoFormerForMaskedLM", tiny_config.replace(extra={
        "pooler_activation": "linear"
    }))  # fmt: skip


def test_states_are_given_without_the_pooler_and_that_is_said(sim):
    with load_checkpoint(sim, FEATURES) as checkpoint:
        assert checkpoint.sentence is None
        assert checkpoint.notes[-1] == (
            "a pooler is stored (roformer.pooler.dense), and states are given without it; pooling='pooler' gives "
            "vectors"
        )
    with load_checkpoint(sim, get_task("fill-mask")) as checkpoint:
        assert checkpoint.notes == ()


def test_the_pooler_on_request(sim):
    with load_checkpoint(sim, FEATURES, pooling="pooler") as checkpoint:
        assert checkpoint.sentence.asked == "pooler"
        assert checkpoint.notes[-1] == (
            "the vector of a text is the state of [CLS], a dense layer (roformer.pooler.dense) to 16 with the "
            "activation linear, as asked"
        )


def test_no_pooler_to_ask_for(checkpoint_directory):
    with pytest.raises(UnsupportedModelError, match=r"holds no pooler \(roformer.pooler.dense\)"):
        load_checkpoint(checkpoint_directory(), FEATURES, pooling="pooler")


def test_poolings_are_for_features(sim):
    with pytest.raises(OptionError, match="pooling must be left out where no features are extracted"):
        load_checkpoint(sim, get_task("fill-mask"), pooling="mean")
    with pytest.raises(UnknownNameError, match="unknown pooling 'median'; choose one of: tokens, pooler, cls, max"):
        load_checkpoint(sim, FEATURES, pooling="median")
