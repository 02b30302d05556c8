"""Equalisation: give the channels of a product's input like magnitudes before they share one scale.

A channel that is much larger than the rest takes most of the integers of its tensor. Dividing every channel of the
input by a factor of its own and multiplying the weight's column by it leaves the product as it is, and spreads the
difficulty over both sides (the idea of SmoothQuant, arXiv 2211.10438). Factors here are powers of two, so the float
model computes the same numbers to the last bit.

The division is free where it can be folded into the weights that make the channel:

- ``attention.output`` reads mixtures of value vectors: the rows of the value projection take it;
- ``ffn.down`` reads the activation of ``ffn.up``, whose rows take it if the activation is relu, as no other commutes
  with a factor.

``attention.qkv`` and ``ffn.up`` read a normalised vector, but RoFormer normalises after the residual sum, so the same
vector goes on into the next sum: dividing the norm's gain and bias would change that too. For these the input has to
be divided where the graph quantises it; :func:`migration_factors` gives the factors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import CalibrationError, RecipeError
from roformer_edge.quantize.affine import FloatArray

# Largest exponent of a factor either way: keeps what is multiplied clear of overflow and of denormal numbers.
_LARGEST_EXPONENT = 16


@dataclass(frozen=True, kw_only=True)
class _Pair:
    """A product whose channels come straight out of another: canonical names without ``.weight`` and ``.bias``."""

    scope: str
    producer: str
    consumer: str
    tied: int


def equalise(
    arrays: Mapping[str, NDArray[np.float32]],
    config: RoFormerConfig,
    channel_maxima: Mapping[str, Sequence[float]],
    *,
    strength: float = 0.5,
) -> dict[str, NDArray[np.float32]]:
    """Equalise all products of a model for which that is free.

    Args:
        arrays: Canonical arrays of the model.
        config: Its architecture.
        channel_maxima: Scope name (``layer.0.attention.output`` ...) -> largest magnitude of every channel of the
            product's input, in the order of the columns of its canonical weight. Scopes that are not there, and
            scopes that cannot be equalised, are left as they are.
        strength: See :func:`migration_factors`.

    Returns:
        New arrays for the names that change; the model with these computes the same function.

    Raises:
        CalibrationError: Maxima that do not fit the weight or are not finite.
        RecipeError: The strength lies outside.
    """
    changed: dict[str, NDArray[np.float32]] = {}
    for pair in _pairs(config):
        if pair.scope not in channel_maxima:
            continue
        weight = arrays[f"{pair.consumer}.weight"]
        maxima = np.asarray(channel_maxima[pair.scope], np.float32)
        if maxima.shape != weight.shape[1:]:
            raise CalibrationError(f"{pair.scope} has {weight.shape[1]} channels, but there are {maxima.size} maxima")
        factors = migration_factors(maxima, weight, strength=strength, tied=pair.tied)
        changed[f"{pair.consumer}.weight"] = weight * factors
        changed[f"{pair.producer}.weight"] = arrays[f"{pair.producer}.weight"] / factors[:, None]
        bias = f"{pair.producer}.bias"
        if bias in arrays:
            changed[bias] = arrays[bias] / factors
    return changed


def migration_factors(
    channel_maxima: FloatArray, weight: FloatArray, *, strength: float = 0.5, tied: int = 1
) -> NDArray[np.float32]:
    """What to divide every channel of an input by, and to multiply the weight's columns with.

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
    if not (np.isfinite(channel_maxima).all() and (channel_maxima >= 0).all()):
        raise CalibrationError("the largest magnitudes of the channels must be finite and not negative")
    inputs = channel_maxima.reshape(-1, tied).max(axis=1).astype(np.float64)
    columns = np.abs(weight).max(axis=0).reshape(-1, tied).max(axis=1).astype(np.float64)
    alive = (inputs > 0) & (columns > 0)
    exponents = np.zeros(len(inputs))
    exponents[alive] = strength * np.log2(inputs[alive]) - (1 - strength) * np.log2(columns[alive])
    exponents[alive] -= exponents[alive].mean() if alive.any() else 0
    exponents = np.clip(np.rint(exponents), -_LARGEST_EXPONENT, _LARGEST_EXPONENT)
    return np.repeat(np.exp2(exponents), tied).astype(np.float32)


def _pairs(config: RoFormerConfig) -> list[_Pair]:
    pairs = []
    for index in range(config.num_hidden_layers):
        scope, module = f"layer.{index}", f"roformer.encoder.layer.{index}"
        pairs.append(
            _Pair(
                scope=f"{scope}.attention.output",
                producer=f"{module}.attention.self.value",
                consumer=f"{module}.attention.output.dense",
                # the rotation mixes neighbours, so they must keep one length
                tied=2 if config.rotary_value else 1,
            )
        )
        if config.hidden_act == "relu":
            pairs.append(
                _Pair(
                    scope=f"{scope}.ffn.down",
                    producer=f"{module}.intermediate.dense",
                    consumer=f"{module}.output.dense",
                    tied=1,
                )
            )
    return pairs
