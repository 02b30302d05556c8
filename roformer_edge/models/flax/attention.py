"""Attention of RoFormer in Flax: rotation, masks, scaled dot products, and the norm and residual that close them.

The counterpart of :mod:`roformer_edge.models.torch.attention`, in the same order and to the same numbers; letters for
sizes are those of :mod:`roformer_edge.models.flax.encoder`, which stacks these parts.
"""

from __future__ import annotations

import math
from typing import NamedTuple, TypeAlias

import flax.linen as nn
import jax
import jax.numpy as jnp

from roformer_edge.config import RoFormerConfig

Array: TypeAlias = jax.Array


class RMSNorm(nn.Module):
    """Division by the root mean square, without weight and bias: the norm of RoFormerV2."""

    eps: float

    def __call__(self, states: Array) -> Array:
        return states * jax.lax.rsqrt(jnp.square(states).mean(-1, keepdims=True) + self.eps)


def norm(config: RoFormerConfig, name: str | None = None) -> nn.Module:
    """Make a norm of the encoder; ``name`` is given in compact methods only."""
    if config.is_v2:
        return RMSNorm(config.layer_norm_eps, name=name)
    return nn.LayerNorm(epsilon=config.layer_norm_eps, use_fast_variance=False, name=name)


def dense(config: RoFormerConfig, width: int, name: str | None = None, bias: bool = True) -> nn.Dense:
    """Make a linear layer of a head."""
    start = nn.initializers.normal(config.initializer_range)
    return nn.Dense(width, use_bias=bias, kernel_init=start, name=name)


def linear(config: RoFormerConfig, width: int, name: str | None = None) -> nn.Dense:
    """Make a linear layer of the encoder: with bias where the config has them."""
    return dense(config, width, name, bias=config.use_bias)


def rotate(states: Array, angles: tuple[Array, Array]) -> Array:
    """Rotate the pairs (0, 1), (2, 3) ... of ``[B, A, S, D]`` by angles given as sines and cosines ``[S, D / 2]``."""
    sines, cosines = angles
    even, odd = states[..., 0::2], states[..., 1::2]
    return jnp.stack((even * cosines - odd * sines, odd * cosines + even * sines), axis=-1).reshape(states.shape)


def additive_mask(mask: Array) -> Array:
    """Make of ``[B, S]`` or ``[B, S, S]`` with ones to attend to what is added to scores, ``[B, 1, 1 or S, S]``."""
    mask = mask[:, None, None, :] if mask.ndim == 2 else mask[:, None]
    return (1.0 - mask.astype(jnp.float32)) * jnp.finfo(jnp.float32).min


class LayerInputs(NamedTuple):
    """What every layer reads besides the states of the layer before."""

    rotation: tuple[Array, Array]
    mask: Array | None
    deterministic: bool  # without dropout


class FlaxRoFormerSelfAttention(nn.Module):
    """Scaled dot-product attention over rotated queries and keys."""

    config: RoFormerConfig
    heads: int

    @nn.compact
    def __call__(self, states: Array, head_mask: Array | None, shared: LayerInputs) -> tuple[Array, Array]:
        """Attend as in torch: the context ``[B, S, H]`` and the weights ``[B, A, S, S]``."""
        config = self.config
        batch, length, _ = states.shape
        width = self.heads * config.head_size

        def project(name: str, rotated: bool) -> Array:
            flat = linear(config, width, name)(states)
            heads = flat.reshape(batch, length, self.heads, config.head_size).transpose(0, 2, 1, 3)
            return rotate(heads, shared.rotation) if rotated else heads

        query, key, value = project("query", True), project("key", True), project("value", config.rotary_value)
        scores = query @ key.swapaxes(-1, -2) / math.sqrt(config.head_size)
        weights = jax.nn.softmax(scores if shared.mask is None else scores + shared.mask, axis=-1)
        weights = nn.Dropout(config.attention_probs_dropout_prob)(weights, deterministic=shared.deterministic)
        weights = weights if head_mask is None else weights * head_mask
        return (weights @ value).transpose(0, 2, 1, 3).reshape(batch, length, width), weights


class FlaxRoFormerResidual(nn.Module):
    """A linear layer, dropout, the residual and the norm that close attention and feed-forward."""

    config: RoFormerConfig

    @nn.compact
    def __call__(self, states: Array, residual: Array, deterministic: bool) -> Array:
        states = linear(self.config, self.config.hidden_size, "dense")(states)
        states = nn.Dropout(self.config.hidden_dropout_prob)(states, deterministic=deterministic)
        return norm(self.config, "LayerNorm")(states + residual)


class FlaxRoFormerAttention(nn.Module):
    """Attention with its output product, residual and norm."""

    config: RoFormerConfig
    heads: int

    @nn.compact
    def __call__(self, states: Array, head_mask: Array | None, shared: LayerInputs) -> tuple[Array, Array]:
        context, weights = FlaxRoFormerSelfAttention(self.config, self.heads, name="self")(states, head_mask, shared)
        return FlaxRoFormerResidual(self.config, name="output")(context, states, shared.deterministic), weights
