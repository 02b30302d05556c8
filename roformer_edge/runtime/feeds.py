"""Fitting arrays to the inputs that a graph really has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roformer_edge.errors import BackendError
from roformer_edge.tasks import TensorSpec

# the value of an input that nobody gave; zero for all others
FILL = {"attention_mask": 1}


def fit_feeds(feeds: Mapping[str, NDArray[Any]], inputs: Sequence[TensorSpec]) -> dict[str, NDArray[Any]]:
    """Exactly the arrays that a graph takes.

    Args:
        feeds: Arrays of one shape by input name, ``[batch, sequence]`` or ``[batch, choices, sequence]``.
        inputs: Of the graph.

    Returns:
        One array for each input, of its dtype: missing ones filled in, others dropped.

    Raises:
        BackendError: None of the inputs is given, so that their shape is unknown, or one is of another kind of number.
    """
    known = [feeds[spec.name] for spec in inputs if spec.name in feeds]
    if not known:
        raise BackendError(
            f"the graph takes {', '.join(spec.name for spec in inputs)}, and the feeds hold "
            f"{', '.join(feeds) or 'nothing'}"
        )
    shape = known[0].shape
    return {
        spec.name: _cast(feeds[spec.name], spec)
        if spec.name in feeds
        else np.full(shape, FILL.get(spec.name, 0), dtype=spec.dtype)
        for spec in inputs
    }


def _cast(array: NDArray[Any], spec: TensorSpec) -> NDArray[Any]:
    try:
        return array.astype(spec.dtype, casting="same_kind", copy=False)
    except TypeError:
        raise BackendError(f"the graph takes {spec.name} as {spec.dtype}, and was given {array.dtype}") from None
