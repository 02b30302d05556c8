"""Checkpoint to int8 model: time and peak memory of ``roformer-edge deploy`` and of optimum's export and quantiser.

    python -m benchmarks.deploy [--shapes base] [--rounds 5]

Both start from the same checkpoint with random weights and end with a quantised model on disk; both compare the
float graph with PyTorch on the way, as they do by default. They take turns, each in fresh processes; medians. Peak
memory is that of all processes of a command together.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

from benchmarks import record
from benchmarks.artifacts import deploy_command, optimum_command
from benchmarks.checkpoints import CACHE, SHAPES, checkpoint
from benchmarks.process import Watched, watch


def main() -> None:
    args = parse_args()
    rows = []
    for shape in args.shapes:
        source = checkpoint(shape)
        outcomes: dict[str, list[Watched]] = {"roformer-edge deploy": [], "optimum export and quantise": []}
        for _ in range(args.rounds):
            with tempfile.TemporaryDirectory(dir=CACHE) as folder:
                mine = deploy_command(source, "int8-dynamic", Path(folder) / "bundle")
                theirs = optimum_command(source, Path(folder) / "optimum")
                for found, command in zip(outcomes.values(), (mine, theirs), strict=True):
                    found.append(watch(command))
        rows += [summary(shape, name, found) for name, found in outcomes.items()]
    print(record.write("deploy", {"rounds": args.rounds, "recipe": "int8-dynamic"}, rows, args.out))


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Checkpoint to int8 model, in turns.")
    parser.add_argument("--shapes", nargs="+", default=["base"], choices=list(SHAPES))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, help="folder for the result (default: benchmarks/results)")
    return parser.parse_args()


def summary(shape: str, name: str, found: list[Watched]) -> dict:
    row = {
        "shape": shape,
        "program": name,
        "median_s": round(statistics.median(outcome.seconds for outcome in found), 2),
        "min_s": round(min(outcome.seconds for outcome in found), 2),
        "processor_s": round(statistics.median(outcome.processor_s for outcome in found), 2),
        "peak_mb": round(statistics.median(outcome.peak_bytes / 1e6 for outcome in found)),
    }
    print(*row.values(), flush=True)
    return row


if __name__ == "__main__":
    main()
