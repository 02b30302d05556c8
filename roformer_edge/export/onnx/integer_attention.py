"""Attention whose two products multiply integers: query times key, and attention weights times value.

Both sides are activations, so all ranges are measured at each run:

- the query is uint8 with one range;
- the key is int8 with one scale, the value int8 with a scale for every channel, which the engine multiplies back;
- attention weights are uint8 with a scale for every row, for which the largest weight of the row is 255. In a long text
  most rows are flat, and of a weight of 1/500 a common scale of 1/255 would leave nothing or twice as much.

Engines multiply uint8 by int8 quickly, and int8 by int8 ten times slower.
"""

from __future__ import annotations

import numpy as np

from roformer_edge.export.network.emitter import Attention
from roformer_edge.export.onnx.graph import CONTRIB, GraphBuilder
from roformer_edge.quantize.affine import PAIR_LIMIT, SMALLEST_SCALE
from roformer_edge.quantize.presets import Preset

_INT8_LIMIT = 127
_UINT8_LIMIT = 255


def emit_integer_attention(
    graph: GraphBuilder, projected: tuple[str, str, str], mask: str, attention: Attention, preset: Preset
) -> str:
    """Emit the attention of all positions on all positions.

    Args:
        graph: Where it is emitted.
        projected: Query, key and value, float32 ``[rows, sequence, width]``, the first two rotated.
        mask: What is added to the scores, 0 or a very negative number.
        attention: Names and sizes.
        preset: Tells whether the processor adds pairs of products in 16 bits.

    Returns:
        The context, float32 ``[rows, heads, sequence, head size]``.
    """
    name = attention.name
    # where two products are added in 16 bits, 255 * (64 + 64) still fits in them
    limit = PAIR_LIMIT // 2 if preset.weights.bounded_pairs else _INT8_LIMIT
    q, k, v = projected
    q, q_scale, q_zero = graph.nodes_with(
        "DynamicQuantizeLinear", f"{name}.q", [q], (f"{name}.q/quantized", f"{name}.q/scale", f"{name}.q/zero_point")
    )
    k, k_scale = _key(graph, k, f"{name}.k", limit)
    v, v_scale = _value(graph, v, attention, limit)
    inputs = [_heads(graph, q, f"{name}.q", attention, (0, 2, 1, 3)), _heads(graph, k, f"{name}.k", attention, (0, 2, 3, 1))]
    scores = graph.node("MatMulIntegerToFloat", f"{name}.scores", [*inputs, q_scale, k_scale, q_zero], domain=CONTRIB)
    scores = graph.node("Add", f"{name}.scores", [scores, mask])
    scores = graph.node("Softmax", f"{name}.scores", [scores], axis=-1)
    weights, row_scale = _attention_weights(graph, scores, f"{name}.weights")
    inputs = [weights, _heads(graph, v, f"{name}.v", attention, (0, 2, 1, 3))]
    one = graph.scalar("one", 1.0, np.float32)
    context = graph.node("MatMulIntegerToFloat", f"{name}.context", [*inputs, one, v_scale], domain=CONTRIB)
    return graph.node("Mul", f"{name}.context", [context, row_scale])


def _key(graph: GraphBuilder, x: str, name: str, limit: int) -> tuple[str, str]:
    largest = graph.node("ReduceMax", name, [graph.node("Abs", name, [x])], keepdims=0)
    scale = _scale(graph, largest, name, limit)
    return graph.node("QuantizeLinear", name, [x, scale, _zero(graph)]), scale


def _value(graph: GraphBuilder, x: str, attention: Attention, limit: int) -> tuple[str, str]:
    name = f"{attention.name}.v"
    largest = graph.node("ReduceMax", name, [graph.node("Abs", name, [x]), graph.ints(1)], keepdims=1)
    scale = _scale(graph, largest, name, limit)
    steps = graph.node("Div", f"{name}.steps", [x, scale])
    steps = graph.node("QuantizeLinear", name, [steps, graph.scalar("one", 1.0, np.float32), _zero(graph)])
    shape = graph.ints(0, attention.heads, 1, attention.head_size)
    return steps, graph.node("Reshape", f"{name}.scale", [scale, shape])


def _attention_weights(graph: GraphBuilder, x: str, name: str) -> tuple[str, str]:
    """Quantise ``[rows, heads, sequence, sequence]``; the scales are ``[rows, heads, sequence, 1]``."""
    largest = graph.node("ReduceMax", name, [x, graph.ints(-1)], keepdims=1)
    scale = graph.node("Mul", f"{name}.scale", [largest, graph.scalar("per_255", 1 / _UINT8_LIMIT, np.float32)])
    flat = graph.node("Flatten", name, [x], axis=3)
    scales = graph.node("Reshape", f"{name}.scales", [scale, graph.ints(-1)])
    flat = graph.node("QuantizeLinear", name, [flat, scales], axis=0)
    return graph.node("Reshape", name, [flat, graph.node("Shape", name, [x])]), scale


def _scale(graph: GraphBuilder, largest: str, name: str, limit: int) -> str:
    scale = graph.node("Mul", f"{name}.scale", [largest, graph.scalar(f"per_{limit}", 1 / limit, np.float32)])
    return graph.node("Max", f"{name}.scale", [scale, graph.scalar("smallest_scale", SMALLEST_SCALE, np.float32)])


def _zero(graph: GraphBuilder) -> str:
    return graph.scalar("int8_zero", 0, np.int8)


def _heads(graph: GraphBuilder, x: str, name: str, attention: Attention, perm: tuple[int, ...]) -> str:
    x = graph.node("Reshape", name, [x, graph.ints(0, 0, attention.heads, attention.head_size)])
    return graph.node("Transpose", name, [x], perm=perm)
