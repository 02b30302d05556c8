"""Run by the oracle's interpreter: what the pipelines of transformers answer to many inputs of a task.

python pipeline_answers.py TASK CHECKPOINT < inputs.json > answers.json

Where transformers has no pipeline, or one that gives the model another prompt, its model is asked directly.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
import transformers

TASK, CHECKPOINT = sys.argv[1:]
TOP = 5
NEW_TOKENS = 12


def load(mode: str = "RoFormerTokenizer") -> tuple[Any, Any]:
    with Path(CHECKPOINT, "config.json").open(encoding="utf-8") as file:
        architecture = json.load(file)["architectures"][0]
    model = getattr(transformers, architecture).from_pretrained(CHECKPOINT).eval()
    return model, getattr(transformers, mode).from_pretrained(CHECKPOINT)


def ask_pipeline(inputs: list, mode: str = "RoFormerTokenizer", **options: Any) -> list:
    model, tokenizer = load(mode)
    pipeline = transformers.pipeline(TASK, model=model, tokenizer=tokenizer)
    return [pipeline(**one, **options) if isinstance(one, dict) else pipeline(one, **options) for one in inputs]


def generate(inputs: list) -> list:
    """The prompt without the ``[SEP]`` that a pipeline would put behind it."""
    model, tokenizer = load()
    answers = []
    for text in inputs:
        ids = torch.tensor([tokenizer(text)["input_ids"][:-1]])
        found = model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=NEW_TOKENS, pad_token_id=0, num_beams=2,
            eos_token_id=tokenizer.sep_token_id,
        )  # fmt: skip
        answers.append(found[0, ids.shape[1] :].tolist())
    return answers


def choose(inputs: list) -> list:
    """The probability of every choice, padded on the left: the model reads its last position."""
    model, tokenizer = load()
    tokenizer.padding_side = "left"
    answers = []
    for one in inputs:
        seconds = [one["question"] + choice for choice in one["choices"]]
        rows = tokenizer([one["context"]] * len(seconds), seconds, padding=True, return_tensors="pt")
        with torch.no_grad():
            logits = model(**{name: array[None] for name, array in rows.items()}).logits[0]
        answers.append(logits.double().softmax(-1).tolist())
    return answers


ASK = {
    "feature-extraction": ask_pipeline,
    "fill-mask": lambda inputs: ask_pipeline(inputs, top_k=TOP),
    "text-generation": generate,
    "text-classification": lambda inputs: ask_pipeline(inputs, top_k=None),
    "token-classification": lambda inputs: ask_pipeline(inputs, "RoFormerTokenizerFast", aggregation_strategy="simple"),
    "question-answering": lambda inputs: ask_pipeline(
        inputs, "RoFormerTokenizerFast", align_to_words=False, max_seq_len=512, max_answer_len=20
    ),
    "multiple-choice": choose,
}
json.dump(ASK[TASK](json.load(sys.stdin)), sys.stdout, default=float)
