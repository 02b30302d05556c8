"""Names of the parts of the network that hold weights. Recipes, calibration, exporters and reports share them.

A scope is where a decision about precision is made: an embedding table or one linear product. The three products
that make query, key and value read the same input and are one scope.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from roformer_edge.config import RoFormerConfig
from roformer_edge.tasks import Task

# What an attention multiplies beside its weights, and why it is float32 unless a recipe decides otherwise.
ATTENTION_PRODUCTS = {
    "layer.*.attention.scores": "query times key: both sides are activations, so there is no weight to make smaller",
    "layer.*.attention.context": "attention weights times value: both sides are activations",
}
# What a network does beside looking up rows and multiplying, and why no recipe touches it.
ARITHMETIC = {
    "layer.*.attention.rotation": "sines and cosines of the positions; a few numbers a token",
    "*.norm": "sums of squares lose too much in 8 bits, and cost little",
    "layer.*.ffn.activation": "one function of one number at a time; integer tables save nothing on these engines",
}


@dataclass(frozen=True, kw_only=True)
class Scope:
    """One part of the network.

    Attributes:
        name: Dotted path, such as ``layer.3.ffn.up``.
        kind: ``"embedding"`` (rows are looked up), ``"linear"`` (input is multiplied) or ``"attention"`` (the linear
            products that make query, key and value, and with them what attention multiplies).
        weights: Canonical names of the weight matrices it holds, each stored ``[out, in]`` or ``[rows, width]``.
        shape: The shape of the merged matrix: ``(rows, width)`` for an embedding, ``(in, out)`` for the others.
    """

    name: str
    kind: Literal["embedding", "linear", "attention"]
    weights: tuple[str, ...]
    shape: tuple[int, int]

    @property
    def parameters(self) -> int:
        """Number of weights, biases left out."""
        return self.shape[0] * self.shape[1]


def scopes_of(config: RoFormerConfig, task: Task) -> tuple[Scope, ...]:
    """List all scopes of a model with the head of ``task``, in the order in which data flows through them."""
    hidden, width = config.hidden_size, config.width_of_embeddings
    scopes = [
        _embedding("embeddings.word", "roformer.embeddings.word_embeddings", config.vocab_size, width),
        _embedding("embeddings.type", "roformer.embeddings.token_type_embeddings", config.type_vocab_size, width),
    ]
    if config.has_projection:
        scopes.append(_linear("embeddings.project", ("roformer.embeddings_project",), width, hidden))
    for index in range(config.num_hidden_layers):
        scopes += _layer(config, index)
    return (*scopes, *_HEADS[task.name](config), *_sentence(task))


def _embedding(name: str, module: str, rows: int, width: int) -> Scope:
    return Scope(name=name, kind="embedding", weights=(f"{module}.weight",), shape=(rows, width))


def _linear(name: str, modules: tuple[str, ...], inputs: int, outputs: int) -> Scope:
    weights = tuple(f"{module}.weight" for module in modules)
    return Scope(name=name, kind="linear", weights=weights, shape=(inputs, outputs))


def _layer(config: RoFormerConfig, index: int) -> list[Scope]:
    scope, module = f"layer.{index}", f"roformer.encoder.layer.{index}"
    hidden, inner = config.hidden_size, config.intermediate_size
    width = config.heads_of(index) * config.head_size
    qkv = tuple(f"{module}.attention.self.{part}" for part in ("query", "key", "value"))
    return [
        replace(_linear(f"{scope}.attention.qkv", qkv, hidden, 3 * width), kind="attention"),
        _linear(f"{scope}.attention.output", (f"{module}.attention.output.dense",), width, hidden),
        _linear(f"{scope}.ffn.up", (f"{module}.intermediate.dense",), hidden, inner),
        _linear(f"{scope}.ffn.down", (f"{module}.output.dense",), inner, hidden),
    ]


def _sentence(task: Task) -> list[Scope]:
    """List the dense layers between the states and the vector of a text."""
    scopes = []
    for index, step in enumerate(task.sentence.steps if task.sentence else ()):
        if step.kind == "dense":
            scopes.append(_linear(f"sentence.{index}", (step.module,), step.inputs, step.width))
    return scopes


def _classifier(config: RoFormerConfig) -> list[Scope]:
    hidden = config.hidden_size
    dense = _linear("head.dense", ("classifier.dense",), hidden, hidden)
    return [dense, *_output("classifier.out_proj", hidden, config.num_labels)]


def _output(module: str, inputs: int, outputs: int) -> list[Scope]:
    return [_linear("head.output", (module,), inputs, outputs)]


def _language_model(config: RoFormerConfig) -> list[Scope]:
    """List the transform, which RoFormerV2 does without, and the product with the word embeddings or with their own."""
    hidden, width = config.hidden_size, config.width_of_embeddings
    transform = [] if config.is_v2 else [_linear("head.dense", ("cls.predictions.transform.dense",), hidden, width)]
    tied = config.tie_word_embeddings
    decoder = "roformer.embeddings.word_embeddings" if tied else "cls.predictions.decoder"
    return [*transform, _linear("head.decoder", (decoder,), width, config.vocab_size)]


# task -> the scopes of its head
_HEADS: dict[str, Callable[[RoFormerConfig], list[Scope]]] = {
    "feature-extraction": lambda config: [],
    "fill-mask": _language_model,
    "text-generation": _language_model,
    "text-classification": _classifier,
    "token-classification": lambda config: _output("classifier", config.hidden_size, config.num_labels),
    "question-answering": lambda config: _output("qa_outputs", config.hidden_size, 2),
    "multiple-choice": lambda config: _output("classifier", config.hidden_size, 1),
}
