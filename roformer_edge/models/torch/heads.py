"""RoFormer in PyTorch: the heads, over the encoder of :mod:`roformer_edge.models.torch.encoder`.

Parameter names and the order of arguments are those of Hugging Face; letters for sizes are those of the encoder.
"""

from __future__ import annotations

import warnings
from typing import ClassVar

import torch
from torch import Tensor, nn

from roformer_edge.checkpoint.names import check_language_model
from roformer_edge.config import RoFormerConfig
from roformer_edge.models.outputs import EncoderOutput, LogitsOutput, SpanOutput
from roformer_edge.models.torch import losses
from roformer_edge.models.torch.attention import Cache
from roformer_edge.models.torch.encoder import ACTIVATIONS, RoFormerModel
from roformer_edge.models.torch.generation import GenerationMixin
from roformer_edge.models.torch.outputs import answer
from roformer_edge.models.torch.pretrained import RoFormerPreTrainedModel

__all__ = [
    "RoFormerForCausalLM",
    "RoFormerForMaskedLM",
    "RoFormerForMultipleChoice",
    "RoFormerForQuestionAnswering",
    "RoFormerForSequenceClassification",
    "RoFormerForTokenClassification",
    "RoFormerModel",
]


class _HeadedModel(RoFormerPreTrainedModel):
    """An encoder with one head; subclasses say what the head computes and which loss trains it."""

    def __init__(self, config: RoFormerConfig, *, attention: str = "softmax") -> None:
        super().__init__(config)
        self.roformer = RoFormerModel(config, attention=attention)
        self.add_head(config)
        self.initialise_weights()

    def add_head(self, config: RoFormerConfig) -> None:
        """Create the head's modules."""
        raise NotImplementedError

    def head(self, states: Tensor) -> Tensor:
        """Make logits of the encoder's last states ``[B, S, H]``."""
        raise NotImplementedError

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Compute the training loss."""
        raise NotImplementedError

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        head_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> LogitsOutput[Tensor] | tuple[object, ...]:
        """Encode, apply the head and, where labels are given, compute the loss; see :meth:`RoFormerModel.forward`."""
        encoded = self.roformer(
            input_ids,
            attention_mask,
            token_type_ids,
            head_mask,
            inputs_embeds,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            return_dict=True,
        )
        logits = self.head(encoded.last_hidden_state)
        loss = None if labels is None else self.loss(logits, labels)
        return answer(_with_logits(encoded, logits, loss), return_dict, self.config)


def _with_logits(encoded: EncoderOutput[Tensor], logits: Tensor, loss: Tensor | None) -> LogitsOutput[Tensor]:
    return LogitsOutput(
        loss=loss,
        logits=logits,
        past_key_values=encoded.past_key_values,
        hidden_states=encoded.hidden_states,
        attentions=encoded.attentions,
        cross_attentions=encoded.cross_attentions,
    )


class RoFormerPredictionTransform(nn.Module):
    """From hidden states to the width of the embeddings: ``[B, S, H] -> [B, S, E]``."""

    def __init__(self, config: RoFormerConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.width_of_embeddings)
        self.LayerNorm = nn.LayerNorm(config.width_of_embeddings, eps=config.layer_norm_eps)
        self.activation = ACTIVATIONS[config.activation]

    def forward(self, states: Tensor) -> Tensor:
        transformed: Tensor = self.LayerNorm(self.activation(self.dense(states)))
        return transformed


class RoFormerPredictions(nn.Module):
    """From hidden states to the vocabulary: ``[B, S, H] -> [B, S, V]``; RoFormerV2 has the tied matrix only."""

    def __init__(self, config: RoFormerConfig) -> None:
        super().__init__()
        check_language_model(config)
        self.transform = nn.Identity() if config.is_v2 else RoFormerPredictionTransform(config)
        self.decoder = nn.Linear(config.width_of_embeddings, config.vocab_size, bias=False)
        if not config.is_v2:
            self.bias = nn.Parameter(torch.zeros(config.vocab_size))
            self.decoder.bias = self.bias  # one parameter under two names, as in the original

    def forward(self, states: Tensor) -> Tensor:
        logits: Tensor = self.decoder(self.transform(states))
        return logits


class _LanguageModel(_HeadedModel):
    """What masked and causal language models share."""

    def add_head(self, config: RoFormerConfig) -> None:
        self.cls = nn.ModuleDict({"predictions": RoFormerPredictions(config)})

    def head(self, states: Tensor) -> Tensor:
        logits: Tensor = self.cls["predictions"](states)
        return logits

    def tie_weights(self) -> None:
        predictions = self.cls["predictions"]
        assert isinstance(predictions, RoFormerPredictions)
        if not self.config.is_v2:
            predictions.decoder.bias = predictions.bias
        if self.config.tie_word_embeddings:
            predictions.decoder.weight = self.get_input_embeddings().weight


class RoFormerForMaskedLM(_LanguageModel):
    """Every token from the tokens on both sides; logits ``[B, S, V]``."""

    architecture = "RoFormerForMaskedLM"

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        return losses.cross_entropy(logits, labels)

    def forward(  # type: ignore[override]  # the original's order of arguments
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        head_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        encoder_hidden_states: Tensor | None = None,
        encoder_attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> LogitsOutput[Tensor] | tuple[object, ...]:
        encoded = self.roformer(
            input_ids,
            attention_mask,
            token_type_ids,
            head_mask,
            inputs_embeds,
            encoder_hidden_states,
            encoder_attention_mask,
            use_cache=False,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            return_dict=True,
        )
        logits = self.head(encoded.last_hidden_state)
        loss = None if labels is None else self.loss(logits, labels)
        return answer(_with_logits(encoded, logits, loss), return_dict, self.config)


class RoFormerForCausalLM(GenerationMixin, _LanguageModel):
    """Every token from the tokens before it; logits ``[B, S, V]``. Causal only with ``is_decoder`` in the config."""

    architecture = "RoFormerForCausalLM"
    accepts_loss_kwargs: ClassVar[bool] = True

    def add_head(self, config: RoFormerConfig) -> None:
        super().add_head(config)
        if not config.is_decoder:
            warnings.warn("RoFormerForCausalLM sees the future unless its config has is_decoder=True", stacklevel=3)

    def loss(self, logits: Tensor, labels: Tensor, count: Tensor | int | None = None) -> Tensor:
        return losses.next_token_loss(logits, labels, count)

    def forward(  # type: ignore[override]  # the original's order of arguments
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        encoder_hidden_states: Tensor | None = None,
        encoder_attention_mask: Tensor | None = None,
        head_mask: Tensor | None = None,
        past_key_values: Cache | None = None,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        num_items_in_batch: Tensor | int | None = None,
    ) -> LogitsOutput[Tensor] | tuple[object, ...]:
        """Compute as the other heads do.

        With ``num_items_in_batch`` the loss is the sum over the labels, divided by it: Trainer says so how many labels
        all the batches of a step have together.
        """
        encoded = self.roformer(
            input_ids,
            attention_mask,
            token_type_ids,
            head_mask,
            inputs_embeds,
            encoder_hidden_states,
            encoder_attention_mask,
            past_key_values,
            use_cache,
            output_attentions,
            output_hidden_states,
            return_dict=True,
        )
        logits = self.head(encoded.last_hidden_state)
        loss = None if labels is None else self.loss(logits, labels, num_items_in_batch)
        return answer(_with_logits(encoded, logits, loss), return_dict, self.config)


class RoFormerClassificationHead(nn.Module):
    """Two linear layers over the first token's state, with the config's activation between them."""

    def __init__(self, config: RoFormerConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.out_proj = nn.Linear(config.hidden_size, config.num_labels)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.activation = ACTIVATIONS[config.activation]

    def forward(self, states: Tensor) -> Tensor:
        first = self.activation(self.dense(self.dropout(states[:, 0])))
        logits: Tensor = self.out_proj(self.dropout(first))
        return logits


class RoFormerForSequenceClassification(_HeadedModel):
    """One label, several labels or numbers for a whole text; logits ``[B, labels]``."""

    architecture = "RoFormerForSequenceClassification"

    def add_head(self, config: RoFormerConfig) -> None:
        self.classifier = RoFormerClassificationHead(config)

    def head(self, states: Tensor) -> Tensor:
        logits: Tensor = self.classifier(states)
        return logits

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        return losses.sequence_loss(logits, labels, self.config.problem_type)


def pool(states: Tensor, attention_mask: Tensor | None, summary_type: str) -> Tensor:
    """Take one state for a whole text, ``[B, S, H] -> [B, H]``.

    Args:
        states: The encoder's last states.
        attention_mask: ``[B, S]``; needed by ``"last_token"`` only.
        summary_type: ``"last"`` position, the original's default, which is a padding token wherever a text is padded
            on the right, so that its answer changes with the padding; ``"first"``; ``"mean"`` over all positions,
            padding included; or ``"last_token"``: the last position that is not padding.
    """
    if summary_type == "last_token" and attention_mask is not None:
        last = (attention_mask != 0) * torch.arange(states.shape[1], device=states.device)
        return states[torch.arange(states.shape[0], device=states.device), last.amax(dim=1)]
    return states[:, 0] if summary_type == "first" else states.mean(dim=1) if summary_type == "mean" else states[:, -1]


class RoFormerForMultipleChoice(_HeadedModel):
    """One of several texts; inputs ``[B, choices, S]``, logits ``[B, choices]``.

    ``summary_type`` in the config's ``extra`` chooses the token that stands for a text: see :func:`pool`. With the
    default, pad on the left or give texts of one length; or train and run with ``"last_token"``.
    """

    architecture = "RoFormerForMultipleChoice"

    def add_head(self, config: RoFormerConfig) -> None:
        self.summary_type = config.summary_type
        self.classifier = nn.Linear(config.hidden_size, 1)

    def head(self, states: Tensor) -> Tensor:
        """Make logits ``[B * choices, 1]`` of summaries ``[B * choices, H]``."""
        logits: Tensor = self.classifier(states)
        return logits

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        return losses.cross_entropy(logits, labels)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        head_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> LogitsOutput[Tensor] | tuple[object, ...]:
        given = input_ids if input_ids is not None else inputs_embeds
        if given is None:
            raise ValueError("give either input_ids or inputs_embeds")
        attention_mask = _flat(attention_mask)
        encoded = self.roformer(
            _flat(input_ids),
            attention_mask,
            _flat(token_type_ids),
            head_mask,
            _flat(inputs_embeds),
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            return_dict=True,
        )
        logits = self.head(pool(encoded.last_hidden_state, attention_mask, self.summary_type)).view(given.shape[:2])
        loss = None if labels is None else self.loss(logits, labels)
        return answer(_with_logits(encoded, logits, loss), return_dict, self.config)


def _flat(given: Tensor | None) -> Tensor | None:
    """Flatten ``[B, choices, ...]`` to ``[B * choices, ...]``."""
    return None if given is None else given.flatten(0, 1)


class RoFormerForTokenClassification(_HeadedModel):
    """A label for each token; logits ``[B, S, labels]``."""

    architecture = "RoFormerForTokenClassification"

    def add_head(self, config: RoFormerConfig) -> None:
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)

    def head(self, states: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.dropout(states))
        return logits

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        return losses.cross_entropy(logits, labels)


class RoFormerForQuestionAnswering(RoFormerPreTrainedModel):
    """Where an answer starts and ends; two logits ``[B, S]``. Neither padding nor the question is masked."""

    architecture = "RoFormerForQuestionAnswering"

    def __init__(self, config: RoFormerConfig, *, attention: str = "softmax") -> None:
        super().__init__(config)
        self.roformer = RoFormerModel(config, attention=attention)
        self.qa_outputs = nn.Linear(config.hidden_size, 2)
        self.initialise_weights()

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        head_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        start_positions: Tensor | None = None,
        end_positions: Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> SpanOutput[Tensor] | tuple[object, ...]:
        encoded = self.roformer(
            input_ids,
            attention_mask,
            token_type_ids,
            head_mask,
            inputs_embeds,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            return_dict=True,
        )
        starts, ends = self.qa_outputs(encoded.last_hidden_state).unbind(-1)
        loss = None
        if start_positions is not None and end_positions is not None:
            loss = losses.span_loss(starts, ends, start_positions, end_positions)
        output: SpanOutput[Tensor] = SpanOutput(
            loss=loss,
            start_logits=starts,
            end_logits=ends,
            hidden_states=encoded.hidden_states,
            attentions=encoded.attentions,
        )
        return answer(output, return_dict, self.config)
