"""An attention whose rotation is computed in numpy, for the tests of every format's own."""

from __future__ import annotations

import numpy as np

from roformer_edge.checkpoint.rotary_table import rotary_table
from roformer_edge.export.network.emitter import Attention

HEADS, HEAD_SIZE, TOKENS = 3, 8, 5
HALF = HEAD_SIZE // 2
_TABLE = rotary_table(16, HEAD_SIZE)
SINES, COSINES = np.split(np.asarray(_TABLE, np.float32), 2, axis=-1)
_NONE = (np.zeros((HEADS * HEAD_SIZE, 1), np.float32), None)
ATTENTION = Attention(
    name="layer.0.attention",
    scope="layer.0.attention.qkv",
    heads=HEADS,
    head_size=HEAD_SIZE,
    query=_NONE,
    key=_NONE,
    value=_NONE,
    rotates_value=False,
    sines=SINES,
    cosines=COSINES,
    scheme="float32",
    ranges={},
)


def rotated(first: np.ndarray, second: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Rotate pairs ``[tokens, heads, half]`` as complex numbers; first numbers come first in a head."""
    angle = 1j * np.arctan2(SINES[positions], COSINES[positions])[:, None]
    both = (first + 1j * second) * np.exp(angle)
    return np.concatenate([both.real, both.imag], axis=-1)
