"""Run by the oracle's interpreter: load our artifact as optimum does, and answer texts with transformers' tokenizer.

python optimum_answers.py BUNDLE CHECKPOINT < texts.json > logits.json
"""

from __future__ import annotations

import json
import sys

from optimum.onnxruntime import ORTModelForSequenceClassification
from transformers import AutoTokenizer

bundle, checkpoint = sys.argv[1:]
model = ORTModelForSequenceClassification.from_pretrained(bundle, file_name="model.onnx")
tokenizer = AutoTokenizer.from_pretrained(checkpoint)
texts = json.load(sys.stdin)
logits = [model(**tokenizer(text, return_tensors="np", truncation=True)).logits[0].tolist() for text in texts]
json.dump({"logits": logits, "labels": [model.config.id2label[i] for i in range(len(logits[0]))]}, sys.stdout)
