"""Calibration of an artifact: which products to watch, and what to make of the magnitudes of their input channels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from roformer_edge.export.artifact import Artifact, output_mark
from roformer_edge.export.network.weights import Weights
from roformer_edge.progress import ProgressListener
from roformer_edge.quantize.affine import Grid
from roformer_edge.quantize.calibrate import Calibration, calibrate
from roformer_edge.quantize.equalise import equalise

Arrays: TypeAlias = Mapping[str, np.ndarray]
Batches: TypeAlias = Callable[[], Iterable[Arrays]]

# the products whose input channels may be equalised
_EQUALISED = (".attention.output", ".ffn.down")


def equalised_arrays(
    artifact: Artifact, weights: Weights, scopes: Iterable[str], batches: Batches, progress: ProgressListener
) -> Arrays:
    """Spread outlier channels over both sides of a product; the float function is the same to the bit.

    Args:
        artifact: The float artifact of ``weights``.
        weights: The model.
        scopes: Names of the linear scopes that will be quantised.
        batches: Makes the calibration batches.
        progress: Told how many texts were seen.

    Returns:
        Canonical arrays.
    """
    watched = [scope for scope in scopes if scope.endswith(_EQUALISED)]
    if not watched:
        return weights.arrays
    seen = calibrate(
        artifact.open(watched),
        batches(),
        watched,
        observer="minmax",
        progress=progress,
    )
    maxima = {
        scope: weights.canonical_channels(scope, np.asarray(seen.channel_maxima[scope], np.float32)).tolist()
        for scope in watched
    }
    return _Overlay(equalise(weights.arrays, weights.config, maxima), weights.arrays)


def calibrate_products(
    artifact: Artifact,
    scopes: Sequence[str],
    batches: Batches,
    progress: ProgressListener,
    *,
    grid: Grid,
    observer: str,
) -> Calibration:
    """Find the ranges of what the products of ``scopes`` read, and the sizes of what they make where that is rounded.

    Args:
        artifact: A float artifact.
        scopes: Names of linear scopes.
        batches: Makes the calibration batches.
        progress: Told how many texts were seen.
        grid: The integers that the inputs will become.
        observer: A key of ``observers.OBSERVERS``.
    """
    sites = [name for scope in scopes for name in (scope, f"{scope}.first") if name in artifact.marks]
    outputs = [output_mark(site) for site in sites if output_mark(site) in artifact.marks]
    return calibrate(
        artifact.open([*sites, *outputs]),
        batches(),
        [*sites, *outputs],
        observer=observer,
        grid=grid,
        channels=bool(outputs),
        progress=progress,
    )


def output_maxima(calibration: Calibration) -> dict[str, np.ndarray]:
    """Return the largest magnitude of every channel of what products make, by the site of their input."""
    marks = {output_mark(site): site for site in calibration.ranges}
    return {
        marks[name]: np.asarray(maxima, np.float32)
        for name, maxima in calibration.channel_maxima.items()
        if name in marks
    }


class _Overlay(Mapping[str, np.ndarray]):
    """Some arrays over others, which are still read one at a time."""

    def __init__(self, above: Arrays, below: Arrays) -> None:
        self._above = above
        self._below = below

    def __getitem__(self, name: str) -> np.ndarray:
        return self._above[name] if name in self._above else self._below[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._below)

    def __len__(self) -> int:
        return len(self._below)
