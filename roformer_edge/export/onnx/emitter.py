"""The network's verbs in ONNX. Values are names of tensors, ``[rows, sequence, width]`` or ``[rows, width]``.

A row is a text or a pair; in a task with choices each choice is a row of its own until the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from roformer_edge.config import LAPLACE_DEVIATION, LAPLACE_MEAN, RoFormerConfig
from roformer_edge.errors import ExportError, UnknownNameError, advice
from roformer_edge.export.artifact import ExportOptions
from roformer_edge.export.network.border import Border
from roformer_edge.export.network.emitter import ALL, EARLIER, Attention, Norm, Product, Table
from roformer_edge.export.network.heads import emit_network
from roformer_edge.export.network.weights import Weights
from roformer_edge.export.onnx.graph import CONTRIB, Graph, GraphBuilder
from roformer_edge.export.onnx.integer_attention import emit_integer_attention, split_heads
from roformer_edge.export.onnx.linear import emit_linear, emit_table
from roformer_edge.export.onnx.rotary import rotate
from roformer_edge.quantize.presets import Preset
from roformer_edge.quantize.recipe import ATTENTION, DYNAMIC
from roformer_edge.signatures import POSITION_IDS, POSITIONS
from roformer_edge.tasks import Task

INDEX_DTYPES = ("int64", "int32")
# what transformers adds to the score of a position that is padding
_MASKED = float(np.finfo(np.float32).min)
# what is added, times -1, to states of padding so that none is the largest
_FAR_BELOW = 1e9


def build_graph(weights: Weights, task: Task, options: ExportOptions) -> Graph:
    """Build the graph of one task, of any batch and length.

    Args:
        weights: The model and what was decided about its parts.
        task: Decides the head, the inputs and the outputs.
        options: Gives the integer types of inputs and weights.

    Raises:
        ExportError: A static range is missing, fixed lengths are asked for, or the model looks at other positions than
            ``task`` does.
        UnknownNameError: The index dtype is not offered.
    """
    index_dtype = options.index_dtype or INDEX_DTYPES[0]
    if index_dtype not in INDEX_DTYPES:
        raise UnknownNameError("index dtype", index_dtype, INDEX_DTYPES)
    if options.lengths:
        given = advice(python="lengths=", command="--lengths")
        raise ExportError(f"an ONNX graph takes texts of any length; leave {given} out")
    emitter = OnnxEmitter(task, options.preset)
    emit_network(emitter, weights, task)
    return emitter.finish(weights.config, index_dtype)


class OnnxEmitter:
    """Emits nodes and weights into a graph.

    Args:
        task: Names the inputs and outputs, and the axes they have.
        preset: Integer types that suit the processor.
    """

    def __init__(self, task: Task, preset: Preset) -> None:
        self._task = task
        self._preset = preset
        self._graph = GraphBuilder()
        self._choices = "choices" in task.inputs[0].axes
        self._inputs = {spec.name: self._rows(spec.name) if self._choices else spec.name for spec in task.inputs}
        self._border = Border(task)

    def finish(self, config: RoFormerConfig, index_dtype: str) -> Graph:
        """Return the finished graph; the outputs' axes get the model's own sizes."""
        signature = self._border.signature(config, index_dtype)
        return self._graph.finish(signature.inputs, signature.outputs)

    def lookup(self, table: Table) -> str:
        return emit_table(self._graph, self._inputs[table.ids], table, self._preset)

    def linear(self, x: str, product: Product) -> str:
        return emit_linear(self._graph, x, product, self._preset)

    def norm(self, x: str, norm: Norm) -> str:
        graph, output = self._graph, (f"{norm.name}/output",)
        if norm.weight is None or norm.bias is None:
            y = graph.node("Mul", norm.name, [x, x])
            y = graph.node("ReduceMean", norm.name, [y, graph.ints(-1)], keepdims=1)
            y = graph.node("Add", norm.name, [y, graph.scalar("epsilon", norm.epsilon, np.float32)])
            y = graph.node("Sqrt", norm.name, [y])
            return graph.nodes_with("Div", norm.name, [x, y], output)[0]
        weight = graph.tensor(f"{norm.name}/weight", norm.weight)
        bias = graph.tensor(f"{norm.name}/bias", norm.bias)
        inputs = [x, weight, bias]
        return graph.nodes_with("LayerNormalization", norm.name, inputs, output, axis=-1, epsilon=norm.epsilon)[0]

    def activation(self, x: str, name: str, function: str) -> str:
        return _ACTIVATIONS[function](self._graph, x, name)

    def add(self, x: str, y: str, name: str) -> str:
        return self._graph.node("Add", name, [x, y])

    def mask(self, seen: str) -> str:
        """Make ``[rows, 1, 1 or sequence, all tokens]``: 0, or the lowest float where not to look."""
        graph = self._graph
        keep = graph.node("Cast", "mask", [self._inputs["attention_mask"]], to=9)
        keep = graph.node("Unsqueeze", "mask", [keep, graph.ints(1, 2)])
        if seen != ALL:
            self._border.go_on()
            looked = self._earlier() if seen == EARLIER else self._prefix()
            keep = graph.node("And", "mask", [keep, looked])
        zero, low = graph.scalar("kept", 0, np.float32), graph.scalar("masked", _MASKED, np.float32)
        return graph.node("Where", "mask", [keep, zero, low])

    def attention(
        self, x: str, mask: str, attention: Attention, *, first: str | None = None, cache: int | None = None
    ) -> str:
        graph, name = self._graph, attention.name
        if attention.scheme == ATTENTION and cache is not None:
            raise ExportError(
                f"{attention.scope}: {ATTENTION!r} is not for models that keep keys and values from one token to the "
                f"next, whose ranges change with every token; choose {DYNAMIC!r}"
            )
        if first is None:
            q, k, v = self._project_all(x, attention)
            if attention.scheme == ATTENTION:
                context = emit_integer_attention(graph, (q, k, v), mask, attention, self._preset)
                return self._joined(context, attention)
            q = split_heads(graph, q, f"{name}.q", attention, (0, 2, 1, 3))
        else:
            k, v = self._project_keys(x, attention)
            q = self.linear(first, attention.product(f"{name}.q", [attention.query], first=True))
            q = graph.node("Reshape", f"{name}.q", [q, graph.ints(0, attention.heads, 1, attention.head_size)])
        v = split_heads(graph, v, f"{name}.v", attention, (0, 2, 1, 3))
        if cache is None:
            scores = graph.node(
                "MatMul", f"{name}.scores", [q, split_heads(graph, k, f"{name}.k", attention, (0, 2, 3, 1))]
            )
        else:
            k, v = self._keep(split_heads(graph, k, f"{name}.k", attention, (0, 2, 1, 3)), v, cache, attention)
            scores = graph.node("FusedMatMul", f"{name}.scores", [q, k], domain=CONTRIB, transB=1)
        scores = graph.node("Add", f"{name}.scores", [scores, mask])
        scores = graph.node("Softmax", f"{name}.scores", [scores], axis=-1)
        context = graph.node("MatMul", f"{name}.context", [scores, v])
        if first is not None:
            return graph.node("Reshape", f"{name}.context", [context, graph.ints(0, attention.width)])
        return self._joined(context, attention)

    def asked(self, x: str, name: str) -> str:
        graph = self._graph
        if not self._task.causal:
            # a graph that fills masks is opened by others too, and they give it what a Hugging Face model takes
            return x
        self._border.ask_positions()
        places = graph.node("Cast", name, [POSITIONS], to=7)
        places = graph.node("Unsqueeze", name, [places, graph.ints(2)])
        return graph.node("GatherND", name, [x, places], batch_dims=1)

    def first(self, x: str, name: str) -> str:
        return self._graph.node("Gather", name, [x, self._graph.scalar("first", 0)], axis=1)

    def summary(self, x: str, kind: str) -> str:
        graph = self._graph
        if kind == "mean":
            return graph.node("ReduceMean", "summary", [x, graph.ints(1)], keepdims=0)
        if kind == "last_token":
            kept = graph.node("Cast", "summary", [self._inputs["attention_mask"]], to=7)
            place = graph.node("Mul", "summary", [kept, self._positions()])
            place = graph.node("ArgMax", "summary", [place], axis=1, keepdims=1)
            return graph.node("GatherND", "summary", [x, place], batch_dims=1)
        place = graph.scalar(kind, 0 if kind == "first" else -1)
        return graph.node("Gather", "summary", [x, place], axis=1)

    def pool(self, x: str, kind: str, name: str) -> str:
        graph = self._graph
        keep = graph.node("Cast", f"{name}.keep", [self._inputs["attention_mask"]], to=1)
        if kind == "max":
            # at tokens a zero is added, which changes nothing
            hidden = graph.node("Sub", name, [keep, graph.scalar("one", 1.0, np.float32)])
            hidden = graph.node("Mul", name, [hidden, graph.scalar("far_below", _FAR_BELOW, np.float32)])
            x = graph.node("Add", name, [x, graph.node("Unsqueeze", name, [hidden, graph.ints(-1)])])
            return graph.node("ReduceMax", name, [x, graph.ints(1)], keepdims=0)
        if kind == "weightedmean":
            places = graph.node("Cast", f"{name}.places", [self._positions()], to=1)
            places = graph.node("Add", f"{name}.places", [places, graph.scalar("one", 1.0, np.float32)])
            keep = graph.node("Mul", f"{name}.places", [keep, places])
        count = graph.node("ReduceSum", name, [keep, graph.ints(1)], keepdims=1)
        # rows of nothing but padding divide by 1
        count = graph.node("Max", name, [count, graph.scalar("one", 1.0, np.float32)])
        if kind == "mean_sqrt_len_tokens":
            count = graph.node("Sqrt", name, [count])
        total = graph.node("MatMul", name, [graph.node("Unsqueeze", name, [keep, graph.ints(1)]), x])
        return graph.node("Div", name, [graph.node("Squeeze", name, [total, graph.ints(1)]), count])

    def beside(self, parts: Sequence[str], name: str) -> str:
        return self._graph.node("Concat", name, list(parts), axis=-1)

    def unit(self, x: str, name: str) -> str:
        return self._graph.node("LpNormalization", name, [x], axis=-1, p=2)

    def columns(self, x: str, names: Sequence[str]) -> tuple[str, ...]:
        graph = self._graph
        return tuple(
            graph.node("Gather", f"head.{name}", [x, graph.scalar(f"column_{column}", column)], axis=2)
            for column, name in enumerate(names)
        )

    def mark(self, name: str, x: str) -> None:
        self._graph.marks[name] = x

    def output(self, name: str, x: str) -> None:
        if self._choices:  # [rows, 1] -> [batch, choices]
            shape = self._graph.node("Shape", "choices.shape", [self._task.inputs[0].name], start=0, end=2)
            x = self._graph.node("Reshape", f"choices.{name}", [x, shape])
        self._graph.output(name, x)

    def _rows(self, name: str) -> str:
        """Make each choice of an input a row of its own, ``[batch, choices, sequence]`` -> ``[rows, sequence]``."""
        graph = self._graph
        if not graph.has("choices/Concat"):
            length = graph.node("Shape", "choices.length", [name], start=2, end=3)
            graph.node("Concat", "choices", [graph.ints(-1), length], axis=0)
        return graph.node("Reshape", f"choices.{name}", [name, "choices/Concat"])

    def _positions(self) -> str:
        """Make 0, 1, 2 ... as int64 ``[sequence]``."""
        graph = self._graph
        if graph.has("positions/Range"):
            return "positions/Range"
        length = graph.node("Shape", "positions", [self._inputs["input_ids"]], start=1, end=2)
        length = graph.node("Squeeze", "positions", [length, graph.ints(0)])
        return graph.node("Range", "positions", [graph.scalar("first", 0), length, graph.scalar("step", 1)])

    def _earlier(self) -> str:
        """Make ``[sequence, all tokens]``: true where a token is not after the one that looks."""
        graph = self._graph
        _, columns, rows = self._places()
        rows = graph.node("Unsqueeze", "mask.rows", [rows, graph.ints(1)])
        return graph.node("LessOrEqual", "mask", [columns, rows])

    def _prefix(self) -> str:
        """Make ``[rows, 1, sequence, all tokens]``: true where the sum of types is no larger than at what looks."""
        graph = self._graph
        past, _, _ = self._places()
        types = graph.node("Cast", "mask.types", [self._inputs["token_type_ids"]], to=7)
        sums = graph.node("CumSum", "mask.types", [types, graph.scalar("second", 1)])
        # tokens of earlier runs are before all of these
        past = graph.node("Unsqueeze", "mask.past", [past, graph.ints(0)])
        pads = graph.node("Concat", "mask.past", [graph.ints(0), past, graph.ints(0, 0)], axis=0)
        columns = graph.node("Pad", "mask.columns", [sums, pads])
        columns = graph.node("Unsqueeze", "mask.columns", [columns, graph.ints(1, 2)])
        rows = graph.node("Unsqueeze", "mask.rows", [sums, graph.ints(1, 3)])
        return graph.node("LessOrEqual", "mask", [columns, rows])

    def _places(self) -> tuple[str, str, str]:
        """Make the number of earlier tokens, the numbers of all, and those of the new ones at their end."""
        graph = self._graph
        total = graph.node("Shape", "places.total", ["attention_mask"], start=1, end=2)
        total = graph.node("Squeeze", "places.total", [total, graph.ints(0)])
        length = graph.node("Shape", "places.new", ["input_ids"], start=1, end=2)
        length = graph.node("Squeeze", "places.new", [length, graph.ints(0)])
        past, one = graph.node("Sub", "places.past", [total, length]), graph.scalar("step", 1)
        everything = graph.node("Range", "places.total", [graph.scalar("first", 0), total, one])
        return past, everything, graph.node("Range", "places.new", [past, total, one])

    def _keep(self, k: str, v: str, cache: int, attention: Attention) -> tuple[str, str]:
        """Put keys and values of earlier tokens before the new ones."""
        both = []
        for (past, present), new in zip(self._border.keep(cache, attention), (k, v), strict=True):
            both.append(self._graph.node("Concat", present, [past, new], axis=2))
            self._graph.output(present, both[-1])
        return both[0], both[1]

    def _project_all(self, x: str, attention: Attention) -> tuple[str, ...]:
        """Query, key and value from one product, each ``[rows, sequence, width]``."""
        name, width = attention.name, attention.width
        parts = [attention.query, attention.key, attention.value]
        qkv = self.linear(x, attention.product(f"{name}.qkv", parts))
        # the rotation treats query and key (and the value, where it is rotated too) as one row of heads
        if attention.rotates_value:
            qkv = self._rotate(qkv, attention, parts=3)
            return self._split(qkv, name, ("q", "k", "v"), (width, width, width))
        qk, v = self._split(qkv, name, ("qk", "v"), (2 * width, width))
        qk = self._rotate(qk, attention, parts=2)
        return (*self._split(qk, f"{name}.rotated", ("q", "k"), (width, width)), v)

    def _project_keys(self, x: str, attention: Attention) -> tuple[str, ...]:
        """Key and value from one product."""
        name, sizes = attention.name, (attention.width, attention.width)
        kv = self.linear(x, attention.product(f"{name}.kv", [attention.key, attention.value]))
        if attention.rotates_value:
            return self._split(self._rotate(kv, attention, parts=2), name, ("k", "v"), sizes)
        k, v = self._split(kv, name, ("k", "v"), sizes)
        return self._rotate(k, attention, parts=1), v

    def _rotate(self, x: str, attention: Attention, *, parts: int) -> str:
        return rotate(self._graph, x, attention, parts=parts, given=POSITION_IDS in self._border.inputs)

    def _split(self, x: str, name: str, outputs: tuple[str, ...], sizes: tuple[int, ...]) -> tuple[str, ...]:
        names = tuple(f"{name}/{output}" for output in outputs)
        return self._graph.nodes_with("Split", name, [x, self._graph.ints(*sizes)], names, axis=-1)

    def _joined(self, context: str, attention: Attention) -> str:
        """Put the heads of a context beside each other again."""
        graph, name = self._graph, f"{attention.name}.context"
        context = graph.node("Transpose", name, [context], perm=(0, 2, 1, 3))
        return graph.node("Reshape", name, [context, graph.ints(0, 0, attention.width)])


def _silu(graph: GraphBuilder, x: str, name: str) -> str:
    return graph.node("Mul", name, [x, graph.node("Sigmoid", name, [x])])


def _clipped(graph: GraphBuilder, x: str, name: str, least: float, most: float) -> str:
    limits = [graph.scalar(f"at_least_{least}", least, np.float32), graph.scalar(f"at_most_{most}", most, np.float32)]
    return graph.node("Clip", name, [x, *limits])


def _quick_gelu(graph: GraphBuilder, x: str, name: str) -> str:
    scaled = graph.node("Mul", f"{name}.scaled", [x, graph.scalar("quick gelu", 1.702, np.float32)])
    return graph.node("Mul", name, [x, graph.node("Sigmoid", name, [scaled])])


def _relu2(graph: GraphBuilder, x: str, name: str) -> str:
    y = graph.node("Relu", name, [x])
    return graph.node("Mul", name, [y, y])


def _mish(graph: GraphBuilder, x: str, name: str) -> str:
    return graph.node("Mul", name, [x, graph.node("Tanh", name, [graph.node("Softplus", name, [x])])])


def _laplace(graph: GraphBuilder, x: str, name: str) -> str:
    width = graph.scalar("laplace_width", LAPLACE_DEVIATION * 2**0.5, np.float32)
    y = graph.node("Sub", name, [x, graph.scalar("laplace_mean", LAPLACE_MEAN, np.float32)])
    y = graph.node("Erf", name, [graph.node("Div", name, [y, width])])
    y = graph.node("Add", name, [y, graph.scalar("one", 1.0, np.float32)])
    return graph.node("Mul", name, [y, graph.scalar("half", 0.5, np.float32)])


# a function of config.ACTIVATIONS -> what emits it
_ACTIVATIONS: dict[str, Callable[[GraphBuilder, str, str], str]] = {
    "gelu": lambda graph, x, name: graph.node("Gelu", name, [x]),
    "gelu_tanh": lambda graph, x, name: graph.node("Gelu", name, [x], approximate="tanh"),
    "gelu_10": lambda graph, x, name: _clipped(graph, graph.node("Gelu", name, [x]), name, -10, 10),
    "quick_gelu": _quick_gelu,
    "relu": lambda graph, x, name: graph.node("Relu", name, [x]),
    "relu2": _relu2,
    "relu6": lambda graph, x, name: _clipped(graph, x, name, 0, 6),
    "leaky_relu": lambda graph, x, name: graph.node("LeakyRelu", name, [x], alpha=0.01),
    "silu": _silu,
    "mish": _mish,
    "sigmoid": lambda graph, x, name: graph.node("Sigmoid", name, [x]),
    "tanh": lambda graph, x, name: graph.node("Tanh", name, [x]),
    "laplace": _laplace,
    "linear": lambda graph, x, name: x,
}
