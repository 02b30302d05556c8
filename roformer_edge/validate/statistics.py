"""How sure a figure is: Wilson's interval, McNemar's test, and the one paired bootstrap of all metrics; numpy only.

Every example has a row of statistics for either side, a few numbers from which all metrics of its task follow. Examples
with equal rows on both sides are counted together; resampling examples with replacement is the same as drawing the
counts of the distinct rows from one multinomial distribution, so the bootstrap needs no loop over examples.

Intervals: Wilson for one share of examples (it stays sensible at 0 and 1, where the bootstrap collapses), percentile
bootstrap (Efron and Tibshirani, 1993) for everything else and for differences; McNemar's test in its mid-p form
(Fagerland, Lydersen and Laake, 2013).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roformer_edge.validate.metrics import Metric

StatisticRows = NDArray[Any]
Indices = NDArray[np.int64]
Floats = NDArray[np.float64]
Ends = tuple[float, float]

_CHUNK_CELLS = 1_000_000  # of [resamples, distinct rows] working arrays held at once
_FEW_ROWS = 2000


@dataclass(frozen=True, kw_only=True)
class CountedRows:
    """Distinct pairs of rows of both sides with their counts, sorted.

    Attributes:
        reference, candidate: Statistics ``[distinct, columns]``.
        count: int64 ``[distinct]``, at least 1 each.
    """

    reference: StatisticRows
    candidate: StatisticRows
    count: Indices

    @property
    def examples(self) -> int:
        """Number of examples counted."""
        return int(self.count.sum())


def count_rows(reference: StatisticRows, candidate: StatisticRows) -> CountedRows:
    """Count the distinct pairs of rows of two arrays ``[examples, columns]``."""
    both, count = np.unique(np.concatenate([reference, candidate], axis=1), axis=0, return_counts=True)
    columns = reference.shape[1]
    return CountedRows(reference=both[:, :columns], candidate=both[:, columns:], count=count.astype(np.int64))


@dataclass(frozen=True, kw_only=True)
class PairedCounts:
    """How many examples either side answered rightly, for metrics that count right answers.

    Attributes:
        both, only_reference, only_candidate, neither: Numbers of examples.
        p_value: Two-sided mid-p of McNemar's test on the changed verdicts; 1 where none changed.
    """

    both: int
    only_reference: int
    only_candidate: int
    neither: int
    p_value: float


def count_pairs(counted: CountedRows, metric: Metric) -> PairedCounts:
    """Count the examples by who was right; ``metric`` is one of right answers."""
    reference, candidate = (metric.part(rows) > 0 for rows in (counted.reference, counted.candidate))

    def number(chosen: NDArray[np.bool_]) -> int:
        return int(counted.count[chosen].sum())

    lost, won = number(reference & ~candidate), number(candidate & ~reference)
    return PairedCounts(
        both=number(reference & candidate),
        only_reference=lost,
        only_candidate=won,
        neither=number(~reference & ~candidate),
        p_value=mcnemar_mid_p(lost, won),
    )


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """One metric of both sides, in its own unit; ``drop`` in points where that is percent. Positive is a loss."""

    reference: float
    candidate: float
    drop: float


def estimate(counted: CountedRows, metric: Metric) -> Estimate:
    """Compute the metric of both sides and its drop, each rounded once where it is a ratio of counts."""
    ours, theirs, drop = metric.both(counted.reference, counted.candidate, counted.count[np.newaxis])
    return Estimate(reference=float(ours[0]), candidate=float(theirs[0]), drop=float(drop[0]))


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Intervals ``(low, high)`` of one metric of both sides and of its drop, in the units of :class:`Estimate`."""

    reference: Ends
    candidate: Ends
    drop: Ends


def paired_bootstrap(
    counted: CountedRows, metrics: Sequence[Metric], *, resamples: int, confidence: float, seed: int
) -> list[Spread]:
    """Resample the examples with replacement, both sides' rows together, and take percentiles of every metric.

    Args:
        counted: What was observed.
        metrics: What is computed of each resample.
        resamples: How many data sets of the same size to draw.
        confidence: Mass of the intervals, in (0, 1).
        seed: The seed of the random generator; the same seed gives the same intervals.
    """
    random = np.random.default_rng(seed)
    step = max(1, _CHUNK_CELLS // max(counted.reference.shape[1], len(counted.count)))
    drawn: list[list[tuple[Floats, Floats, Floats]]] = [[] for _ in metrics]
    for start in range(0, resamples, step):
        weights = _resample(random, counted.count, min(step, resamples - start))
        for metric, parts in zip(metrics, drawn, strict=True):
            parts.append(metric.both(counted.reference, counted.candidate, weights))
    spreads = []
    for parts in drawn:
        ours, theirs, drops = (np.concatenate(column) for column in zip(*parts, strict=True))
        spreads.append(
            Spread(
                reference=_percentile_interval(ours, confidence),
                candidate=_percentile_interval(theirs, confidence),
                drop=_percentile_interval(drops, confidence),
            )
        )
    return spreads


def _resample(random: np.random.Generator, count: Indices, resamples: int) -> Indices:
    """Draw how often each distinct row occurs in ``resamples`` data sets of the same size, int64 ``[resamples, rows]``.

    A few rows are drawn by their counts, in one step each; where most examples have a row of their own, it is quicker
    to draw the examples.
    """
    total, rows = int(count.sum()), len(count)
    if rows <= max(_FEW_ROWS, total // 2):
        return random.multinomial(total, count / total, size=resamples)
    chosen = np.repeat(np.arange(rows), count)[random.integers(0, total, size=(resamples, total))]
    chosen += rows * np.arange(resamples)[:, np.newaxis]
    return np.bincount(chosen.ravel(), minlength=resamples * rows).reshape(resamples, rows)


def _percentile_interval(values: Floats, confidence: float) -> Ends:
    tail = 50 * (1 - confidence)
    low, high = np.percentile(values, [tail, 100 - tail])
    return float(low), float(high)


def wilson_interval(right: int, total: int, confidence: float) -> Ends:
    """Compute Wilson's score interval of a proportion ``right / total``, in [0, 1]."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, weight = right / total, z * z / total
    centre = (share + weight / 2) / (1 + weight)
    half = z / (1 + weight) * math.sqrt(share * (1 - share) / total + weight / (4 * total))
    low, high = max(0.0, centre - half), min(1.0, centre + half)
    return (low if right else 0.0), (high if right < total else 1.0)


def mcnemar_mid_p(lost: int, won: int) -> float:
    """Compute the two-sided mid-p of McNemar's test: how surprising so uneven a split of the changed verdicts would be.

    Args:
        lost: Examples that only the reference answers rightly.
        won: Examples that only the candidate answers rightly.
    """
    total, fewer = lost + won, min(lost, won)
    log_terms = [
        math.lgamma(total + 1) - math.lgamma(k + 1) - math.lgamma(total - k + 1) - total * math.log(2)
        for k in range(fewer + 1)
    ]
    terms = [math.exp(term) for term in log_terms]
    return min(1.0, 2 * math.fsum(terms) - terms[-1])
