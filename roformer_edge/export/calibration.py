"""Calibration of an artifact: which inputs to watch, and what to make of outlier channels among them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np

from roformer_edge.errors import advice
from roformer_edge.export.artifact import Artifact, output_mark
from roformer_edge.export.network.weights import Weights
from roformer_edge.progress import ProgressListener
from roformer_edge.quantize.affine import Grid
from roformer_edge.quantize.calibrate import Calibration, calibrate
from roformer_edge.quantize.equalise import Equalised, balance_scores, equalise, pairs_of
from roformer_edge.quantize.outliers import error_directions, estimated_maxima, smooth
from roformer_edge.scopes import Scope

Arrays: TypeAlias = Mapping[str, np.ndarray]
Batches: TypeAlias = Callable[[], Iterable[Arrays]]

# how many parts of the network a warning names
_NAMED = 3


@dataclass(frozen=True, kw_only=True)
class Treated:
    """A model whose outlier channels are cared for.

    Attributes:
        weights: The same function, with equalised arrays and with what to do about the inputs of products.
        treatments: Scope name -> what was found and done there, in a few words; of scopes with outliers only.
        seen: What calibration saw, where there were texts.
    """

    weights: Weights
    treatments: Mapping[str, str] = field(default_factory=dict)
    seen: Calibration | None = None

    @property
    def warning(self) -> str | None:
        """Say that the treatment rests on estimates, where there is one and there were no texts."""
        if self.seen is not None or not self.treatments:
            return None
        named = ", ".join([*self.treatments][:_NAMED]) + (" ..." if len(self.treatments) > _NAMED else "")
        return (
            f"the weights show outlier channels in {len(self.treatments)} parts of the network ({named}) and no texts "
            "were given to measure them: what is done about them rests on estimates, and answers may suffer. "
            "Give texts like those that the model will see "
            + advice(
                python="(calibration=), and measure what is lost (evaluation=)",
                command="(--calibration), and measure what is lost (--eval)",
            )
        )


def treat_outliers(
    float_network: Callable[[], Artifact],
    weights: Weights,
    scopes: Sequence[Scope],
    batches: Batches | None,
    progress: ProgressListener,
    *,
    multiplied: Collection[str] = (),
) -> Treated:
    """Find outlier channels in the inputs of products, and decide what to do about them.

    Args:
        float_network: Makes the float artifact of ``weights``; called where there are batches.
        weights: The model.
        scopes: The linear scopes that will be quantised.
        batches: Makes the calibration batches. Without them, the weights tell what they can.
        progress: Told how many texts were seen.
        multiplied: Names of the scopes whose query, key and value will multiply as integers.
    """
    names = [scope.name for scope in scopes]
    arrays, config = weights.arrays, weights.config
    seen = None
    measured: dict[str, np.ndarray] | None = None
    if batches is not None:
        seen = calibrate(
            float_network().open(names),
            batches(),
            names,
            observer="minmax",
            progress=progress,
        )
        measured = {
            name: weights.canonical_channels(name, np.asarray(seen.channel_maxima[name], np.float32)) for name in names
        }
    maxima = estimated_maxima(arrays, config) if measured is None else measured
    balanced = balance_scores(arrays, config, names, multiplied)
    equalised = equalise(arrays, config, names, measured)
    # a value that multiplies as an integer needs it even where the product that reads the context stays in float
    values = equalise(arrays, config, {f"{name.removesuffix('qkv')}output" for name in multiplied} - set(names))
    folded = {pair.scope for pair in pairs_of(config)}
    smoothing = {}
    for scope in scopes:
        if scope.name in folded or scope.name not in maxima:
            continue
        shared = scope.name == "head.decoder" and weights.shares_table
        weight = np.concatenate([arrays[name] for name in scope.weights])
        found = smooth(np.asarray(maxima[scope.name], np.float32), weight, scalable=not shared)
        if found is not None:
            smoothing[scope.name] = found
    treatments = _balanced(balanced, "the rotated pairs of the query") | _balanced(equalised, "the input channels")
    for name, found in smoothing.items():
        treatments[name] = "; ".join(filter(None, (treatments.get(name), found.treatment)))
    return Treated(
        weights=replace(
            weights,
            arrays=_Overlay({**balanced.arrays, **values.arrays, **equalised.arrays}, arrays),
            smoothing=smoothing,
        ),
        treatments={name: treatments[name] for name in names if name in treatments},
        # the magnitudes have done their work, and would fill a bundle with figures
        seen=None if seen is None else replace(seen, channel_maxima={}),
    )


def treat_embeddings(treated: Treated) -> Treated:
    """Keep the rounding errors of embedding rows where they would become outliers; the weights alone tell where."""
    weights, scope = treated.weights, "embeddings.word"
    directions = error_directions(weights.arrays, weights.config)
    if directions is None:
        return treated
    kept = f"the layer norm makes {len(directions)} channels outliers: the rows' rounding errors in them are kept"
    return replace(
        treated,
        weights=replace(weights, error_directions=directions),
        treatments={scope: kept, **treated.treatments},
    )


def calibrate_products(
    artifact: Artifact,
    weights: Weights,
    scopes: Collection[str],
    batches: Batches,
    progress: ProgressListener,
    *,
    grid: Grid,
    observer: str,
) -> Calibration:
    """Find the ranges of what is quantised of the inputs of products, and how large what they make is.

    Args:
        artifact: The float artifact of ``weights``.
        weights: Knows what the inputs are multiplied by before they are quantised.
        scopes: Names of linear scopes.
        batches: Makes the calibration batches.
        progress: Told how many texts were seen.
        grid: The integers that the inputs will become.
        observer: A key of ``observers.OBSERVERS``.
    """
    scope_of = {name: scope for scope in scopes for name in (scope, f"{scope}.first") if name in artifact.marks}
    # formats that round outputs too mark them
    outputs = [output_mark(name) for name in scope_of if output_mark(name) in artifact.marks]
    watched = [*scope_of, *outputs]
    return calibrate(
        artifact.open(watched),
        batches(),
        watched,
        observer=observer,
        grid=grid,
        channels=bool(outputs),
        multipliers={
            name: weights.smoothing[scope].multipliers for name, scope in scope_of.items() if scope in weights.smoothing
        },
        progress=progress,
    )


def split_outputs(calibration: Calibration) -> tuple[Calibration, dict[str, np.ndarray]]:
    """Take out of a calibration what was seen of products' outputs.

    Returns:
        The calibration of inputs, and the largest magnitude of every output channel by the site of the input.
    """
    outputs = {output_mark(site): site for site in calibration.ranges if output_mark(site) in calibration.ranges}
    maxima = {site: np.asarray(calibration.channel_maxima[mark], np.float32) for mark, site in outputs.items()}
    ranges = {site: bounds for site, bounds in calibration.ranges.items() if site not in outputs}
    return (replace(calibration, ranges=ranges, channel_maxima={}), maxima) if outputs else (calibration, {})


def _balanced(equalised: Equalised, what: str) -> dict[str, str]:
    done = "were evened out in the weights"
    return {
        scope: f"outliers among {what}, up to {ratio:.0f} times as large as nine in ten, {done}"
        for scope, ratio in equalised.outliers.items()
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
