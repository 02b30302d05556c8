"""What scripts written for transformers do with its TensorFlow models, one by one; imported by tf_check.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from roformer_edge.models.keras.heads import TFRoFormerForCausalLM, TFRoFormerForSequenceClassification

CLOSE = 1e-5


def check(folder: Path, decoder: Path) -> dict[str, bool]:
    """Habit -> whether it works, of a classifier of four labels and of a decoder."""
    inputs, labels = dict(np.load(folder / "inputs.npz")), np.load(folder / "labels.npz")["labels"]
    return {**_labels(folder, inputs, labels), **_keywords(folder, inputs), **_training(folder, inputs, labels)} | {
        "decoding in a tf.function": _decodes(TFRoFormerForCausalLM.from_pretrained(decoder))
    }


def _labels(folder: Path, inputs: dict[str, Any], labels: Any) -> dict[str, bool]:
    def losses(given: Any, other: Any, **changes: Any) -> bool:
        model = TFRoFormerForSequenceClassification.from_pretrained(folder, new_head=True, **changes)
        found = [float(model(inputs, labels=item).loss) for item in (given, other)]
        return abs(found[0] - found[1]) <= CLOSE

    several = np.eye(4, dtype=np.int64)[labels]
    many = {"problem_type": "multi_label_classification"}
    return {
        "a list of labels": losses(labels.tolist(), labels),
        "whole numbers in regression": losses(labels, labels.astype(np.float32), num_labels=1),
        "whole numbers for several labels": losses(several, several.astype(np.float32), **many),
    }


def _keywords(folder: Path, inputs: dict[str, Any]) -> dict[str, bool]:
    def load(**changes: Any) -> Any:
        return TFRoFormerForSequenceClassification.from_pretrained(folder, **changes)

    empty = {name: array[:0] for name, array in inputs.items()}
    return {
        "another dropout": load(hidden_dropout_prob=0.3).dropout.rate == 0.3,
        "another number of labels": load(num_labels=7, new_head=True)(inputs).logits.shape[1] == 7,
        "attentions from the config": "attentions" in load(output_attentions=True)(inputs),
        "tuples from the config": isinstance(load(return_dict=False)(inputs), tuple),
        "an empty batch": load()(empty).logits.shape == (0, 4),
    }


def _training(folder: Path, inputs: dict[str, Any], labels: Any) -> dict[str, bool]:
    data = tf.data.Dataset.from_tensor_slices((inputs, labels)).batch(3)
    model = TFRoFormerForSequenceClassification.from_pretrained(folder, return_dict=False)
    model.compile(optimizer=keras.optimizers.AdamW(0.01), jit_compile=True)
    stop = keras.callbacks.EarlyStopping(monitor="val_loss", patience=3)
    history = model.fit(data, validation_data=data, epochs=8, callbacks=[stop], verbose=0).history
    model.save_pretrained(folder / "fitted")
    fitted = TFRoFormerForSequenceClassification.from_pretrained(folder / "fitted")
    gap = np.abs(np.asarray(fitted(inputs)[0]) - np.asarray(model(inputs)[0])).max()
    refused = []
    for weights in ({"sample_weight": np.ones(len(labels))}, {"class_weight": dict.fromkeys(range(4), 1.0)}):
        try:
            model.fit(inputs, labels, verbose=0, **weights)
        except ValueError as error:
            refused.append("give compile a loss" in str(error))
    return {
        "fit on a tf.data.Dataset, compiled": history["val_loss"][-1] < history["val_loss"][0],
        "a fitted model is saved": float(gap) <= CLOSE,
        "weights of samples are refused": refused == [True, True],
    }


def _decodes(model: Any) -> bool:
    """A step of any length after a past of any length, traced once."""
    heads, width = model.config.num_attention_heads, model.config.head_size
    past = ((tf.TensorSpec([None, heads, None, width]),) * 2,) * model.config.num_hidden_layers
    step = tf.function(
        lambda ids, past: model(ids, past_key_values=past, use_cache=True).logits,
        input_signature=[tf.TensorSpec([None, None], tf.int64), past],
    )
    ids = np.arange(14).reshape(2, 7)
    whole = np.asarray(model(ids).logits)
    gaps = [
        np.abs(np.asarray(step(tf.constant(ids[:, n:]), model(ids[:, :n]).past_key_values)) - whole[:, n:]).max()
        for n in (3, 6)
    ]
    return bool(max(gaps) <= CLOSE)
