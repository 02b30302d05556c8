"""A model's numbers, prepared for emitters: pure numpy, from canonical arrays and the decisions of a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from roformer_edge.checkpoint.names import DECODER_WEIGHT, ROTARY_TABLE, WORD_EMBEDDINGS
from roformer_edge.checkpoint.rotary_table import rotary_table
from roformer_edge.config import RoFormerConfig
from roformer_edge.export.network.emitter import Attention, FloatArray, Linear, Norm, Product, Table
from roformer_edge.quantize.outliers import Smoothing
from roformer_edge.quantize.recipe import FLOAT, SCHEMES, Decision

# a norm that one product alone reads -> that product's scope; the input's multipliers are then folded into the norm
_ONLY_READERS = {"embeddings.norm": "embeddings.project", "head.norm": "head.decoder"}


@dataclass(frozen=True, kw_only=True, eq=False)
class Weights:
    """A model's numbers and what was decided about them. Every array is read once, in the order of the network.

    Attributes:
        config: The architecture.
        arrays: Canonical arrays, matrices ``[out, in]``.
        decisions: Scope name -> decision; a scope that is not there is float32.
        ranges: ``Product.input`` -> (low, high) of what is quantised, for schemes that fix it beforehand.
        output_maxima: ``Product.input`` -> largest magnitude of every channel of what the product makes, in the order
            of the format's own rows, for formats that round outputs too.
        smoothing: Scope name -> what is done about the outlier channels of its input.
        error_directions: See ``Table.directions``; of the word embeddings.
    """

    config: RoFormerConfig
    arrays: Mapping[str, FloatArray]
    decisions: Mapping[str, Decision] = field(default_factory=dict)
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    output_maxima: Mapping[str, FloatArray] = field(default_factory=dict)
    smoothing: Mapping[str, Smoothing] = field(default_factory=dict)
    error_directions: FloatArray | None = None

    def scheme(self, scope: str) -> str:
        """Return the scheme decided for a scope."""
        return self.decisions[scope].scheme if scope in self.decisions else FLOAT

    @property
    def shares_table(self) -> bool:
        """Whether the head of a language model multiplies by the word embeddings as they are stored.

        They must be tied in the model, and stored alike.
        """
        stored = {SCHEMES[self.scheme(scope)].stored for scope in ("embeddings.word", "head.decoder")}
        return self.config.tie_word_embeddings and len(stored) == 1

    def word_table(self) -> Table:
        """Prepare the word embeddings."""
        return Table(
            scope="embeddings.word",
            ids="input_ids",
            rows=self.arrays[WORD_EMBEDDINGS],
            scheme=self.scheme("embeddings.word"),
            shared=self.shares_table,
            directions=self.error_directions,
        )

    def type_table(self) -> Table:
        """Prepare the token type embeddings."""
        return Table(
            scope="embeddings.type",
            ids="token_type_ids",
            rows=self.arrays["roformer.embeddings.token_type_embeddings.weight"],
            scheme=self.scheme("embeddings.type"),
        )

    def norm(self, name: str, module: str) -> Norm:
        """Prepare a normalisation."""
        epsilon = self.config.layer_norm_eps
        if self.config.is_v2:
            return Norm(name=name, weight=None, bias=None, epsilon=epsilon)
        weight, bias = self.arrays[f"{module}.weight"], self.arrays[f"{module}.bias"]
        reader = _ONLY_READERS.get(name, "")
        if self._folded(reader):
            multipliers = self.smoothing[reader].multipliers
            weight, bias = weight * multipliers, bias * multipliers
        return Norm(name=name, weight=weight, bias=bias, epsilon=epsilon)

    def product(self, scope: str, module: str) -> Product:
        """Prepare the one linear layer of a scope."""
        return self._product(scope, *self._linear(module))

    def attention(self, index: int) -> Attention:
        """Prepare the projections of a layer's attention."""
        config, name = self.config, f"layer.{index}.attention"
        scope = f"{name}.qkv"
        half = config.head_size // 2
        table = self._rotary_table()
        return Attention(
            name=name,
            scope=scope,
            heads=config.heads_of(index),
            head_size=config.head_size,
            query=self._projection(index, "query", rotated=True, scale=config.head_size**-0.5),
            key=self._projection(index, "key", rotated=True),
            value=self._projection(index, "value", rotated=config.rotary_value),
            rotates_value=config.rotary_value,
            sines=np.ascontiguousarray(table[:, :half]),
            cosines=np.ascontiguousarray(table[:, half:]),
            scheme=self.scheme(scope),
            ranges={site: self.ranges[site] for site in (scope, f"{scope}.first") if site in self.ranges},
            output_maxima={
                site: self.output_maxima[site] for site in (scope, f"{scope}.first") if site in self.output_maxima
            },
            smoothing=self.smoothing.get(scope),
        )

    def attention_output(self, index: int) -> Product:
        """Prepare the product on an attention's context, whose channels come in the order of the value's rows."""
        weight, bias = self._linear(f"roformer.encoder.layer.{index}.attention.output.dense")
        if self.config.rotary_value:
            weight = weight[:, self._half_split(index)]
        return self._product(f"layer.{index}.attention.output", weight, bias)

    def decoder(self) -> Product:
        """Prepare the product of a language model's head with the vocabulary."""
        tied = self.config.tie_word_embeddings
        weight = self.arrays[WORD_EMBEDDINGS if tied else DECODER_WEIGHT]
        table = "embeddings.word" if self.shares_table else None
        return self._product("head.decoder", weight, self.arrays.get("cls.predictions.bias"), table)

    def canonical_channels(self, site: str, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Put figures of a product's input channels, ``[in]``, in the order of the columns of its canonical weight."""
        if self.config.rotary_value and site.endswith(".attention.output"):
            return values[np.argsort(self._half_split(int(site.split(".")[1])))]
        return values

    def _half_split(self, index: int) -> NDArray[np.int64]:
        return half_split_order(self.config.heads_of(index), self.config.head_size)

    def _linear(self, module: str) -> Linear:
        return self.arrays[f"{module}.weight"], self.arrays.get(f"{module}.bias")

    def _product(self, scope: str, weight: FloatArray, bias: FloatArray | None, table: str | None = None) -> Product:
        product = Product(
            scope=scope,
            name=scope,
            input=scope,
            weight=weight,
            bias=bias,
            scheme=self.scheme(scope),
            range=self.ranges.get(scope),
            output_maxima=self.output_maxima.get(scope),
            table=table,
        ).smoothed(self.smoothing.get(scope))
        return replace(product, multipliers=None) if self._folded(scope) else product

    def _folded(self, scope: str) -> bool:
        """Tell whether the multipliers of a product's input are folded into the norm before it, which is exact."""
        smoothing = self.smoothing.get(scope)
        return (
            scope in _ONLY_READERS.values()
            and smoothing is not None
            and not len(smoothing.split)
            and SCHEMES[self.scheme(scope)].rounds_input
            and not self.config.is_v2
        )

    def _projection(self, index: int, part: str, *, rotated: bool, scale: float = 1.0) -> Linear:
        rows = self._half_split(index) if rotated else slice(None)
        factor = np.float32(scale)
        weight, bias = self._linear(f"roformer.encoder.layer.{index}.attention.self.{part}")
        return weight[rows] * factor, None if bias is None else bias[rows] * factor

    def _rotary_table(self) -> FloatArray:
        # a checkpoint may carry its own, with the rounding of the type it was stored in
        if ROTARY_TABLE in self.arrays:
            return self.arrays[ROTARY_TABLE]
        return rotary_table(self.config.max_position_embeddings, self.config.head_size)


def half_split_order(heads: int, head_size: int) -> NDArray[np.int64]:
    """Return the row order that brings each head's even rows before its odd ones, int64 ``[heads * head_size]``."""
    inside = np.concatenate([np.arange(0, head_size, 2), np.arange(1, head_size, 2)])
    return np.asarray((np.arange(heads)[:, None] * head_size + inside).reshape(-1), np.int64)
