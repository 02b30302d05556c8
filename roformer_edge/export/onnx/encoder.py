"""The encoder as a graph: embeddings, attention mask, layers.

It computes what the checkpoint computes, arranged for a CPU:

- The pairs that a rotation turns are moved from interleaved to half-split order by permuting the rows of the query
  and key weights, per head. Scores are sums over the pairs, so they do not change.
- ``1/sqrt(head size)`` is folded into the query weights.
- Query, key and value are one product.
- Where only the first position is read, the last layer makes keys and values of all positions, but the query, the
  attention and the feed-forward of the first alone; its rotation is by zero and is left out.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from roformer_edge.checkpoint.names import ROTARY_TABLE, WORD_EMBEDDINGS
from roformer_edge.checkpoint.rotary import rotary_table
from roformer_edge.export.onnx.graph import CONTRIB, Parts
from roformer_edge.export.onnx.linear import emit_embedding
from roformer_edge.export.onnx.network import Network, Numbers

# what transformers adds to the score of a position that is padding
_MASKED = float(np.finfo(np.float32).min)


class Inputs(NamedTuple):
    """Names of the integer tensors ``[rows, sequence]`` that the encoder reads."""

    ids: str = "input_ids"
    mask: str = "attention_mask"
    kinds: str = "token_type_ids"


TEXT = Inputs()


def every_position(network: Network, parts: Parts, inputs: Inputs = TEXT, *, causal: bool = False) -> str:
    """The encoder's output, ``[rows, sequence, hidden]``.

    Args:
        network: The model.
        parts: The graph so far.
        inputs: What is read.
        causal: A position sees only those before it and itself.
    """
    x = _embeddings(network, parts, inputs)
    mask = _attention_mask(parts, inputs, causal=causal)
    for index in range(network.config.num_hidden_layers):
        x = _layer(network, parts, x, mask, index)
    return x


def first_position(network: Network, parts: Parts, inputs: Inputs = TEXT) -> str:
    """The encoder's output at position 0, ``[rows, hidden]``."""
    x = _embeddings(network, parts, inputs)
    mask = _attention_mask(parts, inputs, causal=False)
    last = network.config.num_hidden_layers - 1
    for index in range(last):
        x = _layer(network, parts, x, mask, index)
    return _last_layer(network, parts, x, mask, last)


def _embeddings(network: Network, parts: Parts, inputs: Inputs) -> str:
    arrays = network.arrays
    word = arrays[WORD_EMBEDDINGS]
    kind = arrays["roformer.embeddings.token_type_embeddings.weight"]
    # rows that a product multiplies by as well are bound to the weights' range
    reduce_range = network.shares_table and network.precision.preset.weights.reduce_range
    scheme = network.scheme("embeddings.word")
    words = emit_embedding(parts, inputs.ids, "embeddings.word", word, scheme, reduce_range=reduce_range)
    kinds = emit_embedding(parts, inputs.kinds, "embeddings.type", kind, network.scheme("embeddings.type"))
    x = parts.node("Add", "embeddings", [words, kinds])
    x = network.norm(parts, x, "embeddings.norm", "roformer.embeddings.LayerNorm")
    if network.config.has_projection:
        x = network.dense(parts, x, "embeddings.project", "roformer.embeddings_project")
    return x


def _attention_mask(parts: Parts, inputs: Inputs, *, causal: bool) -> str:
    """What is added to the scores, ``[rows, 1, 1 or sequence, sequence]``: 0, or the lowest float where not to look."""
    keep = parts.node("Cast", "mask", [inputs.mask], to=9)
    keep = parts.node("Unsqueeze", "mask", [keep, parts.ints(1, 2)])
    if causal:
        keep = parts.node("And", "mask", [keep, _seen_by_each(parts, inputs)])
    zero = parts.tensor("mask/kept", np.zeros((), np.float32))
    low = parts.tensor("mask/masked", np.asarray(_MASKED, np.float32))
    return parts.node("Where", "mask", [keep, zero, low])


def _seen_by_each(parts: Parts, inputs: Inputs) -> str:
    """Whether a position (row) may look at another (column), bool ``[sequence, sequence]``."""
    looked_at = positions(parts, inputs)
    looking = parts.node("Unsqueeze", "positions", [looked_at, parts.ints(1)])
    return parts.node("LessOrEqual", "mask", [looked_at, looking])


def positions(parts: Parts, inputs: Inputs) -> str:
    """0, 1, 2 ... as int64 ``[sequence]``."""
    length = parts.node("Shape", "positions", [inputs.ids], start=1, end=2)
    length = parts.node("Squeeze", "positions", [length, parts.ints(0)])
    first = parts.tensor("const/first", np.zeros((), np.int64))
    step = parts.tensor("const/step", np.ones((), np.int64))
    return parts.node("Range", "positions", [first, length, step])


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
    weight, bias = network.numbers(f"{module}.attention.output.dense")
    if network.config.rotary_value:  # the context comes in the order in which the values were turned
        weight = weight[:, half_split_order(network.config.num_attention_heads, network.config.head_size)]
    y = network.product(parts, context, scope, scope, (weight, bias))
    y = parts.node("Add", f"{name}.attention.residual", [y, x])
    x = network.norm(parts, y, f"{name}.attention.norm", f"{module}.attention.output.LayerNorm")
    y = network.dense(parts, x, f"{name}.ffn.up", f"{module}.intermediate.dense")
    y = network.activation(parts, y, f"{name}.ffn")
    y = network.dense(parts, y, f"{name}.ffn.down", f"{module}.output.dense")
    y = parts.node("Add", f"{name}.ffn.residual", [y, x])
    return network.norm(parts, y, f"{name}.ffn.norm", f"{module}.output.LayerNorm")


def _projections(network: Network, module: str, which: tuple[str, ...]) -> Numbers:
    """The weights and biases of the named projections, stacked, with rotation order and score scale folded in."""
    config = network.config
    order = half_split_order(config.num_attention_heads, config.head_size)
    weights, biases = [], []
    for part in which:
        rows = order if part != "value" or config.rotary_value else slice(None)
        scale = np.float32(config.head_size**-0.5 if part == "query" else 1)
        weight, bias = network.numbers(f"{module}.attention.self.{part}")
        weights.append(weight[rows] * scale)
        if bias is not None:
            biases.append(bias[rows] * scale)
    return np.concatenate(weights), np.concatenate(biases) if biases else None


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
