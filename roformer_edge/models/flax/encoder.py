"""The encoder of RoFormer in Flax: embeddings, rotation, attention, feed-forward, layer, encoder, from top to bottom.

The counterpart of :mod:`roformer_edge.models.torch.encoder`, in the same order and to the same numbers; parameter
trees are those of Hugging Face. B texts, S tokens, E embedding width, H hidden units, A heads of D numbers each.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple, TypeAlias

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from roformer_edge.checkpoint.rotary import rotary_table
from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import TextTooLongError

Array: TypeAlias = jax.Array

ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "gelu": partial(jax.nn.gelu, approximate=False),
    "gelu_new": partial(jax.nn.gelu, approximate=True),
    "gelu_pytorch_tanh": partial(jax.nn.gelu, approximate=True),
    "relu": jax.nn.relu,
    "silu": jax.nn.silu,
    "swish": jax.nn.silu,
    "tanh": jnp.tanh,
}


class RMSNorm(nn.Module):
    """Division by the root mean square, without gain: the norm of RoFormerV2."""

    eps: float

    def __call__(self, states: Array) -> Array:
        return states * jax.lax.rsqrt(jnp.square(states).mean(-1, keepdims=True) + self.eps)


def norm(config: RoFormerConfig, name: str | None = None) -> nn.Module:
    """A norm of the encoder; ``name`` is given in compact methods only."""
    if config.is_v2:
        return RMSNorm(config.layer_norm_eps, name=name)
    return nn.LayerNorm(epsilon=config.layer_norm_eps, use_fast_variance=False, name=name)


def dense(config: RoFormerConfig, width: int, name: str | None = None, bias: bool = True) -> nn.Dense:
    """A linear layer of a head."""
    start = nn.initializers.normal(config.initializer_range)
    return nn.Dense(width, use_bias=bias, kernel_init=start, name=name)


def _linear(config: RoFormerConfig, width: int, name: str | None = None) -> nn.Dense:
    """A linear layer of the encoder: without bias in RoFormerV2."""
    return dense(config, width, name, bias=not config.is_v2)


class FlaxRoFormerEmbeddings(nn.Module):
    """Word plus token-type embedding, normalised: ``[B, S] -> [B, S, E]``. No position enters here."""

    config: RoFormerConfig

    def setup(self) -> None:
        start = nn.initializers.normal(self.config.initializer_range)
        width = self.config.width_of_embeddings
        self.word_embeddings = nn.Embed(self.config.vocab_size, width, embedding_init=start)
        self.token_type_embeddings = nn.Embed(self.config.type_vocab_size, width, embedding_init=start)
        self.LayerNorm = norm(self.config)
        self.dropout = nn.Dropout(self.config.hidden_dropout_prob)

    def __call__(
        self, input_ids: Array | None, token_type_ids: Array | None, inputs_embeds: Array | None, fixed: bool
    ) -> Array:
        words = self._words(input_ids) if inputs_embeds is None else inputs_embeds
        if token_type_ids is None:
            token_type_ids = jnp.zeros(words.shape[:2], dtype=jnp.int32)
        return self.dropout(self.LayerNorm(words + self.token_type_embeddings(token_type_ids)), deterministic=fixed)

    def _words(self, input_ids: Array | None) -> Array:
        """The looked-up rows; as in torch, padding does not train its row."""
        words: Array = self.word_embeddings(input_ids)
        if self.config.pad_token_id is None:
            return words
        return jnp.where(jnp.equal(input_ids, self.config.pad_token_id)[..., None], jax.lax.stop_gradient(words), words)


def rotate(states: Array, angles: tuple[Array, Array]) -> Array:
    """Turn the pairs (0, 1), (2, 3) ... of ``[B, A, S, D]`` by angles given as sines and cosines ``[S, D / 2]``."""
    sines, cosines = angles
    even, odd = states[..., 0::2], states[..., 1::2]
    return jnp.stack((even * cosines - odd * sines, odd * cosines + even * sines), axis=-1).reshape(states.shape)


def additive_mask(mask: Array) -> Array:
    """``[B, S]`` or ``[B, S, S]`` with ones to attend to -> the lowest finite number elsewhere, ``[B, 1, ., S]``."""
    mask = mask[:, None, None, :] if mask.ndim == 2 else mask[:, None]
    return (1.0 - mask.astype(jnp.float32)) * jnp.finfo(jnp.float32).min


class Surroundings(NamedTuple):
    """What every layer sees besides the states of the layer before."""

    rotation: tuple[Array, Array]
    mask: Array | None
    fixed: bool  # no dropout


class FlaxRoFormerSelfAttention(nn.Module):
    """Scaled dot-product attention over rotated queries and keys."""

    config: RoFormerConfig

    @nn.compact
    def __call__(self, states: Array, head_mask: Array | None, around: Surroundings) -> tuple[Array, Array]:
        """The context ``[B, S, H]`` and the weights ``[B, A, S, S]``."""
        config = self.config
        batch, length, hidden = states.shape

        def project(name: str, turn: bool) -> Array:
            flat = _linear(config, hidden, name)(states)
            heads = flat.reshape(batch, length, config.num_attention_heads, config.head_size).transpose(0, 2, 1, 3)
            return rotate(heads, around.rotation) if turn else heads

        query, key, value = project("query", True), project("key", True), project("value", config.rotary_value)
        scores = query @ key.swapaxes(-1, -2) / math.sqrt(config.head_size)
        weights = jax.nn.softmax(scores if around.mask is None else scores + around.mask, axis=-1)
        weights = nn.Dropout(config.attention_probs_dropout_prob)(weights, deterministic=around.fixed)
        weights = weights if head_mask is None else weights * head_mask
        return (weights @ value).transpose(0, 2, 1, 3).reshape(batch, length, hidden), weights


class FlaxRoFormerResidual(nn.Module):
    """A linear layer, dropout, the residual and the norm that close attention and feed-forward."""

    config: RoFormerConfig

    @nn.compact
    def __call__(self, states: Array, residual: Array, fixed: bool) -> Array:
        states = _linear(self.config, self.config.hidden_size, "dense")(states)
        states = nn.Dropout(self.config.hidden_dropout_prob)(states, deterministic=fixed)
        return norm(self.config, "LayerNorm")(states + residual)


class FlaxRoFormerAttention(nn.Module):
    """Attention with its output product, residual and norm."""

    config: RoFormerConfig

    @nn.compact
    def __call__(self, states: Array, head_mask: Array | None, around: Surroundings) -> tuple[Array, Array]:
        context, weights = FlaxRoFormerSelfAttention(self.config, name="self")(states, head_mask, around)
        return FlaxRoFormerResidual(self.config, name="output")(context, states, around.fixed), weights


class FlaxRoFormerIntermediate(nn.Module):
    """The widening half of the feed-forward."""

    config: RoFormerConfig

    @nn.compact
    def __call__(self, states: Array) -> Array:
        widened = _linear(self.config, self.config.intermediate_size, "dense")(states)
        return ACTIVATIONS[self.config.hidden_act](widened)


class FlaxRoFormerLayer(nn.Module):
    """Self-attention and feed-forward."""

    config: RoFormerConfig

    @nn.compact
    def __call__(self, states: Array, head_mask: Array | None, around: Surroundings) -> tuple[Array, Array]:
        states, weights = FlaxRoFormerAttention(self.config, name="attention")(states, head_mask, around)
        widened = FlaxRoFormerIntermediate(self.config, name="intermediate")(states)
        return FlaxRoFormerResidual(self.config, name="output")(widened, states, around.fixed), weights


class FlaxRoFormerLayers(nn.Module):
    """The layers, numbered."""

    config: RoFormerConfig

    @nn.compact
    def __call__(self, states: Array, head_mask: Array | None, around: Surroundings) -> tuple[list[Array], list[Array]]:
        """All states ``[B, S, H]``, those before the first layer included, and all weights ``[B, A, S, S]``."""
        all_states, all_weights = [states], []
        for index in range(self.config.num_hidden_layers):
            factor = None if head_mask is None else head_mask[index]
            states, weights = FlaxRoFormerLayer(self.config, name=str(index))(states, factor, around)
            all_states.append(states)
            all_weights.append(weights)
        return all_states, all_weights


class FlaxRoFormerEncoder(nn.Module):
    """The stack of layers over one rotary table."""

    config: RoFormerConfig

    @nn.compact
    def __call__(
        self, states: Array, mask: Array | None, head_mask: Array | None, fixed: bool
    ) -> tuple[list[Array], list[Array]]:
        length, positions = states.shape[1], self.config.max_position_embeddings
        if length > positions:
            raise TextTooLongError(
                f"{length} tokens, but the model has {positions} positions; truncate the text, or load the model with "
                "a config of more max_position_embeddings"
            )
        sines, cosines = np.split(rotary_table(length, self.config.head_size), 2, axis=-1)
        around = Surroundings((jnp.asarray(sines), jnp.asarray(cosines)), mask, fixed)
        return FlaxRoFormerLayers(self.config, name="layer")(states, head_mask, around)


class FlaxRoFormerModule(nn.Module):
    """The bare encoder, as a module without parameters of its own."""

    config: RoFormerConfig

    def setup(self) -> None:
        self.embeddings = FlaxRoFormerEmbeddings(self.config)
        if self.config.has_projection:
            self.embeddings_project = _linear(self.config, self.config.hidden_size)
        self.encoder = FlaxRoFormerEncoder(self.config)

    def __call__(
        self,
        input_ids: Array | None,
        attention_mask: Array | None,
        token_type_ids: Array | None,
        head_mask: Array | None,
        inputs_embeds: Array | None,
        fixed: bool,
    ) -> tuple[list[Array], list[Array]]:
        states = self.embeddings(input_ids, token_type_ids, inputs_embeds, fixed)
        if self.config.has_projection:
            states = self.embeddings_project(states)
        if head_mask is not None:  # [A] or [layers, A] -> one factor [1, A, 1, 1] a layer
            shape = (self.config.num_hidden_layers, self.config.num_attention_heads)
            head_mask = jnp.broadcast_to(head_mask, shape)[:, None, :, None, None]
        mask = None if attention_mask is None else additive_mask(attention_mask)
        return self.encoder(states, mask, head_mask, fixed)

    def word_table(self) -> Array:
        """``[V, E]``."""
        table: Array = self.embeddings.word_embeddings.embedding
        return table
