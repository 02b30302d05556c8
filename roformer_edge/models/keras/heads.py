"""RoFormer in Keras 3 on TensorFlow: the heads, over the encoder of :mod:`roformer_edge.models.keras.encoder`.

The counterpart of :mod:`roformer_edge.models.torch.heads`, in the same order and to the same numbers. Every model
takes its inputs as arguments, as one mapping of their names or as a list, returns named results, and trains with
``fit``: without a ``loss`` in ``compile``, or with labels in the mapping, the model's own loss is used.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import keras
from keras import ops

from roformer_edge.checkpoint.names import DECODER_WEIGHT, check_language_model
from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import UnsupportedModelError
from roformer_edge.models.keras import losses
from roformer_edge.models.keras.attention import LayerNorm, Linear, NamedLayer, Tensor, VariableRegistry
from roformer_edge.models.keras.encoder import ACTIVATIONS
from roformer_edge.models.keras.generation import GenerationMixin
from roformer_edge.models.keras.pretrained import TFRoFormerPreTrainedModel
from roformer_edge.models.outputs import EncoderOutput, LogitsOutput, ModelOutput, SpanOutput

__all__ = [
    "TFRoFormerForCausalLM",
    "TFRoFormerForMaskedLM",
    "TFRoFormerForMultipleChoice",
    "TFRoFormerForQuestionAnswering",
    "TFRoFormerForSequenceClassification",
    "TFRoFormerForTokenClassification",
    "TFRoFormerModel",
]


class TFRoFormerModel(TFRoFormerPreTrainedModel):
    """The bare encoder, or decoder where the config says so."""

    architecture = "RoFormerModel"
    output_class = EncoderOutput

    def add_head(self, config: RoFormerConfig) -> None:
        """Create nothing: there is no head."""

    def answer(self, encoded: EncoderOutput[Tensor], given: Mapping[str, Any]) -> ModelOutput:
        return encoded


def _with_logits(
    encoded: EncoderOutput[Tensor], logits: Tensor, labels: Tensor | None, loss: Callable[[Tensor, Tensor], Tensor]
) -> LogitsOutput[Tensor]:
    return LogitsOutput(
        loss=None if labels is None else loss(logits, ops.convert_to_tensor(labels)),
        logits=logits,
        past_key_values=encoded.past_key_values,
        hidden_states=encoded.hidden_states,
        attentions=encoded.attentions,
        cross_attentions=encoded.cross_attentions,
    )


class RoFormerPredictions(NamedLayer):
    """From hidden states to the vocabulary: ``[B, S, H] -> [B, S, V]``; RoFormerV2 has the tied matrix only."""

    def __init__(self, config: RoFormerConfig, registry: VariableRegistry, words: Any) -> None:
        super().__init__(config, registry)
        check_language_model(config)
        width, path = config.width_of_embeddings, "cls.predictions"
        self.table = words if config.tie_word_embeddings else self.matrix(DECODER_WEIGHT, config.vocab_size, width)
        self.plain = config.is_v2
        if not self.plain:
            self.dense = Linear(config, registry, f"{path}.transform.dense", config.hidden_size, width)
            self.norm = LayerNorm(config, registry, f"{path}.transform.LayerNorm", width)
            self.bias = self.vector(f"{path}.bias", config.vocab_size)
            self.activation = ACTIVATIONS[config.activation]

    def call(self, states: Tensor) -> Tensor:
        if self.plain:
            return ops.matmul(states, ops.transpose(self.table))
        states = self.norm(self.activation(self.dense(states)))
        return ops.matmul(states, ops.transpose(self.table)) + self.bias


class _LanguageModel(TFRoFormerPreTrainedModel):
    """What masked and causal language models share."""

    def add_head(self, config: RoFormerConfig) -> None:
        self.predictions = RoFormerPredictions(config, self.registry, self.roformer.embeddings.words)


class TFRoFormerForMaskedLM(_LanguageModel):
    """Every token from the tokens on both sides; logits ``[B, S, V]``."""

    architecture = "RoFormerForMaskedLM"

    def answer(self, encoded: EncoderOutput[Tensor], given: Mapping[str, Any]) -> ModelOutput:
        uncached = dataclasses.replace(encoded, past_key_values=None)  # as in the original, even in a decoder
        return _with_logits(
            uncached, self.predictions(encoded.last_hidden_state), given["labels"], losses.cross_entropy
        )


class TFRoFormerForCausalLM(GenerationMixin, _LanguageModel):
    """Every token from the tokens before it; logits ``[B, S, V]``. Causal only with ``is_decoder`` in the config."""

    architecture = "RoFormerForCausalLM"

    def add_head(self, config: RoFormerConfig) -> None:
        super().add_head(config)
        if config.prefix_lm:
            raise UnsupportedModelError(
                "TFRoFormerForCausalLM has no mask of a prefix language model (prefix_lm, RoFormer-sim); use "
                "RoFormerForCausalLM"
            )
        if not config.is_decoder:
            warnings.warn("TFRoFormerForCausalLM sees the future unless its config has is_decoder=True", stacklevel=3)

    def answer(self, encoded: EncoderOutput[Tensor], given: Mapping[str, Any]) -> ModelOutput:
        return _with_logits(
            encoded, self.predictions(encoded.last_hidden_state), given["labels"], losses.next_token_loss
        )


class TFRoFormerForSequenceClassification(TFRoFormerPreTrainedModel):
    """One label, several labels or numbers for a whole text; logits ``[B, labels]``."""

    architecture = "RoFormerForSequenceClassification"

    def add_head(self, config: RoFormerConfig) -> None:
        hidden = config.hidden_size
        self.dense = Linear(config, self.registry, "classifier.dense", hidden, hidden)
        self.out_proj = Linear(config, self.registry, "classifier.out_proj", hidden, config.num_labels)
        self.dropout = keras.layers.Dropout(config.hidden_dropout_prob)
        self.activation = ACTIVATIONS[config.activation]

    def answer(self, encoded: EncoderOutput[Tensor], given: Mapping[str, Any]) -> ModelOutput:
        first = self.dropout(encoded.last_hidden_state[:, 0], training=given["training"])
        first = self.dropout(self.activation(self.dense(first)), training=given["training"])

        def loss(logits: Tensor, labels: Tensor) -> Tensor:
            return losses.sequence_loss(logits, labels, self.config.problem_type)

        return _with_logits(encoded, self.out_proj(first), given["labels"], loss)


def pool(states: Tensor, attention_mask: Tensor | None, summary_type: str) -> Tensor:
    """Take one state for a whole text, ``[B, S, H] -> [B, H]``; see :func:`roformer_edge.models.torch.heads.pool`."""
    if summary_type == "last_token" and attention_mask is not None:
        positions = ops.cast(ops.not_equal(attention_mask, 0), "int32") * ops.arange(ops.shape(states)[1])
        return ops.take_along_axis(states, ops.expand_dims(ops.max(positions, axis=1), (1, 2)), axis=1)[:, 0]
    if summary_type == "mean":
        return ops.mean(states, axis=1)
    return states[:, 0] if summary_type == "first" else states[:, -1]


class TFRoFormerForMultipleChoice(TFRoFormerPreTrainedModel):
    """One of several texts; inputs ``[B, choices, S]``, logits ``[B, choices]``. ``summary_type`` as in torch."""

    architecture = "RoFormerForMultipleChoice"

    def add_head(self, config: RoFormerConfig) -> None:
        self.summary_type = config.summary_type
        self.classifier = Linear(config, self.registry, "classifier", config.hidden_size, 1)

    def call(  # type: ignore[override]  # no decoder
        self,
        input_ids: Any = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        head_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        training: bool = False,
    ) -> ModelOutput | tuple[Any, ...]:
        """Encode every choice and apply the head; see :meth:`TFRoFormerPreTrainedModel.call`."""
        given = input_ids if input_ids is not None else inputs_embeds
        if given is None:
            raise ValueError("give either input_ids or inputs_embeds")
        output: Any = super().call(
            _flat(input_ids),
            _flat(attention_mask),
            _flat(token_type_ids),
            head_mask,
            _flat(inputs_embeds),
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            return_dict=True,
            training=training,
        )
        logits = ops.reshape(output.logits, ops.shape(given)[:2])
        loss = None if labels is None else losses.cross_entropy(logits, labels)
        return dataclasses.replace(output, loss=loss, logits=logits).as_asked(return_dict, self.config)

    def answer(self, encoded: EncoderOutput[Tensor], given: Mapping[str, Any]) -> ModelOutput:
        """Make logits ``[B * choices, 1]``."""
        summary = pool(encoded.last_hidden_state, given["attention_mask"], self.summary_type)
        return _with_logits(encoded, self.classifier(summary), None, losses.cross_entropy)


def _flat(given: Tensor | None) -> Tensor | None:
    """Flatten ``[B, choices, ...]`` to ``[B * choices, ...]``."""
    return None if given is None else ops.reshape(given, (-1, *ops.shape(given)[2:]))


class TFRoFormerForTokenClassification(TFRoFormerPreTrainedModel):
    """A label for each token; logits ``[B, S, labels]``."""

    architecture = "RoFormerForTokenClassification"

    def add_head(self, config: RoFormerConfig) -> None:
        self.dropout = keras.layers.Dropout(config.hidden_dropout_prob)
        self.classifier = Linear(config, self.registry, "classifier", config.hidden_size, config.num_labels)

    def answer(self, encoded: EncoderOutput[Tensor], given: Mapping[str, Any]) -> ModelOutput:
        logits = self.classifier(self.dropout(encoded.last_hidden_state, training=given["training"]))
        return _with_logits(encoded, logits, given["labels"], losses.cross_entropy)


class TFRoFormerForQuestionAnswering(TFRoFormerPreTrainedModel):
    """Where an answer starts and ends; two logits ``[B, S]``. Neither padding nor the question is masked."""

    architecture = "RoFormerForQuestionAnswering"
    output_class = SpanOutput

    def add_head(self, config: RoFormerConfig) -> None:
        self.qa_outputs = Linear(config, self.registry, "qa_outputs", config.hidden_size, 2)

    def answer(self, encoded: EncoderOutput[Tensor], given: Mapping[str, Any]) -> ModelOutput:
        logits = self.qa_outputs(encoded.last_hidden_state)
        spans, positions = (logits[..., 0], logits[..., 1]), (given["start_positions"], given["end_positions"])
        labelled = positions[0] is not None and positions[1] is not None
        return SpanOutput(
            loss=losses.span_loss(*spans, *positions) if labelled else None,
            start_logits=spans[0],
            end_logits=spans[1],
            hidden_states=encoded.hidden_states,
            attentions=encoded.attentions,
        )
