"""The losses of the heads, as the original defines them. Labels of -100 do not count, except in spans."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

IGNORED = -100


def cross_entropy(logits: Tensor, labels: Tensor, ignored: int = IGNORED) -> Tensor:
    """Average over the labels that count; logits ``[..., classes]``, labels ``[...]``."""
    return F.cross_entropy(logits.flatten(0, -2), labels.flatten().long(), ignore_index=ignored)


def sequence_loss(logits: Tensor, labels: Tensor, problem_type: str | None) -> Tensor:
    """Compute the loss of labels of whole texts.

    Args:
        logits: ``[B, labels]``.
        labels: ``[B]`` integers for one label a text, ``[B, labels]`` floats for several, ``[B]`` or ``[B, labels]``
            floats for regression.
        problem_type: One of ``config.PROBLEM_TYPES``; ``None`` derives it: one logit means regression, integer
            labels mean a single label, anything else several.
    """
    count = logits.shape[-1]
    if problem_type is None:
        single = labels.dtype in (torch.int64, torch.int32)
        problem_type = "single_label_classification" if single else "multi_label_classification"
        problem_type = "regression" if count == 1 else problem_type
    if problem_type == "regression":
        return F.mse_loss(logits.squeeze(), labels.squeeze()) if count == 1 else F.mse_loss(logits, labels)
    if problem_type == "multi_label_classification":
        return F.binary_cross_entropy_with_logits(logits, labels)
    return cross_entropy(logits, labels)


def next_token_loss(logits: Tensor, labels: Tensor, count: Tensor | int | None = None) -> Tensor:
    """Compare each position's ``[B, S, V]`` logits with the label of the position after it.

    Args:
        logits: ``[B, S, V]``.
        labels: ``[B, S]``.
        count: Divide the sum by it; ``None``: by the number of labels that count.
    """
    before, after = logits[:, :-1].float(), labels[:, 1:]
    if count is None:
        return cross_entropy(before, after)
    total = F.cross_entropy(before.flatten(0, -2), after.flatten().long(), ignore_index=IGNORED, reduction="sum")
    return total / count


def span_loss(start_logits: Tensor, end_logits: Tensor, starts: Tensor, ends: Tensor) -> Tensor:
    """Average the cross-entropies of both ends; positions outside the ``S`` tokens do not count."""
    length = start_logits.shape[1]

    def one(logits: Tensor, positions: Tensor) -> Tensor:
        return cross_entropy(logits, positions.flatten().clamp(0, length), length)

    return (one(start_logits, starts) + one(end_logits, ends)) / 2
