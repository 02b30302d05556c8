"""The rotary position embedding in TFLite: pairs of a head's channels are rotated by the position of their token."""

from __future__ import annotations

from roformer_edge.export.network.emitter import Attention
from roformer_edge.export.tflite.flatbuffer import Graph, Tensor
from roformer_edge.export.tflite.operators import binary, reshape, transpose


def rotate(graph: Graph, attention: Attention, halves: tuple[Tensor, Tensor], cosines: Tensor, sines: Tensor) -> Tensor:
    """Rotate pairs by their positions.

    Args:
        graph: Where it is emitted.
        attention: The attention that it is for.
        halves: The first and the second number of every pair, each ``[sequence, n * half]`` for ``n`` rows of heads.
        cosines: The cosines of each position and pair, ``[sequence, 1, half]``.
        sines: The same.

    Returns:
        ``[n, sequence, head size]``.
    """
    name, half = f"{attention.name}.rotated", attention.head_size // 2
    shape = (halves[0].shape[0], halves[0].shape[1] // half, half)
    even, odd = (reshape(graph, x, f"{name}.{part}", *shape) for part, x in zip(("even", "odd"), halves, strict=True))
    both = [
        binary(
            graph,
            code,
            f"{name}.{part}",
            binary(graph, "MUL", f"{name}.{part}.cos", x, cosines),
            binary(graph, "MUL", f"{name}.{part}.sin", y, sines),
        )
        for part, code, x, y in (("even", "SUB", even, odd), ("odd", "ADD", odd, even))
    ]
    x = graph.op("CONCATENATION", name, both, (*shape[:2], 2 * half), axis=2)
    return transpose(graph, x, name, 1, 0, 2)
