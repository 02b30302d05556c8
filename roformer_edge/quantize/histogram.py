"""A histogram of bounded size over values whose range is not known beforehand.

Bins are ``2 ** e`` wide and start at zero, with ``SIDE`` of them on either side. Where a value falls outside, the
width doubles as often as needed and neighbouring bins are added up. Every width is a power of two, so the bins of one
width nest exactly in those of the next, and the final counts depend on the values alone: neither on their order nor
on how they were cut into batches.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from roformer_edge.errors import CalibrationError
from roformer_edge.quantize.affine import FloatArray

# Bins on either side of zero, a power of two. The largest magnitude lies in the outer half of its side, so the grid of
# 256 integers has at least 16 bins a step.
SIDE = 8192
_SIDE_BITS = SIDE.bit_length() - 1

# Of the width that suits the smallest float32, 2 ** -149.
_SMALLEST_EXPONENT = -149 - _SIDE_BITS

_CHUNK = 1 << 16


class Histogram:
    """Counts of values, with the exact extremes.

    Args:
        tensor: Whose values they are; for messages.

    Attributes:
        low: The smallest value seen; infinity before any was.
        high: The largest value seen; minus infinity before any was.
    """

    def __init__(self, tensor: str) -> None:
        self.tensor = tensor
        self.low = math.inf
        self.high = -math.inf
        self._exponent = _SMALLEST_EXPONENT
        self._counts = np.zeros(2 * SIDE, np.int64)

    @property
    def width(self) -> float:
        """Width of every bin."""
        return math.ldexp(1.0, self._exponent)

    @property
    def extent(self) -> tuple[float, float]:
        """The smallest and the largest value seen."""
        return self.low, self.high

    @property
    def total(self) -> int:
        """How many values were seen."""
        return int(self._counts.sum())

    def add(self, values: FloatArray) -> None:
        """Count values of any shape, as float32.

        Raises:
            CalibrationError: A value is NaN or infinite; nothing was counted then.
        """
        low, high = extremes(values, self.tensor)
        if low > high:
            return
        self._cover(low, high)
        flat = np.ravel(values)
        for start in range(0, flat.size, _CHUNK):
            # in float64, where scaling by a power of two is exact; in float32 small negative values vanish to -0.0
            bins = flat[start : start + _CHUNK].astype(np.float32).astype(np.float64)
            bins *= math.ldexp(1.0, -self._exponent)
            np.floor(bins, out=bins)
            self._counts += np.bincount(bins.astype(np.intp) + SIDE, minlength=2 * SIDE)

    def occupied(self, most: int = 2 * SIDE) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Find the stretch of bins that holds all values.

        Args:
            most: How many bins to return at most, at least 2; they are made wider as needed.

        Returns:
            Counts of shape ``[bins]``, and their edges of shape ``[bins + 1]``.

        Raises:
            CalibrationError: No value was seen.
        """
        if self.low > self.high:
            raise CalibrationError(f"calibration saw no value of {self.tensor!r}")
        counts, times = self._counts, 0
        used = np.flatnonzero(counts)
        while used[-1] - used[0] >= most:
            times += 1
            counts = _coarsen(self._counts, times)
            used = np.flatnonzero(counts)
        first, last = int(used[0]), int(used[-1]) + 1
        width = math.ldexp(1.0, self._exponent + times)
        return counts[first:last], np.arange(first - SIDE, last - SIDE + 1, dtype=np.float64) * width

    def _cover(self, low: float, high: float) -> None:
        """Widen the bins until they hold ``low`` and ``high``, and note these as seen."""
        reach = max(-low, high)
        exponent = math.frexp(reach)[1] - _SIDE_BITS
        if reach > 0 and exponent > self._exponent:
            self._counts = _coarsen(self._counts, exponent - self._exponent)
            self._exponent = exponent
        self.low, self.high = min(self.low, low), max(self.high, high)


def extremes(values: FloatArray, tensor: str) -> tuple[float, float]:
    """Find the smallest and the largest of ``values`` as float32; ``(inf, -inf)`` where there are none.

    Raises:
        CalibrationError: A value is NaN or infinite, or too large for float32.
    """
    if values.size == 0:
        return math.inf, -math.inf
    with np.errstate(over="ignore"):
        low, high = float(np.float32(values.min())), float(np.float32(values.max()))
    if not (math.isfinite(low) and math.isfinite(high)):
        bad = int(np.count_nonzero(~np.isfinite(values)))
        raise CalibrationError(
            f"{bad or 'some'} of {values.size} values of {tensor!r} are NaN or infinite as float32; "
            "the model or its inputs are broken, no range fits them"
        )
    return low, high


def _coarsen(counts: NDArray[np.int64], times: int) -> NDArray[np.int64]:
    """Double the width of the bins ``times`` times; return the counts."""
    if times <= 0:
        return counts
    result = np.zeros_like(counts)
    kept = SIDE >> times
    if kept == 0:
        result[SIDE - 1], result[SIDE] = counts[:SIDE].sum(), counts[SIDE:].sum()
    else:
        result[SIDE - kept : SIDE + kept] = counts.reshape(2 * kept, -1).sum(axis=1)
    return result
