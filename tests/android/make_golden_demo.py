"""Makes ``demo.jsonl`` of ``tests/golden``: what the demo bundle answers, for readers of bundles in every language.

    .venv/bin/python -m tests.android.make_golden_demo

Every sentence of the embedded evaluation set: its ids, the logits of the fp32 bundle, and the labels of both recipes.
"""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from roformer_edge import load
from tests.android.bundles import RECIPES, demo_bundle

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden" / "demo.jsonl"
EVALUATION = ROOT / "roformer_edge_demo" / "evaluation.jsonl"


def main() -> None:
    texts = [json.loads(line)["text"] for line in EVALUATION.read_text("utf-8").splitlines()]
    with TemporaryDirectory() as folder:
        exact, quick = (load(demo_bundle(Path(folder), recipe)) for recipe in RECIPES)
        logits = exact.logits(texts, batch_size=1)
        labels = [[answer.label for answer in classify(texts, batch_size=1)] for classify in (exact, quick)]
        with GOLDEN.open("w", encoding="utf-8") as file:
            for text, row, float_label, int8_label in zip(texts, logits, *labels, strict=True):
                case = {
                    "text": text,
                    "ids": exact.model.encode(text, truncation=False).ids,
                    "logits": [round(float(value), 4) for value in row],
                    "label": float_label,
                    "int8_label": int8_label,
                }
                file.write(json.dumps(case, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
