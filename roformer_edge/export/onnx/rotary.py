"""The rotary position embedding in ONNX: pairs of a head's channels are rotated by the position of their token."""

from __future__ import annotations

import numpy as np

from roformer_edge.export.network.emitter import Attention
from roformer_edge.export.onnx.graph import CONTRIB, GraphBuilder
from roformer_edge.signatures import POSITION_IDS


def rotate(graph: GraphBuilder, x: str, attention: Attention, *, parts: int, given: bool) -> str:
    """Rotate every head of ``x`` ``[rows, sequence, parts * width]`` by its position.

    Args:
        graph: Where it is emitted.
        x: Rows in half-split order.
        attention: The attention that it is for.
        parts: How many of query, key and value lie beside each other.
        given: Whether the caller gives the positions; they are counted from 0 otherwise.
    """
    cosines = graph.tensor("rotary/cos", attention.cosines)
    sines = graph.tensor("rotary/sin", attention.sines)
    inputs, heads = [x, _positions(graph, attention, given=given), cosines, sines], parts * attention.heads
    return graph.node("RotaryEmbedding", attention.name, inputs, domain=CONTRIB, interleaved=0, num_heads=heads)


def _positions(graph: GraphBuilder, attention: Attention, *, given: bool) -> str:
    """Give the positions to rotate by: those of the caller, or the first one of a count from 0."""
    if not given:
        return graph.ints(0)
    if not graph.has("rotary/Gather"):
        # the operator that rotates trusts its positions; looking them up does not
        known = graph.tensor("rotary/positions", np.arange(len(attention.sines), dtype=np.int64))
        graph.node("Gather", "rotary", [known, POSITION_IDS])
    return "rotary/Gather"
