from __future__ import annotations

import pytest

from roformer_edge.checkpoint.aliases import canonical_names

NAMES = (
    "roformer.embeddings.word_embeddings.weight",
    "roformer.encoder.layer.0.attention.self.query.weight",
    "roformer.encoder.layer.0.output.LayerNorm.bias",
    "classifier.dense.weight",
    "cls.predictions.bias",
)


def canonical(names: list[str]) -> list[str]:
    return list(canonical_names(names).values())


@pytest.mark.parametrize(
    "prefix",
    [
        "",
        "module.",
        "_orig_mod.",
        "model.",
        "base_model.model.",
        "module._orig_mod.",
        "_orig_mod.module.",
        "model._orig_mod.module.",
        "module.model.model.",
        "_fsdp_wrapped_module.module.",
        "net.",
        "student.encoder.",
    ],
)
def test_any_chain_of_wrappers_comes_off(prefix):
    assert canonical([prefix + name for name in NAMES]) == list(NAMES)


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "model.", "base_model.model.", "module.model."])
def test_a_bare_encoder_gets_its_prefix(prefix):
    bare = [prefix + name.removeprefix("roformer.") for name in NAMES[:3]]
    assert canonical(bare) == list(NAMES[:3])


def test_wrappers_inside_a_path():
    assert canonical(["roformer._orig_mod.encoder.module.layer.0._checkpoint_wrapped_module.output.dense.bias"]) == [
        "roformer.encoder.layer.0.output.dense.bias"
    ]


def test_what_lies_beside_the_model_keeps_its_name():
    """Such as the loss of a Lightning module, and its average model, whose owner is another one."""
    names = [f"net.{name}" for name in NAMES] + ["loss.weight", "average.classifier.dense.weight"]
    assert canonical(names) == [*NAMES, "loss.weight", "average.classifier.dense.weight"]


def test_nothing_tells_a_teacher_from_a_student():
    names = [f"{owner}.{name}" for owner in ("teacher", "student") for name in NAMES]
    assert canonical(names) == names


def test_an_average_beside_the_model_is_not_taken_for_it():
    names = [*NAMES, *(f"average.{name}" for name in NAMES)]
    assert canonical(names) == names


@pytest.mark.parametrize(
    ("stored", "name"),
    [
        ("embeddings.LayerNorm.gamma", "roformer.embeddings.LayerNorm.weight"),
        ("roformer.encoder.layer.3.output.LayerNorm.beta", "roformer.encoder.layer.3.output.LayerNorm.bias"),
        ("cls.predictions.decoder.bias", "cls.predictions.bias"),
        ("pooler.dense.weight", "roformer.pooler.dense.weight"),
        ("bert.embeddings.word_embeddings.weight", "bert.embeddings.word_embeddings.weight"),
    ],
)
def test_names_of_early_conversions_and_of_others(stored, name):
    assert canonical([stored]) == [name]
