"""int8 and float models of one checkpoint on a processor: both of our formats, and what other engines make of it.

    python -m benchmarks.peers [--shapes small base] [--threads 1 2] [--lengths 16 64 128 512] [--rounds 5]

:mod:`benchmarks.peer_engines` has the engines. Each runs in processes of its own, because threads that wait busily
would take the core from another, and with what its documentation gives a user. Processes take turns; the fastest call
of each length over all rounds counts, and processor time is that of the whole process. Nothing is padded, but by
engines that compute the lengths alone that they were made for: texts run in the smallest that holds them, and for one
of the engines once more in that of 128 tokens. Texts are ids of real lengths, those of a data set of requests to an
assistant where it is there. What compiles itself at
every start has one turn. An engine's error is that of its logits beside the float32 model's, root mean square, in
standard deviations of these.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from importlib.metadata import version
from pathlib import Path

from benchmarks import record
from benchmarks.checkpoints import DATA, SHAPES, VOCAB_SIZE, checkpoint, texts
from benchmarks.peer_engines import ENGINES, ENGINES_PYTHON, PROGRAM, Engine
from benchmarks.process import run

LENGTHS = (16, 64, 128, 512)
BUCKET, BUCKETED = 128, "litert-torch"
TEXTS = 200
PRECISIONS = ("int8", "fp32", "fp16")
REFERENCE = "optimum-onnx fp32"
ENGINES_PACKAGES = ("openvino", "nncf", "executorch", "torchao")


def main() -> None:
    args = parse_args()
    asked = {name: engine for name, engine in ENGINES.items() if engine.precision in args.precisions}
    chosen = {name: engine for name, engine in asked.items() if engine.python.exists()}
    for name in asked.keys() - chosen:
        print(f"{name} is left out: {ENGINES[name].python} is not there (scripts/make_env.sh engines)", flush=True)
    lengths = lengths_of_texts()
    rows = []
    for shape in args.shapes:
        models = {name: engine.make(shape, args.lengths) for name, engine in chosen.items()}
        for threads in args.threads:
            rows += measure(shape, threads, models, lengths, args)
    settings = {
        "batch": 1, "rounds": args.rounds, "seconds_a_length": args.seconds, "texts": len(lengths),
        **{package: version(package) for package in ("litert-torch", "ai-edge-quantizer")}, **versions_of_engines(),
    }  # fmt: skip
    before = (args.out or record.RESULTS) / f"{args.name}.json"
    print(record.write(args.name, settings, [*kept_rows(rows, before), *rows], args.out))


def kept_rows(rows: list[dict], path: Path) -> list[dict]:
    """What was measured before of other shapes, numbers of threads and precisions."""
    before = json.loads(path.read_text("utf-8"))["rows"] if path.exists() else []
    keys = ("shape", "threads", "precision")
    anew = {tuple(row[key] for key in keys) for row in rows}
    return [row for row in before if tuple(row[key] for key in keys) not in anew]


def versions_of_engines() -> dict[str, str]:
    """Versions in the other environment, where it is there."""
    if not ENGINES_PYTHON.exists():
        return {}
    program = "import json, sys; from importlib.metadata import version; "
    program += "print(json.dumps({name: version(name) for name in sys.argv[1:]}))"
    found: dict[str, str] = json.loads(run([str(ENGINES_PYTHON), "-c", program, *ENGINES_PACKAGES]))
    return found


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="int8 models of one checkpoint, each engine in processes of its own.")
    parser.add_argument("--shapes", nargs="+", default=list(SHAPES), choices=list(SHAPES))
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--lengths", nargs="+", type=int, default=list(LENGTHS))
    parser.add_argument("--precisions", nargs="+", default=list(PRECISIONS), choices=PRECISIONS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="for each length in each round (default: 1)")
    parser.add_argument(
        "--name", default="peers", help="of the result; peers.MACHINE for another machine (default: peers)"
    )
    parser.add_argument("--out", type=Path, help="folder for the result (default: benchmarks/results)")
    return parser.parse_args()


def lengths_of_texts() -> list[int]:
    """Numbers of tokens as they come: of requests to an assistant, in their order, where the data set is there."""
    from roformer_edge.tokenizer import load_tokenizer

    real = DATA / "classification" / "crosswoz_intent" / "test.jsonl"
    lines = (real if real.exists() else texts()).read_text("utf-8").splitlines()[:TEXTS]
    tokenizer = load_tokenizer(checkpoint("small"))
    return [len(tokenizer.encode_text(json.loads(line)["text"], max_length=BUCKET).ids) for line in lines]


def measure(
    shape: str, threads: int, models: dict[str, Path], texts: list[int], args: argparse.Namespace
) -> list[dict]:
    found: dict[str, list[dict]] = {name: [] for name in models}
    sizes = (SHAPES[shape].hidden, SHAPES[shape].inner)
    for turn in range(args.rounds):
        for name, model in models.items():
            engine = ENGINES[name]
            if turn and engine.is_compiled:
                continue
            bucket = BUCKET if name == BUCKETED else None
            asked = texts if engine.precision == "int8" else []
            request = [engine.kind, str(model), threads, args.lengths, args.seconds, asked, bucket, VOCAB_SIZE, *sizes]
            found[name].append(run_one(engine, request))
    exact = exact_logits(shape, args.lengths)
    return [row for name, runs in found.items() for row in summary(shape, threads, name, runs, args.lengths, exact)]


def run_one(engine: Engine, request: list[object]) -> dict:
    """Run a model in a process of its own."""
    found: dict = json.loads(run([str(engine.python), "-c", PROGRAM, json.dumps(request)]).splitlines()[-1])
    return found


def exact_logits(shape: str, lengths: list[int]) -> list[list[float]]:
    """What the float32 model answers; it is not timed here."""
    engine = ENGINES[REFERENCE]
    sizes = (SHAPES[shape].hidden, SHAPES[shape].inner)
    model = str(engine.make(shape, lengths))
    logits: list[list[float]] = run_one(engine, [engine.kind, model, 1, lengths, 0, [], None, VOCAB_SIZE, *sizes])[
        "logits"
    ]
    return logits


def summary(
    shape: str, threads: int, name: str, runs: list[dict], lengths: list[int], exact: list[list[float]]
) -> list[dict]:
    """A row for each length, and one for each way to answer the texts: their mean, of every text's fastest call."""
    engine: Engine = ENGINES[name]
    key = {"shape": shape, "threads": threads, "engine": name, "precision": engine.precision}
    error = error_of(runs[0]["logits"], exact) if "logits" in runs[0] else ""
    rows = [
        {
            **key,
            "input": f"{length} tokens",
            "wall_ms": round(min(one["wall_ms"][str(length)] for one in runs), 3),
            "processor_ms": round(min(one["processor_ms"][str(length)] for one in runs), 3),
            "error": error,
        }
        for length in lengths
    ]
    for texts_as in runs[0]["texts_ms"] if engine.precision == "int8" else ():
        fastest = [min(times) for times in zip(*(one["texts_ms"][texts_as] for one in runs), strict=True)]
        mean = round(statistics.fmean(fastest), 3)
        rows.append({**key, "input": texts_as, "wall_ms": mean, "processor_ms": "", "error": error})
    for row in rows:
        print(*row.values(), flush=True)
    return rows


def error_of(logits: list[list[float]], exact: list[list[float]]) -> float:
    """Root mean square of the differences, in standard deviations of the exact logits."""
    pairs = [pair for both in zip(logits, exact, strict=True) for pair in zip(*both, strict=True)]
    far = math.sqrt(statistics.fmean((ours - theirs) ** 2 for ours, theirs in pairs))
    return round(far / statistics.pstdev(value for row in exact for value in row), 4)


if __name__ == "__main__":
    main()
