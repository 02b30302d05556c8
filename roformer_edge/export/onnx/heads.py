"""The heads as graphs: for each task, from the graph's inputs to its outputs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from roformer_edge.checkpoint.names import DECODER_WEIGHT, WORD_EMBEDDINGS, check_language_model
from roformer_edge.export.onnx.encoder import Inputs, every_position, first_position, positions
from roformer_edge.export.onnx.graph import Parts
from roformer_edge.export.onnx.linear import Product
from roformer_edge.export.onnx.network import Network


def _feature_extraction(network: Network, parts: Parts) -> None:
    every_position(network, parts)
    parts.rename_last("last_hidden_state")


def _fill_mask(network: Network, parts: Parts) -> None:
    _language_model(network, parts, every_position(network, parts))


def _text_generation(network: Network, parts: Parts) -> None:
    _language_model(network, parts, every_position(network, parts, causal=True))


def _language_model(network: Network, parts: Parts, x: str) -> None:
    """From the encoder's output to the vocabulary; RoFormerV2 has neither transform nor bias."""
    arrays, config = network.arrays, network.config
    check_language_model(config)
    if not config.is_v2:
        x = network.dense(parts, x, "head.dense", "cls.predictions.transform.dense")
        x = network.activation(parts, x, "head")
        x = network.norm(parts, x, "head.norm", "cls.predictions.transform.LayerNorm")
    decoder = Product(
        scope="head.decoder",
        name="head.decoder",
        weight=arrays[WORD_EMBEDDINGS if config.tie_word_embeddings else DECODER_WEIGHT],
        bias=arrays.get("cls.predictions.bias"),
        table="embeddings.word" if network.shares_table else None,
    )
    network.emit(parts, x, decoder)
    parts.rename_last("logits")


def _text_classification(network: Network, parts: Parts) -> None:
    x = first_position(network, parts)
    x = network.dense(parts, x, "head.dense", "classifier.dense")
    x = network.activation(parts, x, "head")
    network.dense(parts, x, "head.output", "classifier.out_proj")
    parts.rename_last("logits")


def _token_classification(network: Network, parts: Parts) -> None:
    network.dense(parts, every_position(network, parts), "head.output", "classifier")
    parts.rename_last("logits")


def _question_answering(network: Network, parts: Parts) -> None:
    x = network.dense(parts, every_position(network, parts), "head.output", "qa_outputs")
    names = ("start_logits", "end_logits")
    for column, name in enumerate(names):
        index = parts.tensor(f"const/column_{column}", np.asarray(column, np.int64))
        parts.nodes_with("Gather", f"head.{name}", [x, index], (name,), axis=2)


def _multiple_choice(network: Network, parts: Parts) -> None:
    """Every choice is a row of its own until the end."""
    length = parts.node("Shape", "choices.length", ["input_ids"], start=2, end=3)
    rows = parts.node("Concat", "choices", [parts.ints(-1), length], axis=0)
    inputs = Inputs(*(parts.node("Reshape", f"choices.{name}", [name, rows]) for name in Inputs()))
    x = _summary(network, parts, every_position(network, parts, inputs), inputs)
    x = network.dense(parts, x, "head.output", "classifier")
    shape = parts.node("Shape", "choices.shape", ["input_ids"], start=0, end=2)
    parts.nodes_with("Reshape", "head", [x, shape], ("logits",))


def _summary(network: Network, parts: Parts, x: str, inputs: Inputs) -> str:
    """The state that stands for a row, ``[rows, hidden]``; see ``config.SUMMARIES``."""
    kind = network.config.summary_type
    if kind == "mean":
        return parts.node("ReduceMean", "summary", [x, parts.ints(1)], keepdims=0)
    if kind == "last_token":
        mask = parts.node("Cast", "summary", [inputs.mask], to=7)
        place = parts.node("Mul", "summary", [mask, positions(parts, inputs)])
        place = parts.node("ArgMax", "summary", [place], axis=1, keepdims=1)
        return parts.node("GatherND", "summary", [x, place], batch_dims=1)
    place = parts.tensor(f"const/{kind}", np.asarray(0 if kind == "first" else -1, np.int64))
    return parts.node("Gather", "summary", [x, place], axis=1)


# task -> what puts its nodes into the graph
HEADS: dict[str, Callable[[Network, Parts], None]] = {
    "feature-extraction": _feature_extraction,
    "fill-mask": _fill_mask,
    "text-generation": _text_generation,
    "text-classification": _text_classification,
    "token-classification": _token_classification,
    "question-answering": _question_answering,
    "multiple-choice": _multiple_choice,
}

# tasks whose last layer is made for position 0 alone
FIRST_POSITION_TASKS = ("text-classification",)
# tasks without a head: the last layer's output is the graph's
BARE_TASKS = ("feature-extraction",)
