"""What a format must be able to say: the verbs that the network is written in, and what they are given.

A value is whatever the format passes from verb to verb: the name of a tensor in a graph, the index of one in a
flatbuffer, an array. The network never looks inside, and names no operator, no shape and no batch axis, so a format is
free to arrange ``[batch, sequence, width]`` or ``[sequence, width]``, and to merge products as its engine likes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from roformer_edge.quantize.outliers import Smoothing
from roformer_edge.quantize.recipe import FLOAT, SCHEMES

V = TypeVar("V")
FloatArray = NDArray[np.float32]
# weight [out, in] and bias [out] of a linear layer; RoFormerV2 has no biases
Linear = tuple[FloatArray, FloatArray | None]


# what a position sees -> in words. Unless it is all, keys and values of earlier runs are of use, and are kept.
ALL, EARLIER, PREFIX = "all", "earlier", "prefix"
SEEN = {
    ALL: "every token",
    EARLIER: "itself and what comes before it",
    PREFIX: "every token with a sum of token types, up to that token, that is no larger than its own: a prompt of "
    "zeros is seen in both directions, and each of the ones that follow sees the prompt, those before it and itself",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Table:
    """An embedding table.

    Attributes:
        scope: Its scope.
        ids: The input whose numbers are looked up: ``"input_ids"`` or ``"token_type_ids"``.
        rows: float32 ``[rows, width]``.
        scheme: How the recipe wants it stored.
        shared: Whether a product multiplies by the same numbers as they are stored (see ``Product.table``), so that
            its integers must suit that product.
        directions: Directions in which the rounding errors of quantised rows are kept beside them, for they would
            become outliers: float32 ``[directions, width]``, orthonormal.
    """

    scope: str
    ids: str
    rows: FloatArray
    scheme: str = FLOAT
    shared: bool = False
    directions: FloatArray | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Outliers:
    """The part of a product that is multiplied in floating point beside the quantised rest.

    Attributes:
        channels: Those of the input, int64 ``[outliers]``, ascending.
        weight: Their columns of the weight as the model has it, float32 ``[out, outliers]``.
    """

    channels: NDArray[np.int64]
    weight: FloatArray


@dataclass(frozen=True, kw_only=True, eq=False)
class Product:
    """One linear product, ``x @ weight.T + bias``.

    Attributes:
        scope: The scope that it belongs to.
        name: Prefix of what is emitted for it; the scope, unless the scope is emitted in several products.
        input: The name under which its input is calibrated; the scope, unless the products of one scope read different
            inputs.
        weight: float32 ``[out, in]``.
        bias: float32 ``[out]``, or none.
        scheme: How the recipe wants it computed.
        range: The calibrated range of what is quantised, for a scheme that fixes it beforehand.
        output_maxima: Calibrated largest magnitude of every channel of its output, for formats that round outputs too.
        multipliers: What every channel of the input is multiplied by before it is quantised, float32 ``[in]``: powers
            of two, by whose inverse the columns of ``weight`` are multiplied already, and 0 for ``outliers``. ``None``
            for an input that is quantised as it is.
        outliers: Channels to be multiplied in floating point besides.
        table: Scope of an embedding that holds the same numbers in the same scheme; the product then multiplies by
            that, and the file holds them once.
    """

    scope: str
    name: str
    input: str
    weight: FloatArray
    bias: FloatArray | None
    scheme: str = FLOAT
    range: tuple[float, float] | None = None
    output_maxima: FloatArray | None = None
    multipliers: FloatArray | None = None
    outliers: Outliers | None = None
    table: str | None = None

    def smoothed(self, smoothing: Smoothing | None) -> Product:
        """Return the same product with its outlier channels treated, as far as its scheme quantises its input."""
        if smoothing is None or not SCHEMES[self.scheme].rounds_input:
            return self
        split = smoothing.split
        return replace(
            self,
            # a weight that a table shares stays as it is; what it is multiplied by there is zero
            weight=self.weight if self.table is not None else smoothing.columns(self.weight),
            multipliers=smoothing.multipliers,
            outliers=Outliers(channels=split, weight=self.weight[:, split]) if len(split) else None,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Norm:
    """A normalisation over the last axis: a layer norm, or without weight and bias the RMS norm of RoFormerV2."""

    name: str
    weight: FloatArray | None
    bias: FloatArray | None
    epsilon: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Attention:
    """The projections of one attention, arranged for an engine.

    The pairs that a rotation mixes are in half-split order: within a head first all even rows, then all odd ones.
    Scores are sums over the pairs, so they do not change. The scale ``1 / sqrt(head size)`` is folded into the query.

    Attributes:
        name: Such as ``"layer.3.attention"``.
        scope: The scope of the three projections together.
        heads: Number of heads.
        head_size: Width of one of them.
        query: Weight ``[heads * head size, in]`` and bias.
        key: The same.
        value: The same; in half-split order where it is rotated too.
        rotates_value: Whether the value is rotated beside query and key.
        sines: float32 ``[positions, head size / 2]``.
        cosines: The same.
        scheme: How the recipe wants the projections computed.
        ranges: Calibrated ranges by ``Product.input``.
        output_maxima: Calibrated maxima of the outputs' channels by ``Product.input``.
        smoothing: What is done about outlier channels of the states that are projected.
    """

    name: str
    scope: str
    heads: int
    head_size: int
    query: Linear
    key: Linear
    value: Linear
    rotates_value: bool
    sines: FloatArray
    cosines: FloatArray
    scheme: str
    ranges: dict[str, tuple[float, float]]
    output_maxima: dict[str, FloatArray] = field(default_factory=dict)
    smoothing: Smoothing | None = None

    @property
    def width(self) -> int:
        """Width of all heads together."""
        return self.heads * self.head_size

    def product(self, name: str, parts: Sequence[Linear], *, first: bool = False) -> Product:
        """Merge projections into one product.

        Args:
            name: The name of what is emitted.
            parts: Some of ``query``, ``key`` and ``value``, in the order of the merged output.
            first: Whether the input is that of position 0 alone, which has a range of its own.
        """
        biases = [bias for _, bias in parts if bias is not None]
        site = f"{self.scope}.first" if first else self.scope
        product = Product(
            scope=self.scope,
            name=name,
            input=site,
            weight=np.concatenate([weight for weight, _ in parts]),
            bias=np.concatenate(biases) if biases else None,
            scheme=self.scheme,
            range=self.ranges.get(site),
            output_maxima=self.output_maxima.get(site),
        )
        return product.smoothed(self.smoothing)


class Emitter(Protocol[V]):
    """Says the network in one format."""

    def lookup(self, table: Table) -> V:
        """Look up the rows of every position's id."""

    def linear(self, x: V, product: Product) -> V:
        """Multiply, in the scheme of the product."""

    def norm(self, x: V, norm: Norm) -> V:
        """Normalise over the last axis."""

    def activation(self, x: V, name: str, function: str) -> V:
        """Apply an activation function; ``function`` is a value of ``config.ACTIVATIONS``."""

    def add(self, x: V, y: V, name: str) -> V:
        """Add two values of one shape."""

    def mask(self, seen: str) -> V:
        """Make what is added to the scores: 0 where a position may look, a very negative number elsewhere.

        Args:
            seen: A key of ``SEEN``. Padding is never looked at.
        """

    def attention(self, x: V, mask: V, attention: Attention, *, first: V | None = None, cache: int | None = None) -> V:
        """Compute the context of every position, or of position 0 alone.

        Args:
            x: States of all positions.
            mask: What :meth:`mask` gave.
            attention: The projections.
            first: The state of position 0, from :meth:`first`, where only its context is wanted. Its rotation is by
                zero.
            cache: Number under which keys and values are kept from one run to the next: the graph takes those of
                earlier positions, none at first, looks at them too, and gives those of all. ``None`` where nothing is
                kept. A format that cannot keep any leaves it out.
        """

    def asked(self, x: V, name: str) -> V:
        """Pick the states of the positions that are asked for, which is another input of the graph.

        A format may go on with all of them.
        """

    def first(self, x: V, name: str) -> V:
        """Pick the state of position 0."""

    def summary(self, x: V, kind: str) -> V:
        """Make one state of those of all positions; ``kind`` is one of ``config.SUMMARIES``."""

    def pool(self, x: V, kind: str, name: str) -> V:
        """Make one state of those of all tokens, without padding, where every one takes part.

        Args:
            x: States of all positions.
            kind: A key of ``sentence.POOLINGS``: ``max``, ``mean``, ``mean_sqrt_len_tokens`` or ``weightedmean``.
            name: The name of what is emitted.
        """

    def beside(self, parts: Sequence[V], name: str) -> V:
        """Put single states beside each other along the last axis."""

    def unit(self, x: V, name: str) -> V:
        """Divide a single state by its length."""

    def columns(self, x: V, names: Sequence[str]) -> tuple[V, ...]:
        """Split the last axis into one value for each of its numbers."""

    def mark(self, name: str, x: V) -> None:
        """Name a value that the reference model has too, for comparison: ``"embeddings"``, ``"layer.0"`` ..."""

    def output(self, name: str, x: V) -> None:
        """Make a value an output of the task."""
