"""The losses of the heads, as the original defines them. Labels of -100 do not count, except in spans."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def sequence_loss(logits: Tensor, labels: Tensor, problem_type: str | None) -> Tensor:
    """Of whole-text labels.

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
    return F.cross_entropy(logits, labels.view(-1).long())


def token_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy of ``[B, S, classes]`` logits against ``[B, S]`` labels."""
    return F.cross_entropy(logits.flatten(0, 1), labels.flatten().long())


def choice_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy of ``[B, choices]`` logits against ``[B]`` labels."""
    return F.cross_entropy(logits, labels.long())


def next_token_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy of each position's ``[B, S, V]`` logits against the label of the position after it."""
    return token_loss(logits[:, :-1].float(), labels[:, 1:])


def span_loss(start_logits: Tensor, end_logits: Tensor, starts: Tensor, ends: Tensor) -> Tensor:
    """Mean of the cross-entropies of both ends; positions outside the ``S`` tokens do not count."""
    length = start_logits.shape[1]

    def one(logits: Tensor, positions: Tensor) -> Tensor:
        return F.cross_entropy(logits, positions.view(-1).clamp(0, length), ignore_index=length)

    return (one(start_logits, starts) + one(end_logits, ends)) / 2
