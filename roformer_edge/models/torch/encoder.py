"""The encoder of RoFormer in PyTorch: embeddings, feed-forward, layer, encoder, model.

Parameter names are those of Hugging Face. B texts, S tokens, T tokens including cached ones, E embedding width,
H hidden units, A heads of D numbers each. Source: arXiv 2104.09864 and the behaviour of transformers 4.57.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from roformer_edge.checkpoint.rotary_table import rotary_table
from roformer_edge.config import LAPLACE_DEVIATION, LAPLACE_MEAN, RoFormerConfig
from roformer_edge.errors import TextTooLongError, UnknownNameError
from roformer_edge.models.outputs import EncoderOutput, flag
from roformer_edge.models.torch.attention import (
    Cache,
    LayerCache,
    LayerInputs,
    RoFormerAttention,
    RoFormerResidual,
    additive_mask,
    linear,
    norm,
)
from roformer_edge.models.torch.outputs import answer
from roformer_edge.models.torch.pretrained import RoFormerPreTrainedModel

ATTENTIONS = ("softmax", "linear")


def gelu_10(x: Tensor) -> Tensor:
    """Compute gelu, cut to [-10, 10]."""
    return F.gelu(x).clamp(-10, 10)


def quick_gelu(x: Tensor) -> Tensor:
    """Compute ``x sigmoid(1.702 x)``."""
    return x * torch.sigmoid(1.702 * x)


def relu2(x: Tensor) -> Tensor:
    """Compute relu squared."""
    return F.relu(x).square()


def laplace(x: Tensor) -> Tensor:
    """Compute the distribution function of a normal distribution."""
    return 0.5 * (1.0 + torch.erf((x - LAPLACE_MEAN) / (LAPLACE_DEVIATION * 2**0.5)))


def linear_activation(x: Tensor) -> Tensor:
    """Return ``x`` as it is."""
    return x


# the functions of roformer_edge.config.ACTIVATIONS
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,
    "gelu_tanh": partial(F.gelu, approximate="tanh"),
    "gelu_10": gelu_10,
    "quick_gelu": quick_gelu,
    "relu": F.relu,
    "relu2": relu2,
    "relu6": F.relu6,
    "leaky_relu": F.leaky_relu,
    "silu": F.silu,
    "mish": F.mish,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "laplace": laplace,
    "linear": linear_activation,
}


class RoFormerEmbeddings(nn.Module):
    """Word plus token-type embedding, normalised: ``[B, S] -> [B, S, E]``. No position enters here."""

    def __init__(self, config: RoFormerConfig) -> None:
        super().__init__()
        width = config.width_of_embeddings
        self.word_embeddings = nn.Embedding(config.vocab_size, width, padding_idx=config.pad_token_id)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, width)
        self.LayerNorm = norm(config, width)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, input_ids: Tensor | None, token_type_ids: Tensor | None, inputs_embeds: Tensor | None) -> Tensor:
        words = self.word_embeddings(input_ids) if inputs_embeds is None else inputs_embeds
        if token_type_ids is None:
            token_type_ids = torch.zeros(words.shape[:2], dtype=torch.long, device=words.device)
        states: Tensor = self.dropout(self.LayerNorm(words + self.token_type_embeddings(token_type_ids)))
        return states


class RotaryTable(nn.Module):
    """Sines and cosines of every position, ``[positions, D]``; not trained."""

    weight: Tensor

    def __init__(self, config: RoFormerConfig) -> None:
        super().__init__()
        table = rotary_table(config.max_position_embeddings, config.head_size)
        self.register_buffer("weight", torch.from_numpy(table))

    def forward(self, start: int, length: int) -> tuple[Tensor, Tensor]:
        """Return sines and cosines ``[length, D / 2]`` from position ``start``."""
        positions = self.weight.shape[0]
        if start + length > positions:
            raise TextTooLongError(
                f"{start + length} tokens, but the model has {positions} positions; "
                f"truncate the text, or call extend_positions({start + length}) on the model"
            )
        sines, cosines = self.weight[start : start + length].chunk(2, dim=-1)
        return sines, cosines


class RoFormerIntermediate(nn.Module):
    """The widening half of the feed-forward."""

    def __init__(self, config: RoFormerConfig) -> None:
        super().__init__()
        self.dense = linear(config, config.hidden_size, config.intermediate_size)
        self.activation = ACTIVATIONS[config.activation]

    def forward(self, states: Tensor) -> Tensor:
        return self.activation(self.dense(states))


class LayerOutput(NamedTuple):
    """States ``[B, S, H]``, and those of keys and values and the attention weights that were asked for."""

    states: Tensor
    cache: LayerCache | None
    weights: Tensor | None
    cross_weights: Tensor | None


class RoFormerLayer(nn.Module):
    """Self-attention, cross-attention in a decoder that has it, feed-forward."""

    def __init__(self, config: RoFormerConfig, index: int) -> None:
        super().__init__()
        self.chunk = config.chunk_size_feed_forward
        self.attention = RoFormerAttention(config, config.heads_of(index))
        if config.add_cross_attention:  # never pruned
            self.crossattention = RoFormerAttention(config, config.num_attention_heads)
        self.intermediate = RoFormerIntermediate(config)
        self.output = RoFormerResidual(config, config.intermediate_size)

    def forward(
        self, states: Tensor, head_mask: Tensor | None, past: LayerCache | None, shared: LayerInputs
    ) -> LayerOutput:
        cached, cached_cross = (None, None) if past is None else (past[:2], past[2:])
        states, weights, cache = self.attention(states, head_mask, cached, shared, False)
        cross_weights = None
        if shared.encoder_states is not None:
            states, cross_weights, pair = self.crossattention(states, head_mask, cached_cross or None, shared, True)
            cache += pair
        # two more arrays a layer, which a text of 512 tokens would carry to its last layer for nothing
        kept = cache if shared.want_cache else None
        return LayerOutput(self._feed_forward(states), kept, weights, cross_weights)

    def _feed_forward(self, states: Tensor) -> Tensor:
        """Apply it to ``chunk_size_feed_forward`` tokens at a time, where set: the same numbers in less memory."""
        pieces = torch.split(states, self.chunk, dim=1) if self.chunk > 0 else (states,)
        done = [self.output(self.intermediate(piece), piece) for piece in pieces]
        return done[0] if len(done) == 1 else torch.cat(done, dim=1)


class RoFormerEncoder(nn.Module):
    """The stack of layers over one rotary table."""

    def __init__(self, config: RoFormerConfig) -> None:
        super().__init__()
        self.embed_positions = RotaryTable(config)
        self.layer = nn.ModuleList(RoFormerLayer(config, index) for index in range(config.num_hidden_layers))
        self.gradient_checkpointing = False

    def forward(
        self, states: Tensor, head_masks: Sequence[Tensor | None], past: Cache | None, shared: LayerInputs
    ) -> list[LayerOutput]:
        """Run all layers and return what each gave."""
        outputs: list[LayerOutput] = []
        for index, layer in enumerate(self.layer):
            arguments = (states, head_masks[index], None if past is None else past[index], shared)
            if self.gradient_checkpointing and self.training:
                output: LayerOutput = checkpoint(layer, *arguments, use_reentrant=False)
            else:
                output = layer(*arguments)
            states = output.states
            outputs.append(output)
        return outputs


class RoFormerModel(RoFormerPreTrainedModel):
    """The bare encoder, or decoder where the config says so."""

    architecture = "RoFormerModel"

    def __init__(self, config: RoFormerConfig, *, attention: str = "softmax") -> None:
        super().__init__(config)
        if attention not in ATTENTIONS:
            raise UnknownNameError("attention", attention, ATTENTIONS)
        self.linear = attention == "linear"
        self.embeddings = RoFormerEmbeddings(config)
        if config.has_projection:
            self.embeddings_project = nn.Linear(config.width_of_embeddings, config.hidden_size)
        self.encoder = RoFormerEncoder(config)
        self.initialise_weights()

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        head_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        encoder_hidden_states: Tensor | None = None,
        encoder_attention_mask: Tensor | None = None,
        past_key_values: Cache | None = None,
        use_cache: bool | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> EncoderOutput[Tensor] | tuple[object, ...]:
        """Encode a batch.

        Args:
            input_ids: int ``[B, S]``; either these or ``inputs_embeds``.
            attention_mask: ``[B, T]`` with 0 for padding, or ``[B, S, T]`` as it is. Absent: all ones.
            token_type_ids: int ``[B, S]``; absent: zeros.
            head_mask: ``[A]`` or ``[layers, A]`` with 0 for a head to leave out.
            inputs_embeds: ``[B, S, E]`` in place of the word embeddings.
            encoder_hidden_states: ``[B, N, H]`` for a decoder's cross-attention.
            encoder_attention_mask: ``[B, N]`` or ``[B, S, N]``.
            past_key_values: What an earlier call of a decoder returned; ``input_ids`` then are the new tokens only.
            use_cache: Return ``past_key_values``; absent, as for the next three: what the config says. An encoder never
                does.
            output_attentions: Return the attention weights of every layer.
            output_hidden_states: Return the states before the first layer and after each.
            return_dict: ``False`` gives a tuple of the fields that are there.

        Raises:
            TextTooLongError: More tokens than positions; see :meth:`extend_positions`.
        """
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("give either input_ids or inputs_embeds")
        output_attentions = flag(output_attentions, self.config.output_attentions)
        if self.linear and (output_attentions or past_key_values):
            raise ValueError("linear attention has neither attention weights nor a cache of keys and values")
        if self.linear and self.config.is_decoder and self.config.prefix_lm:
            raise ValueError("linear attention sees all tokens or those before, and the config has prefix_lm=True")
        states = self.embeddings(input_ids, token_type_ids, inputs_embeds)
        if self.config.has_projection:
            states = self.embeddings_project(states)
        past = past_key_values[0][0].shape[2] if past_key_values else 0
        shared = LayerInputs(
            rotation=self.encoder.embed_positions(past, states.shape[1]),
            mask=self._self_mask(attention_mask, token_type_ids, states, past),
            encoder_states=self._checked_source(encoder_hidden_states),
            encoder_mask=self._encoder_mask(encoder_attention_mask, states.dtype),
            want_weights=output_attentions,
            want_cache=self._caches(use_cache),
            linear=self.linear,
        )
        layers = self.encoder(states, self._head_masks(head_mask, states.dtype), past_key_values, shared)
        cross = encoder_hidden_states is not None
        all_states = flag(output_hidden_states, self.config.output_hidden_states)
        output: EncoderOutput[Tensor] = EncoderOutput(
            last_hidden_state=layers[-1].states,
            past_key_values=tuple(layer.cache for layer in layers if layer.cache) or None,
            hidden_states=(states, *(layer.states for layer in layers)) if all_states else None,
            attentions=_weights(layer.weights for layer in layers) if output_attentions else None,
            cross_attentions=_weights(layer.cross_weights for layer in layers) if output_attentions and cross else None,
        )
        return answer(output, return_dict, self.config)

    def _self_mask(self, mask: Tensor | None, types: Tensor | None, states: Tensor, past: int) -> Tensor | None:
        """Make the additive mask of the self-attention: padding, and in a decoder the future.

        A prefix language model has none of its prompt: see :func:`prefix_mask`.
        """
        batch, new = states.shape[:2]
        total = past + new
        if mask is not None and (mask.shape[0] != batch or mask.shape[-1] != total or mask.dim() not in (2, 3)):
            raise ValueError(
                f"attention_mask must be [{batch}, {total}] or [{batch}, {new}, {total}], found {list(mask.shape)}"
            )
        if self.linear:
            return _padding_only(mask, states.dtype)
        if self.config.is_decoder and (mask is None or mask.dim() == 2):
            if self.config.prefix_lm:
                absent = torch.zeros(states.shape[:2], dtype=torch.long, device=states.device)
                causal = prefix_mask(absent if types is None else types, past).to(states.dtype)
            else:
                causal = torch.ones(1, new, total, dtype=states.dtype, device=states.device).tril(past)
            mask = causal if mask is None else causal * mask[:, None]
        return None if mask is None else additive_mask(mask, states.dtype)

    def _encoder_mask(self, mask: Tensor | None, dtype: torch.dtype) -> Tensor | None:
        if self.linear or mask is None:
            return _padding_only(mask, dtype)
        return additive_mask(mask, dtype)

    def _head_masks(self, head_mask: Tensor | None, dtype: torch.dtype) -> Sequence[Tensor | None]:
        """Make one factor ``[1, A, 1, 1]`` a layer."""
        layers = self.config.num_hidden_layers
        if head_mask is None:
            return [None] * layers
        return list(head_mask.to(dtype).expand(layers, -1)[:, None, :, None, None])

    def _checked_source(self, encoder_states: Tensor | None) -> Tensor | None:
        if encoder_states is not None and not self.config.add_cross_attention:
            raise ValueError("encoder_hidden_states need a config with is_decoder and add_cross_attention")
        return encoder_states

    def _caches(self, use_cache: bool | None) -> bool:
        wanted = self.config.use_cache if use_cache is None else use_cache
        recomputed = self.encoder.gradient_checkpointing and self.training
        return wanted and self.config.is_decoder and not (recomputed or self.linear)


def prefix_mask(types: Tensor, past: int) -> Tensor:
    """Make the mask of a prefix language model (UniLM): bool ``[B, S, past + S]``, true where to look.

    Every token of a type other than 0 begins something new, which is seen from there on. So tokens of type 0 at the
    start, the prompt, see each other in both directions, and those of type 1 see the prompt and what was before them.

    Args:
        types: int ``[B, S]``, of the new tokens.
        past: The number of tokens before them, which all of them see.
    """
    begun = types.cumsum(dim=1)
    seen = begun[:, None, :] <= begun[:, :, None]
    return torch.cat((torch.ones_like(seen[:, :, :1]).expand(-1, -1, past), seen), dim=2)


def _padding_only(mask: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    """Check a mask for linear attention, which has no scores to mask: it takes ``[B, T]`` factors of the keys."""
    if mask is not None and mask.dim() != 2:
        raise ValueError("linear attention takes an attention mask of [batch, tokens] only")
    return None if mask is None else mask.to(dtype)


def _weights(found: Iterable[Tensor | None]) -> tuple[Tensor, ...]:
    return tuple(weights for weights in found if weights is not None)
