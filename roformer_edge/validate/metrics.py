"""Metrics as functions of rows of statistics and of how often each row counts.

A metric never sees an example. It sees the distinct rows of statistics that a task made of the examples, and for every
resample a weight of each row, so that the same function gives the figure and its bootstrap. Most metrics are ratios of
weighted sums (:class:`Ratio`); the others say what they are themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

StatisticRows = NDArray[Any]
Weights = NDArray[np.int64]
Floats = NDArray[np.float64]
Unit = Literal["percent", "number"]

# one number of every row: [rows, columns] -> [rows]
Column = Callable[[StatisticRows], NDArray[Any]]


def ones(rows: StatisticRows) -> NDArray[np.int64]:
    """Return a one for every row: the whole of a share of examples."""
    return np.ones(len(rows), dtype=np.int64)


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One figure of merit.

    Attributes:
        name: What reports call it, such as ``"macro-F1"``.
        unit: ``"percent"`` for shares in [0, 1] (and correlations), shown in percent, their drops in points;
            ``"number"`` for anything else.
        higher_is_better: Whether a larger value is a better one.
        formula: The value of every resample: ``(rows [n, columns], weights [resamples, n]) -> [resamples]``.
        right_answers: Whether the metric is a share of examples that are each right or wrong; it then has Wilson's
            interval and McNemar's test.
    """

    name: str
    unit: Unit = "percent"
    higher_is_better: bool = True
    formula: Callable[[StatisticRows, Weights], Floats] | None = None
    right_answers: bool = False

    @property
    def scale(self) -> int:
        """What a value is multiplied with to be shown, and a difference of values to be points."""
        return 100 if self.unit == "percent" else 1

    def value(self, rows: StatisticRows, weights: Weights) -> Floats:
        """Compute the metric of every resample, float64 ``[resamples]``."""
        assert self.formula is not None
        return self.formula(rows, weights)

    def both(
        self, reference: StatisticRows, candidate: StatisticRows, weights: Weights
    ) -> tuple[Floats, Floats, Floats]:
        """Compute the metric of both sides in every resample, and what the candidate lost.

        Returns:
            The values, and the drop: scaled, and positive for a loss whatever the direction.
        """
        ours, theirs = self.value(reference, weights), self.value(candidate, weights)
        change = self.scale * (ours - theirs)
        return ours, theirs, change if self.higher_is_better else -change

    def part(self, rows: StatisticRows) -> NDArray[Any]:
        """Return 1 for every row that is right and 0 for the others; only of a metric of right answers."""
        raise NotImplementedError(self.name)


@dataclass(frozen=True, kw_only=True)
class Ratio(Metric):
    """A metric that is one weighted sum divided by another, 0 where the other is 0.

    Attributes:
        numerator: What is summed above the line.
        denominator: What is summed below it; the number of examples by default.
    """

    numerator: Column
    denominator: Column = ones

    def value(self, rows: StatisticRows, weights: Weights) -> Floats:
        """Compute the ratio of every resample, float64 ``[resamples]``."""
        part, whole = self._sums(rows, weights)
        return ratio(part, whole)

    def both(
        self, reference: StatisticRows, candidate: StatisticRows, weights: Weights
    ) -> tuple[Floats, Floats, Floats]:
        """Compute both sides and the change, rounded once where denominators are equal (3 of 1,000: 0.3 points)."""
        (ours, whole), (theirs, other) = (self._sums(rows, weights) for rows in (reference, candidate))
        first, second = ratio(ours, whole), ratio(theirs, other)
        change = ratio(self.scale * (ours - theirs), whole)
        if not np.array_equal(whole, other):
            change = self.scale * (first - second)
        return first, second, change if self.higher_is_better else -change

    def part(self, rows: StatisticRows) -> NDArray[Any]:
        """Return the numerator of every row."""
        return self.numerator(rows)

    def _sums(self, rows: StatisticRows, weights: Weights) -> tuple[NDArray[Any], NDArray[Any]]:
        return weights @ self.numerator(rows), weights @ self.denominator(rows)


def ratio(part: NDArray[Any], whole: NDArray[Any]) -> Floats:
    """Compute ``part / whole``, 0 where ``whole`` is 0."""
    return np.asarray(np.divide(part, whole, out=np.zeros(np.broadcast(part, whole).shape), where=whole != 0))


def sum_by_class(weights: Weights, index: Weights, classes: int) -> Weights:
    """Add up the columns of ``weights [resamples, rows]`` that share a class: ``[resamples, classes]``."""
    order = np.argsort(index, kind="stable")
    present, starts = np.unique(index[order], return_index=True)
    sums = np.zeros((len(weights), classes), dtype=np.int64)
    sums[:, present] = np.add.reduceat(weights[:, order], starts, axis=1)
    return sums


def mean_of_occurring(values: Floats, occurs: NDArray[np.bool_]) -> Floats:
    """Compute the mean over the last axis of the values that occur; 0 where none does."""
    return ratio(np.where(occurs, values, 0.0).sum(axis=-1), occurs.sum(axis=-1))


def pearson(x: Floats, y: Floats, weights: Weights) -> Floats:
    """Compute Pearson's correlation of two columns under weights, ``[resamples]``; 0 where one is constant.

    Args:
        x, y: The columns, ``[rows]`` or ``[resamples, rows]``.
        weights: How often each row counts, ``[resamples, rows]``.
    """
    total = weights.sum(axis=-1, keepdims=True)
    x = x - (weights * x).sum(axis=-1, keepdims=True) / total
    y = y - (weights * y).sum(axis=-1, keepdims=True) / total
    spread = np.sqrt((weights * x * x).sum(axis=-1) * (weights * y * y).sum(axis=-1))
    return np.clip(ratio((weights * x * y).sum(axis=-1), spread), -1.0, 1.0)


def spearman(x: Floats, y: Floats, weights: Weights) -> Floats:
    """Compute Spearman's correlation: Pearson's of the ranks, equal values sharing the mean of theirs."""
    return pearson(weighted_ranks(x, weights), weighted_ranks(y, weights), weights)


def weighted_ranks(values: Floats, weights: Weights) -> Floats:
    """Rank ``values [rows]`` where each counts ``weights [resamples, rows]`` times: ``[resamples, rows]``."""
    _, group = np.unique(values, return_inverse=True)
    counts = sum_by_class(weights, group.reshape(-1), int(group.max()) + 1)
    before = np.cumsum(counts, axis=1) - counts
    return np.asarray((before + (counts + 1) / 2)[:, group.reshape(-1)])
