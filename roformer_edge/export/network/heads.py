"""The heads: for each task, from its inputs to its outputs."""

from __future__ import annotations

from typing import Any, Protocol

from roformer_edge.checkpoint.names import check_language_model
from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import ExportError
from roformer_edge.export.network.emitter import Emitter, V
from roformer_edge.export.network.encoder import every_position, first_position
from roformer_edge.export.network.sentence import emit_sentence
from roformer_edge.export.network.weights import Weights
from roformer_edge.tasks import Task


def emit_network(emitter: Emitter[V], weights: Weights, task: Task) -> None:
    """Say the whole network of a task.

    Raises:
        ExportError: The model looks at other positions than the task does.
        UnsupportedModelError: The task's head cannot be built for this model.
    """
    check_direction(weights.config, task)
    if task.sentence is not None:
        emit_sentence(emitter, weights, task.sentence)
    else:
        HEADS[task.name](emitter, weights)


def _feature_extraction(emitter: Emitter[V], weights: Weights) -> None:
    emitter.output("last_hidden_state", every_position(emitter, weights))


def _fill_mask(emitter: Emitter[V], weights: Weights) -> None:
    _language_model(emitter, weights, causal=False)


def _text_generation(emitter: Emitter[V], weights: Weights) -> None:
    _language_model(emitter, weights, causal=True)


def _language_model(emitter: Emitter[V], weights: Weights, *, causal: bool) -> None:
    """Turn states into logits over the vocabulary; RoFormerV2 has neither transform nor bias."""
    check_language_model(weights.config)
    # the vocabulary is wide: states that nobody reads are left out before it
    x = emitter.asked(every_position(emitter, weights, causal=causal), "head.asked")
    if not weights.config.is_v2:
        x = emitter.linear(x, weights.product("head.dense", "cls.predictions.transform.dense"))
        x = emitter.activation(x, "head", weights.config.activation)
        x = emitter.norm(x, weights.norm("head.norm", "cls.predictions.transform.LayerNorm"))
    emitter.output("logits", emitter.linear(x, weights.decoder()))


def _text_classification(emitter: Emitter[V], weights: Weights) -> None:
    x = first_position(emitter, weights)
    x = emitter.linear(x, weights.product("head.dense", "classifier.dense"))
    x = emitter.activation(x, "head", weights.config.activation)
    emitter.output("logits", emitter.linear(x, weights.product("head.output", "classifier.out_proj")))


def _token_classification(emitter: Emitter[V], weights: Weights) -> None:
    x = every_position(emitter, weights)
    emitter.output("logits", emitter.linear(x, weights.product("head.output", "classifier")))


def _question_answering(emitter: Emitter[V], weights: Weights) -> None:
    names = ("start_logits", "end_logits")
    x = emitter.linear(every_position(emitter, weights), weights.product("head.output", "qa_outputs"))
    for name, column in zip(names, emitter.columns(x, names), strict=True):
        emitter.output(name, column)


def _multiple_choice(emitter: Emitter[V], weights: Weights) -> None:
    x = emitter.summary(every_position(emitter, weights), weights.config.summary_type)
    emitter.output("logits", emitter.linear(x, weights.product("head.output", "classifier")))


class _Head(Protocol):
    def __call__(self, emitter: Emitter[Any], weights: Weights) -> None: ...


# task -> what emits it
HEADS: dict[str, _Head] = {
    "feature-extraction": _feature_extraction,
    "fill-mask": _fill_mask,
    "text-generation": _text_generation,
    "text-classification": _text_classification,
    "token-classification": _token_classification,
    "question-answering": _question_answering,
    "multiple-choice": _multiple_choice,
}


def check_direction(config: RoFormerConfig, task: Task) -> None:
    """Refuse a causal model for another task than a causal one, and the reverse.

    Raises:
        ExportError: The model looks at other positions than the task does.
    """
    if config.add_cross_attention:
        raise ExportError(
            "config.add_cross_attention is set: the model reads another encoder's states, and no task gives it any"
        )
    if config.is_decoder and not task.causal:
        raise ExportError(f"config.is_decoder is set, but {task.name} is exported from an encoder; set it to false")
    if task.causal and not config.is_decoder:
        raise ExportError(
            f"config.is_decoder is not set, so the model sees what comes after a token too; {task.name} needs one that "
            "was trained to see what came before: set it to true if this one was"
        )
