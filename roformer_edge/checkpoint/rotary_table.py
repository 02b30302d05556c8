"""The rotary table: the one source of sines and cosines for every framework and for the exporter."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BASE = 10000.0


def rotary_table(length: int, head_size: int) -> NDArray[np.float32]:
    """Compute sines and cosines of the rotation angle of every position and every pair of a head.

    Pair ``i`` at position ``p`` is rotated by ``p / 10000 ** (2 i / head_size)`` radians (section 3.2.2 of
    arXiv 2104.09864). The angles are computed in float64 and rounded once.

    Args:
        length: Number of positions, from 0.
        head_size: Width of one attention head, an even number.

    Returns:
        float32 ``[length, head_size]``: the sines of the ``head_size / 2`` pairs, then their cosines.
    """
    if length < 0 or head_size < 2 or head_size % 2:
        raise ValueError(f"a rotary table needs length >= 0 and an even head size, found {length} and {head_size}")
    frequencies = np.power(BASE, 2 * np.arange(head_size // 2) / head_size)
    angles = np.arange(length)[:, None] / frequencies
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32)


def fit_rotary_table(table: NDArray[np.float32], positions: int) -> NDArray[np.float32]:
    """Cut a stored rotary table to a number of positions, or continue it by its formula.

    No weight depends on the number of positions, so any table fits any model of its head size.

    Args:
        table: float32 ``[positions, head size]``.
        positions: How many are wanted.
    """
    if len(table) >= positions:
        return table[:positions]
    return np.concatenate((table, rotary_table(positions, table.shape[1])[len(table) :]))
