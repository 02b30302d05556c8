"""The torch reference against transformers' RoFormerModel: forward pass, base shape, one thread, same weights.

    python -m benchmarks.torch_reference [--lengths 16 128 512] [--seconds 20]

Both models run in turn, A B A B, and the processor time of the process counts, so that other work on the machine
shifts both alike. Medians in milliseconds, and ours divided by theirs.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import torch
import transformers

from benchmarks import record
from roformer_edge.config import RoFormerConfig
from roformer_edge.models.torch.heads import RoFormerModel

LENGTHS = (16, 128, 512)


def main() -> None:
    args = parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    theirs = transformers.RoFormerModel(transformers.RoFormerConfig()).eval()
    ours = RoFormerModel(RoFormerConfig()).eval()
    ours.load_state_dict(theirs.state_dict())
    rows = []
    for length in args.lengths:
        original, reference = measure([theirs, ours], length, args.seconds)
        rows.append(
            {
                "length": length,
                "transformers_ms": round(original, 1),
                "roformer_edge_ms": round(reference, 1),
                "ratio": round(reference / original, 3),
            }
        )
        print(*rows[-1].values(), flush=True)
    settings = {"shape": "base", "threads": 1, "seconds_a_length": args.seconds}
    print(record.write("torch_reference", settings, rows, args.out))


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The torch reference beside transformers' model.")
    parser.add_argument("--lengths", nargs="+", type=int, default=list(LENGTHS))
    parser.add_argument("--seconds", type=float, default=20, help="for each length (default: 20)")
    parser.add_argument("--out", type=Path, help="folder for the result (default: benchmarks/results)")
    return parser.parse_args()


def measure(models: list[torch.nn.Module], length: int, seconds: float) -> list[float]:
    """Median milliseconds of each model, of seven runs at least; the first one does not count."""
    ids = torch.randint(1, 1000, (1, length))
    mask = torch.ones_like(ids)
    times: list[list[float]] = [[] for _ in models]
    end = time.perf_counter() + seconds
    with torch.no_grad():
        while time.perf_counter() < end or len(times[0]) < 8:
            for model, taken in zip(models, times, strict=True):
                start = time.process_time()
                model(ids, attention_mask=mask)
                taken.append(1000 * (time.process_time() - start))
    return [statistics.median(taken[1:]) for taken in times]


if __name__ == "__main__":
    main()
