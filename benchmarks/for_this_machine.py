"""``deploy --for-this-machine``: what it tries, finds and chooses, and how long the whole of it takes.

    python -m benchmarks.for_this_machine [--shapes small] [--threads 1 2] [--machine "shared by other work"]

Random weights and the texts of ``benchmarks.checkpoints``, as calibration; a fresh process for each shape and number of
threads. Times of candidates are comparable within one such process: they took turns in it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import record
from benchmarks.checkpoints import CACHE, SHAPES, checkpoint, texts
from benchmarks.process import environment
from roformer_edge.processes import run_fresh


def main() -> None:
    args = parse_args()
    rows: list[dict[str, Any]] = []
    for shape in args.shapes:
        for threads in args.threads:
            found = measure(shape, threads)
            rows += found
            print(shape, threads, json.dumps(found[0]), flush=True)
    print(record.write("for_this_machine", {"machine": args.machine}, rows, args.out))


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What deploy --for-this-machine finds.")
    parser.add_argument("--shapes", nargs="+", default=["small"], choices=list(SHAPES))
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--machine", default="quiet", help="what else the machine does, for the record")
    parser.add_argument("--out", type=Path, help="folder for the result (default: benchmarks/results)")
    return parser.parse_args()


def measure(shape: str, threads: int) -> list[dict[str, Any]]:
    """One row for each candidate; the seconds are those of the whole command."""
    source = checkpoint(shape)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        words = ["--for-this-machine", "--threads", str(threads), "--calibration", str(texts()), "--json"]
        command = [sys.executable, "-m", "roformer_edge", "deploy", str(source), "--out", f"{folder}/bundle", *words]
        done = run_fresh(command, environment=environment())
    if done.code:
        raise SystemExit(f"deploying {shape} failed:\n{done.complaint}")
    selection = json.loads(done.output)["selection"]
    return [
        {
            "shape": shape,
            "threads": threads,
            "candidate": " ".join(filter(None, (one["format"], one["recipe"], one["preset"]))),
            "verdict": one["verdict"],
            "model_mb": round(one["bytes"] / 1e6, 1),
            **{
                f"{length}_tokens_ms": round(ms, 3)
                for length, ms in zip(selection["lengths"], one["latencies"], strict=True)
            },
            "mean_ms": round(one["latency"], 3),
            "error": round(one["error"], 5),
            "command_s": round(done.seconds, 1),
        }
        for one in selection["tried"]
    ]


if __name__ == "__main__":
    main()
