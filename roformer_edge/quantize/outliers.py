"""Outlier channels: a few channels of a product's input that are many times as large as the others.

The integers of an input share one scale, so a channel 50 times as large as the rest leaves the rest 5 integers of 255.
Large pretrained encoders have such channels in every vector that comes out of a layer norm. Two cures, both exact in
floating point:

- *Factors*: every channel of the input is divided by a factor of its own before it is quantised, and the weight's
  column multiplied by it, which spreads the difficulty over both sides (SmoothQuant, arXiv 2211.10438). Factors are
  powers of two, so nothing is rounded. Only the product's own input is divided: the residual sum reads what it read.
- *Splitting*: the worst channels are multiplied in floating point, and are zero in what is quantised (LLM.int8,
  arXiv 2208.07339). It costs a second, small product, and is for channels so large that their factor would make the
  weight's column an outlier among its columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import CalibrationError, RecipeError
from roformer_edge.quantize.affine import FloatArray

# A channel is an outlier when its largest magnitude is more than so many times that of the channel which nine in ten
# channels do not exceed. The largest channel of an ordinary layer norm is below 1.5 times as large, and so is that of
# an activation function, half of whose channels may be next to nothing: the median would make the others outliers.
OUTLIER_RATIO = 3.0
_ORDINARY = 0.9

# A channel that is more than so many times as large as those is split off: its factor would be about 7 and more.
SPLIT_RATIO = 48.0

# So many channels are split off at most; the worst ones.
MOST_SPLIT = 4

# How many standard deviations the largest value of a normalised channel is away from its mean, about.
_NORM_REACH = np.float32(4)

# Largest exponent of a factor either way: keeps what is multiplied clear of overflow and of denormal numbers.
_LARGEST_EXPONENT = 16


@dataclass(frozen=True, kw_only=True, eq=False)
class Smoothing:
    """What is done about the outlier channels of one product's input.

    Attributes:
        channels: The outlier channels, int64 ``[outliers]``, the largest first.
        ratio: How many times as large as nine in ten channels the largest of them is.
        factors: What every channel is divided by before it is quantised, float32 ``[in]``, powers of two.
        split: Those of ``channels`` that are multiplied in floating point, int64, ascending.
    """

    channels: NDArray[np.int64]
    ratio: float
    factors: NDArray[np.float32]
    split: NDArray[np.int64]

    @property
    def multipliers(self) -> NDArray[np.float32]:
        """Return what every channel is multiplied by before it is quantised, float32 ``[in]``; 0 where split off."""
        multipliers = np.asarray(1 / self.factors, np.float32)
        multipliers[self.split] = 0
        return multipliers

    def columns(self, weight: FloatArray) -> NDArray[np.float32]:
        """Return the weight ``[out, in]`` that suits an input multiplied by :attr:`multipliers`."""
        columns = np.asarray(weight * self.factors, np.float32)
        columns[:, self.split] = 0
        return columns

    @property
    def treatment(self) -> str:
        """Say in a few words what is done, for the record of a recipe's decisions."""
        scaled, split = len(self.channels) - len(self.split), len(self.split)
        done = [f"{scaled} divided by factors before they are quantised"] * bool(scaled)
        done += [f"{split} multiplied in float32"] * bool(split)
        found = f"{len(self.channels)} of {len(self.factors)} input channels are outliers"
        size = f"up to {self.ratio:.0f} times as large as nine in ten (the limit is {OUTLIER_RATIO:g})"
        return f"{found}, {size}: {', '.join(done)}"


def outlier_channels(channel_maxima: FloatArray) -> NDArray[np.int64]:
    """Find the channels that are more than ``OUTLIER_RATIO`` times as large as nine in ten, the largest first.

    Raises:
        CalibrationError: A maximum is negative, NaN or infinite.
    """
    _check(channel_maxima)
    ratios = _ratios(channel_maxima)
    found = np.flatnonzero(ratios > OUTLIER_RATIO)
    return found[np.argsort(-ratios[found], kind="stable")].astype(np.int64)


def outlier_ratio(channel_maxima: FloatArray) -> float:
    """Tell how many times as large as nine in ten channels the largest one is."""
    return float(_ratios(channel_maxima).max())


def _ratios(channel_maxima: FloatArray) -> NDArray[np.float64]:
    maxima = np.asarray(channel_maxima, np.float64)
    ordinary = np.quantile(maxima, _ORDINARY, method="lower")
    return maxima / ordinary if ordinary > 0 else np.zeros_like(maxima)


def smooth(channel_maxima: FloatArray, weight: FloatArray, *, scalable: bool = True) -> Smoothing | None:
    """Decide what to do about the outlier channels of a product's input; ``None`` where there are none.

    Args:
        channel_maxima: Largest magnitude of every channel, ``[in]``.
        weight: ``[out, in]``.
        scalable: Whether the weight's columns may be multiplied by factors. Where they are shared with an embedding
            table they may not, and the outliers are split off instead.

    Raises:
        CalibrationError: A maximum is negative, NaN or infinite.
    """
    maxima, outliers = np.asarray(channel_maxima, np.float64), outlier_channels(channel_maxima)
    if not len(outliers):
        return None
    worst = outliers[:MOST_SPLIT]
    split = np.sort(worst[_ratios(maxima)[worst] > SPLIT_RATIO] if scalable else worst)
    rest = maxima.copy()
    rest[split] = 0  # not quantised, so their factor is 1
    return Smoothing(
        channels=outliers,
        ratio=outlier_ratio(maxima),
        factors=smoothing_factors(rest, weight) if scalable else np.ones(len(maxima), np.float32),
        split=split,
    )


def estimated_maxima(arrays: Mapping[str, FloatArray], config: RoFormerConfig) -> dict[str, NDArray[np.float32]]:
    """Estimate from the layer norms alone how large the channels are that the products after them read.

    Args:
        arrays: Canonical arrays of the model.
        config: Its architecture; RoFormerV2's norms have no weights and say nothing.

    Returns:
        Scope name -> largest magnitude of every channel, ``[in]``.
    """
    last = "roformer.embeddings.LayerNorm"
    norms = {"embeddings.project" if config.has_projection else "layer.0.attention.qkv": last}
    for index in range(config.num_hidden_layers):
        module = f"roformer.encoder.layer.{index}"
        norms.setdefault(f"layer.{index}.attention.qkv", "" if index == 0 else last)
        norms[f"layer.{index}.ffn.up"] = f"{module}.attention.output.LayerNorm"
        last = f"{module}.output.LayerNorm"
    norms |= {"head.dense": last, "head.decoder": "cls.predictions.transform.LayerNorm"}
    return {
        scope: _NORM_REACH * np.abs(arrays[f"{norm}.weight"]) + np.abs(arrays[f"{norm}.bias"])
        for scope, norm in norms.items()
        if f"{norm}.weight" in arrays
    }


def smoothing_factors(
    channel_maxima: FloatArray, weight: FloatArray, *, strength: float = 0.5, tied: int = 1
) -> NDArray[np.float32]:
    """Choose what to divide every channel of an input by, and to multiply the weight's columns with.

    The factor is ``maximum ** strength / column ** (1 - strength)``, with ``column`` the largest magnitude in the
    weight's column, divided by the geometric mean of all factors and rounded to a power of two. A channel that is
    zero throughout, or that nothing reads, has factor 1.

    Args:
        channel_maxima: Largest magnitude of every channel, ``[in]``.
        weight: ``[out, in]``.
        strength: 0 makes the columns of the weight alike, 1 the channels of the input.
        tied: So many neighbouring channels share a factor.

    Returns:
        The factors, ``[in]``.

    Raises:
        CalibrationError: A maximum is negative, NaN or infinite.
        RecipeError: The strength is not within 0 and 1.
    """
    if not 0 <= strength <= 1:
        raise RecipeError(f"the strength of equalisation lies within 0 and 1, found {strength}")
    _check(channel_maxima)
    inputs = channel_maxima.reshape(-1, tied).max(axis=1).astype(np.float64)
    columns = np.abs(weight).max(axis=0).reshape(-1, tied).max(axis=1).astype(np.float64)
    alive = (inputs > 0) & (columns > 0)
    exponents = np.zeros(len(inputs))
    exponents[alive] = strength * np.log2(inputs[alive]) - (1 - strength) * np.log2(columns[alive])
    exponents[alive] -= exponents[alive].mean() if alive.any() else 0
    exponents = np.clip(np.rint(exponents), -_LARGEST_EXPONENT, _LARGEST_EXPONENT)
    return np.repeat(np.exp2(exponents), tied).astype(np.float32)


def _check(channel_maxima: FloatArray) -> None:
    if not (np.isfinite(channel_maxima).all() and (channel_maxima >= 0).all()):
        raise CalibrationError("the largest magnitudes of the channels must be finite and not negative")
