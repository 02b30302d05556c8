"""Observers watch the values of one tensor go by and say which range of them to quantise.

All but :class:`MinMax` keep a histogram of bounded size. What an observer answers depends on the values alone, not on
their order nor on how they were cut into batches.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from roformer_edge.errors import CalibrationError, RecipeError, UnknownNameError
from roformer_edge.quantize.affine import FloatArray, Grid
from roformer_edge.quantize.histogram import Histogram, extremes

Range: TypeAlias = tuple[float, float]

# Bins that the search for the smallest error works on: at least 8 a step where nothing is clipped.
_MSE_BINS = 4096

# How many octaves below the largest magnitude the search goes, and in how many steps each.
_MSE_SEARCH = (12, 8)

# Then it moves up and down from the best of these by at most an eighth of an octave.
_FINE = np.exp2(np.arange(-8, 9) / 64)

# Rounds of the search after which two ends that still chase each other are left where they are.
_ROUNDS = 8


class Observer(Protocol):
    """Watches one tensor; made by calling a row of ``OBSERVERS`` with the tensor's name and the grid."""

    @property
    def settings(self) -> str:
        """The name of the method, with its parameters."""
        ...

    def update(self, values: FloatArray) -> None:
        """See more values, of any shape.

        Raises:
            CalibrationError: A value is NaN or infinite; none of ``values`` is counted then.
        """
        ...

    def range(self) -> Range:
        """Find the smallest and the largest value to represent; both within the values seen.

        Raises:
            CalibrationError: No value was seen.
        """
        ...


class MinMax:
    """The extremes: nothing is clipped, and one outlier makes all steps wide.

    Args:
        tensor: The tensor's name.
        grid: Not used: the extremes are the same for every grid.
    """

    settings = "minmax"

    def __init__(self, tensor: str, grid: Grid | None = None) -> None:
        self.tensor = tensor
        self._low, self._high = math.inf, -math.inf

    def update(self, values: FloatArray) -> None:
        """See :meth:`Observer.update`."""
        low, high = extremes(values, self.tensor)
        self._low, self._high = min(self._low, low), max(self._high, high)

    def range(self) -> Range:
        """See :meth:`Observer.range`."""
        if self._low > self._high:
            raise CalibrationError(f"calibration saw no value of {self.tensor!r}")
        return self._low, self._high


class _HistogramObserver:
    """What the observers with a histogram share."""

    def __init__(self, tensor: str, grid: Grid) -> None:
        self.histogram = Histogram(tensor)
        self.grid = grid

    def update(self, values: FloatArray) -> None:
        """See :meth:`Observer.update`."""
        self.histogram.add(values)


class Percentile(_HistogramObserver):
    """The range that holds ``percentile`` percent of the values.

    An asymmetric grid loses half of the rest at either end; a symmetric one loses the largest magnitudes. The answer
    lies in the bin of the order statistic that it stands for.

    Args:
        tensor: The tensor's name.
        grid: The grid that the values will be quantised to.
        percentile: Above 0 and at most 100.

    Raises:
        RecipeError: The percentile lies outside.
    """

    def __init__(self, tensor: str, grid: Grid, percentile: float = 99.99) -> None:
        super().__init__(tensor, grid)
        if not 0 < percentile <= 100:
            raise RecipeError(f"a percentile lies above 0 and is at most 100, found {percentile}")
        self.percentile = percentile

    @property
    def settings(self) -> str:
        """See :attr:`Observer.settings`."""
        return f"percentile({self.percentile:g})"

    def range(self) -> Range:
        """See :meth:`Observer.range`."""
        counts, edges = self.histogram.occupied()
        extent = self.histogram.extent
        rest = 1 - self.percentile / 100
        if self.grid.symmetric:
            counts, edges = _magnitudes(counts, edges)
            threshold = _quantile(counts, edges, 1 - rest)
            return _within(extent, -threshold, threshold)
        return _within(extent, _quantile(counts, edges, rest / 2), _quantile(counts, edges, 1 - rest / 2))


class MSE(_HistogramObserver):
    """The range with the smallest mean squared error of the quantised values.

    The error is that of the very grid the values will be quantised to, its zero point rounded to an integer, and of a
    density that is constant within each bin: rounding and clipping are integrated in closed form.
    """

    settings = "mse"

    def range(self) -> Range:
        """See :meth:`Observer.range`."""
        counts, edges = self.histogram.occupied(_MSE_BINS)
        density = counts / np.diff(edges)

        def loss(bounds: Range) -> float:
            return squared_error(density, edges, self.grid, bounds)

        return _search(loss, self.histogram.extent, self.grid)


ObserverFactory: TypeAlias = Callable[[str, Grid], Observer]

OBSERVERS: dict[str, ObserverFactory] = {
    "minmax": MinMax,
    "percentile": Percentile,
    "mse": MSE,
}


def get_observer(name: str) -> ObserverFactory:
    """Return the row of ``OBSERVERS`` with this name.

    Raises:
        UnknownNameError: No such observer; the message lists those there are.
    """
    if name not in OBSERVERS:
        raise UnknownNameError("observer", name, OBSERVERS)
    return OBSERVERS[name]


def squared_error(density: FloatArray, edges: FloatArray, grid: Grid, bounds: Range) -> float:
    """Sum of squared errors of a piecewise constant density after quantisation.

    With ``t = x / scale`` and ``n(t)`` the integer it becomes, less the zero point, ``n / 12 + (t - n)^3 / 3`` is an
    antiderivative of ``(t - n)^2``: every whole step adds 1/12, and beyond the ends ``n`` stays.

    Args:
        density: Values per unit of length in every bin, ``[bins]``.
        edges: The edges of the bins, ``[bins + 1]``.
        grid: The grid to quantise to.
        bounds: The range that the grid is laid over.

    Returns:
        The error, in squared units of the values.
    """
    scale, zero_point = (float(value) for value in grid.parameters(*bounds))
    first, last = grid.levels
    steps = edges / scale
    nearest = np.clip(np.rint(steps), first - zero_point, last - zero_point)
    off = steps - nearest
    integral = nearest / 12 + off * off * off / 3
    return float(density @ np.diff(integral)) * scale**3


def _search(loss: Callable[[Range], float], extent: Range, grid: Grid) -> Range:
    """Find the range inside ``extent`` with the smallest loss; the wider one of a tie.

    First a threshold on the magnitude is sought; where the grid is asymmetric, the two ends are then moved in turn
    for as long as that helps.
    """
    low, high = extent
    octaves, steps = _MSE_SEARCH
    coarse = np.exp2(-np.arange(octaves * steps + 1) / steps)

    def pick(best: Range, candidates: Iterable[Range]) -> Range:
        return min((best, *candidates), key=loss)

    best = pick(extent, [_within(extent, -reach, reach) for reach in max(-low, high) * coarse])
    best = pick(best, [_within(extent, -reach, reach) for reach in max(-best[0], best[1]) * _FINE])
    if grid.symmetric or low >= 0 or high <= 0:
        return best
    best = pick(best, [_within(extent, left, best[1]) for left in low * coarse])
    best = pick(best, [_within(extent, best[0], right) for right in high * coarse])
    for _ in range(_ROUNDS):
        start = best
        best = pick(best, [_within(extent, left, best[1]) for left in best[0] * _FINE])
        best = pick(best, [_within(extent, best[0], right) for right in best[1] * _FINE])
        if best == start:
            break
    return best


def _within(extent: Range, low: float, high: float) -> Range:
    """Move both ends of the range from ``low`` to ``high`` into ``extent``."""
    least, most = extent
    return float(min(max(low, least), most)), float(min(max(high, least), most))


def _magnitudes(counts: NDArray[np.int64], edges: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Fold the histogram to that of the absolute values; the edges must be multiples of the width."""
    width = edges[1] - edges[0]
    bins = np.rint(np.where(edges[:-1] < 0, -edges[1:], edges[:-1]) / width).astype(np.intp)
    folded = np.zeros(bins.max() + 1, np.int64)
    np.add.at(folded, bins, counts)
    return folded, np.arange(len(folded) + 1) * width


def _quantile(counts: NDArray[np.int64], edges: FloatArray, share: float) -> float:
    """Find the value below which ``share`` of all lie, taking those of one bin to be spread evenly over it."""
    reached = np.cumsum(counts)
    rank = share * (int(reached[-1]) - 1)
    index = int(np.searchsorted(reached, rank, side="right"))
    into = (rank - (reached[index] - counts[index]) + 0.5) / counts[index]
    return float(edges[index] + min(into, 1.0) * (edges[index + 1] - edges[index]))
