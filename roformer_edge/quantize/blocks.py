"""Quantisation to 4 bits in blocks: every so many neighbours of a row have a scale of their own.

With 16 integers a single scale for a whole row would waste most of them on its few large numbers. The zero point is 8
throughout. A scale may be negative, so that the largest number of a block, whichever its sign, falls on the end of the
integers that is further away from zero. Of a few scales for each block the one with the smallest squared error is
taken. Scales have the eight significant bits and the range of bfloat16: as they are rounded before the integers are
chosen, nothing is lost by it, and they take half the room.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from roformer_edge.errors import CheckpointError
from roformer_edge.quantize.affine import SMALLEST_SCALE, FloatArray

ZERO_POINT = 8
_LARGEST = 15

# What the largest number of a block is divided by to get the scale. The negative ones put it on the side of the lowest
# integer, -8. Those beyond the integers cut it off, and make the steps finer for all others.
_DIVISORS = (-8.0, -7.5, -8.5, -9.0, -9.5, -10.0, -11.0, 7.0, 8.0)
_POSITIVE = (7.0, 7.5, 8.0, 8.5, 9.0, 9.5, 10.0, 11.0)

# Elements handled at a time, so that temporaries stay in the cache.
_CHUNK = 1 << 18


@dataclass(frozen=True, kw_only=True, eq=False)
class BlockTensor:
    """A matrix of 4-bit integers, with a scale for every block of a row.

    Attributes:
        packed: Two integers a byte, the first in the low half: uint8 ``[rows, blocks, block / 2]``. What the last block
            of a row has over its width stands for 0.
        scale: float32 ``[rows, blocks]``, each a bfloat16 number.
        width: Numbers of a row.
    """

    packed: NDArray[np.uint8]
    scale: NDArray[np.float32]
    width: int

    @property
    def block(self) -> int:
        """Numbers of a block."""
        return 2 * int(self.packed.shape[2])

    @property
    def integers(self) -> NDArray[np.int8]:
        """The integers less their zero point, -8 to 7, ``[rows, blocks, block]``."""
        both = np.stack([self.packed & 15, self.packed >> 4], axis=-1).astype(np.int8)
        return np.asarray(both.reshape(*self.packed.shape[:2], -1) - np.int8(ZERO_POINT), np.int8)

    @property
    def short_scale(self) -> NDArray[np.uint16]:
        """The scales as the bits of bfloat16, which are the upper half of those of float32."""
        return np.asarray(self.scale.view(np.uint32) >> 16, np.uint16)

    def dequantize(self) -> NDArray[np.float32]:
        """Return the real numbers, float32 ``[rows, width]``."""
        values = self.integers.astype(np.float32)
        values *= self.scale[..., None]
        return np.ascontiguousarray(values.reshape(len(values), -1)[:, : self.width])


def quantize_blocks(weight: FloatArray, block: int, *, positive: bool = False) -> BlockTensor:
    """Quantise the rows of a matrix to 4 bits.

    Args:
        weight: ``[rows, width]``.
        block: Numbers that share a scale, an even number.
        positive: Whether scales must be positive.

    Raises:
        CheckpointError: The weight is empty or holds NaN or infinity.
    """
    rows, width = weight.shape
    if weight.size == 0:
        raise CheckpointError(f"a weight of shape {weight.shape} has no elements to quantise")
    blocks = -(-width // block)
    packed = np.empty((rows, blocks, block // 2), np.uint8)
    scale = np.empty((rows, blocks), np.float32)
    for part in _parts(rows, blocks * block):
        values = np.zeros((len(weight[part]), blocks * block), np.float32)
        values[:, :width] = weight[part]
        if not np.isfinite(values).all():
            raise CheckpointError(f"a weight of shape {weight.shape} holds NaN or infinity and cannot be quantised")
        values = values.reshape(-1, blocks, block)
        scale[part] = _best_scale(values, positive=positive)
        integers = _integers(values, scale[part]).astype(np.uint8) + np.uint8(ZERO_POINT)
        packed[part] = integers[..., 0::2] | integers[..., 1::2] << 4
    return BlockTensor(packed=packed, scale=scale, width=width)


def _parts(rows: int, width: int) -> Iterator[slice]:
    count = max(1, _CHUNK // width)
    return (slice(start, start + count) for start in range(0, rows, count))


def _best_scale(values: NDArray[np.float32], *, positive: bool) -> NDArray[np.float32]:
    """Choose the scale of every block ``[rows, blocks, block]`` by the squared error that it leaves."""
    places = np.abs(values).argmax(axis=-1)[..., None]
    largest = np.take_along_axis(values, places, axis=-1)[..., 0]
    # relative to the largest number, or squares would overflow or vanish
    unit = np.where(largest == 0, np.float32(1), largest)
    largest = np.abs(largest) if positive else largest
    best, least = np.empty_like(largest), np.full(largest.shape, np.inf, np.float32)
    for divisor in _POSITIVE if positive else _DIVISORS:
        scale = _rounded(largest / np.float32(divisor))
        left = (_integers(values, scale) * scale[..., None] - values) / unit[..., None]
        error = np.square(left, out=left).sum(axis=-1)
        best, least = np.where(error < least, scale, best), np.minimum(error, least)
    return best


def _integers(values: NDArray[np.float32], scale: NDArray[np.float32]) -> NDArray[np.float32]:
    steps = np.rint(values / scale[..., None])
    return np.asarray(np.clip(steps, -ZERO_POINT, _LARGEST - ZERO_POINT, out=steps))


def _rounded(scale: NDArray[np.float32]) -> NDArray[np.float32]:
    """Round to bfloat16, half to even; never to a denormal number, and to 1 where all is zero."""
    small = np.abs(scale) < SMALLEST_SCALE
    scale = np.where(small, np.where(scale == 0, np.float32(1), np.copysign(SMALLEST_SCALE, scale)), scale)
    bits = np.ascontiguousarray(scale, np.float32).view(np.uint32)
    bits = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) & np.uint32(0xFFFF0000)
    return np.asarray(bits.view(np.float32))
