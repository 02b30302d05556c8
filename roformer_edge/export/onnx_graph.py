"""The RoFormer network as an ONNX graph, written straight from the arrays.

The graph computes what the checkpoint computes, arranged for a CPU:

- The pairs that a rotation turns are moved from interleaved to half-split order by permuting the rows of the query
  and key weights, per head. Scores are sums over the pairs, so they do not change.
- ``1/sqrt(head size)`` is folded into the query weights.
- Query, key and value are one product.
- A classifier reads the first position only. So the last layer makes keys and values of all positions, but the
  query, the attention and the feed-forward of the first alone; its rotation is by zero and is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import ExportError, UnknownNameError
from roformer_edge.export.onnx_linear import Precision, Product, emit_embedding, emit_linear
from roformer_edge.export.onnx_parts import CONTRIB, Graph, Parts
from roformer_edge.models.keymap import ROTARY_TABLE
from roformer_edge.models.rotary import rotary_table
from roformer_edge.quantize.presets import PRESETS, SAFE_PRESET
from roformer_edge.quantize.recipe import FLOAT, Decision
from roformer_edge.tasks import Task, TensorSpec

INDEX_DTYPES = ("int64", "int32")
FLOAT_PRECISION = Precision(preset=PRESETS[SAFE_PRESET], ranges={})

# what transformers adds to the score of a position that is padding
_MASKED = float(np.finfo(np.float32).min)


@dataclass(frozen=True, kw_only=True)
class Network:
    """What every part of the graph is built from.

    Attributes:
        config: The architecture.
        arrays: Canonical arrays, ``[out, in]``.
        decisions: Scope name -> decision; a scope that is not there is float32.
        precision: Integer types and calibrated ranges.
    """

    config: RoFormerConfig
    arrays: Mapping[str, np.ndarray]
    decisions: Mapping[str, Decision]
    precision: Precision

    def scheme(self, scope: str) -> str:
        """The scheme decided for ``scope``."""
        return self.decisions[scope].scheme if scope in self.decisions else FLOAT

    def dense(self, parts: Parts, x: str, scope: str, module: str) -> str:
        """Emit the linear layer ``module`` on ``x``."""
        return self.product(parts, x, scope, scope, (self.arrays[f"{module}.weight"], self.arrays[f"{module}.bias"]))

    def product(self, parts: Parts, x: str, scope: str, name: str, numbers: tuple[np.ndarray, np.ndarray]) -> str:
        """Emit ``x @ weight.T + bias`` of ``numbers = (weight, bias)`` in the scheme decided for ``scope``."""
        product = Product(scope=scope, name=name, weight=numbers[0], bias=numbers[1])
        return emit_linear(parts, x, product, self.scheme(scope), self.precision)

    def norm(self, parts: Parts, x: str, name: str, module: str) -> str:
        """Emit the layer normalisation ``module`` on ``x``."""
        gain = parts.tensor(f"{name}/weight", self.arrays[f"{module}.weight"])
        shift = parts.tensor(f"{name}/bias", self.arrays[f"{module}.bias"])
        return parts.node("LayerNormalization", name, [x, gain, shift], axis=-1, epsilon=self.config.layer_norm_eps)


def build_graph(
    config: RoFormerConfig,
    arrays: Mapping[str, np.ndarray],
    task: Task,
    *,
    decisions: Mapping[str, Decision] | None = None,
    precision: Precision = FLOAT_PRECISION,
    index_dtype: str = "int64",
) -> Graph:
    """Build the graph of one task.

    Args:
        config: The architecture.
        arrays: Canonical arrays by Hugging Face name; each is read once, in the order of the network.
        task: Decides the head, the inputs and the outputs.
        decisions: From :func:`roformer_edge.quantize.recipe.resolve`; everything float32 where absent.
        precision: Integer types, and the ranges that the static scheme needs.
        index_dtype: Of the three inputs, ``int64`` or ``int32``.

    Returns:
        A graph with inputs ``[batch, sequence]`` of any size and the outputs of ``task``.

    Raises:
        ExportError: A static range is missing, or the head of ``task`` has no builder.
        UnknownNameError: ``index_dtype`` is not offered.
    """
    if index_dtype not in INDEX_DTYPES:
        raise UnknownNameError("index dtype", index_dtype, INDEX_DTYPES)
    if config.is_decoder:
        raise ExportError(f"config.is_decoder is set, but {task.name} is exported from an encoder; set it to false")
    network = Network(config=config, arrays=arrays, decisions=decisions or {}, precision=precision)
    parts = Parts()
    _BODIES[task.name](network, parts)
    inputs = tuple(TensorSpec(name=spec.name, dtype=index_dtype, axes=spec.axes) for spec in task.inputs)
    outputs = tuple(
        TensorSpec(name=spec.name, dtype=spec.dtype, axes=tuple(_label_axis(config, axis) for axis in spec.axes))
        for spec in task.outputs
    )
    return Graph(
        nodes=tuple(parts.nodes),
        inputs=inputs,
        outputs=outputs,
        tensors=parts.tensors,
        linear_inputs=parts.linear_inputs,
    )


def _label_axis(config: RoFormerConfig, axis: str) -> str:
    return str(config.num_labels) if axis == "labels" else axis


def _text_classification(network: Network, parts: Parts) -> None:
    x = _first_position(network, parts)
    x = network.dense(parts, x, "head.dense", "classifier.dense")
    x = _activation(network, parts, x, "head")
    network.dense(parts, x, "head.output", "classifier.out_proj")
    parts.rename_last("logits")


_BODIES: dict[str, Callable[[Network, Parts], None]] = {"text-classification": _text_classification}


def _first_position(network: Network, parts: Parts) -> str:
    """The encoder's output at position 0, ``[batch, hidden]``."""
    x = _embeddings(network, parts)
    mask = _attention_mask(parts)
    last = network.config.num_hidden_layers - 1
    for index in range(last):
        x = _layer(network, parts, x, mask, index)
    return _last_layer(network, parts, x, mask, last)


def _embeddings(network: Network, parts: Parts) -> str:
    arrays = network.arrays
    word = arrays["roformer.embeddings.word_embeddings.weight"]
    kind = arrays["roformer.embeddings.token_type_embeddings.weight"]
    words = emit_embedding(parts, "input_ids", "embeddings.word", word, network.scheme("embeddings.word"))
    kinds = emit_embedding(parts, "token_type_ids", "embeddings.type", kind, network.scheme("embeddings.type"))
    x = parts.node("Add", "embeddings", [words, kinds])
    x = network.norm(parts, x, "embeddings.norm", "roformer.embeddings.LayerNorm")
    if network.config.has_projection:
        x = network.dense(parts, x, "embeddings.project", "roformer.embeddings_project")
    return x


def _attention_mask(parts: Parts) -> str:
    """``[batch, 1, 1, sequence]``: 0 at tokens, the lowest float at padding."""
    keep = parts.node("Cast", "mask", ["attention_mask"], to=9)
    keep = parts.node("Unsqueeze", "mask", [keep, parts.ints(1, 2)])
    zero = parts.tensor("mask/kept", np.zeros((), np.float32))
    low = parts.tensor("mask/masked", np.asarray(_MASKED, np.float32))
    return parts.node("Where", "mask", [keep, zero, low])


def _layer(network: Network, parts: Parts, x: str, mask: str, index: int) -> str:
    """One encoder layer, ``[batch, sequence, hidden]`` to the same."""
    name, module = f"layer.{index}", f"roformer.encoder.layer.{index}"
    config = network.config
    scope = f"{name}.attention.qkv"
    qkv = network.product(parts, x, scope, scope, _projections(network, module, ("query", "key", "value")))
    attention = f"{name}.attention"
    hidden = config.hidden_size
    # the rotation treats query and key (and the value, where it turns too) as one row of heads
    turned = 3 if config.rotary_value else 2
    if turned == 3:
        qkv = _rotate(network, parts, qkv, attention, heads=3 * config.num_attention_heads)
        q, k, v = _split(parts, qkv, attention, ("q", "k", "v"), (hidden, hidden, hidden))
    else:
        qk, v = _split(parts, qkv, attention, ("qk", "v"), (2 * hidden, hidden))
        qk = _rotate(network, parts, qk, attention, heads=2 * config.num_attention_heads)
        q, k = _split(parts, qk, f"{attention}.rotated", ("q", "k"), (hidden, hidden))
    q = _heads(network, parts, q, f"{attention}.q", (0, 2, 1, 3))
    context = _attend(network, parts, (q, k, v), mask, attention)
    context = parts.node("Transpose", f"{attention}.context", [context], perm=(0, 2, 1, 3))
    context = parts.node("Reshape", f"{attention}.context", [context, parts.ints(0, 0, hidden)])
    return _close(network, parts, x, context, index)


def _last_layer(network: Network, parts: Parts, x: str, mask: str, index: int) -> str:
    """The last layer for position 0 alone, ``[batch, sequence, hidden]`` to ``[batch, hidden]``."""
    name, module = f"layer.{index}", f"roformer.encoder.layer.{index}"
    config = network.config
    hidden = config.hidden_size
    scope, attention = f"{name}.attention.qkv", f"{name}.attention"
    kv = network.product(parts, x, scope, f"{attention}.kv", _projections(network, module, ("key", "value")))
    if config.rotary_value:
        kv = _rotate(network, parts, kv, attention, heads=2 * config.num_attention_heads)
        k, v = _split(parts, kv, attention, ("k", "v"), (hidden, hidden))
    else:
        k, v = _split(parts, kv, attention, ("k", "v"), (hidden, hidden))
        k = _rotate(network, parts, k, attention, heads=config.num_attention_heads)
    first = parts.node("Gather", f"{name}.first", [x, parts.tensor("const/first", np.zeros((), np.int64))], axis=1)
    q = network.product(parts, first, scope, f"{attention}.q", _projections(network, module, ("query",)))
    q = parts.node("Reshape", f"{attention}.q", [q, parts.ints(0, config.num_attention_heads, 1, config.head_size)])
    context = _attend(network, parts, (q, k, v), mask, attention)
    context = parts.node("Reshape", f"{attention}.context", [context, parts.ints(0, hidden)])
    return _close(network, parts, first, context, index)


def _attend(network: Network, parts: Parts, qkv: tuple[str, str, str], mask: str, name: str) -> str:
    """Softmax of the scores times the values; ``q`` has its heads already, ``k`` and ``v`` not yet."""
    q, k, v = qkv
    k = _heads(network, parts, k, f"{name}.k", (0, 2, 3, 1))
    v = _heads(network, parts, v, f"{name}.v", (0, 2, 1, 3))
    scores = parts.node("MatMul", f"{name}.scores", [q, k])
    scores = parts.node("Add", f"{name}.scores", [scores, mask])
    weights = parts.node("Softmax", f"{name}.scores", [scores], axis=-1)
    return parts.node("MatMul", f"{name}.context", [weights, v])


def _close(network: Network, parts: Parts, x: str, context: str, index: int) -> str:
    """From the attention's context to the layer's output: projection, feed-forward and the two norms."""
    name, module = f"layer.{index}", f"roformer.encoder.layer.{index}"
    scope = f"{name}.attention.output"
    weight = network.arrays[f"{module}.attention.output.dense.weight"]
    if network.config.rotary_value:  # the context comes in the order in which the values were turned
        weight = weight[:, half_split_order(network.config.num_attention_heads, network.config.head_size)]
    y = network.product(parts, context, scope, scope, (weight, network.arrays[f"{module}.attention.output.dense.bias"]))
    y = parts.node("Add", f"{name}.attention.residual", [y, x])
    x = network.norm(parts, y, f"{name}.attention.norm", f"{module}.attention.output.LayerNorm")
    y = network.dense(parts, x, f"{name}.ffn.up", f"{module}.intermediate.dense")
    y = _activation(network, parts, y, f"{name}.ffn")
    y = network.dense(parts, y, f"{name}.ffn.down", f"{module}.output.dense")
    y = parts.node("Add", f"{name}.ffn.residual", [y, x])
    return network.norm(parts, y, f"{name}.ffn.norm", f"{module}.output.LayerNorm")


def _projections(network: Network, module: str, which: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The weights and biases of the named projections, stacked, with rotation order and score scale folded in."""
    config = network.config
    order = half_split_order(config.num_attention_heads, config.head_size)
    weights, biases = [], []
    for part in which:
        weight = network.arrays[f"{module}.attention.self.{part}.weight"]
        bias = network.arrays[f"{module}.attention.self.{part}.bias"]
        if part != "value" or config.rotary_value:
            weight, bias = weight[order], bias[order]
        if part == "query":
            scale = np.float32(config.head_size**-0.5)
            weight, bias = weight * scale, bias * scale
        weights.append(weight)
        biases.append(bias)
    return np.concatenate(weights), np.concatenate(biases)


def half_split_order(heads: int, head_size: int) -> np.ndarray:
    """Row order that brings each head's even rows before its odd ones, int64 ``[heads * head_size]``."""
    inside = np.concatenate([np.arange(0, head_size, 2), np.arange(1, head_size, 2)])
    order: np.ndarray = (np.arange(heads)[:, None] * head_size + inside).reshape(-1)
    return order


def _rotate(network: Network, parts: Parts, x: str, name: str, *, heads: int) -> str:
    """Turn every head of ``x`` [batch, sequence, heads * head_size] by its position."""
    config = network.config
    half = config.head_size // 2
    if "rotary/sin" not in parts.tensors:
        # a checkpoint may carry its own, with the rounding of the type it was stored in
        table = network.arrays.get(ROTARY_TABLE)
        if table is None:
            table = rotary_table(config.max_position_embeddings, config.head_size)
        parts.tensor("rotary/sin", np.ascontiguousarray(table[:, :half]))
        parts.tensor("rotary/cos", np.ascontiguousarray(table[:, half:]))
    start = parts.ints(0)
    inputs = [x, start, "rotary/cos", "rotary/sin"]
    return parts.node("RotaryEmbedding", name, inputs, domain=CONTRIB, interleaved=0, num_heads=heads)


def _split(parts: Parts, x: str, name: str, outputs: tuple[str, ...], sizes: tuple[int, ...]) -> tuple[str, ...]:
    names = tuple(f"{name}/{output}" for output in outputs)
    return parts.nodes_with("Split", name, [x, parts.ints(*sizes)], names, axis=-1)


def _heads(network: Network, parts: Parts, x: str, name: str, perm: tuple[int, ...]) -> str:
    shape = parts.ints(0, 0, network.config.num_attention_heads, network.config.head_size)
    x = parts.node("Reshape", name, [x, shape])
    return parts.node("Transpose", name, [x], perm=perm)


def _activation(network: Network, parts: Parts, x: str, name: str) -> str:
    return _ACTIVATIONS[network.config.hidden_act](parts, x, name)


def _silu(parts: Parts, x: str, name: str) -> str:
    return parts.node("Mul", name, [x, parts.node("Sigmoid", name, [x])])


def _gelu_tanh(parts: Parts, x: str, name: str) -> str:
    return parts.node("Gelu", name, [x], approximate="tanh")


_ACTIVATIONS: dict[str, Callable[[Parts, str, str], str]] = {
    "gelu": lambda parts, x, name: parts.node("Gelu", name, [x]),
    "gelu_new": _gelu_tanh,
    "gelu_pytorch_tanh": _gelu_tanh,
    "relu": lambda parts, x, name: parts.node("Relu", name, [x]),
    "silu": _silu,
    "swish": _silu,
    "tanh": lambda parts, x, name: parts.node("Tanh", name, [x]),
}
