"""The optimiser of the TensorFlow examples, and the answers of a trained model; training itself is Keras' ``fit``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf


def adamw(arrays: Mapping[str, Any], *, epochs: int, batch: int = 32, rate: float = 1e-3) -> keras.optimizers.Optimizer:
    """AdamW for training on ``arrays``; the rate rises for a tenth of the steps and then falls to nothing."""
    steps = epochs * -(-len(arrays["input_ids"]) // batch)
    rise = max(1, steps // 10)
    schedule = keras.optimizers.schedules.CosineDecay(0.0, max(1, steps - rise), warmup_target=rate, warmup_steps=rise)
    return keras.optimizers.AdamW(schedule, weight_decay=0.01, beta_2=0.98, global_clipnorm=1.0)


def predict(model: keras.Model, arrays: Mapping[str, Any]) -> Any:
    """The best class of every row or token."""
    return _answers(model, arrays, lambda output: tf.argmax(output.logits, -1))


def predict_spans(model: keras.Model, arrays: Mapping[str, Any]) -> Any:
    """For every row the logits of where an answer starts and of where it ends, ``[2, rows, tokens]``."""
    logits = _answers(model, arrays, lambda output: tf.stack([output.start_logits, output.end_logits], 1))
    return np.moveaxis(logits, 1, 0)


def _answers(model: keras.Model, arrays: Mapping[str, Any], answer: Callable[[Any], Any]) -> Any:
    inputs = {name: arrays[name] for name in ("input_ids", "attention_mask", "token_type_ids")}
    run = tf.function(lambda batch: answer(model(batch)), reduce_retracing=True, autograph=False)
    return np.concatenate([run(batch).numpy() for batch in tf.data.Dataset.from_tensor_slices(inputs).batch(128)])
