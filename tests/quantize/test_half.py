"""16-bit floating point as a storage format."""

from __future__ import annotations

import numpy as np
import pytest

from roformer_edge.errors import ExportError
from roformer_edge.quantize.half import half_precision


def test_numbers_are_rounded_to_the_nearest():
    found = half_precision(np.array([1 / 3, -65504, 1e-9], np.float32), "part")
    assert found.dtype == np.float16
    assert found.tolist() == [0.333251953125, -65504, 0]


def test_numbers_that_16_bits_do_not_hold_are_refused():
    with pytest.raises(ExportError, match=r"part: 7e\+04 is more than 16-bit floating point holds; choose another"):
        half_precision(np.array([1, -7e4], np.float32), "part")
