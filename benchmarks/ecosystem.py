"""Our model files in the hands of optimum: same answers through ORTModelForSequenceClassification.

    python -m benchmarks.ecosystem [--checkpoint DIRECTORY --texts FILE]

Deploys a checkpoint to each recipe, opens the ``model.onnx`` of the bundle with optimum and the Hugging Face tokenizer
of the checkpoint, and compares logits and labels with those of ``roformer_edge.load`` text by text. Exits with 1 when
a label differs. Without arguments it takes the small shape with random weights and made-up texts; a checkpoint that
was trained, and real texts, say more.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from itertools import islice
from pathlib import Path

import numpy as np
from optimum.onnxruntime import ORTModelForSequenceClassification
from transformers import AutoTokenizer

import roformer_edge
from benchmarks import record
from benchmarks.artifacts import RECIPES, deploy_command
from benchmarks.checkpoints import CACHE, checkpoint, texts
from benchmarks.process import run


def main() -> None:
    args = parse_args()
    CACHE.mkdir(parents=True, exist_ok=True)
    source = args.checkpoint or checkpoint("small")
    with (args.texts or texts()).open(encoding="utf-8") as lines:
        asked = [json.loads(line)["text"] for line in islice(lines, args.count)]
    rows = []
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        for recipe in RECIPES:
            bundle = Path(folder) / recipe
            run(deploy_command(source, recipe, bundle))
            rows.append({"recipe": recipe, **compare(bundle, source, asked)})
            print(*rows[-1].values(), flush=True)
    print(record.write("ecosystem", {"texts": len(asked), "checkpoint": source.name}, rows, args.out))
    sys.exit(any(row["labels_that_differ"] for row in rows))


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Answers of our model files through optimum and through our runtime.")
    parser.add_argument("--checkpoint", type=Path, help="a sequence classifier saved by transformers")
    parser.add_argument("--texts", type=Path, help='JSON Lines with a "text" each')
    parser.add_argument("--count", type=int, default=200, help="how many texts (default: 200)")
    parser.add_argument("--out", type=Path, help="folder for the result (default: benchmarks/results)")
    return parser.parse_args()


def compare(bundle: Path, source: Path, asked: list[str]) -> dict:
    tokenizer = AutoTokenizer.from_pretrained(source)
    model = ORTModelForSequenceClassification.from_pretrained(bundle, file_name="model.onnx")
    theirs = np.concatenate(
        [model(**tokenizer(text, return_tensors="np", truncation=True, max_length=512)).logits for text in asked]
    )
    with roformer_edge.load(bundle) as classify:
        mine = classify.logits(asked, batch_size=1, truncation=True)
        answers = [answer.label for answer in classify(asked, batch_size=1, truncation=True)]
    labels = [model.config.id2label[int(index)] for index in theirs.argmax(axis=-1)]
    return {
        "labels_that_differ": sum(first != second for first, second in zip(labels, answers, strict=True)),
        "largest_difference": float(np.abs(theirs - mine).max()),
        "spread_of_logits": float(theirs.std()),
    }


if __name__ == "__main__":
    main()
