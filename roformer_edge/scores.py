"""Turn logits into scores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute the softmax over the last axis: probabilities that sum to 1."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def log_softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute the logarithm of the softmax over the last axis."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute the logistic sigmoid: a probability for each value on its own."""
    # tanh does not overflow, whatever the sign
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * logits)))


def identity(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the logits as they are, for a regression."""
    return logits


def largest(values: NDArray[np.floating], count: int) -> NDArray[np.intp]:
    """Find the largest values, as top-k does.

    Args:
        values: One-dimensional.
        count: The number of values that are asked for.

    Returns:
        Their indices, those of larger values first; of equal ones the first comes first.
    """
    if count < len(values):
        # whatever equals the smallest of the largest is looked at, so that the order does not depend on the partition
        candidates = np.flatnonzero(values >= np.partition(values, -count)[-count])
    else:
        candidates = np.arange(len(values))
    return np.asarray(candidates[np.argsort(-values[candidates], kind="stable")][:count])
