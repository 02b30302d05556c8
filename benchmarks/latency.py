"""Latency of one text: roformer-edge, optimum-onnx and PyTorch, raw sessions that take turns in one process.

    python -m benchmarks.latency [--shapes small base] [--threads 1 2] [--lengths 16 64 128 512] [--rounds 15]

Every engine gets the same ids, batch 1, nothing padded. In a turn an engine runs once uncounted, so that no cache and
no thread of the engine before it counts, and then a few times counted. The turns of all engines make a round; the
fastest and the median of all rounds are written. A machine that slows down for a while slows all of them down.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np
import onnxruntime
import torch
from transformers import RoFormerForSequenceClassification

from benchmarks import record
from benchmarks.artifacts import optimum, ours
from benchmarks.checkpoints import SHAPES, VOCAB_SIZE, checkpoint
from roformer_edge.runtime.backends.onnxruntime import OnnxRuntimeSession
from roformer_edge.runtime.session import SessionOptions

LENGTHS = (16, 64, 128, 512)
Feeds = dict[str, np.ndarray]
Run = Callable[[Feeds], object]


def main() -> None:
    args = parse_args()
    rows = []
    for shape in args.shapes:
        for threads in args.threads:
            # torch has one setting for the whole process
            torch.set_num_threads(threads)
            engines = {name: open_engine(shape, threads) for name, open_engine in ENGINES.items()}
            for length in args.lengths:
                rows += measure(engines, length, args, {"shape": shape, "threads": threads, "length": length})
    settings = {"batch": 1, "rounds": args.rounds, "seconds_a_turn": args.turn, "spinning": "each engine's default"}
    print(record.write("latency", settings, rows, args.out))


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Latency of one text, all engines in turns.")
    parser.add_argument("--shapes", nargs="+", default=list(SHAPES), choices=list(SHAPES))
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--lengths", nargs="+", type=int, default=list(LENGTHS))
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--turn", type=float, default=0.25, metavar="SECONDS", help="of counted runs (default: 0.25)")
    parser.add_argument("--out", type=Path, help="folder for the result (default: benchmarks/results)")
    return parser.parse_args()


def open_ours(recipe: str) -> Callable[[str, int], Run]:
    """The session as ``roformer_edge.load`` opens it."""

    def open_engine(shape: str, threads: int) -> Run:
        model = ours(shape, recipe) / "model.onnx"
        return OnnxRuntimeSession(model, SessionOptions(threads=threads)).run

    return open_engine


def open_optimum(kind: int, file: str) -> Callable[[str, int], Run]:
    """The session as ``ORTModel`` opens it, apart from the number of threads."""

    def open_engine(shape: str, threads: int) -> Run:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(optimum(shape)[kind] / file, options, providers=["CPUExecutionProvider"])
        return lambda feeds: session.run(None, feeds)

    return open_engine


def open_torch(shape: str, threads: int) -> Run:
    model = RoFormerForSequenceClassification.from_pretrained(checkpoint(shape)).eval()

    def run(feeds: Feeds) -> object:
        with torch.inference_mode():
            return model(**{name: torch.from_numpy(value) for name, value in feeds.items()}).logits.numpy()

    return run


# in the order of a round
ENGINES: dict[str, Callable[[str, int], Run]] = {
    "roformer-edge int8-dynamic": open_ours("int8-dynamic"),
    "optimum int8 dynamic": open_optimum(1, "model_quantized.onnx"),
    "roformer-edge int8-static": open_ours("int8-static"),
    "roformer-edge fp32": open_ours("fp32"),
    "optimum fp32": open_optimum(0, "model.onnx"),
    "transformers eager fp32": open_torch,
}


def measure(engines: dict[str, Run], length: int, args: argparse.Namespace, key: dict[str, object]) -> list[dict]:
    ids = np.random.default_rng(length).integers(1, VOCAB_SIZE, (1, length), dtype=np.int64)
    feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
    for run in engines.values():
        run(feeds)
    counts = {name: max(1, min(50, int(args.turn / timed(run, feeds)))) for name, run in engines.items()}
    seconds: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(args.rounds):
        for name, run in engines.items():
            run(feeds)
            seconds[name] += [timed(run, feeds) for _ in range(counts[name])]
    rows = [
        {
            **key,
            "engine": name,
            "min_ms": round(1000 * min(times), 3),
            "median_ms": round(1000 * statistics.median(times), 3),
            "runs": len(times),
        }
        for name, times in seconds.items()
    ]
    for row in rows:
        print(*key.values(), f"{row['engine']:28}", f"{row['min_ms']:9.2f}", f"{row['median_ms']:9.2f} ms", flush=True)
    return rows


def timed(run: Run, feeds: Feeds) -> float:
    start = perf_counter()
    run(feeds)
    return perf_counter() - start


if __name__ == "__main__":
    main()
