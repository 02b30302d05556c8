"""The encoder: embeddings, attention mask, layers."""

from __future__ import annotations

from roformer_edge.export.network.emitter import ALL, EARLIER, PREFIX, Emitter, V
from roformer_edge.export.network.weights import Weights


def every_position(emitter: Emitter[V], weights: Weights, *, causal: bool = False) -> V:
    """Emit the encoder and return the states of all positions.

    Args:
        emitter: The format.
        weights: The model.
        causal: Whether a position sees only those before it and itself, and in a prefix language model the whole
            prompt. Keys and values of earlier runs are then of use, and are kept.
    """
    seen = ALL if not causal else PREFIX if weights.config.prefix_lm else EARLIER
    x, mask = _embeddings(emitter, weights), emitter.mask(seen)
    for index in range(weights.config.num_hidden_layers):
        x = _layer(emitter, weights, x, mask, index, cache=index if causal else None)
    return x


def first_position(emitter: Emitter[V], weights: Weights) -> V:
    """Emit the encoder and return the state of position 0.

    The last layer makes keys and values of all positions, but the query, the attention and the feed-forward of the
    first alone: it is exact, and of that layer's products only 2 in 12 remain.
    """
    x, mask = _embeddings(emitter, weights), emitter.mask(ALL)
    last = weights.config.num_hidden_layers - 1
    for index in range(last):
        x = _layer(emitter, weights, x, mask, index)
    return _layer(emitter, weights, x, mask, last, first=emitter.first(x, f"layer.{last}.first"))


def _embeddings(emitter: Emitter[V], weights: Weights) -> V:
    words = emitter.lookup(weights.word_table())
    types = emitter.lookup(weights.type_table())
    x = emitter.add(words, types, "embeddings")
    x = emitter.norm(x, weights.norm("embeddings.norm", "roformer.embeddings.LayerNorm"))
    if weights.config.has_projection:
        x = emitter.linear(x, weights.product("embeddings.project", "roformer.embeddings_project"))
    emitter.mark("embeddings", x)
    return x


def _layer(
    emitter: Emitter[V],
    weights: Weights,
    x: V,
    mask: V,
    index: int,
    *,
    first: V | None = None,
    cache: int | None = None,
) -> V:
    """Emit one layer, for all positions or for the first alone."""
    name, module = f"layer.{index}", f"roformer.encoder.layer.{index}"
    context = emitter.attention(x, mask, weights.attention(index), first=first, cache=cache)
    x = x if first is None else first
    y = emitter.linear(context, weights.attention_output(index))
    y = emitter.add(y, x, f"{name}.attention.residual")
    x = emitter.norm(y, weights.norm(f"{name}.attention.norm", f"{module}.attention.output.LayerNorm"))
    y = emitter.linear(x, weights.product(f"{name}.ffn.up", f"{module}.intermediate.dense"))
    y = emitter.activation(y, f"{name}.ffn", weights.config.activation)
    y = emitter.linear(y, weights.product(f"{name}.ffn.down", f"{module}.output.dense"))
    y = emitter.add(y, x, f"{name}.ffn.residual")
    x = emitter.norm(y, weights.norm(f"{name}.ffn.norm", f"{module}.output.LayerNorm"))
    emitter.mark(name, x)
    return x
