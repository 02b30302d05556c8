"""Run by the oracle's interpreter: the answers of transformers' own pipelines.

python oracle_pipelines.py FOLDER < questions.json > answers.json

FOLDER holds a checkpoint for each task; questions are lists by task, answers stand in their order.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import transformers

OPTIONS = {
    "fill-mask": {"top_k": 4},
    "token-classification": {"aggregation_strategy": "simple"},
    "question-answering": {"align_to_words": False, "max_seq_len": 40, "max_answer_len": 9},
}


def answers(folder: Path, task: str, questions: list) -> list:
    """What the pipeline of a task gives."""
    architecture = json.loads((folder / "config.json").read_text())["architectures"][0]
    # with the slow tokenizer the places of answers are those of words between spaces
    mode = "RoFormerTokenizerFast" if task == "question-answering" else "RoFormerTokenizer"
    pipeline = transformers.pipeline(
        task,
        model=getattr(transformers, architecture).from_pretrained(folder),
        tokenizer=getattr(transformers, mode).from_pretrained(folder),
    )
    options = OPTIONS.get(task, {})
    return [
        pipeline(**question, **options) if isinstance(question, dict) else pipeline(question, **options)
        for question in questions
    ]


asked = json.load(sys.stdin)
found = {task: answers(Path(sys.argv[1]) / task, task, questions) for task, questions in asked.items()}
json.dump(found, sys.stdout, default=float)
