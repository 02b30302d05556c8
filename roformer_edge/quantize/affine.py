"""Affine quantisation: ``real = (integer - zero_point) * scale``, with the arithmetic of ONNX QuantizeLinear.

Everything is computed in float32 and rounds half to even, so that an array quantised here, by ONNX Runtime's
``QuantizeLinear`` or by its ``DynamicQuantizeLinear`` holds the same integers, bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

from roformer_edge.errors import CalibrationError, CheckpointError, RecipeError

FloatArray: TypeAlias = NDArray[np.floating[Any]]
IntArray: TypeAlias = NDArray[np.integer[Any]]

# The most that two neighbouring weights of one sign may sum up to so that their products with activations of 8 bits fit
# in 16: 255 * 128 <= 32767. x86 without VNNI adds the products of channels 2i and 2i + 1 with VPMADDUBSW, which
# saturates.
PAIR_LIMIT = 128

# A smaller scale is denormal: its reciprocal overflows, and kernels that flush denormals to zero divide by zero.
SMALLEST_SCALE = np.finfo(np.float32).tiny

# Elements handled at a time, so that temporaries stay in the cache and a large table is never copied as floats.
_CHUNK = 1 << 18


@dataclass(frozen=True, kw_only=True)
class Grid:
    """The integers that a tensor may be quantised to.

    Attributes:
        dtype: ``"int8"`` or ``"uint8"``, the type the integers are stored in.
        symmetric: Zero lies in the middle and the range is the same on both sides of it.
        bounded_pairs: Neighbours of one sign along the last axis sum up to ``PAIR_LIMIT`` at most.
        bits: Width of the integers, 2 to 8; fewer than 8 still take a byte each.

    Raises:
        RecipeError: The type or the width is not one of those.
    """

    dtype: str = "uint8"
    symmetric: bool = False
    bounded_pairs: bool = False
    bits: int = 8

    def __post_init__(self) -> None:
        if self.dtype not in ("int8", "uint8"):
            raise RecipeError(f"integers of type {self.dtype!r} were asked for; choose one of: int8, uint8")
        if not 2 <= self.bits <= 8:
            raise RecipeError(f"integers of {self.bits} bits were asked for; a byte holds 2 to 8")
        if self.bounded_pairs and (self.dtype != "int8" or not self.symmetric):
            raise RecipeError("bounded pairs were asked for of integers that are not symmetric int8")

    @property
    def levels(self) -> tuple[int, int]:
        """Return the smallest and the largest integer."""
        if self.dtype == "uint8":
            return (1 if self.symmetric else 0), 2**self.bits - 1
        half = 2 ** (self.bits - 1)
        return (1 - half if self.symmetric else -half), half - 1

    @property
    def middle(self) -> int:
        """Return the integer that stands for zero when the grid is symmetric."""
        low, high = self.levels
        return (low + high) // 2

    def parameters(self, low: float, high: float) -> tuple[np.float32, np.integer[Any]]:
        """Choose scale and zero point for values between ``low`` and ``high``.

        The range is first widened to hold zero, which is then represented exactly. A value inside the range comes back
        with an error of at most half the scale (and float32 rounding); a value outside comes back as the nearest end.
        A range without width, ``[0, 0]``, has scale 1. For uint8 the result equals that of DynamicQuantizeLinear.

        Args:
            low: The smallest value.
            high: The largest value.

        Returns:
            The scale, a normal float32 above zero, and the zero point, a scalar of the grid's type.

        Raises:
            CalibrationError: A bound is not finite, or ``low`` is above ``high``.
        """
        if not (np.isfinite(low) and np.isfinite(high) and low <= high):
            raise CalibrationError(
                f"a range must run from a finite number up to a finite number, found [{low}, {high}]"
            )
        limit = float(np.finfo(np.float32).max)
        scale, zero_point = self.parameters_of(
            np.asarray(max(low, -limit), np.float32), np.asarray(min(high, limit), np.float32)
        )
        return np.float32(scale.item()), np.dtype(self.dtype).type(zero_point.item())

    def parameters_of(self, low: FloatArray, high: FloatArray) -> tuple[FloatArray, IntArray]:
        """Choose scales and zero points for many ranges at once.

        Args:
            low: float32, finite.
            high: float32 of the same shape, nowhere below ``low``.

        Returns:
            Scales (float32) and zero points (the grid's type) of that shape.
        """
        first, last = self.levels
        low, high = np.minimum(low, np.float32(0)), np.maximum(high, np.float32(0))
        if self.symmetric:
            scale = np.maximum(-low, high) / np.float32(last - self.middle)
        else:
            steps = np.float32(last - first)
            with np.errstate(over="ignore"):
                span = high - low
            # the span of two huge bounds overflows float32, the span of their quotients does not
            scale = np.where(np.isfinite(span), span / steps, high / steps - low / steps)
        # where all values are zero any scale is right
        scale = np.asarray(np.where(low == high, 1, np.maximum(scale, SMALLEST_SCALE)), np.float32)
        if self.symmetric:
            return scale, np.full(scale.shape, self.middle, self.dtype)
        zero_point = np.rint(np.clip(np.float32(first) - low / scale, first, last))
        return scale, np.asarray(zero_point, self.dtype)


@dataclass(frozen=True, kw_only=True, eq=False)
class QuantizedTensor:
    """Integers with the scales that give them their meaning.

    Attributes:
        values: int8 or uint8, of any shape.
        scale: float32, of shape ``[]``, or ``[values.shape[axis]]`` where every slice has its own.
        zero_point: The integer that stands for 0, of the type of ``values`` and the shape of ``scale``.
        axis: The axis that ``scale`` runs along, not negative; None for one scale.

    Raises:
        ValueError: The shapes or the types do not fit each other.
    """

    values: IntArray
    scale: FloatArray
    zero_point: IntArray
    axis: int | None = None

    def __post_init__(self) -> None:
        shape = () if self.axis is None else (self.values.shape[self.axis],)
        if self.scale.shape != shape or self.zero_point.shape != shape:
            raise ValueError(
                f"integers of shape {self.values.shape} with axis {self.axis} need scales and zero points of shape "
                f"{shape}, found {self.scale.shape} and {self.zero_point.shape}"
            )
        if self.scale.dtype != np.float32 or self.zero_point.dtype != self.values.dtype:
            raise ValueError(
                f"scales must be float32 and zero points {self.values.dtype}, "
                f"found {self.scale.dtype} and {self.zero_point.dtype}"
            )

    @property
    def nbytes(self) -> int:
        """Count the bytes of the integers, the scales and the zero points together."""
        return self.values.nbytes + self.scale.nbytes + self.zero_point.nbytes

    def dequantize(self) -> NDArray[np.float32]:
        """Return the real numbers, float32, in the shape of ``values``; equal to ONNX DequantizeLinear."""
        scale, zero_point = _along(self.axis, self.values.ndim, self.scale, self.zero_point)
        result = np.subtract(self.values, zero_point, dtype=np.float32)
        result *= scale
        return result


def quantize_weight(
    weight: FloatArray,
    axis: int | None,
    *,
    bits: int = 8,
    symmetric: bool = True,
    bounded_pairs: bool = False,
    dtype: DTypeLike = np.int8,
) -> QuantizedTensor:
    """Quantise a weight by its own smallest and largest values.

    Beside the integers this needs a few megabytes, whatever the size of the weight.

    Args:
        weight: Floats of any shape that has elements.
        axis: The axis with a scale for every index: the output channels of a product, 0 for the rows of an
            embedding; None for one scale.
        bits: 2 to 8; the integers take a byte each in any case.
        symmetric: Zero point in the middle.
        bounded_pairs: Choose scales with which neighbours along the last axis sum up to ``PAIR_LIMIT`` at most, so that
            products are exact on x86 without VNNI too. For axis 0 or None of a weight with rows, and symmetric int8.
        dtype: int8 or uint8.

    Raises:
        CheckpointError: The weight is empty or holds NaN or infinity.
        RecipeError: There is no such axis, type or width.
    """
    grid = Grid(dtype=np.dtype(dtype).name, symmetric=symmetric, bounded_pairs=bounded_pairs, bits=bits)
    if axis is not None and not -weight.ndim <= axis < weight.ndim:
        raise RecipeError(f"axis {axis} was asked for, but the weight has {weight.ndim} axes")
    if weight.size == 0:
        raise CheckpointError(f"a weight of shape {weight.shape} has no elements to quantise")
    axis = None if axis is None else axis % weight.ndim
    others = tuple(index for index in range(weight.ndim) if index != axis)
    # NaN passes through both reductions, infinity through one of them
    with np.errstate(over="ignore"):
        low, high = (np.asarray(reduce(weight, axis=others), np.float32) for reduce in (np.min, np.max))
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        raise CheckpointError(f"a weight of shape {weight.shape} holds NaN or infinity and cannot be quantised")
    if bounded_pairs:
        if axis not in (0, None) or weight.ndim < 2:
            raise RecipeError(f"bounded pairs were asked for with scales on axis {axis} of {weight.ndim}; use axis 0")
        high = np.maximum(np.maximum(-low, high), _largest_pair(weight, axis))
    scale, zero_point = grid.parameters_of(low, high)
    values = _quantize(weight, scale, zero_point, axis, grid.levels)
    return QuantizedTensor(values=values, scale=scale, zero_point=zero_point, axis=axis)


def _largest_pair(weight: FloatArray, axis: int | None) -> FloatArray:
    """Find the largest magnitude of a sum of neighbours, channels 2i and 2i + 1 of the last axis, in every slice.

    Rounded to steps of a 127th of it, such a sum is ``PAIR_LIMIT`` at most: each half step more. A sum of unlike signs
    is smaller than the larger of both, which counts by itself.
    """
    rows = np.atleast_2d(weight)
    even = rows.shape[-1] // 2 * 2
    sums = np.zeros(len(rows), np.float32) if axis == 0 else np.zeros((), np.float32)
    count = max(1, _CHUNK * len(rows) // max(1, rows.size))
    for start in range(0, len(rows), count):
        part = rows[start : start + count]
        pairs = np.abs(part[..., 0:even:2] + part[..., 1:even:2])
        if axis == 0:
            sums[start : start + count] = pairs.reshape(len(part), -1).max(axis=1, initial=0)
        else:
            sums = np.maximum(sums, pairs.max(initial=0))
    return np.asarray(sums, np.float32)


def _quantize(
    values: FloatArray, scale: FloatArray, zero_point: IntArray, axis: int | None, levels: tuple[int, int]
) -> IntArray:
    rows = np.atleast_1d(values)
    result: IntArray = np.empty(rows.shape, zero_point.dtype)
    scale, zero_point = _along(axis, rows.ndim, scale, zero_point)
    offset = zero_point.astype(np.float32)
    count = max(1, _CHUNK * len(rows) // max(1, rows.size))
    for start in range(0, len(rows), count):
        part = slice(start, start + count)
        own = part if axis == 0 else ...
        steps = np.divide(rows[part], scale[own], dtype=np.float32)
        np.rint(steps, out=steps)
        steps += offset[own]
        np.clip(steps, *levels, out=steps)
        result[part] = steps
    return result.reshape(values.shape)


def _along(axis: int | None, ndim: int, scale: FloatArray, zero_point: IntArray) -> tuple[FloatArray, IntArray]:
    """Shape per-axis parameters so that they broadcast against an array of ``ndim`` axes."""
    if axis is None:
        return scale, zero_point
    shape = [1] * ndim
    shape[axis] = -1
    return scale.reshape(shape), zero_point.reshape(shape)
