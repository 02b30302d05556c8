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
from roformer_edge.quantize.affine import FloatArray, QuantizedTensor
from roformer_edge.quantize.blocks import BlockTensor

# A channel is an outlier when its largest magnitude is more than so many times that of the channel which nine in ten
# channels do not exceed. The largest channel of an ordinary layer norm is below 1.5 times as large, and so is that of
# an activation function, half of whose channels may be next to nothing: the median would make the others outliers.
OUTLIER_RATIO = 3.0
_ORDINARY = 0.9

# A channel that is more than so many times as large as those is split off: its factor would be about 7 and more.
SPLIT_RATIO = 48.0

# A channel that is smaller than those by more than so many times is multiplied up as if it were not: texts that the
# calibration did not see may move what it saw at rest.
_QUIET_RATIO = 16.0

# So many channels are split off at most; the worst ones.
MOST_SPLIT = 4

# So many directions of an embedding's errors are kept at most: 4 bytes a row each.
_MOST_DIRECTIONS = 8

# How many standard deviations the largest value of a normalised channel is away from its mean, about.
_NORM_REACH = np.float32(4)

# Activation functions that pass on what is large, and make little of what is below zero: so much is what a channel that
# never is above it is taken for.
_PASS_ON = ("gelu", "gelu_tanh", "quick_gelu", "leaky_relu", "silu", "mish")
_REST = np.float32(0.25)

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
        # those that a shared table has no factors for
        how = "divided by factors before they are quantised" if (self.factors != 1).any() else "quantised as they are"
        done = [f"{scaled} {how}"] * bool(scaled)
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
    maxima, ordinary = np.asarray(channel_maxima, np.float64), _nine_in_ten(channel_maxima)
    return maxima / ordinary if ordinary > 0 else np.zeros_like(maxima)


def _nine_in_ten(channel_maxima: FloatArray) -> float:
    """Find what nine in ten channels do not exceed."""
    return float(np.quantile(np.asarray(channel_maxima, np.float64), _ORDINARY, method="lower"))


def not_quiet(channel_maxima: FloatArray) -> NDArray[np.float64]:
    """Take channels that are very small for larger, so that no factor makes much of them; zeros stay zeros."""
    maxima = np.asarray(channel_maxima, np.float64)
    return np.where(maxima > 0, np.maximum(maxima, _nine_in_ten(maxima) / _QUIET_RATIO), 0)


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
        factors=smoothing_factors(not_quiet(rest), weight) if scalable else np.ones(len(maxima), np.float32),
        split=split,
    )


def estimated_maxima(arrays: Mapping[str, FloatArray], config: RoFormerConfig) -> dict[str, NDArray[np.float32]]:
    """Estimate from the weights alone how large the channels are that come out of layer norms and activations.

    A layer norm multiplies a channel by its weight and adds its bias. What it reads is a sum with the layer norm before
    it, so a channel that was large there is large already, and the more so the more channels are ordinary. What an
    activation function reads is a product with such a vector; relu is left out, for equalisation sees to that.

    Args:
        arrays: Canonical arrays of the model.
        config: Its architecture; RoFormerV2's norms have no weights and say nothing.

    Returns:
        Scope name -> largest magnitude of every channel, ``[in]``, for the products that read a layer norm or an
        activation.
    """
    maxima: dict[str, NDArray[np.float32]] = {}
    if config.is_v2:
        return maxima
    deviations = np.ones(config.width_of_embeddings)

    def through(norm: str, reader: str) -> None:
        nonlocal deviations
        # the other summand is as large as an ordinary channel
        sums = np.sqrt(deviations**2 + np.median(deviations) ** 2)
        normalised, weight = sums / np.sqrt(np.mean(sums**2)), np.abs(arrays[f"{norm}.weight"])
        # whatever the vector, no channel of it is normalised to more than the root of their number
        reach = np.minimum(_NORM_REACH * normalised, np.sqrt(len(weight)))
        maxima[reader] = np.asarray(reach * weight + np.abs(arrays[f"{norm}.bias"]), np.float32)
        deviations = normalised * weight

    first = "embeddings.project" if config.has_projection else "layer.0.attention.qkv"
    through("roformer.embeddings.LayerNorm", first)
    if config.has_projection:
        deviations = np.linalg.norm(arrays["roformer.embeddings_project.weight"] * deviations, axis=1)
    for index in range(config.num_hidden_layers):
        module = f"roformer.encoder.layer.{index}"
        through(f"{module}.attention.output.LayerNorm", f"layer.{index}.ffn.up")
        if config.activation in _PASS_ON:
            up = arrays[f"{module}.intermediate.dense.weight"]
            bias = arrays.get(f"{module}.intermediate.dense.bias", np.zeros(len(up), np.float32))
            middle = up @ arrays[f"{module}.attention.output.LayerNorm.bias"] + bias
            reach = middle + _NORM_REACH * np.linalg.norm(up * deviations, axis=1)
            maxima[f"layer.{index}.ffn.down"] = np.asarray(np.maximum(reach, _REST), np.float32)
        following = "head.dense" if index == config.num_hidden_layers - 1 else f"layer.{index + 1}.attention.qkv"
        through(f"{module}.output.LayerNorm", following)
    if "cls.predictions.transform.LayerNorm.weight" in arrays:
        deviations = np.ones(config.width_of_embeddings)
        through("cls.predictions.transform.LayerNorm", "head.decoder")
    return maxima


def error_directions(arrays: Mapping[str, FloatArray], config: RoFormerConfig) -> NDArray[np.float32] | None:
    """Find the directions in which rounding errors of embedding rows become outlier channels of the first layer.

    What the first layer reads is, but for the layer norm's division, the row times the norm's weight (times the
    projection's). Where a few channels of that are made much larger than the rest, so are the errors in them.

    Args:
        arrays: Canonical arrays of the model.
        config: Its architecture.

    Returns:
        float32 ``[outliers, width]`` with orthonormal rows; ``None`` where no channel is an outlier.
    """
    norm = arrays.get("roformer.embeddings.LayerNorm.weight")
    if norm is None:  # RoFormerV2 has none
        return None
    if config.has_projection:
        reads = arrays["roformer.embeddings_project.weight"] * norm
        sizes = np.linalg.norm(reads, axis=1)
    else:
        sizes = np.abs(norm)
    outliers = outlier_channels(sizes)[:_MOST_DIRECTIONS]
    if not len(outliers):
        return None
    chosen = reads[outliers] if config.has_projection else np.eye(len(norm))[outliers]
    basis: NDArray[np.float32] = np.linalg.qr(chosen.T.astype(np.float64))[0].T.astype(np.float32)
    return np.ascontiguousarray(basis)


def kept_errors(
    rows: FloatArray, quantised: QuantizedTensor | BlockTensor, directions: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Compute the rounding errors of a table in some directions.

    Args:
        rows: ``[rows, width]``.
        quantised: The same in integers, with a scale for every row or block.
        directions: What :func:`error_directions` gives, ``[directions, width]``.

    Returns:
        float32 ``[rows, directions]``; times the directions and added to the row, they leave no error in these.
    """
    # what the rows are in the directions, less what the integers are there
    if isinstance(quantised, BlockTensor):
        stored = quantised.dequantize() @ directions.T
    else:
        stored = (quantised.values @ directions.T) * quantised.scale[:, None]
    return np.asarray(rows @ directions.T - stored, np.float32)


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
