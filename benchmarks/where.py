"""Where the time of one text goes: tokenizer, inputs, engine, answer; in ONNX also each kind of operator.

    python -m benchmarks.where [--shapes small base] [--tokens 16 512]

One text, one thread, int8-dynamic. Stages are timed one by one on a loaded bundle, in processor time, the fastest of
many; what is left of the whole call is its answer: softmax, labels, objects. Operators are those of onnxruntime's own
profiler, each node at its fastest, so that they add up to a run that nothing disturbed; LiteRT's profiler cannot be
reached from Python.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Callable
from itertools import count
from pathlib import Path
from time import thread_time
from typing import Any

import onnxruntime

from benchmarks import record
from benchmarks.artifacts import ours
from benchmarks.checkpoints import SHAPES, texts
from roformer_edge import load
from roformer_edge.bundle.reader import open_bundle
from roformer_edge.formats import FORMATS
from roformer_edge.processors import one_core
from roformer_edge.runtime.backends.onnxruntime import _session_options
from roformer_edge.runtime.session import SessionOptions

RECIPE = "int8-dynamic"
# operators that take less than this share of the graph are put together
SMALL = 0.02


def main() -> None:
    args = parse_args()
    rows: list[dict[str, Any]] = []
    for shape in args.shapes:
        for form in FORMATS:
            bundle = ours(shape, RECIPE, form)
            with one_core(True), load(bundle, threads=1) as pipeline:
                for tokens in args.tokens:
                    text = text_of(pipeline.model, tokens)
                    parts = stages(pipeline, text, args.runs)
                    if form == "onnx":
                        parts |= operators(bundle, pipeline.model, text, args.runs)
                    rows += [
                        {"shape": shape, "engine": form, "tokens": tokens, "part": part, "ms": round(1000 * seconds, 4)}
                        for part, seconds in parts.items()
                    ]
                    print(shape, form, tokens, {part: f"{1000 * seconds:.3f}" for part, seconds in parts.items()})
    settings = {"recipe": RECIPE, "threads": 1, "runs": args.runs, "machine": args.machine}
    print(record.write("where", settings, rows, args.out))


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Where the time of one text goes.")
    parser.add_argument("--shapes", nargs="+", default=list(SHAPES), choices=list(SHAPES))
    parser.add_argument("--tokens", nargs="+", type=int, default=[16, 512])
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--machine", default="quiet", help="what else the machine does, for the record")
    parser.add_argument("--out", type=Path, help="folder for the result (default: benchmarks/results)")
    return parser.parse_args()


def text_of(model: Any, tokens: int) -> str:
    """The beginning of all texts together, from some character on, that has so many tokens."""
    whole = "".join(json.loads(line)["text"] for line in texts().read_text("utf-8").splitlines())
    for start in count(0, 100):
        for end in range(start + tokens // 2, start + 4 * tokens):
            found = len(model.tokenizer.encode_text(whole[start:end]).ids)
            if found == tokens:
                return whole[start:end]
            if found > tokens:
                break
    raise AssertionError


def stages(pipeline: Any, text: str, runs: int) -> dict[str, float]:
    """Seconds of each stage of ``pipeline(text)``."""
    model = pipeline.model
    row = model.encode(text, truncation=False)
    call = model.call_for([row])
    found = {
        "whole call": fastest(lambda: pipeline(text), runs),
        "tokenizer": fastest(lambda: model.encode(text, truncation=False), runs),
        "inputs": fastest(lambda: model.call_for([row]), runs),
        "engine": fastest(lambda: model.session.run(call.feeds, call.signature), runs),
    }
    return found | {"answer": max(0.0, 2 * found["whole call"] - sum(found.values()))}


def fastest(run: Callable[[], object], runs: int) -> float:
    seconds = []
    for _ in range(runs + 3):
        start = thread_time()
        run()
        seconds.append(thread_time() - start)
    return min(seconds[3:])


def operators(bundle: Path, model: Any, text: str, runs: int) -> dict[str, float]:
    """Seconds of each kind of operator in one run of the graph, the most expensive first."""
    call = model.call_for([model.encode(text, truncation=False)])
    with open_bundle(bundle) as opened, tempfile.TemporaryDirectory() as folder:
        native = _session_options(SessionOptions(threads=1), opened.manifest.session)
        native.enable_profiling = True
        native.profile_file_prefix = f"{folder}/profile"
        session = onnxruntime.InferenceSession(str(opened.file_path("model")), native)
        names = {value.name for value in session.get_inputs()}
        for _ in range(runs):
            session.run(None, {name: array for name, array in call.feeds.items() if name in names})
        events = json.loads(Path(session.end_profiling()).read_text("utf-8"))
    of_node: dict[tuple[str, str], float] = {}
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            node = event["args"]["op_name"], event["name"]
            of_node[node] = min(of_node.get(node, event["dur"]), event["dur"])
    seconds = Counter[str]()
    for (operator, _), microseconds in of_node.items():
        seconds[operator] += microseconds / 1e6
    total = sum(seconds.values())
    shown = {name: value for name, value in seconds.most_common() if value >= SMALL * total}
    small = total - sum(shown.values())
    return {f"engine: {name}": value for name, value in [*shown.items(), ("other operators", small)]}


if __name__ == "__main__":
    main()
