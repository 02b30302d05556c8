"""Attention whose two products multiply integers: query times key, and attention weights times value.

Both sides are activations, so all ranges are measured at each run:

- the query is uint8 with one range, key and value are int8 with one scale each, for engines multiply uint8 by int8
  quickly and int8 by int8 ten times slower;
- attention weights are uint8 with a scale for every row, so that the largest of a row is 255. In a long text most rows
  are flat: of a weight of 1/500, a common scale of 1/255 would leave nothing.

Where all of a key or a value is zero its scale is zero too, and whatever its integers are, they come back as zeros.
"""

from __future__ import annotations

import numpy as np

from roformer_edge.export.network.emitter import Attention
from roformer_edge.export.onnx.graph import CONTRIB, GraphBuilder
from roformer_edge.quantize.affine import PAIR_LIMIT
from roformer_edge.quantize.presets import Preset

_INT8_LIMIT = 127
_UINT8_LIMIT = 255


def emit_integer_attention(
    graph: GraphBuilder, projected: tuple[str, ...], mask: str, attention: Attention, preset: Preset
) -> str:
    """Emit the attention of all positions on all positions.

    Args:
        graph: Where it is emitted.
        projected: Query, key and value, float32 ``[rows, sequence, width]``.
        mask: What is added to the scores, 0 or a very negative number.
        attention: Names and sizes.
        preset: Tells whether the processor adds pairs of products in 16 bits.

    Returns:
        The context, float32 ``[rows, heads, sequence, head size]``.
    """
    name = attention.name
    # two neighbours of a key or a value together keep the bound of two neighbouring weights
    limit = PAIR_LIMIT // 2 if preset.weights.bounded_pairs else _INT8_LIMIT
    quantized = tuple(f"{name}.q/{part}" for part in ("quantized", "scale", "zero_point"))
    q, q_scale, q_zero = graph.nodes_with("DynamicQuantizeLinear", f"{name}.q", [projected[0]], quantized)
    k, k_scale = _signed(graph, projected[1], f"{name}.k", limit)
    v, v_scale = _signed(graph, projected[2], f"{name}.v", limit)
    q = split_heads(graph, q, f"{name}.q", attention, (0, 2, 1, 3))
    k = split_heads(graph, k, f"{name}.k", attention, (0, 2, 3, 1))
    v = split_heads(graph, v, f"{name}.v", attention, (0, 2, 1, 3))
    scores = graph.node("MatMulIntegerToFloat", f"{name}.scores", [q, k, q_scale, k_scale, q_zero], domain=CONTRIB)
    scores = graph.node("Add", f"{name}.scores", [scores, mask])
    scores = graph.node("Softmax", f"{name}.scores", [scores], axis=-1)
    weights, scales = _rows_of_weights(graph, scores, attention)
    one = graph.scalar("one", 1.0, np.float32)
    context = graph.node("MatMulIntegerToFloat", f"{name}.context", [weights, v, one, v_scale], domain=CONTRIB)
    return graph.node("Mul", f"{name}.context", [context, scales])


def split_heads(graph: GraphBuilder, x: str, name: str, attention: Attention, perm: tuple[int, ...]) -> str:
    """Make ``[rows, sequence, heads, head size]`` of ``[rows, sequence, width]``, with its axes in another order."""
    x = graph.node("Reshape", name, [x, graph.ints(0, 0, attention.heads, attention.head_size)])
    return graph.node("Transpose", name, [x], perm=perm)


def _signed(graph: GraphBuilder, x: str, name: str, limit: int) -> tuple[str, str]:
    """Quantise to int8 between ``-limit`` and ``limit``; return the integers and their scale."""
    largest = graph.node("ReduceMax", name, [graph.node("Abs", name, [x])], keepdims=0)
    scale = graph.node("Mul", f"{name}.scale", [largest, _one_of(graph, limit)])
    return graph.node("QuantizeLinear", name, [x, scale, graph.scalar("int8_zero", 0, np.int8)]), scale


def _rows_of_weights(graph: GraphBuilder, x: str, attention: Attention) -> tuple[str, str]:
    """Quantise attention weights to uint8, row by row; return the integers and the scales, whose last axis is 1."""
    name, shape = f"{attention.name}.weights", f"attention.shape_{attention.heads}"
    if not graph.has(f"{shape}/Shape"):  # the same in all layers of so many heads
        graph.node("Shape", shape, [x])
    largest = graph.node("ReduceMax", name, [x, graph.ints(-1)], keepdims=1)
    scales = graph.node("Mul", f"{name}.scale", [largest, _one_of(graph, _UINT8_LIMIT)])
    # the operator takes one axis of scales
    rows = graph.node("Flatten", name, [x], axis=3)
    row_scales = graph.node("Reshape", f"{name}.scale", [scales, graph.ints(-1)])
    rows = graph.node("QuantizeLinear", name, [rows, row_scales], axis=0)
    return graph.node("Reshape", name, [rows, f"{shape}/Shape"]), scales


def _one_of(graph: GraphBuilder, steps: int) -> str:
    return graph.scalar(f"one_of_{steps}", 1 / steps, np.float32)
