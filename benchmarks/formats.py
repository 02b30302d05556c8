"""Our two formats on a processor: latency by number of tokens and threads, on texts, and the memory that it took.

    python -m benchmarks.formats [--shapes small base] [--threads 1 2] [--lengths 16 64 128 512] [--rounds 5]

Each bundle runs in processes of its own, because threads of one engine that wait busily would take the core from the
other. The processes of both formats take turns; the fastest run of each length over all rounds counts, and the smallest
peak of memory, after texts of every length. Nothing is padded.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from benchmarks import record
from benchmarks.artifacts import ours
from benchmarks.checkpoints import SHAPES, VOCAB_SIZE, texts
from benchmarks.process import run
from roformer_edge.formats import FORMATS

LENGTHS = (16, 64, 128, 512)
TEXTS = 60

# bundle, threads, lengths, seconds for each length, file of texts or nothing
CHILD = """
import json, sys
from time import perf_counter
import numpy as np
import roformer_edge
from roformer_edge.processes import peak_resident_bytes
bundle, threads, lengths, seconds, texts, vocabulary = json.loads(sys.argv[1])
pipeline = roformer_edge.load(bundle, threads=threads, self_test=False)
found = {"min_ms": {}}
for length in lengths:
    ids = np.random.default_rng(length).integers(1, vocabulary, (1, length))
    feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
    pipeline.model.session.run(feeds)
    times, end = [], perf_counter() + seconds
    while perf_counter() < end or len(times) < 3:
        start = perf_counter()
        pipeline.model.session.run(feeds)
        times.append(perf_counter() - start)
    found["min_ms"][str(length)] = 1000 * min(times)
times = []
for text in texts:
    start = perf_counter()
    pipeline(text)
    times.append(perf_counter() - start)
found["texts_ms"] = [1000 * value for value in times]
found["peak_mb"] = peak_resident_bytes() / 1e6
print(json.dumps(found))
"""


def main() -> None:
    args = parse_args()
    asked = [json.loads(line)["text"] for line in texts().read_text("utf-8").splitlines()[:TEXTS]]
    rows = []
    for shape in args.shapes:
        for threads in args.threads:
            rows += measure(shape, threads, asked, args)
    settings = {
        "batch": 1, "rounds": args.rounds, "seconds_a_length": args.seconds, "recipe": args.recipe, "texts": len(asked)
    }  # fmt: skip
    print(record.write("formats", settings, rows, args.out))


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Both formats, each in processes of its own, in turns.")
    parser.add_argument("--shapes", nargs="+", default=list(SHAPES), choices=list(SHAPES))
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--lengths", nargs="+", type=int, default=list(LENGTHS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="for each length in each round (default: 1)")
    parser.add_argument("--recipe", default="int8-dynamic")
    parser.add_argument("--out", type=Path, help="folder for the result (default: benchmarks/results)")
    return parser.parse_args()


def measure(shape: str, threads: int, asked: list[str], args: argparse.Namespace) -> list[dict]:
    bundles = {form: ours(shape, args.recipe, form) for form in FORMATS}
    found: dict[str, list[dict]] = {form: [] for form in bundles}
    for _ in range(args.rounds):
        for form, bundle in bundles.items():
            request = [str(bundle), threads, args.lengths, args.seconds, asked, VOCAB_SIZE]
            found[form].append(json.loads(run([sys.executable, "-c", CHILD, json.dumps(request)]).splitlines()[-1]))
    return [summary(shape, threads, form, runs, args.lengths) for form, runs in found.items()]


def summary(shape: str, threads: int, form: str, runs: list[dict], lengths: list[int]) -> dict:
    fastest = [min(times) for times in zip(*(one["texts_ms"] for one in runs), strict=True)]
    row = {
        "shape": shape,
        "threads": threads,
        "format": form,
        **{f"min_ms_{length}": round(min(one["min_ms"][str(length)] for one in runs), 2) for length in lengths},
        "texts_median_ms": round(sorted(fastest)[len(fastest) // 2], 2),
        "peak_mb": round(min(one["peak_mb"] for one in runs)),
    }
    print(*row.values(), flush=True)
    return row


if __name__ == "__main__":
    main()
