"""Print what a checkout answers, to the last bit: run it in two checkouts and compare the lines.

    python scripts/answers.py CHECKPOINT TASK INPUTS.jsonl [--texts 300] > answers.json

It deploys the checkpoint with each recipe and prints, as JSON, SHA-256 of the token ids, of the answers with their
scores, and, for text classification, of the logits. It uses public names only, so it runs on older checkouts too.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import roformer_edge

RECIPES = ("fp32", "int8-embeddings", "int8-dynamic", "int8-static")
CALIBRATED = ("int8-dynamic", "int8-static")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("task")
    parser.add_argument("inputs", type=Path)
    parser.add_argument("--texts", type=int, default=300)
    args = parser.parse_args()
    lines = args.inputs.read_text(encoding="utf-8").split("\n")
    rows = [json.loads(line) for line in islice(filter(None, lines), args.texts)]
    print(json.dumps(dict(digests(args.checkpoint, args.task, rows, args.inputs)), indent=1))


def digests(checkpoint: Path, task: str, rows: list[dict], calibration: Path) -> Iterator[tuple[str, str]]:
    tokenizer = roformer_edge.RoFormerTokenizer.from_pretrained(str(checkpoint))
    yield "ids", digest([tokenizer(text)["input_ids"] for row in rows for text in texts_of(row)])
    for recipe in RECIPES:
        with tempfile.TemporaryDirectory() as folder:
            options = roformer_edge.DeployOptions(task=task, recipe=recipe)
            if recipe in CALIBRATED:
                options = dataclasses.replace(options, calibration=calibration, calibration_texts=64, truncation=True)
            roformer_edge.deploy_checkpoint(checkpoint, Path(folder) / "bundle", options)
            with roformer_edge.load(Path(folder) / "bundle", threads=1) as model:
                inputs = [input_of(row, task) for row in rows]
                yield recipe, digest([answer(model, value, task) for value in inputs])
                if task == "text-classification":
                    logits = model.logits(inputs, batch_size=1, truncation=True)
                    yield f"{recipe} logits", hashlib.sha256(logits.tobytes()).hexdigest()


def texts_of(row: dict) -> list[str]:
    return [row[key] for key in ("text", "question", "context") if isinstance(row.get(key), str)]


def input_of(row: dict, task: str) -> object:
    if task == "question-answering":
        return row["question"], row["context"]
    if task == "multiple-choice":
        return row["context"], row.get("question", ""), row["choices"]
    return row["text"]


def answer(model: object, value: object, task: str) -> object:
    if task == "text-generation":
        return model(value[:8], max_new_tokens=8)
    if task == "fill-mask":
        return model(value[:3] + "[MASK]" + value[4:30], top_k=3)
    if task == "feature-extraction":
        return model(value, truncation=True).tobytes()
    if task in ("question-answering", "multiple-choice"):
        return model(value)
    return model(value, truncation=True)


def digest(values: list) -> str:
    return hashlib.sha256(repr(values).encode()).hexdigest()


if __name__ == "__main__":
    main()
