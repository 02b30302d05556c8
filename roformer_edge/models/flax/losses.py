"""The losses of the heads, as in :mod:`roformer_edge.models.torch.losses`. Labels of -100 do not count."""

from __future__ import annotations

import jax
import jax.numpy as jnp

IGNORED = -100


def cross_entropy(logits: jax.Array, labels: jax.Array, ignored: int = IGNORED) -> jax.Array:
    """Average over the labels that count; logits ``[..., classes]``, labels ``[...]``."""
    counts = labels != ignored
    chosen = jnp.where(counts, labels, 0)[..., None]
    likelihood = jnp.take_along_axis(jax.nn.log_softmax(logits), chosen, axis=-1)[..., 0]
    return -(likelihood * counts).sum() / counts.sum()


def sequence_loss(logits: jax.Array, labels: jax.Array, problem_type: str | None) -> jax.Array:
    """Compute the loss of labels of whole texts; ``None`` derives ``problem_type`` as in torch."""
    if problem_type is None:
        single = jnp.issubdtype(labels.dtype, jnp.integer)
        problem_type = "single_label_classification" if single else "multi_label_classification"
        problem_type = "regression" if logits.shape[-1] == 1 else problem_type
    if problem_type == "regression":
        return jnp.square(logits.reshape(labels.shape) - labels).mean()
    if problem_type == "multi_label_classification":
        return -(labels * jax.nn.log_sigmoid(logits) + (1 - labels) * jax.nn.log_sigmoid(-logits)).mean()
    return cross_entropy(logits, labels.reshape(-1).astype(jnp.int32))


def span_loss(start_logits: jax.Array, end_logits: jax.Array, starts: jax.Array, ends: jax.Array) -> jax.Array:
    """Average the cross-entropies of both ends; positions outside the ``S`` tokens do not count."""
    length = start_logits.shape[1]

    def one(logits: jax.Array, positions: jax.Array) -> jax.Array:
        return cross_entropy(logits, jnp.clip(positions.reshape(-1), 0, length), length)

    return (one(start_logits, starts) + one(end_logits, ends)) / 2
