"""The training step of the Flax examples, their losses, and the answers of a trained model."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

IGNORED = -100
Batch = dict[str, jax.Array]
Loss = Callable[[Any, Batch], jax.Array]


def label_loss(output: Any, batch: Batch) -> jax.Array:
    """Mean cross-entropy of the labels, those of -100 left out."""
    return _cross_entropy(output.logits, batch["labels"])


def span_loss(output: Any, batch: Batch) -> jax.Array:
    """Mean of the cross-entropies of both ends of an answer."""
    starts = _cross_entropy(output.start_logits, batch["start_positions"])
    return (starts + _cross_entropy(output.end_logits, batch["end_positions"])) / 2


def _cross_entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
    counted = labels != IGNORED
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, jnp.where(counted, labels, 0))
    return jnp.sum(losses * counted) / jnp.maximum(jnp.sum(counted), 1)


def train(
    model: Any,
    arrays: Mapping[str, Any],
    loss: Loss = label_loss,
    *,
    epochs: int,
    batch: int = 32,
    rate: float = 1e-3,
    seed: int = 0,
) -> None:
    """Replace ``model.params`` by trained ones: AdamW, the rate rises for a tenth of the steps and then falls."""
    rows = len(arrays["input_ids"])
    batch = min(batch, rows)
    steps = epochs * (rows // batch)
    schedule = optax.warmup_cosine_decay_schedule(0.0, rate, max(1, steps // 10), max(2, steps))
    adam = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(schedule, b2=0.98, weight_decay=0.01))
    labels = {"labels", "start_positions", "end_positions"}

    @jax.jit
    def step(params: Any, state: Any, key: jax.Array, rows: Batch) -> tuple[Any, Any, jax.Array]:
        inputs = {name: array for name, array in rows.items() if name not in labels}

        def value(params: Any) -> jax.Array:
            return loss(model(**inputs, params=params, train=True, dropout_rng=key), rows)

        found, slopes = jax.value_and_grad(value)(params)
        updates, state = adam.update(slopes, state, params)
        return optax.apply_updates(params, updates), state, found

    params, state, rng = model.params, adam.init(model.params), np.random.default_rng(seed)
    key = jax.random.key(seed)
    started, losses = time.perf_counter(), []
    # batches of one shape, so that the step is compiled once; what is left over waits for the next epoch
    orders = (rng.permutation(rows)[: rows // batch * batch].reshape(-1, batch) for _ in range(epochs))
    for chosen in (chosen for order in orders for chosen in order):
        key, dropout = jax.random.split(key)
        params, state, found = step(params, state, dropout, {name: array[chosen] for name, array in arrays.items()})
        losses.append(float(found))
        if len(losses) % 100 == 0 or len(losses) == steps:
            recent = np.mean(losses[-100:])
            print(
                f"step {len(losses)} of {steps}: loss {recent:.3f}, {time.perf_counter() - started:.0f} s", flush=True
            )
    model.params = params


def predict(model: Any, arrays: Mapping[str, Any]) -> Any:
    """The best class of every row or token."""
    return _answers(model, arrays, lambda output: output.logits.argmax(-1))


def predict_spans(model: Any, arrays: Mapping[str, Any]) -> Any:
    """For every row the logits of where an answer starts and of where it ends, ``[2, rows, tokens]``."""
    logits = _answers(model, arrays, lambda output: jnp.stack([output.start_logits, output.end_logits], 1))
    return np.moveaxis(logits, 1, 0)


def _answers(model: Any, arrays: Mapping[str, Any], answer: Callable[[Any], jax.Array]) -> Any:
    inputs = {name: arrays[name] for name in ("input_ids", "attention_mask", "token_type_ids")}
    run = jax.jit(lambda params, batch: answer(model(**batch, params=params)))
    places = np.array_split(np.arange(len(inputs["input_ids"])), -(-len(inputs["input_ids"]) // 128))
    return np.concatenate([run(model.params, {n: array[chosen] for n, array in inputs.items()}) for chosen in places])
