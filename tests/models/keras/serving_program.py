"""Runs where TensorFlow is installed: every class saved as one Keras file and as a graph for serving, and read again.

    python -P serving_program.py FOLDER

Prints as JSON, for each class, the largest differences of the answers.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from roformer_edge.config import RoFormerConfig
from roformer_edge.models.keras import heads

CONFIG = RoFormerConfig(
    vocab_size=40, embedding_size=12, hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
    intermediate_size=24, max_position_embeddings=32, initializer_range=0.4, id2label={0: "a", 1: "b", 2: "c"},
    is_decoder=True,
)  # fmt: skip
CLASSES = (
    heads.TFRoFormerModel,
    heads.TFRoFormerForMaskedLM,
    heads.TFRoFormerForCausalLM,
    heads.TFRoFormerForSequenceClassification,
    heads.TFRoFormerForTokenClassification,
    heads.TFRoFormerForQuestionAnswering,
    heads.TFRoFormerForMultipleChoice,
)


def inputs_of(kind: type, tokens: int) -> dict[str, np.ndarray]:
    shape = (3, 2, tokens) if kind is heads.TFRoFormerForMultipleChoice else (3, tokens)
    random = np.random.default_rng(tokens)
    mask = np.ones(shape, np.int32)
    mask[1, ..., tokens // 2 :] = 0
    return {
        "input_ids": random.integers(0, 40, shape, np.int32),
        "attention_mask": mask,
        "token_type_ids": random.integers(0, 2, shape, np.int32),
    }


def far(found: Any, wanted: Any) -> float:
    """The largest difference of all tensors, which a serving graph names one by one."""
    found, wanted = tensors(found.items()), tensors(wanted.items())
    assert found.keys() == wanted.keys(), (found.keys(), wanted.keys())
    return max(float(np.abs(found[name] - wanted[name]).max()) for name in wanted)


def tensors(fields: Any, above: str = "") -> dict[str, np.ndarray]:
    named = {}
    for name, value in fields:
        inner = tensors(enumerate(value), f"{above}{name}_") if isinstance(value, tuple) else {}
        named |= inner or {f"{above}{name}": np.asarray(value)}
    return named


def main(folder: Path) -> dict[str, dict[str, Any]]:
    report = {}
    for kind in CLASSES:
        config = CONFIG if kind is heads.TFRoFormerForCausalLM else CONFIG.replace(is_decoder=False)
        model = kind(config)
        texts = {tokens: inputs_of(kind, tokens) for tokens in (5, 9)}
        answers = {tokens: model(given) for tokens, given in texts.items()}
        path = str(folder / f"{kind.__name__}.keras")
        model.save(path)
        loaded = keras.saving.load_model(path)
        # a model that was never called, and one whose answers are still named results afterwards
        loaded.export(str(folder / kind.__name__), verbose=False)
        served = tf.saved_model.load(str(folder / kind.__name__))  # which keeps the weights alive
        report[kind.__name__] = {
            "class": type(loaded) is kind and loaded.config == config,
            "loaded": max(far(loaded(given), answers[tokens]) for tokens, given in texts.items()),
            "served": max(far(served.serve(given), answers[tokens]) for tokens, given in texts.items()),
            "named": type(loaded(texts[5])) is type(answers[5]),
        }
    # in a process that has not made the class yet
    fresh = (
        "import keras, sys, roformer_edge.models.keras.heads\n"
        "print(type(keras.saving.load_model(sys.argv[1])).__name__)"
    )
    made = subprocess.run([sys.executable, "-P", "-c", fresh, path], capture_output=True, text=True, check=True)
    report["fresh"] = {"class": made.stdout.strip()}
    return report


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
