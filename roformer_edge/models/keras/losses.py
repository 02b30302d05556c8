"""The losses of the heads, as in :mod:`roformer_edge.models.torch.losses`. Labels of -100 do not count."""

from __future__ import annotations

from typing import Any

from keras import ops

IGNORED = -100


def cross_entropy(logits: Any, labels: Any, ignored: int | Any = IGNORED) -> Any:
    """Average over the labels that count; logits ``[..., classes]``, labels ``[...]``."""
    counts = ops.not_equal(labels, ignored)
    chosen = ops.where(counts, labels, ops.zeros_like(labels))[..., None]
    likelihood = ops.take_along_axis(ops.log_softmax(logits, axis=-1), chosen, axis=-1)[..., 0]
    weights = ops.cast(counts, "float32")
    return -ops.sum(likelihood * weights) / ops.sum(weights)


def sequence_loss(logits: Any, labels: Any, problem_type: str | None) -> Any:
    """Compute the loss of labels of whole texts; ``None`` derives ``problem_type`` as in torch."""
    integers = "int" in str(labels.dtype)
    if problem_type is None:
        problem_type = "single_label_classification" if integers else "multi_label_classification"
        problem_type = "regression" if logits.shape[-1] == 1 else problem_type
    if problem_type == "single_label_classification":
        return cross_entropy(logits, ops.cast(ops.reshape(labels, (-1,)), "int32"))
    labels = ops.cast(labels, logits.dtype)
    if problem_type == "multi_label_classification":
        return -ops.mean(labels * ops.log_sigmoid(logits) + (1 - labels) * ops.log_sigmoid(-logits))
    return ops.mean(ops.square(ops.reshape(logits, ops.shape(labels)) - labels))


def next_token_loss(logits: Any, labels: Any) -> Any:
    """Compare each position's ``[B, S, V]`` logits with the label of the position after it."""
    return cross_entropy(logits[:, :-1], labels[:, 1:])


def span_loss(start_logits: Any, end_logits: Any, starts: Any, ends: Any) -> Any:
    """Average the cross-entropies of both ends; positions outside the ``S`` tokens do not count."""
    length = ops.shape(start_logits)[1]  # int32 where it is not known before the function runs

    def one(logits: Any, positions: Any) -> Any:
        positions = ops.cast(ops.reshape(positions, (-1,)), "int32")
        return cross_entropy(logits, ops.clip(positions, 0, length), length)

    return (one(start_logits, starts) + one(end_logits, ends)) / 2
