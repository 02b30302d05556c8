"""Operators that every part of the network uses, with the shapes that they give."""

from __future__ import annotations

from roformer_edge.export.tflite.flatbuffer import Graph, Shape, Tensor


def binary(graph: Graph, code: str, name: str, x: Tensor, y: Tensor) -> Tensor:
    """Combine two values element by element; axes of size 1 are repeated."""
    return graph.op(code, name, [x, y], _broadcast(x.shape, y.shape), dtype=x.dtype)


def reshape(graph: Graph, x: Tensor, name: str, *shape: int) -> Tensor:
    """Give a value another shape."""
    return graph.op("RESHAPE", name, [x, graph.ints(*shape)], shape, dtype=x.dtype)


def transpose(graph: Graph, x: Tensor, name: str, *axes: int) -> Tensor:
    """Put the axes of a value in another order."""
    shape = tuple(x.shape[axis] for axis in axes)
    return graph.op("TRANSPOSE", name, [x, graph.ints(*axes)], shape)


def _broadcast(x: Shape, y: Shape) -> Shape:
    rank = max(len(x), len(y))
    pairs = zip((1,) * (rank - len(x)) + x, (1,) * (rank - len(y)) + y, strict=True)
    return tuple(one if other == 1 else other for one, other in pairs)
