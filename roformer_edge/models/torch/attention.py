"""Attention of RoFormer in PyTorch: rotation, masks, scaled dot products, and the norm and residual that close them.

Letters for sizes are those of :mod:`roformer_edge.models.torch.encoder`, which stacks these parts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from roformer_edge.config import RoFormerConfig
from roformer_edge.models.torch.linear_attention import linear_attention

LayerCache: TypeAlias = tuple[Tensor, ...]  # keys and values [B, A, T, D], then those of the cross-attention
Cache: TypeAlias = Sequence[LayerCache]


class RMSNorm(nn.Module):
    """Division by the root mean square, without weight and bias: the norm of RoFormerV2."""

    def __init__(self, eps: float) -> None:
        super().__init__()
        self.eps = eps

    def forward(self, states: Tensor) -> Tensor:
        return states * torch.rsqrt(states.square().mean(-1, keepdim=True) + self.eps)


def norm(config: RoFormerConfig, width: int) -> nn.Module:
    """Make a norm of the encoder: without weight and bias in RoFormerV2."""
    return RMSNorm(config.layer_norm_eps) if config.is_v2 else nn.LayerNorm(width, eps=config.layer_norm_eps)


def linear(config: RoFormerConfig, inputs: int, outputs: int) -> nn.Linear:
    """Make a linear layer of the encoder: with bias where the config has them."""
    return nn.Linear(inputs, outputs, bias=config.use_bias)


def rotate(states: Tensor, angles: tuple[Tensor, Tensor]) -> Tensor:
    """Rotate the pairs (0, 1), (2, 3) ... of ``[B, A, S, D]`` by angles given as sines and cosines ``[S, D / 2]``."""
    sines, cosines = angles
    even, odd = states[..., 0::2], states[..., 1::2]
    return torch.stack((even * cosines - odd * sines, odd * cosines + even * sines), dim=-1).flatten(-2)


def _unrotated(states: Tensor) -> Tensor:
    return states


def additive_mask(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """Make of ``[B, T]`` or ``[B, S, T]`` with ones to attend to what is added to scores, ``[B, 1, 1 or S, T]``.

    Elsewhere it is the lowest finite number, not minus infinity: a row in which everything is masked then attends to
    everything equally and stays finite, as in the original.
    """
    mask = mask[:, None, None, :] if mask.dim() == 2 else mask[:, None]
    return (1.0 - mask.to(dtype)) * torch.finfo(dtype).min


class LayerInputs(NamedTuple):
    """What every layer reads besides the states of the layer before."""

    rotation: tuple[Tensor, Tensor]
    mask: Tensor | None
    encoder_states: Tensor | None
    encoder_mask: Tensor | None
    want_weights: bool
    want_cache: bool
    linear: bool


class RoFormerSelfAttention(nn.Module):
    """Scaled dot-product attention over rotated queries and keys; in cross-attention nothing is rotated."""

    def __init__(self, config: RoFormerConfig, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.is_decoder = config.is_decoder
        self.rotary_value = config.rotary_value
        self.query = linear(config, config.hidden_size, heads * config.head_size)
        self.key = linear(config, config.hidden_size, heads * config.head_size)
        self.value = linear(config, config.hidden_size, heads * config.head_size)
        self.dropout = nn.Dropout(config.attention_probs_dropout_prob)

    def forward(
        self, states: Tensor, head_mask: Tensor | None, past: LayerCache | None, shared: LayerInputs, cross: bool
    ) -> tuple[Tensor, Tensor | None, LayerCache]:
        """Attend from ``states`` to themselves or, with ``cross``, to the encoder's states.

        Returns:
            The context ``[B, S, H]``, the weights ``[B, A, S, T]`` where they are wanted, keys and values.
        """
        query, mask = self._split(self.query(states)), shared.encoder_mask if cross else shared.mask
        if cross and past is not None:  # the encoder's states do not change from token to token
            key, value = past
        else:
            source = shared.encoder_states if cross else states
            key, value = self._split(self.key(source)), self._split(self.value(source))
        rotated = _unrotated if cross else partial(rotate, angles=shared.rotation)
        value = rotated(value) if self.rotary_value else value
        if shared.linear:
            context = linear_attention(query, key, value, rotated, mask, self.is_decoder and not cross)
            context = context if head_mask is None else context * head_mask
            return context.transpose(1, 2).flatten(2), None, (key, value)
        query = rotated(query)
        if not cross:
            key = rotated(key)
            if past is not None:
                key, value = torch.cat((past[0], key), dim=2), torch.cat((past[1], value), dim=2)
        context, weights = self._attend(query, key, value, mask, head_mask, shared.want_weights)
        return context.transpose(1, 2).flatten(2), weights, (key, value)

    def _attend(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        mask: Tensor | None,
        head_mask: Tensor | None,
        want_weights: bool,
    ) -> tuple[Tensor, Tensor | None]:
        # the fused kernel's backward pass is wrong in rows that are masked whole, so masks keep it out of training;
        # and out of traces, which are taken with gradients and checked without
        tracing = torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
        exact = mask is None or not (torch.is_grad_enabled() or tracing)
        if head_mask is None and not want_weights and exact:
            rate = self.dropout.p if self.training else 0.0
            return F.scaled_dot_product_attention(query, key, value, mask, dropout_p=rate), None
        scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
        weights = self.dropout(F.softmax(scores if mask is None else scores + mask, dim=-1))
        weights = weights if head_mask is None else weights * head_mask
        return weights @ value, weights

    def _split(self, states: Tensor) -> Tensor:
        """Split ``[B, S, H]`` into heads, ``[B, A, S, D]``."""
        batch, length, width = states.shape
        return states.view(batch, length, self.heads, width // self.heads).transpose(1, 2)


class RoFormerResidual(nn.Module):
    """A linear layer, dropout, the residual and the norm that close attention and feed-forward."""

    def __init__(self, config: RoFormerConfig, inputs: int) -> None:
        super().__init__()
        self.dense = linear(config, inputs, config.hidden_size)
        self.LayerNorm = norm(config, config.hidden_size)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, states: Tensor, residual: Tensor) -> Tensor:
        closed: Tensor = self.LayerNorm(self.dropout(self.dense(states)) + residual)
        return closed


class RoFormerAttention(nn.Module):
    """Attention with its output product, residual and norm."""

    def __init__(self, config: RoFormerConfig, heads: int) -> None:
        super().__init__()
        self.self = RoFormerSelfAttention(config, heads)
        self.output = RoFormerResidual(config, heads * config.head_size)

    def forward(
        self, states: Tensor, head_mask: Tensor | None, past: LayerCache | None, shared: LayerInputs, cross: bool
    ) -> tuple[Tensor, Tensor | None, LayerCache]:
        context, weights, pair = self.self(states, head_mask, past, shared, cross)
        return self.output(context, states), weights, pair
