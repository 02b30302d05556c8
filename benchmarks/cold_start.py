"""Cold start: from the start of a process to its first answer, and the peak memory of that process.

    python -m benchmarks.cold_start [--shapes small base] [--rounds 9]

The floor is a program that imports numpy and onnxruntime, opens our int8 model and runs it once with ids that it was
given: no tokenizer, no verification. The programs take turns; the first round does not count, because it fills the
file cache. Times are medians.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from pathlib import Path

from benchmarks import record
from benchmarks.artifacts import archive, optimum, ours
from benchmarks.checkpoints import SHAPES, checkpoint
from benchmarks.process import READY, measure
from roformer_edge.tokenizer import load_tokenizer

TEXT = "这家酒店的服务很周到，只是房间小了一点，下次还会再来。"

BARE = """
import json, sys
import numpy, onnxruntime
ids = numpy.array([json.loads(sys.argv[2])], dtype=numpy.int64)
feeds = {"input_ids": ids, "attention_mask": numpy.ones_like(ids), "token_type_ids": numpy.zeros_like(ids)}
session = onnxruntime.InferenceSession(sys.argv[1] + "/model.onnx", providers=["CPUExecutionProvider"])
session.run(None, feeds)
"""
OURS = """
import sys
import roformer_edge
classify = roformer_edge.load(sys.argv[1])
classify(sys.argv[2])
"""
TRANSFORMERS = """
import sys
from transformers import pipeline
classify = pipeline("text-classification", model=sys.argv[1], device="cpu")
classify(sys.argv[2])
"""
OPTIMUM = """
import sys
from optimum.onnxruntime import ORTModelForSequenceClassification, pipeline
from transformers import AutoTokenizer
model = ORTModelForSequenceClassification.from_pretrained(sys.argv[1], file_name="model_quantized.onnx")
classify = pipeline("text-classification", model=model, tokenizer=AutoTokenizer.from_pretrained(sys.argv[1]))
classify(sys.argv[2])
"""


def main() -> None:
    args = parse_args()
    rows = []
    for shape in args.shapes:
        bundle = ours(shape, "int8-dynamic")
        ids = json.dumps(list(load_tokenizer(checkpoint(shape)).encode_text(TEXT).ids))
        programs = {
            "bare onnxruntime int8": (BARE, bundle, ids),
            "roformer-edge int8-dynamic": (OURS, bundle, TEXT),
            "roformer-edge int8-dynamic, .rfe": (OURS, archive(bundle), TEXT),
            "optimum pipeline int8 dynamic": (OPTIMUM, optimum(shape)[1], TEXT),
            "transformers pipeline fp32": (TRANSFORMERS, checkpoint(shape), TEXT),
        }
        rows += [{"shape": shape, **row} for row in take_turns(programs, args.rounds)]
    print(record.write("cold_start", {"rounds": args.rounds, "text": TEXT, "threads": "default"}, rows, args.out))


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Process start to first answer, all programs in turns.")
    parser.add_argument("--shapes", nargs="+", default=list(SHAPES), choices=list(SHAPES))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--out", type=Path, help="folder for the result (default: benchmarks/results)")
    return parser.parse_args()


def take_turns(programs: dict[str, tuple[str, Path, str]], rounds: int) -> list[dict]:
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    peaks: dict[str, list[float]] = {name: [] for name in programs}
    for turn in range(rounds + 1):
        for name, (code, source, text) in programs.items():
            ending = f'print("{READY}", flush=True)\n'
            outcome = measure([sys.executable, "-c", code + ending, str(source), text])
            if turn:
                seconds[name].append(outcome.marked_seconds)
                peaks[name].append(outcome.peak_bytes / 1e6)
    rows = [
        {
            "program": name,
            "median_s": round(statistics.median(seconds[name]), 4),
            "min_s": round(min(seconds[name]), 4),
            "peak_mb": round(statistics.median(peaks[name]), 1),
        }
        for name in programs
    ]
    for row in rows:
        print(*row.values(), flush=True)
    return rows


if __name__ == "__main__":
    main()
