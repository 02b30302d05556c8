"""How long ``deploy --recipe auto`` searches on the small shape.

    python -m benchmarks.search [--max-drop 0.5] [--machine "shared by other work"]

The weights are random, and the labels are the model's own answers in float32, half of the texts each: nearly every
answer is a close call, so that the search has to put many parts back, which takes longest. The texts are the
development data of crosswoz_intent where ``../shared/data`` has them, else those of ``benchmarks.checkpoints``. Exit
code 3, when nothing keeps the budget, is a result as well.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import sys
import tempfile
from pathlib import Path

import torch

import roformer_edge
from benchmarks import record
from benchmarks.checkpoints import CACHE, DATA, checkpoint, texts
from benchmarks.process import environment
from roformer_edge.processes import run_fresh
from roformer_edge.tokenizer import RoFormerTokenizer

SHAPE = "small"
REAL = DATA / "classification" / "crosswoz_intent" / "dev.jsonl"


def main() -> None:
    args = parse_args()
    with tempfile.TemporaryDirectory(dir=CACHE) as name:
        folder = Path(name)
        evaluation = prepare(folder / "checkpoint", folder / "labelled.jsonl")
        words = ["--recipe", "auto", "--max-drop", str(args.max_drop), "--eval", str(evaluation)]
        words += ["--calibration", str(evaluation), "--out", str(folder / "bundle")]
        command = [sys.executable, "-m", "roformer_edge", "deploy", str(folder / "checkpoint"), *words]
        done = run_fresh(command, environment=environment())
        if done.code not in (0, 3):
            raise SystemExit(f"the search failed:\n{done.complaint}")
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        row = {
            "shape": SHAPE,
            "examples": sum(1 for _ in evaluation.open("rb")),
            "budget_points": args.max_drop,
            "kept": done.code == 0,
            "wall_s": round(done.seconds, 1),
            "processor_s": round(used.ru_utime + used.ru_stime, 1),
        }
    print(json.dumps(row))
    print(record.write("search", {"machine": args.machine}, [row], args.out))


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="How long the search for a recipe takes.")
    parser.add_argument("--max-drop", type=float, default=0.5, help="points")
    parser.add_argument("--machine", default="quiet", help="what else the machine does, for the record")
    parser.add_argument("--out", type=Path, help="folder for the result (default: benchmarks/results)")
    return parser.parse_args()


def prepare(folder: Path, labelled: Path) -> Path:
    """Write a checkpoint that chooses either label for half of the texts, and the texts with its own answers."""
    source = checkpoint(SHAPE)
    shutil.copytree(source, folder)
    network = roformer_edge.RoFormerForSequenceClassification.from_pretrained(source).eval()
    tokenizer = RoFormerTokenizer.from_pretrained(str(source))
    lines = (REAL if REAL.exists() else texts()).read_text("utf-8").split("\n")
    asked = [json.loads(line)["text"] for line in lines if line]
    torch.set_num_threads(1)
    with torch.no_grad():
        encoded = [torch.tensor([tokenizer.encode(text)]) for text in asked]
        logits = torch.cat([network(ids).logits for ids in encoded])
        # so much less, the second logit is the larger one of half of the texts
        middle = torch.stack([torch.zeros(()), (logits[:, 1] - logits[:, 0]).median()])
        network.classifier.out_proj.bias -= middle
        answers = (logits - middle).argmax(-1).tolist()
    network.save_pretrained(folder)
    names = network.config.id2label
    rows = [{"text": text, "label": names[answer]} for text, answer in zip(asked, answers, strict=True)]
    labelled.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return labelled


if __name__ == "__main__":
    main()
