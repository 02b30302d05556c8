"""Whether the probabilities that a side gives are right as often as they say: reliability and its expected error.

Guo, Pleiss, Sun and Weinberger (2017): answers are put into bins of equal width by the probability that they were given
with; the expected calibration error (ECE) is the mean distance between a bin's share of right answers and its mean
probability, weighted by the number of answers in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 15


@dataclass(frozen=True, kw_only=True)
class ReliabilityBin:
    """Answers whose probability lies above ``low`` (0 included) and not above ``high``.

    Attributes:
        low, high: The ends.
        count: Number of answers, at least 1.
        confidence: Their mean probability.
        accuracy: Share of them that is right.
    """

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True, kw_only=True)
class Reliability:
    """How far the probabilities of one side can be relied on.

    Attributes:
        ece: The expected calibration error, in [0, 1]; 0 is best.
        confidence: Mean probability of all answers.
        accuracy: Share of right answers.
        answers: How many there are.
        bins: The bins that hold any, ascending.
    """

    ece: float
    confidence: float
    accuracy: float
    answers: int
    bins: tuple[ReliabilityBin, ...]


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """The reliability of both sides."""

    reference: Reliability
    candidate: Reliability


def reliability(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> Reliability:
    """Put answers into bins.

    Args:
        confidence: The probability that each answer was given with, ``[answers]`` in [0, 1].
        right: Whether it is right, ``[answers]``.
    """
    place = np.clip(np.ceil(confidence * BINS).astype(np.intp) - 1, 0, BINS - 1)
    bins = tuple(
        ReliabilityBin(
            low=number / BINS,
            high=(number + 1) / BINS,
            count=int(inside.sum()),
            confidence=float(confidence[inside].mean()),
            accuracy=float(right[inside].mean()),
        )
        for number in range(BINS)
        if (inside := place == number).any()
    )
    total = len(confidence)
    return Reliability(
        ece=float(sum(row.count * abs(row.accuracy - row.confidence) for row in bins) / total),
        confidence=float(confidence.mean()),
        accuracy=float(right.mean()),
        answers=total,
        bins=bins,
    )
