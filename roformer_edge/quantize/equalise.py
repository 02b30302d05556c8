"""Equalisation: give the channels of a product's input like magnitudes where that can be folded into weights.

A channel that is much larger than the rest takes most of the integers of its tensor. Dividing every channel of the
input by a factor of its own and multiplying the weight's column by it leaves the product as it is, and spreads the
difficulty over both sides; see :mod:`roformer_edge.quantize.outliers`. Factors here are powers of two, so the float
model computes the same numbers to the last bit.

The division is free where it can be folded into the weights that make the channel:

- ``attention.output`` reads mixtures of value vectors: the rows of the value projection take it;
- ``ffn.down`` reads the activation of ``ffn.up``, whose rows take it if the activation is relu, as no other commutes
  with a factor;
- a score is a sum over the rotated pairs of query and key: what the query's rows are divided by, the key's take.

``attention.qkv`` and ``ffn.up`` read a normalised vector, but RoFormer normalises after the residual sum, so the same
vector goes on into the next sum: dividing the norm's weight and bias would change that too. Their input is divided
where it is quantised.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import CalibrationError
from roformer_edge.quantize.outliers import not_quiet, outlier_channels, outlier_ratio, smoothing_factors

Arrays = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A product whose channels come straight out of another; canonical names without ``.weight`` and ``.bias``.

    Attributes:
        scope: Scope of the product that reads them.
        producer: Makes the channels.
        consumer: Reads them.
        norm: The layer norm that the producer reads.
        tied: So many neighbouring channels share a factor.
    """

    scope: str
    producer: str
    consumer: str
    norm: str
    tied: int = 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Equalised:
    """What equalisation changes.

    Attributes:
        arrays: New arrays for the names that change; the model with these computes the same function.
        outliers: Scopes where some channel was an outlier -> how many times as large as nine in ten the largest was.
    """

    arrays: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    outliers: dict[str, float] = field(default_factory=dict)


def pairs_of(config: RoFormerConfig) -> list[Pair]:
    """List the pairs of products for which equalisation is free, in the order of the network."""
    pairs, norm = [], "roformer.embeddings.LayerNorm"
    for index in range(config.num_hidden_layers):
        scope, module = f"layer.{index}", f"roformer.encoder.layer.{index}"
        pairs.append(
            Pair(
                scope=f"{scope}.attention.output",
                producer=f"{module}.attention.self.value",
                consumer=f"{module}.attention.output.dense",
                norm=norm,
                # the rotation mixes neighbours, so they must keep one length
                tied=2 if config.rotary_value else 1,
            )
        )
        if config.hidden_act == "relu":
            pairs.append(
                Pair(
                    scope=f"{scope}.ffn.down",
                    producer=f"{module}.intermediate.dense",
                    consumer=f"{module}.output.dense",
                    norm=f"{module}.attention.output.LayerNorm",
                )
            )
        norm = f"{module}.output.LayerNorm"
    return pairs


def equalise(
    arrays: Arrays,
    config: RoFormerConfig,
    scopes: Collection[str],
    channel_maxima: Mapping[str, Sequence[float] | NDArray[np.float32]] | None = None,
) -> Equalised:
    """Equalise the products among ``scopes`` for which that is free.

    Estimates are acted upon only where they show an outlier channel; measured maxima always.

    Args:
        arrays: Canonical arrays of the model.
        config: Its architecture.
        scopes: Names of the scopes that will be quantised.
        channel_maxima: Scope name (``layer.0.attention.output`` ...) -> largest magnitude of every channel of the
            product's input, in the order of the columns of its canonical weight. ``None`` takes the norms of the
            weights that make the channels instead.

    Raises:
        CalibrationError: Maxima that do not fit the weight or are not finite.
    """
    found = Equalised()
    for pair in pairs_of(config):
        if pair.scope not in scopes:
            continue
        weight = arrays[f"{pair.consumer}.weight"]
        maxima = (
            _row_norms(arrays, pair) if channel_maxima is None else np.asarray(channel_maxima[pair.scope], np.float32)
        )
        if maxima.shape != weight.shape[1:]:
            raise CalibrationError(f"{pair.scope} has {weight.shape[1]} channels, but there are {maxima.size} maxima")
        if not _outliers(found, pair.scope, maxima) and channel_maxima is None:
            continue
        factors = smoothing_factors(not_quiet(maxima), weight, tied=pair.tied)
        found.arrays[f"{pair.consumer}.weight"] = weight * factors
        _divide(found, arrays, pair.producer, factors)
    return found


def balance_scores(
    arrays: Arrays, config: RoFormerConfig, scopes: Collection[str], multiplied: Collection[str] = ()
) -> Equalised:
    """Give every rotated pair of the query the norm of its pair of the key, in layers where one is an outlier.

    Args:
        arrays: Canonical arrays of the model.
        config: Its architecture.
        scopes: Names of the scopes that will be quantised.
        multiplied: Those of them whose query and key will multiply as integers, which have one range each: there every
            pair counts, whether or not one is an outlier.
    """
    found = Equalised()
    for index in range(config.num_hidden_layers):
        scope, module = f"layer.{index}.attention.qkv", f"roformer.encoder.layer.{index}.attention.self"
        if scope not in scopes:
            continue
        pairs = config.heads_of(index) * config.head_size // 2
        query, key = (
            np.linalg.norm(arrays[f"{module}.{part}.weight"].reshape(pairs, -1), axis=1) for part in ("query", "key")
        )
        alive = (query > 0) & (key > 0)
        ratios = np.sqrt(np.divide(query, key, out=np.ones_like(query), where=alive))
        if not _outliers(found, scope, ratios) and scope not in multiplied:
            continue
        factors = np.repeat(np.exp2(np.rint(np.log2(ratios))), 2).astype(np.float32)
        _divide(found, arrays, f"{module}.query", factors)
        _divide(found, arrays, f"{module}.key", np.asarray(1 / factors, np.float32))
    return found


def _row_norms(arrays: Arrays, pair: Pair) -> NDArray[np.float32]:
    """Estimate the magnitudes of the channels that a producer makes of a normalised vector: ``[out]``."""
    weight, bias = arrays[f"{pair.producer}.weight"], arrays.get(f"{pair.producer}.bias")
    norm = arrays.get(f"{pair.norm}.weight")  # RoFormerV2 has none
    read = weight * norm if norm is not None and norm.shape == weight.shape[1:] else weight
    rows = np.linalg.norm(read, axis=1)
    return np.asarray(rows if bias is None else rows + np.abs(bias), np.float32)


def _outliers(found: Equalised, scope: str, maxima: NDArray[np.float32]) -> bool:
    """Tell whether there are outliers, and note it."""
    outliers = outlier_channels(maxima)
    if len(outliers):
        found.outliers[scope] = outlier_ratio(maxima)
    return len(outliers) > 0


def _divide(found: Equalised, arrays: Arrays, module: str, factors: NDArray[np.float32]) -> None:
    """Divide the rows of a linear layer and its bias."""
    found.arrays[f"{module}.weight"] = arrays[f"{module}.weight"] / factors[:, None]
    if f"{module}.bias" in arrays:
        found.arrays[f"{module}.bias"] = arrays[f"{module}.bias"] / factors
