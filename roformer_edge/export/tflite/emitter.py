"""The network's verbs in TFLite. Values are tensors ``[sequence, width]`` or, of one position, ``[1, width]``.

A graph computes one text or pair, of any length or of a fixed one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from roformer_edge.config import LAPLACE_DEVIATION, LAPLACE_MEAN, RoFormerConfig
from roformer_edge.export.artifact import output_mark
from roformer_edge.export.network.border import Border
from roformer_edge.export.network.emitter import ALL, PREFIX, Attention, FloatArray, Linear, Norm, Product, Table
from roformer_edge.export.tflite.flatbuffer import DYNAMIC_AXIS, INT32, Graph, Tensor
from roformer_edge.export.tflite.linear import emit_linear, emit_table
from roformer_edge.export.tflite.operators import binary, reshape, transpose
from roformer_edge.export.tflite.rotary import rotate
from roformer_edge.signatures import POSITION_IDS, POSITIONS, Signature, fixed_size
from roformer_edge.tasks import Task

# ids of 64 bits cost a conversion, and no delegate takes them
INDEX_DTYPE = "int32"
# What is added to the score of a position that is not to be looked at. It is zero after the softmax, and unlike the
# lowest float it fits 16 bits and does not take the whole range of a quantised tensor for itself.
MASKED = -100.0
# what is added, times -1, to states of padding so that none is the largest
_FAR_BELOW = 1e9


class TFLiteEmitter:
    """Emits operators into a graph.

    Between the embeddings and the head there are only operators that XNNPACK computes, so that the engine hands it all
    of that as a whole; looking up, counting positions and comparing them come before the first layer.

    Args:
        graph: A graph without operators.
        task: Names the inputs and outputs.
        runtime: The engine that has to understand it, a key of ``linear.RUNTIMES``.
        length: The length of the sequence, or ``None`` for any.
    """

    def __init__(self, graph: Graph, task: Task, runtime: str, length: int | None = None) -> None:
        self.marks: dict[str, Tensor] = {}
        self._graph = graph
        self._runtime = runtime
        self._length = DYNAMIC_AXIS if length is None else length
        self._border = Border(task)
        self._made: dict[str, Tensor] = {}

    def finish(self, config: RoFormerConfig) -> Signature:
        """Put the graph's inputs and outputs in their order, and describe them."""
        graph, border = self._graph, self._border
        graph.inputs = {name: graph.inputs[name] for name in border.inputs}
        graph.outputs = {name: graph.outputs[name] for name in border.outputs}
        sizes = {"batch": "1", "choices": "1"}
        if self._length != DYNAMIC_AXIS:
            sizes |= {"sequence": str(self._length), "positions": str(self._length)}
        return border.signature(config, INDEX_DTYPE, sizes)

    def lookup(self, table: Table) -> Tensor:
        return emit_table(self._graph, self._ids(table.ids), table, self._runtime)

    def linear(self, x: Tensor, product: Product) -> Tensor:
        self.marks[product.input] = x
        self.marks[output_mark(product.input)] = y = emit_linear(self._graph, x, product, self._runtime)
        return y

    def norm(self, x: Tensor, norm: Norm) -> Tensor:
        graph, name = self._graph, norm.name
        if norm.weight is not None:
            x = self._binary("SUB", name, x, self._mean(x, name, -1))
        variance = self._mean(self._binary("MUL", f"{name}.square", x, x), f"{name}.variance", -1)
        variance = self._binary("ADD", f"{name}.epsilon", variance, graph.scalar(norm.epsilon))
        x = self._binary("MUL", name, x, graph.op("RSQRT", name, [variance], variance.shape))
        if norm.weight is None or norm.bias is None:
            return x
        x = self._binary("MUL", f"{name}.weight", x, graph.constant(f"{name}/weight", norm.weight))
        return self._binary("ADD", f"{name}.bias", x, graph.constant(f"{name}/bias", norm.bias))

    def activation(self, x: Tensor, name: str, function: str) -> Tensor:
        return _ACTIVATIONS[function](self._graph, x, name)

    def add(self, x: Tensor, y: Tensor, name: str) -> Tensor:
        return self._binary("ADD", name, x, y)

    def mask(self, seen: str) -> Tensor:
        """Make ``[1 or sequence, all tokens]``: 0, or ``MASKED`` where not to look."""
        graph, length = self._graph, self._length
        if seen != ALL and length == DYNAMIC_AXIS:
            self._border.go_on()
        keep = graph.op("CAST", "mask", [self._ids("attention_mask")], (length,))
        keep = self._reshape(keep, "mask", 1, length)
        if seen != ALL:
            # counted from the end, which the new tokens and all have in common
            rows, columns = self._count("input_ids", reverse=True), self._count("attention_mask", reverse=True)
            if seen == PREFIX:
                rows, columns = self._types_to_come(rows, columns)
            rows = self._reshape(rows, "mask.rows", length, 1)
            columns = self._reshape(columns, "mask.columns", 1, length)
            looked = graph.op("LESS_EQUAL", "mask", [rows, columns], (length, length), dtype="bool")
            keep = self._binary("MUL", "mask.seen", graph.op("CAST", "mask.seen", [looked], looked.shape), keep)
        return self._binary("MUL", "mask", self._binary("SUB", "mask", keep, graph.scalar(1)), graph.scalar(-MASKED))

    def attention(
        self,
        x: Tensor,
        mask: Tensor,
        attention: Attention,
        *,
        first: Tensor | None = None,
        cache: int | None = None,
    ) -> Tensor:
        graph, name, heads = self._graph, attention.name, attention.heads
        if first is None:
            q, k, v = self._project_all(x, attention)
        else:
            k, v = self._project_keys(x, attention)
            q = self.linear(first, attention.product(f"{name}.q", [attention.query], first=True))
            q = self._reshape(q, f"{name}.q", heads, 1, attention.head_size)
        if cache is not None and self._length == DYNAMIC_AXIS:
            k, v = self._keep(k, v, cache, attention)
        scores = graph.op("BATCH_MATMUL", f"{name}.scores", [q, k], (*q.shape[:2], k.shape[1]), adjY=True)
        scores = self._binary("ADD", f"{name}.scores", scores, mask)
        scores = graph.op("SOFTMAX", f"{name}.scores", [scores], scores.shape, beta=1.0)
        context = graph.op("BATCH_MATMUL", f"{name}.context", [scores, v], q.shape)
        if first is None:
            context = self._transpose(context, f"{name}.context", 1, 0, 2)
        return self._reshape(context, f"{name}.context", q.shape[1], attention.width)

    def asked(self, x: Tensor, name: str) -> Tensor:
        self._border.ask_positions()
        places = self._ids(POSITIONS)
        return self._graph.op("GATHER", name, [x, places], (*places.shape, x.shape[1]), axis=0)

    def first(self, x: Tensor, name: str) -> Tensor:
        return self._row(x, name, 0)

    def summary(self, x: Tensor, kind: str) -> Tensor:
        if kind == "mean":
            return self._mean(x, "summary", 0)
        if kind == "last_token":
            place = self._binary("MUL", "summary", self._ids("attention_mask"), self._count("input_ids"))
            place = self._reshape(place, "summary", 1, self._length)
            axis = self._graph.ints(1)
            place = self._graph.op("ARG_MAX", "summary", [place, axis], (1,), dtype="int32", outputType=INT32)
            return self._graph.op("GATHER", "summary", [x, place], (1, x.shape[1]), axis=0)
        return self._row(x, "summary", 0 if kind == "first" else -1)

    def pool(self, x: Tensor, kind: str, name: str) -> Tensor:
        graph, length = self._graph, self._length
        keep = graph.op("CAST", f"{name}.keep", [self._ids("attention_mask")], (length,))
        if kind == "max":
            # at tokens a zero is added, which changes nothing
            hidden = self._binary(
                "MUL", name, self._binary("SUB", name, keep, graph.scalar(1)), graph.scalar(_FAR_BELOW)
            )
            x = self._binary("ADD", name, x, self._reshape(hidden, name, length, 1))
            return self._reduce("REDUCE_MAX", x, name, 0)
        if kind == "weightedmean":
            places = graph.op("CAST", f"{name}.places", [self._count("input_ids")], (length,))
            places = self._binary("ADD", f"{name}.places", places, graph.scalar(1))
            keep = self._binary("MUL", f"{name}.places", keep, places)
        keep = self._reshape(keep, name, length, 1)
        # a row of nothing but padding divides by 1
        count = self._binary("MAXIMUM", name, self._reduce("SUM", keep, f"{name}.count", 0), graph.scalar(1))
        if kind == "mean_sqrt_len_tokens":
            count = graph.op("SQRT", name, [count], count.shape)
        return self._binary("DIV", name, self._reduce("SUM", self._binary("MUL", name, x, keep), name, 0), count)

    def beside(self, parts: Sequence[Tensor], name: str) -> Tensor:
        width = sum(part.shape[-1] for part in parts)
        return self._graph.op("CONCATENATION", name, list(parts), (1, width), axis=1)

    def unit(self, x: Tensor, name: str) -> Tensor:
        square = self._reduce("SUM", self._binary("MUL", f"{name}.square", x, x), name, -1)
        square = self._binary("MAXIMUM", name, square, self._graph.scalar(_TINY))
        return self._binary("MUL", name, x, self._graph.op("RSQRT", name, [square], square.shape))

    def columns(self, x: Tensor, names: Sequence[str]) -> tuple[Tensor, ...]:
        return self._split(x, 1, "head", names)

    def mark(self, name: str, x: Tensor) -> None:
        self.marks[name] = x

    def output(self, name: str, x: Tensor) -> None:
        shape = self._shape(self._border.outputs[name].axes, x.shape[-1])
        self._graph.output(name, self._graph.op("RESHAPE", name, [x, self._graph.ints(*shape)], shape, dtype=x.dtype))

    def _ids(self, name: str) -> Tensor:
        """Read an input of whole numbers as a list."""
        if name not in self._graph.inputs:
            spec = self._border.inputs[name]
            x = self._graph.input(name, self._shape(spec.axes), INDEX_DTYPE)
            self._made[name] = self._reshape(x, name, x.shape[-1])
        return self._made[name]

    def _keep(self, k: Tensor, v: Tensor, cache: int, attention: Attention) -> tuple[Tensor, Tensor]:
        """Put keys and values of earlier tokens before the new ones, ``[heads, tokens, head size]``."""
        both = []
        for (past, present), new in zip(self._border.keep(cache, attention), (k, v), strict=True):
            x = self._graph.input(past, self._shape(self._border.inputs[past].axes), "float32")
            x = self._reshape(x, past, *new.shape)
            both.append(self._graph.op("CONCATENATION", present, [x, new], new.shape, axis=1))
            self.output(present, both[-1])
        return both[0], both[1]

    def _project_all(self, x: Tensor, attention: Attention) -> tuple[Tensor, Tensor, Tensor]:
        """Make query, key and value ``[heads, sequence, head size]`` from one product.

        Its rows come in such an order that one split in equal parts, which is what XNNPACK knows, separates the halves
        that the rotation mixes.
        """
        name, rotated = attention.name, [attention.query, attention.key]
        if attention.rotates_value:
            even, odd = self._project(x, f"{name}.qkv", attention, [*rotated, attention.value], [])
            q, k, v = self._split(self._rotate(even, odd, attention), 0, f"{name}.rotated", ("q", "k", "v"))
            return q, k, v
        even, odd, v = self._project(x, f"{name}.qkv", attention, rotated, [attention.value])
        q, k = self._split(self._rotate(even, odd, attention), 0, f"{name}.rotated", ("q", "k"))
        return q, k, self._heads(v, f"{name}.v", attention)

    def _project_keys(self, x: Tensor, attention: Attention) -> tuple[Tensor, Tensor]:
        """Make key and value from one product."""
        name = attention.name
        if attention.rotates_value:
            even, odd = self._project(x, f"{name}.kv", attention, [attention.key, attention.value], [])
            k, v = self._split(self._rotate(even, odd, attention), 0, f"{name}.rotated", ("k", "v"))
            return k, v
        product = attention.product(f"{name}.kv", [*_halves([attention.key], attention), attention.value])
        k, v = self._split(self.linear(x, product), 1, name, ("k", "v"))
        even, odd = self._split(k, 1, f"{name}.k", ("even", "odd"))
        return self._rotate(even, odd, attention), self._heads(v, f"{name}.v", attention)

    def _project(
        self, x: Tensor, name: str, attention: Attention, rotated: Sequence[Linear], others: Sequence[Linear]
    ) -> tuple[Tensor, ...]:
        product = attention.product(name, [*_halves(rotated, attention), *others])
        return self._split(self.linear(x, product), 1, name, ("even", "odd", "v")[: 2 + len(others)])

    def _rotate(self, even: Tensor, odd: Tensor, attention: Attention) -> Tensor:
        cosines, sines = self._rotary("cos", attention.cosines), self._rotary("sin", attention.sines)
        return rotate(self._graph, attention, (even, odd), cosines, sines)

    def _types_to_come(self, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        """Sum the token types after each of the new tokens and, for the mask of a prefix language model, after all.

        Where more types are to come, the sum up to there is smaller. Tokens of earlier runs are before all of these.

        Args:
            rows: The numbers of the new tokens, counted from the end.
            columns: Those of all tokens.
        """
        graph, name = self._graph, "mask.types"
        types = self._ids("token_type_ids")
        inputs = [types, graph.scalar(0, "int32")]
        sums = graph.op("CUMSUM", name, inputs, types.shape, dtype="int32", exclusive=True, reverse=True)
        if self._length != DYNAMIC_AXIS:
            return sums, sums
        # the place of a token among the new ones, after a first one for all that came before
        last = graph.op("REDUCE_MAX", name, [rows, graph.ints(0)], (1,), dtype="int32", keepDims=True)
        places = self._binary("ADD", name, self._binary("SUB", name, last, columns), graph.scalar(1, "int32"))
        places = self._binary("MAXIMUM", name, places, graph.scalar(0, "int32"))
        most = graph.constant("mask/most", np.array([np.iinfo(np.int32).max], np.int32))
        known = graph.op("CONCATENATION", name, [most, sums], sums.shape, dtype="int32", axis=0)
        return sums, graph.op("GATHER", name, [known, places], places.shape, dtype="int32", axis=0)

    def _rotary(self, name: str, table: FloatArray) -> Tensor:
        """Look up every position's row of a table, ``[sequence, 1, half]``."""
        graph, width = self._graph, table.shape[1]
        if self._length != DYNAMIC_AXIS:
            return graph.constant(f"rotary/{name}/{self._length}", table[: self._length, np.newaxis])
        if name not in self._made:
            given = POSITION_IDS in self._border.inputs
            places = self._ids(POSITION_IDS) if given else self._count("input_ids")
            rows = [places, graph.constant(f"rotary/{name}", table)]
            x = graph.op("EMBEDDING_LOOKUP", f"rotary.{name}", rows, (self._length, width))
            self._made[name] = self._reshape(x, f"rotary.{name}", self._length, 1, width)
        return self._made[name]

    def _count(self, name: str, *, reverse: bool = False) -> Tensor:
        """Make 0, 1, 2 ... for the numbers of an input, int32; with ``reverse`` the last is 0."""
        graph = self._graph
        if self._length != DYNAMIC_AXIS:
            numbers = np.arange(self._length, dtype=np.int32)
            which = f"{'reverse' if reverse else 'count'}/{self._length}"
            return graph.constant(which, numbers[::-1].copy() if reverse else numbers)
        made = f"{name}.{'reverse' if reverse else 'count'}"
        if made not in self._made:
            # not by the operator that tells a shape: engines end a delegate's part of the graph at it
            x = self._ids(name)
            ones = self._binary("MUL", made, x, graph.scalar(0, "int32"))
            ones = self._binary("ADD", made, ones, graph.scalar(1, "int32"))
            inputs = [ones, graph.scalar(0, "int32")]
            x = graph.op("CUMSUM", made, inputs, x.shape, dtype="int32", exclusive=True, reverse=reverse)
            self._made[made] = x
        return self._made[made]

    def _shape(self, axes: Sequence[str], width: int = 0) -> tuple[int, ...]:
        sizes = {"batch": 1, "choices": 1, "sequence": self._length, "positions": self._length}
        sizes |= {"past": DYNAMIC_AXIS, "total": DYNAMIC_AXIS}
        return tuple(fixed_size(axis) or sizes.get(axis, width) for axis in axes)

    def _binary(self, code: str, name: str, x: Tensor, y: Tensor) -> Tensor:
        return binary(self._graph, code, name, x, y)

    def _mean(self, x: Tensor, name: str, axis: int) -> Tensor:
        return self._reduce("MEAN", x, name, axis)

    def _reduce(self, code: str, x: Tensor, name: str, axis: int) -> Tensor:
        shape = list(x.shape)
        shape[axis] = 1
        return self._graph.op(code, name, [x, self._graph.ints(axis % len(shape))], tuple(shape), keepDims=True)

    def _reshape(self, x: Tensor, name: str, *shape: int) -> Tensor:
        return reshape(self._graph, x, name, *shape)

    def _transpose(self, x: Tensor, name: str, *axes: int) -> Tensor:
        return transpose(self._graph, x, name, *axes)

    def _split(self, x: Tensor, axis: int, name: str, parts: Sequence[str]) -> tuple[Tensor, ...]:
        shape = list(x.shape)
        shape[axis] //= len(parts)
        outputs = [Tensor(name=f"{name}.{part}", shape=tuple(shape), dtype=x.dtype) for part in parts]
        inputs = [self._graph.scalar(axis, "int32"), x]
        return self._graph.op_with("SPLIT", inputs, outputs, numSplits=len(parts))

    def _row(self, x: Tensor, name: str, index: int) -> Tensor:
        """Pick one position, the first (0) or the last (-1)."""
        graph, width = self._graph, x.shape[1]
        inputs = [x, graph.ints(index, 0), graph.ints(index + 1, width), graph.ints(1, 1)]
        # the end of the last is not a number that can be told beforehand
        return graph.op("STRIDED_SLICE", name, inputs, (1, width), endMask=0 if index == 0 else 1)

    def _heads(self, x: Tensor, name: str, attention: Attention) -> Tensor:
        """Reorder ``[sequence, width]`` as ``[heads, sequence, head size]``."""
        x = self._reshape(x, name, self._length, attention.heads, attention.head_size)
        return self._transpose(x, name, 1, 0, 2)


def _halves(projections: Sequence[Linear], attention: Attention) -> list[Linear]:
    """Split projections in the rows that come first in a pair and those that come second: all first ones first."""
    heads, half = attention.heads, attention.head_size // 2

    def rows(array: FloatArray, which: int) -> FloatArray:
        return array.reshape(heads, 2, half, *array.shape[1:])[:, which].reshape(heads * half, *array.shape[1:])

    return [
        (rows(weight, which), None if bias is None else rows(bias, which))
        for which in (0, 1)
        for weight, bias in projections
    ]


def _unary(code: str, **options: Any) -> Callable[[Graph, Tensor, str], Tensor]:
    return lambda graph, x, name: graph.op(code, name, [x], x.shape, **options)


def _with(graph: Graph, code: str, name: str, x: Tensor, other: Tensor | float) -> Tensor:
    """Combine a value with one of its shape, or with a number."""
    return graph.op(code, name, [x, other if isinstance(other, Tensor) else graph.scalar(other)], x.shape)


def _gelu_10(graph: Graph, x: Tensor, name: str) -> Tensor:
    x = _with(graph, "MAXIMUM", name, _GELU(graph, x, name), -10.0)
    return _with(graph, "MINIMUM", name, x, 10.0)


def _gated(graph: Graph, x: Tensor, name: str, scale: float = 1.0) -> Tensor:
    """Multiply a value by the sigmoid of ``scale`` times itself."""
    gate = x if scale == 1 else _with(graph, "MUL", f"{name}.scaled", x, scale)
    return _with(graph, "MUL", name, x, graph.op("LOGISTIC", name, [gate], x.shape))


def _relu2(graph: Graph, x: Tensor, name: str) -> Tensor:
    y = graph.op("RELU", name, [x], x.shape)
    return _with(graph, "MUL", name, y, y)


def _mish(graph: Graph, x: Tensor, name: str) -> Tensor:
    # softplus(x) = max(x, 0) + log(1 + exp(-|x|)), which overflows nowhere
    y = graph.op("NEG", name, [graph.op("ABS", name, [x], x.shape)], x.shape)
    y = _with(graph, "ADD", f"{name}.one", graph.op("EXP", name, [y], x.shape), 1.0)
    y = _with(graph, "ADD", name, graph.op("LOG", name, [y], x.shape), graph.op("RELU", name, [x], x.shape))
    return _with(graph, "MUL", name, x, graph.op("TANH", name, [y], x.shape))


def _laplace(graph: Graph, x: Tensor, name: str) -> Tensor:
    # there is no error function, but gelu(z) = z Phi(z): what is looked for is gelu(z) / z. Where z is zero a number
    # takes its place that is small enough to change no other.
    z = _with(graph, "SUB", name, x, LAPLACE_MEAN)
    z = _with(graph, "MUL", f"{name}.scaled", z, 1 / LAPLACE_DEVIATION)
    z = _with(graph, "ADD", name, z, _TINY)
    return _with(graph, "DIV", name, _GELU(graph, z, name), z)


_TINY = 1e-30
_GELU = _unary("GELU", approximate=False)
# a function of config.ACTIVATIONS -> what emits it
_ACTIVATIONS: dict[str, Callable[[Graph, Tensor, str], Tensor]] = {
    "gelu": _GELU,
    "gelu_tanh": _unary("GELU", approximate=True),
    "gelu_10": _gelu_10,
    "quick_gelu": partial(_gated, scale=1.702),
    "relu": _unary("RELU"),
    "relu2": _relu2,
    "relu6": _unary("RELU6"),
    "leaky_relu": _unary("LEAKY_RELU", alpha=0.01),
    "silu": _gated,
    "mish": _mish,
    "sigmoid": _unary("LOGISTIC"),
    "tanh": _unary("TANH"),
    "laplace": _laplace,
    "linear": lambda graph, x, name: x,
}
