"""Make paddle_mlm and paddle_tokens: python make_paddle.py, where PaddlePaddle and PaddleNLP 2.8.1 are installed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import paddle
from paddlenlp.transformers import RoFormerForMaskedLM, RoFormerForTokenClassification
from paddlenlp.transformers.roformer.configuration import RoFormerConfig

IDS = np.array([[2, 5, 7, 9, 3], [2, 11, 3, 0, 0]])
TYPES = np.array([[0, 0, 0, 1, 1], [0, 0, 0, 0, 0]])
CONFIG = RoFormerConfig(
    vocab_size=20, embedding_size=8, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24,
    max_position_embeddings=16, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, num_labels=3,
)  # fmt: skip

for name, model_class in {"mlm": RoFormerForMaskedLM, "tokens": RoFormerForTokenClassification}.items():
    folder = Path(__file__).parent / f"paddle_{name}"
    folder.mkdir(exist_ok=True)
    model = model_class(CONFIG)
    model.eval()
    for key, parameter in model.named_parameters():
        mean = 1.0 if "norm" in key and key.endswith("weight") else 0.0
        values = np.random.default_rng(len(key)).normal(mean, 0.2, parameter.shape).astype("float32")
        parameter.set_value(paddle.to_tensor(values))
    inputs = {"input_ids": IDS, "token_type_ids": TYPES, "attention_mask": (IDS != 0).astype("int64")}
    logits = model(**{key: paddle.to_tensor(array) for key, array in inputs.items()})
    paddle.save(model.state_dict(), str(folder / "model_state.pdparams"))
    model.config.save_pretrained(str(folder))
    expected = {key: array.tolist() for key, array in inputs.items()}
    expected["logits"] = np.asarray(logits.numpy(), float).round(6).tolist()
    (folder / "expected.json").write_text(json.dumps(expected) + "\n")
