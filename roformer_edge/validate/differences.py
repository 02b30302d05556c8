"""Where two arrays of outputs differ: how far, how often, and a sample to draw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Outputs = NDArray[np.float32]
Floats = NDArray[np.float64]

BINS = 61  # odd, so that one bin is centred on no difference at all
SAMPLE = 800
EXTREMES = 40


@dataclass(frozen=True, kw_only=True)
class DifferenceHistogram:
    """Counts of differences in bins between ``edges``, which are one more than ``counts`` and symmetric about 0."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Distance:
    """How far two arrays of outputs lie apart.

    Attributes:
        mean: Mean absolute difference over all outputs.
        worst: Largest absolute difference.
        spread: Standard deviation of the reference's outputs, the scale to judge both by.
        mean_cosine, worst_cosine: Mean and smallest cosine of the output vectors of one example.
    """

    mean: float
    worst: float
    spread: float
    mean_cosine: float
    worst_cosine: float


def distance(reference: Outputs, candidate: Outputs) -> Distance:
    """Compare two float32 arrays ``[examples, outputs]``, in float64."""
    a, b = reference.astype(np.float64), candidate.astype(np.float64)
    gap, cosines = np.abs(b - a), row_cosines(a, b)
    return Distance(
        mean=float(gap.mean()),
        worst=float(gap.max()),
        spread=float(a.std()),
        mean_cosine=float(cosines.mean()),
        worst_cosine=float(cosines.min()),
    )


def row_cosines(a: Floats, b: Floats) -> Floats:
    """Compute the cosine of each pair of rows of ``[rows, width]``; 1 where both rows are zero, 0 where one is."""
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    cosines = (a * b).sum(axis=1) / np.where(lengths > 0, lengths, 1)
    both_zero = ~a.any(axis=1) & ~b.any(axis=1)
    return np.clip(np.where(both_zero, 1.0, cosines), -1.0, 1.0)


def difference_histogram(reference: Outputs, candidate: Outputs) -> DifferenceHistogram:
    """Count the candidate's minus the reference's outputs, in bins that are symmetric about 0."""
    difference = candidate.astype(np.float64) - reference
    limit = float(np.abs(difference).max()) or 1.0
    counts, edges = np.histogram(difference, bins=BINS, range=(-limit, limit))
    return DifferenceHistogram(edges=_short(edges), counts=tuple(counts.tolist()))


def output_sample(reference: Outputs, candidate: Outputs, seed: int) -> tuple[tuple[float, float], ...]:
    """Sample at most ``SAMPLE`` pairs (reference, candidate): the largest differences, and some of the rest."""
    flat, other = reference.ravel(), candidate.ravel()
    order = np.argsort(-np.abs(other.astype(np.float64) - flat), kind="stable")
    rest = order[EXTREMES:]
    if len(rest) > SAMPLE - EXTREMES:
        rest = np.random.default_rng(seed).choice(rest, size=SAMPLE - EXTREMES, replace=False)
    chosen = np.sort(np.concatenate([order[:EXTREMES], rest]))
    return tuple(zip(_short(flat[chosen]), _short(other[chosen]), strict=True))


def _short(values: NDArray[np.floating]) -> tuple[float, ...]:
    """Round to six significant digits: these numbers are drawn, not computed with."""
    return tuple(float(f"{value:.6g}") for value in values)
