"""The part of a case in which the TensorFlow original is to agree with the torch original."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from torch_cases import LENGTH, PADDED, tf_original_has_loss


def for_tf_original(folder: Path, case: dict[str, Any]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Inputs and labels without what it computes in another way.

    It adds -10000 where torch adds the lowest number, so that a text of nothing but padding attends to it by score
    instead of equally, and a span must end within its text.
    """
    inputs, labels = (
        {name: np.delete(array, PADDED, axis=0) for name, array in np.load(folder / f"{kind}.npz").items()}
        for kind in ("inputs", "labels")
    )
    if not tf_original_has_loss(case):
        labels = {}
    return inputs, {name: array % LENGTH if "positions" in name else array for name, array in labels.items()}
