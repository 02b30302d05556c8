"""The encoder, said to an emitter that only writes down what it is told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from roformer_edge.checkpoint.names import shapes_of
from roformer_edge.config import RoFormerConfig
from roformer_edge.export.network.encoder import every_position, first_position
from roformer_edge.export.network.weights import Weights
from roformer_edge.tasks import get_task
from tests.numpy_format import NumpyModel


class Recorder:
    """Every verb in the order in which it was said; a value is the verb and the name that made it."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []
        self.asked: dict[str, Any] = {}
        self.caches: list[int | None] = []

    def _say(self, verb: str, name: str) -> str:
        self.said.append((verb, name))
        return f"{verb} {name}"

    def lookup(self, table: Any) -> str:
        return self._say("lookup", table.scope)

    def linear(self, x: str, product: Any) -> str:
        self.asked[product.name] = x
        return self._say("linear", product.name)

    def norm(self, x: str, norm: Any) -> str:
        return self._say("norm", norm.name)

    def activation(self, x: str, name: str, function: str) -> str:
        return self._say("activation", function)

    def add(self, x: str, y: str, name: str) -> str:
        self.asked[name] = (x, y)
        return self._say("add", name)

    def mask(self, seen: str) -> str:
        return self._say("mask", seen)

    def attention(
        self, x: str, mask: str, attention: Any, *, first: str | None = None, cache: int | None = None
    ) -> str:
        self.asked[attention.name] = (x, mask, first)
        self.caches.append(cache)
        return self._say("attention", attention.name)

    def first(self, x: str, name: str) -> str:
        return self._say("first", x)

    def mark(self, name: str, x: str) -> None:
        self.asked[name] = x


def make(**fields: object) -> Weights:
    values = {"vocab_size": 20, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = RoFormerConfig(**{**values, "intermediate_size": 12, **fields})
    shapes = shapes_of(config, "RoFormerModel")
    return Weights(config=config, arrays={name: np.zeros(shape, np.float32) for name, shape in shapes.items()})


LAYER = ["attention", "linear", "add", "norm", "linear", "activation", "linear", "add", "norm"]


def test_the_network_is_said_in_its_order():
    emitter = Recorder()
    assert every_position(emitter, make()) == "norm layer.1.ffn.norm"
    verbs = [verb for verb, _ in emitter.said]
    assert verbs == ["lookup", "lookup", "add", "norm", "mask", *LAYER, *LAYER]
    assert emitter.said[:2] == [("lookup", "embeddings.word"), ("lookup", "embeddings.type")]
    # what is added is what was there before the part
    assert emitter.asked["layer.1.attention.residual"] == ("linear layer.1.attention.output", "norm layer.0.ffn.norm")
    assert emitter.asked["layer.1.ffn.residual"] == ("linear layer.1.ffn.down", "norm layer.1.attention.norm")
    # and states are marked where the reference model has them
    assert emitter.asked["embeddings"] == "norm embeddings.norm"
    assert emitter.asked["layer.0"] == "norm layer.0.ffn.norm"


def test_narrow_embeddings_are_projected_before_the_first_layer():
    emitter = Recorder()
    every_position(emitter, make(embedding_size=4))
    assert emitter.asked["embeddings.project"] == "norm embeddings.norm"
    assert emitter.asked["embeddings"] == "linear embeddings.project"


@pytest.mark.parametrize(("causal", "mask"), [(False, "mask all"), (True, "mask earlier")])
def test_every_layer_looks_through_the_one_mask(causal, mask):
    emitter = Recorder()
    every_position(emitter, make(), causal=causal)
    for index in range(2):
        assert emitter.asked[f"layer.{index}.attention"][1:] == (mask, None)
    assert sum(verb == "mask" for verb, _ in emitter.said) == 1
    # only what looks back at earlier tokens can be gone on with
    assert emitter.caches == ([0, 1] if causal else [None, None])


def test_where_the_first_position_is_wanted_the_last_layer_computes_that_alone():
    emitter = Recorder()
    first_position(emitter, make())
    states, first = "norm layer.0.ffn.norm", "first norm layer.0.ffn.norm"
    assert emitter.asked["layer.0.attention"] == ("norm embeddings.norm", "mask all", None)
    # keys and values of all positions, the query and the residual sum of the first
    assert emitter.asked["layer.1.attention"] == (states, "mask all", first)
    assert emitter.asked["layer.1.attention.residual"] == ("linear layer.1.attention.output", first)


def test_every_part_is_marked(make_checkpoint):
    task = get_task("text-classification")
    checkpoint = make_checkpoint(task)
    marks = NumpyModel(Weights(config=checkpoint.config, arrays=checkpoint.arrays), task).marks
    assert {"embeddings", "layer.0", "layer.1", "layer.2", "head.dense", "layer.0.ffn.up"} <= set(marks)
