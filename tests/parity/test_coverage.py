"""What the cases cover, counted: each of the twenty classes in at least six configs, the awkward ones among them."""

from __future__ import annotations

import pytest
from torch_cases import ARCHITECTURES, CONFIGS, cases, flax_cases, flax_original_cases, tf_original_cases

AWKWARD = {
    "embedding_size != hidden_size": lambda config: (
        config.get("embedding_size", config["hidden_size"]) != config["hidden_size"]
    ),
    "rotary_value": lambda config: config.get("rotary_value") is True,
    "hidden_act relu": lambda config: config.get("hidden_act") == "relu",
    "layer_norm_eps 1e-5": lambda config: config.get("layer_norm_eps") == 1e-5,
    "type_vocab_size 1": lambda config: config.get("type_vocab_size") == 1,
}


def configs_of(given: dict[str, dict], architecture: str) -> list[dict]:
    return [case["config"] for case in given.values() if case["architecture"] == architecture]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_against_the_torch_original(architecture: str):
    for given in (cases(), *([flax_cases(cases())] if not architecture.endswith("CausalLM") else [])):
        configs = configs_of(given, architecture)
        assert len(configs) >= len(CONFIGS)
        assert [name for name, has in AWKWARD.items() if not any(map(has, configs))] == []


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_against_the_originals_of_tensorflow_and_flax(architecture: str):
    """All that they compute as torch does: the Flax original cannot load embeddings of another width."""
    configs = configs_of(tf_original_cases(cases()), architecture)
    assert len(configs) >= 8
    assert [name for name, has in AWKWARD.items() if not any(map(has, configs))] == []
    if not architecture.endswith("CausalLM"):
        configs = configs_of(flax_original_cases(cases()), architecture)
        assert len(configs) >= 6
        lacking = [name for name, has in AWKWARD.items() if not any(map(has, configs))]
        assert lacking == ["embedding_size != hidden_size"]
