"""From the states of all positions to one vector of a text."""

from __future__ import annotations

from roformer_edge.export.network.emitter import Emitter, Norm, V
from roformer_edge.export.network.encoder import every_position, first_position
from roformer_edge.export.network.weights import Weights
from roformer_edge.sentence import LAYER_NORM_EPSILON, VECTOR, SentenceHead, Step


def emit_sentence(emitter: Emitter[V], weights: Weights, head: SentenceHead) -> None:
    """Emit the encoder, the steps of a head, and the vector as the only output."""
    # where one state is read, the last layer computes that alone
    x = first_position(emitter, weights) if head.reads_first else every_position(emitter, weights)
    for index, step in enumerate(head.steps):
        name = f"sentence.{index}"
        if step.kind == "pooling":
            x = x if head.reads_first else _pool(emitter, x, step, name)
        elif step.kind == "dense":
            x = emitter.linear(x, weights.product(name, step.module))
            x = emitter.activation(x, name, step.activation)
        elif step.kind == "layer_norm":
            weight, bias = (weights.arrays[f"{step.module}.{part}"] for part in ("weight", "bias"))
            x = emitter.norm(x, Norm(name=name, weight=weight, bias=bias, epsilon=LAYER_NORM_EPSILON))
        else:
            x = emitter.unit(x, name)
    emitter.output(VECTOR, x)


def _pool(emitter: Emitter[V], x: V, step: Step, name: str) -> V:
    pooled: dict[str, V] = {}  # one that is asked for twice is made once
    for kind in step.poolings:
        if kind in pooled:
            continue
        if kind == "cls":
            pooled[kind] = emitter.first(x, f"{name}.first")
        elif kind == "lasttoken":
            pooled[kind] = emitter.summary(x, "last_token")
        else:
            pooled[kind] = emitter.pool(x, kind, f"{name}.{kind}")
    parts = [pooled[kind] for kind in step.poolings]
    return parts[0] if len(parts) == 1 else emitter.beside(parts, name)
