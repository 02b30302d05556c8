"""RoFormer in Flax: the heads, over the encoder of :mod:`roformer_edge.models.flax.encoder`.

The counterpart of :mod:`roformer_edge.models.torch.heads`, in the same order and to the same numbers. As in the
original, the Flax models are encoders: there is no causal one. Beyond it, they take labels and return the loss.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from roformer_edge.checkpoint.names import check_language_model
from roformer_edge.config import RoFormerConfig
from roformer_edge.models.flax import losses
from roformer_edge.models.flax.attention import Array, dense, norm
from roformer_edge.models.flax.encoder import ACTIVATIONS, FlaxRoFormerModule
from roformer_edge.models.flax.pretrained import FlaxRoFormerPreTrainedModel, Params
from roformer_edge.models.outputs import EncoderOutput, LogitsOutput, SpanOutput, flag

__all__ = [
    "FlaxRoFormerForMaskedLM",
    "FlaxRoFormerForMultipleChoice",
    "FlaxRoFormerForQuestionAnswering",
    "FlaxRoFormerForSequenceClassification",
    "FlaxRoFormerForTokenClassification",
    "FlaxRoFormerModel",
]

for _output in (EncoderOutput, LogitsOutput, SpanOutput):  # so that they pass through jit and grad
    jax.tree_util.register_dataclass(_output, [item.name for item in dataclasses.fields(_output)], [])


class FlaxRoFormerPredictionTransform(nn.Module):
    """From hidden states to the width of the embeddings: ``[B, S, H] -> [B, S, E]``."""

    config: RoFormerConfig

    @nn.compact
    def __call__(self, states: Array) -> Array:
        states = dense(self.config, self.config.width_of_embeddings, "dense")(states)
        return norm(self.config, "LayerNorm")(ACTIVATIONS[self.config.activation](states))


class FlaxRoFormerPredictions(nn.Module):
    """From hidden states to the vocabulary: ``[B, S, H] -> [B, S, V]``; RoFormerV2 has the tied matrix only."""

    config: RoFormerConfig

    @nn.compact
    def __call__(self, states: Array, word_table: Array) -> Array:
        if not self.config.is_v2:
            states = FlaxRoFormerPredictionTransform(self.config, name="transform")(states)
        if self.config.tie_word_embeddings:
            logits = states @ word_table.T
        else:
            logits = dense(self.config, self.config.vocab_size, "decoder", bias=False)(states)
        if self.config.is_v2:
            return logits
        return logits + self.param("bias", nn.initializers.zeros, (self.config.vocab_size,))


class FlaxRoFormerMaskedLMHead(nn.Module):
    """The language-model head under the name it has in checkpoints."""

    config: RoFormerConfig

    @nn.compact
    def __call__(self, states: Array, word_table: Array) -> Array:
        return FlaxRoFormerPredictions(self.config, name="predictions")(states, word_table)


class FlaxRoFormerClassificationHead(nn.Module):
    """Two linear layers over the first token's state, with the config's activation between them."""

    config: RoFormerConfig

    @nn.compact
    def __call__(self, states: Array, deterministic: bool) -> Array:
        dropout = nn.Dropout(self.config.hidden_dropout_prob)
        first = dropout(states[:, 0], deterministic=deterministic)
        states = dense(self.config, self.config.hidden_size, "dense")(first)
        states = dropout(ACTIVATIONS[self.config.activation](states), deterministic=deterministic)
        return dense(self.config, self.config.num_labels, "out_proj")(states)


def pool(states: Array, attention_mask: Array | None, summary_type: str) -> Array:
    """Take one state for a whole text, ``[B, S, H] -> [B, H]``; see :func:`roformer_edge.models.torch.heads.pool`."""
    if summary_type == "last_token" and attention_mask is not None:
        last = ((attention_mask != 0) * jnp.arange(states.shape[1])).max(axis=1)
        return jnp.take_along_axis(states, last[:, None, None], axis=1)[:, 0]
    return states[:, 0] if summary_type == "first" else states.mean(axis=1) if summary_type == "mean" else states[:, -1]


class FlaxRoFormerHeadedModule(nn.Module):
    """An encoder with one head; subclasses say what the head computes."""

    config: RoFormerConfig

    def setup(self) -> None:
        self.roformer = FlaxRoFormerModule(self.config)
        self.add_head(self.config)

    def add_head(self, config: RoFormerConfig) -> None:
        """Create the head's modules."""
        raise NotImplementedError

    def head(self, states: Array, attention_mask: Array | None, deterministic: bool) -> Array:
        """Make logits of the encoder's last states ``[B, S, H]``."""
        raise NotImplementedError

    def __call__(
        self,
        input_ids: Array | None,
        attention_mask: Array | None,
        token_type_ids: Array | None,
        head_mask: Array | None,
        inputs_embeds: Array | None,
        deterministic: bool,
    ) -> tuple[Array, list[Array], list[Array]]:
        """Compute logits, all states and all attention weights."""
        states, weights = self.roformer(
            input_ids, attention_mask, token_type_ids, head_mask, inputs_embeds, deterministic
        )
        return self.head(states[-1], attention_mask, deterministic), states, weights


class FlaxRoFormerForMaskedLMModule(FlaxRoFormerHeadedModule):
    """See :class:`FlaxRoFormerForMaskedLM`."""

    def add_head(self, config: RoFormerConfig) -> None:
        check_language_model(config)
        self.cls = FlaxRoFormerMaskedLMHead(config)

    def head(self, states: Array, attention_mask: Array | None, deterministic: bool) -> Array:
        return self.cls(states, self.roformer.word_table())


class FlaxRoFormerForSequenceClassificationModule(FlaxRoFormerHeadedModule):
    """See :class:`FlaxRoFormerForSequenceClassification`."""

    def add_head(self, config: RoFormerConfig) -> None:
        self.classifier = FlaxRoFormerClassificationHead(config)

    def head(self, states: Array, attention_mask: Array | None, deterministic: bool) -> Array:
        return self.classifier(states, deterministic)


class FlaxRoFormerForMultipleChoiceModule(FlaxRoFormerHeadedModule):
    """See :class:`FlaxRoFormerForMultipleChoice`."""

    def add_head(self, config: RoFormerConfig) -> None:
        self.summary_type = config.summary_type
        self.classifier = dense(config, 1)

    def head(self, states: Array, attention_mask: Array | None, deterministic: bool) -> Array:
        return self.classifier(pool(states, attention_mask, self.summary_type))


class FlaxRoFormerForTokenClassificationModule(FlaxRoFormerHeadedModule):
    """See :class:`FlaxRoFormerForTokenClassification`."""

    def add_head(self, config: RoFormerConfig) -> None:
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.classifier = dense(config, config.num_labels)

    def head(self, states: Array, attention_mask: Array | None, deterministic: bool) -> Array:
        return self.classifier(self.dropout(states, deterministic=deterministic))


class FlaxRoFormerForQuestionAnsweringModule(FlaxRoFormerHeadedModule):
    """See :class:`FlaxRoFormerForQuestionAnswering`."""

    def add_head(self, config: RoFormerConfig) -> None:
        self.qa_outputs = dense(config, 2)

    def head(self, states: Array, attention_mask: Array | None, deterministic: bool) -> Array:
        return self.qa_outputs(states)


def _asked_for(
    config: RoFormerConfig, states: list[Array], weights: list[Array], hidden: bool | None, attentions: bool | None
) -> dict[str, Any]:
    return {
        "hidden_states": tuple(states) if flag(hidden, config.output_hidden_states) else None,
        "attentions": tuple(weights) if flag(attentions, config.output_attentions) else None,
    }


class FlaxRoFormerModel(FlaxRoFormerPreTrainedModel):
    """The bare encoder."""

    architecture = "RoFormerModel"
    module_class = FlaxRoFormerModule

    def __call__(
        self,
        input_ids: Any = None,
        attention_mask: Any = None,
        token_type_ids: Any = None,
        head_mask: Any = None,
        params: Params | None = None,
        dropout_rng: Array | None = None,
        train: bool = False,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        *,
        inputs_embeds: Any = None,
    ) -> EncoderOutput[Array] | tuple[Any, ...]:
        """Encode a batch; arguments as in :meth:`roformer_edge.models.torch.encoder.RoFormerModel.forward`.

        Args:
            input_ids: int ``[B, S]``; either these or ``inputs_embeds``.
            attention_mask: ``[B, S]`` or ``[B, S, S]``.
            token_type_ids: int ``[B, S]``.
            head_mask: ``[A]`` or ``[layers, A]``.
            params: Used instead of the model's own: what jit and grad differentiate.
            dropout_rng: A random key, needed in training.
            train: Apply dropout.
            output_attentions: Return the attention weights of every layer; absent, as for the next two: see the config.
            output_hidden_states: Return the states before the first layer and after each.
            return_dict: ``False`` gives a tuple of the fields that are there.
            inputs_embeds: ``[B, S, E]``.
        """
        inputs = (input_ids, attention_mask, token_type_ids, head_mask, inputs_embeds)
        states, weights = self._run(params, inputs, train, dropout_rng)
        asked_for = _asked_for(self.config, states, weights, output_hidden_states, output_attentions)
        output: EncoderOutput[Array] = EncoderOutput(last_hidden_state=states[-1], **asked_for)
        return output.as_asked(return_dict, self.config)


class _HeadedModel(FlaxRoFormerPreTrainedModel):
    """A model with one kind of logits and a loss for them."""

    def loss(self, logits: Array, labels: Array) -> Array:
        """Compute the training loss: mean cross-entropy; -100 marks labels that do not count."""
        return losses.cross_entropy(logits, labels)

    def __call__(
        self,
        input_ids: Any = None,
        attention_mask: Any = None,
        token_type_ids: Any = None,
        head_mask: Any = None,
        params: Params | None = None,
        dropout_rng: Array | None = None,
        train: bool = False,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        *,
        inputs_embeds: Any = None,
        labels: Any = None,
    ) -> LogitsOutput[Array] | tuple[Any, ...]:
        """Encode, apply the head and, where ``labels`` are given, compute the loss.

        The other arguments are those of :meth:`FlaxRoFormerModel.__call__`; labels have the shapes that
        :mod:`roformer_edge.models.torch.losses` names.
        """
        inputs = (input_ids, attention_mask, token_type_ids, head_mask, inputs_embeds)
        logits, states, weights = self._run(params, inputs, train, dropout_rng)
        asked_for = _asked_for(self.config, states, weights, output_hidden_states, output_attentions)
        return self._answer(logits, labels, asked_for, return_dict)

    def _answer(
        self, logits: Array, labels: Any, asked_for: dict[str, Any], return_dict: bool | None
    ) -> LogitsOutput[Array] | tuple[Any, ...]:
        loss = None if labels is None else self.loss(logits, jnp.asarray(labels))
        output: LogitsOutput[Array] = LogitsOutput(loss=loss, logits=logits, **asked_for)
        return output.as_asked(return_dict, self.config)


class FlaxRoFormerForMaskedLM(_HeadedModel):
    """Every token from the tokens on both sides; logits ``[B, S, V]``."""

    architecture = "RoFormerForMaskedLM"
    module_class = FlaxRoFormerForMaskedLMModule


class FlaxRoFormerForSequenceClassification(_HeadedModel):
    """One label, several labels or numbers for a whole text; logits ``[B, labels]``."""

    architecture = "RoFormerForSequenceClassification"
    module_class = FlaxRoFormerForSequenceClassificationModule

    def loss(self, logits: Array, labels: Array) -> Array:
        """Compute the training loss for the config's ``problem_type``."""
        return losses.sequence_loss(logits, labels, self.config.problem_type)


class FlaxRoFormerForMultipleChoice(_HeadedModel):
    """One of several texts; inputs ``[B, choices, S]``, logits ``[B, choices]``. ``summary_type`` as in torch."""

    architecture = "RoFormerForMultipleChoice"
    module_class = FlaxRoFormerForMultipleChoiceModule

    def __call__(
        self,
        input_ids: Any = None,
        attention_mask: Any = None,
        token_type_ids: Any = None,
        head_mask: Any = None,
        params: Params | None = None,
        dropout_rng: Array | None = None,
        train: bool = False,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        *,
        inputs_embeds: Any = None,
        labels: Any = None,
    ) -> LogitsOutput[Array] | tuple[Any, ...]:
        """Encode every choice and apply the head; labels ``[B]``; see :meth:`FlaxRoFormerModel.__call__`."""
        given = input_ids if input_ids is not None else inputs_embeds
        if given is None:
            raise ValueError("give either input_ids or inputs_embeds")
        flat = (_flat(input_ids), _flat(attention_mask), _flat(token_type_ids), head_mask, _flat(inputs_embeds))
        logits, states, weights = self._run(params, flat, train, dropout_rng)
        asked_for = _asked_for(self.config, states, weights, output_hidden_states, output_attentions)
        return self._answer(logits.reshape(jnp.shape(given)[:2]), labels, asked_for, return_dict)


def _flat(given: Any) -> Any:
    """Flatten ``[B, choices, ...]`` to ``[B * choices, ...]``."""
    if given is None:
        return None
    batch, choices, *rest = jnp.shape(given)
    return jnp.reshape(jnp.asarray(given), (batch * choices, *rest))


class FlaxRoFormerForTokenClassification(_HeadedModel):
    """A label for each token; logits ``[B, S, labels]``."""

    architecture = "RoFormerForTokenClassification"
    module_class = FlaxRoFormerForTokenClassificationModule


class FlaxRoFormerForQuestionAnswering(FlaxRoFormerPreTrainedModel):
    """Where an answer starts and ends; two logits ``[B, S]``. Neither padding nor the question is masked."""

    architecture = "RoFormerForQuestionAnswering"
    module_class = FlaxRoFormerForQuestionAnsweringModule

    def __call__(
        self,
        input_ids: Any = None,
        attention_mask: Any = None,
        token_type_ids: Any = None,
        head_mask: Any = None,
        params: Params | None = None,
        dropout_rng: Array | None = None,
        train: bool = False,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        *,
        inputs_embeds: Any = None,
        start_positions: Any = None,
        end_positions: Any = None,
    ) -> SpanOutput[Array] | tuple[Any, ...]:
        """Encode, apply the head and, where both positions ``[B]`` are given, compute the loss.

        The other arguments are those of :meth:`FlaxRoFormerModel.__call__`.
        """
        inputs = (input_ids, attention_mask, token_type_ids, head_mask, inputs_embeds)
        logits, states, weights = self._run(params, inputs, train, dropout_rng)
        starts, ends, loss = logits[..., 0], logits[..., 1], None
        if start_positions is not None and end_positions is not None:
            loss = losses.span_loss(starts, ends, jnp.asarray(start_positions), jnp.asarray(end_positions))
        asked_for = _asked_for(self.config, states, weights, output_hidden_states, output_attentions)
        output: SpanOutput[Array] = SpanOutput(loss=loss, start_logits=starts, end_logits=ends, **asked_for)
        return output.as_asked(return_dict, self.config)
