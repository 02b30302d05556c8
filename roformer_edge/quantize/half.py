"""Storage in 16-bit floating point."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from roformer_edge.errors import ExportError
from roformer_edge.quantize.affine import FloatArray


def half_precision(weight: FloatArray, name: str) -> NDArray[np.float16]:
    """Round a weight to 16 bits.

    Args:
        weight: Floats of any shape.
        name: What it is called in the message.

    Raises:
        ExportError: A number is larger than 16 bits hold, or none.
    """
    with np.errstate(over="ignore"):
        narrow = weight.astype(np.float16)
    if not np.isfinite(narrow).all():
        largest = float(np.abs(weight).max())
        raise ExportError(f"{name}: {largest:.3g} is more than 16-bit floating point holds; choose another scheme")
    return narrow
