"""Make bert4keras_v1 and bert4keras_v2: python make_bert4keras.py, where bert4keras and tf-keras are installed."""

from __future__ import annotations

import json
import os
from pathlib import Path

os.environ |= {"TF_KERAS": "1", "TF_USE_LEGACY_KERAS": "1", "CUDA_VISIBLE_DEVICES": ""}

import numpy as np
from bert4keras.models import build_transformer_model

IDS = np.array([[2, 5, 7, 9, 3], [2, 11, 3, 4, 0]])  # bert4keras masks the token 0
TYPES = np.array([[0, 0, 0, 1, 1], [0, 0, 0, 0, 0]])
SETTINGS = {
    "vocab_size": 20, "hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 24,
    "max_position_embeddings": 16, "type_vocab_size": 2, "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0, "initializer_range": 0.02,
}  # fmt: skip
MODELS = {
    # two layers: the numbers of its dense layers have one and two digits
    "v1": ("roformer", {"embedding_size": 8, "num_hidden_layers": 2, "hidden_act": "gelu"}),
    "v2": ("roformer_v2", {"embedding_size": 16, "num_hidden_layers": 1, "hidden_act": "relu"}),
}

for name, (kind, settings) in MODELS.items():
    folder = Path(__file__).parent / f"bert4keras_{name}"
    folder.mkdir(exist_ok=True)
    config = {"model_type": "roformer", **SETTINGS, **settings}
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    model = build_transformer_model(str(folder / "config.json"), model=kind, with_mlm="linear")
    draw = np.random.default_rng(1)
    model.set_weights(
        [
            draw.normal(1.0 if "gamma" in weight.name else 0.0, 0.3, weight.shape).astype("float32")
            for weight in model.weights
        ]
    )
    model.save_weights(str(folder / "best_model.h5"))
    logits = model.predict([IDS, TYPES], verbose=0)
    expected = {
        "input_ids": IDS.tolist(),
        "token_type_ids": TYPES.tolist(),
        "attention_mask": (IDS != 0).astype(int).tolist(),
        "logits": np.asarray(logits, float).round(6).tolist(),
    }
    (folder / "expected.json").write_text(json.dumps(expected) + "\n")
