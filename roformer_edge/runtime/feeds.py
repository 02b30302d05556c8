"""Fit arrays to the inputs that a graph really has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roformer_edge.errors import BackendError
from roformer_edge.signatures import DEFAULT, PAST, POSITION_IDS, POSITIONS, Signature, TensorSpec, fixed_size

# Inputs that may be left out, and what every row of them is then, out of its width and the number of tokens before it;
# what to give for any other, nobody can know.
FILL: dict[str, Callable[[int, int], NDArray[Any] | int]] = {
    "attention_mask": lambda width, past: 1,
    "token_type_ids": lambda width, past: 0,
    POSITIONS: lambda width, past: np.arange(width),
    POSITION_IDS: lambda width, past: past + np.arange(width),
    PAST: lambda width, past: 0,
}


def fit_feeds(
    feeds: Mapping[str, NDArray[Any]], signatures: Mapping[str, Signature], name: str = DEFAULT
) -> dict[str, NDArray[Any]]:
    """Make exactly the arrays that a signature takes.

    Args:
        feeds: Arrays by input name; those of other names are left out.
        signatures: Those of the graph.
        name: The one that is called.

    Returns:
        One array for each input, of its dtype; missing ones filled in, in the sizes that the others give to their axes.

    Raises:
        BackendError: No such signature; an input is missing that cannot be filled in; an array is of another kind of
            number than its input, has other axes, or differs in size from an axis that is fixed or that it shares.
    """
    if name not in signatures:
        raise BackendError(f"the graph has no signature {name!r}; it has: {', '.join(signatures)}")
    inputs = signatures[name].inputs
    sizes: dict[str, int] = {}
    fits: dict[tuple[str, ...], tuple[int, ...]] = {}  # most inputs have the axes and the shape of the first
    for spec in inputs:
        if spec.name in feeds and fits.get(spec.axes) != feeds[spec.name].shape:
            _measure(feeds[spec.name], spec, sizes)
            fits[spec.axes] = feeds[spec.name].shape
    _complete(sizes, signatures[name])
    return {
        spec.name: _cast(feeds[spec.name], spec) if spec.name in feeds else _fill(spec, sizes, feeds, inputs)
        for spec in inputs
    }


def _measure(array: NDArray[Any], spec: TensorSpec, sizes: dict[str, int]) -> None:
    """Note the sizes that an array gives to the named axes of its input."""
    fits = array.ndim == len(spec.axes)
    for axis, size in zip(spec.axes, array.shape, strict=False):
        fits = fits and size == (fixed_size(axis) or sizes.setdefault(axis, size))
    if not fits:
        wanted = ", ".join(f"{axis} = {sizes[axis]}" if axis in sizes else axis for axis in spec.axes)
        raise BackendError(f"the graph takes {spec.name} of shape [{wanted}], and was given {list(array.shape)}")


def _complete(sizes: dict[str, int], signature: Signature) -> None:
    """Add the sizes that follow from others: without a cache there is no token before the first."""
    if "sequence" not in sizes:
        return
    if signature.takes_positions:
        sizes.setdefault("positions", sizes["sequence"])
    if signature.cached:
        total = sizes.setdefault("past", 0) + sizes["sequence"]
        if sizes.setdefault("total", total) != total:
            raise BackendError(
                f"the graph takes attention_mask for all tokens, {sizes['past']} of the cache and {sizes['sequence']} "
                f"new ones, and was given one for {sizes['total']}"
            )


def _fill(
    spec: TensorSpec, sizes: Mapping[str, int], feeds: Mapping[str, object], inputs: tuple[TensorSpec, ...]
) -> NDArray[Any]:
    shape = [fixed_size(axis) or sizes.get(axis) for axis in spec.axes]
    kind = PAST if spec.name.startswith(f"{PAST}.") else spec.name
    if kind not in FILL or None in shape:
        raise BackendError(
            f"the graph takes {', '.join(spec.name for spec in inputs)}, and the feeds hold "
            f"{', '.join(feeds) or 'nothing'}: {spec.name} cannot be made up"
        )
    known = [size for size in shape if size is not None]
    return np.full(known, FILL[kind](known[-1], sizes.get("past", 0)), dtype=spec.dtype)


def _cast(array: NDArray[Any], spec: TensorSpec) -> NDArray[Any]:
    try:
        cast = array.astype(spec.dtype, casting="same_kind", copy=False)
    except TypeError:
        raise BackendError(f"the graph takes {spec.name} as {spec.dtype}, and was given {array.dtype}") from None
    # a number that is too large for fewer bits would become another one
    if cast.itemsize < array.itemsize and cast.dtype.kind in "iu" and not np.array_equal(cast, array):
        raise BackendError(
            f"the graph takes {spec.name} as {spec.dtype}, and was given numbers from {array.min()} to {array.max()}"
        )
    return cast
