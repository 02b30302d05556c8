"""Linear attention with rotary embedding: section 3.3 of arXiv 2104.09864.

With a non-negative feature map f, here ``elu(x) + 1``, the output at position m is

    sum_n (R_m f(q_m)) . (R_n f(k_n)) v_n  /  sum_n f(q_m) . f(k_n)

The rotation R stands in the numerator only, so the denominator stays positive. The sums over n are taken once for
all m: time and memory grow with the length instead of with its square. It is another function than softmax
attention: weights trained with one do not serve the other.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

CHUNK = 64


def linear_attention(
    query: Tensor, key: Tensor, value: Tensor, rotated: Callable[[Tensor], Tensor], keep: Tensor | None, causal: bool
) -> Tensor:
    """Attend in linear time.

    Args:
        query: ``[B, A, S, D]``, not rotated.
        key: ``[B, A, T, D]``, not rotated.
        value: ``[B, A, T, D]``.
        rotated: Rotates by position; the identity in cross-attention.
        keep: ``[B, T]`` with 0 for padding; absent: all ones.
        causal: Position m sees the positions up to m only; needs S = T.

    Returns:
        ``[B, A, S, D]``; zeros in a row that has nothing to attend to.
    """
    query, key = F.elu(query) + 1, F.elu(key) + 1
    if keep is not None:
        key = key * keep[:, None, :, None]
    rotated_query, rotated_key = rotated(query), rotated(key)
    if causal:
        sums, weights = (
            _causal_sums(rotated_query, rotated_key, value),
            _causal_sums(query, key, torch.ones_like(value[..., :1])),
        )
    else:
        sums = rotated_query @ (rotated_key.transpose(-1, -2) @ value)
        weights = query @ key.sum(dim=2, keepdim=True).transpose(-1, -2)
    return sums / torch.where(weights > 0, weights, 1.0)


def _causal_sums(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Compute ``sum_{n <= m} (q_m . k_n) v_n`` for every m: quadratic in a chunk, one running sum between chunks."""
    batch, heads, _, width = key.shape
    memory = key.new_zeros(batch, heads, width, value.shape[-1])
    parts = []
    for q, k, v in zip(*(torch.split(x, CHUNK, dim=2) for x in (query, key, value)), strict=True):
        parts.append(q @ memory + (q @ k.transpose(-1, -2)).tril() @ v)
        memory = memory + k.transpose(-1, -2) @ v
    return torch.cat(parts, dim=2)
