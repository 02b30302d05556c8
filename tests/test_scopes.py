"""Scopes are all of a model's matrices, each once, in the order in which data flows."""

from __future__ import annotations

import math

import pytest

from roformer_edge.checkpoint.names import shapes_of
from roformer_edge.config import RoFormerConfig
from roformer_edge.scopes import scopes_of
from roformer_edge.tasks import TASKS

SIZES = {"vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 24}
SHAPES = {
    "plain": {},
    "narrow embeddings": {"embedding_size": 12},
    "pruned heads": {"pruned_heads": {0: (1,), 1: (0, 3)}},
    "untied": {"tie_word_embeddings": False},
    "RoFormerV2": {"norm_type": "rms_norm", "use_bias": False},
}


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
@pytest.mark.parametrize("fields", SHAPES.values(), ids=SHAPES)
def test_every_matrix_of_the_model_is_in_one_scope_of_its_shape(fields: dict, task) -> None:
    config = RoFormerConfig(**SIZES, **fields)
    matrices = {
        name: shape
        for name, shape in shapes_of(config, task.model_class).items()
        if len(shape) == 2 and "embed_positions" not in name
    }
    scopes = scopes_of(config, task)
    held = [name for scope in scopes for name in scope.weights]
    tied = "roformer.embeddings.word_embeddings.weight"
    assert set(held) == set(matrices)
    assert [name for name in held if held.count(name) > 1] in ([], [tied] * 2)
    for scope in scopes:
        # merged matrices are stored [out, in] each
        assert scope.parameters == sum(math.prod(matrices[name]) for name in scope.weights), scope.name
        rows, width = matrices[scope.weights[0]]
        assert scope.shape == ((rows, width) if scope.kind == "embedding" else (width, scope.shape[1]))


def test_names_are_unique_and_in_the_order_of_the_network() -> None:
    config = RoFormerConfig(**SIZES, embedding_size=12)
    names = [scope.name for scope in scopes_of(config, TASKS["text-classification"])]
    assert len(names) == len(set(names))
    parts = ("attention.qkv", "attention.output", "ffn.up", "ffn.down")
    layers = [f"layer.{layer}.{part}" for layer in range(2) for part in parts]
    assert names == [
        "embeddings.word",
        "embeddings.type",
        "embeddings.project",
        *layers,
        "head.dense",
        "head.output",
    ]
