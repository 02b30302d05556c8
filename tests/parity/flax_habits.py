"""What scripts written for transformers do with its Flax models, one by one; imported by flax_check.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax
from flax.training.train_state import TrainState

from roformer_edge.models.flax.heads import FlaxRoFormerForSequenceClassification


def check(folder: Path) -> dict[str, bool]:
    """Habit -> whether it works, of a classifier of four labels."""
    inputs, labels = dict(np.load(folder / "inputs.npz")), np.load(folder / "labels.npz")["labels"]

    def load(**changes: Any) -> Any:
        return FlaxRoFormerForSequenceClassification.from_pretrained(folder, **changes)

    empty = {name: array[:0] for name, array in inputs.items()}
    model = load()
    losses = _train(model, inputs, labels)
    return {
        "another dropout": load(hidden_dropout_prob=0.3).config.hidden_dropout_prob == 0.3,
        "another number of labels": load(num_labels=7, new_head=True)(**inputs).logits.shape[1] == 7,
        "attentions from the config": "attentions" in load(output_attentions=True)(**inputs),
        "tuples from the config": isinstance(load(return_dict=False)(**inputs), tuple),
        "an empty batch": model(**empty).logits.shape == (0, 4),
        "a TrainState with dropout": losses[-1] < losses[0] / 2,
        # a TrainState compares and hashes its function, and so the module's config
        "a module under jit": _logits(model.module, model.params, inputs).shape == (len(labels), 4),
    }


def _train(model: Any, inputs: dict[str, Any], labels: Any) -> list[float]:
    state = TrainState.create(apply_fn=model, params=model.params, tx=optax.adamw(0.005))

    @jax.jit
    def step(state: Any, key: Any) -> Any:
        def loss(params: Any) -> Any:
            return state.apply_fn(**inputs, labels=labels, params=params, dropout_rng=key, train=True).loss

        value, slopes = jax.value_and_grad(loss)(state.params)
        return state.apply_gradients(grads=slopes), value

    losses = []
    for key in jax.random.split(jax.random.key(0), 30):
        state, value = step(state, key)
        losses.append(float(value))
    return losses


def _logits(module: Any, params: Any, inputs: dict[str, Any]) -> Any:
    state = TrainState.create(apply_fn=module.apply, params=params, tx=optax.sgd(0.1))
    arrays = (inputs["input_ids"], inputs["attention_mask"], inputs["token_type_ids"], None, None, True)
    return jax.jit(lambda state: state.apply_fn({"params": state.params}, *arrays)[0])(state)
