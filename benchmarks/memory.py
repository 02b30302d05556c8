"""Memory and start on a device, and memory at the desk: int8 bundles as they answer, and TFLite as it is deployed.

    python -m benchmarks.memory [--shapes small base] [--rounds 5]

A bundle is loaded in a fresh process, answers a text, and then computes random tokens of each length, so that pages of
the embeddings are touched as texts touch them. The figures are those of the kernel, in ``/proc``: what is resident at
the end, how much of it belongs to the process alone (the rest are pages of files, which the system can take back), and
the most there ever was. A deployment is a tree of processes: of their resident memory the largest sum counts, looked at
a hundred times a second, with pages that they share twice; or that of one of them, where it was larger in between.
Figures are medians. ``first_answer_s`` counts from the start of the process; ``with packed weights`` is the second and
later starts with a weight cache and ``verify="changed"``, so that nothing is hashed that is what it was. The bare
engine imports numpy and LiteRT, opens the same model and runs it once; the bare engine with packed weights runs the
lengths too, so that its memory is the least there could be.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import record
from benchmarks.artifacts import deploy_command, ours
from benchmarks.checkpoints import CACHE, SHAPES, VOCAB_SIZE, checkpoint
from benchmarks.process import ROOT, run, watch
from roformer_edge.formats import FORMATS

LENGTHS = (16, 64, 128, 256, 512)
RECIPE = "int8-dynamic"
# about those of the text
TOKENS = 20
TEXT = "这家酒店的服务很周到，只是房间小了一点，下次还会再来。"
PACKED = "bare engine with packed weights"
WRAPPER = ROOT / "roformer_edge" / "runtime" / "backends" / "litert_compiled.py"
# of a row, where it has them
KEYS = ("first_answer_s", "resident_mb", "own_mb", "peak_mb", "seconds", "processor_s")

# what the kernel counts for this process
_COUNTED = """
lines = Path("/proc/self/smaps_rollup").read_text() + Path("/proc/self/status").read_text()
wanted = {"Rss:": "resident_mb", "Anonymous:": "own_mb", "VmHWM:": "peak_mb"}
fields = (line.split() for line in lines.splitlines())
found = {wanted[words[0]]: int(words[1]) * 1024 / 1e6 for words in fields if words and words[0] in wanted}
print(json.dumps({"first_answer_s": first, **found}))
"""
# when the process was started, bundle, folder of packed weights or nothing, text, lengths, size of the vocabulary
CHILD = (
    """
import json, sys, time
from pathlib import Path
import roformer_edge
started, bundle, packed, text, lengths, vocabulary = json.loads(sys.argv[1])
cached = {"weight_cache": packed, "verify": "changed"} if packed else {}
pipeline = roformer_edge.load(bundle, threads=1, **cached)
pipeline(text)
first = time.time() - started
import numpy as np
for length in lengths:
    ids = np.random.default_rng(length).integers(1, vocabulary, (1, length))
    feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
    for _ in range(3):
        pipeline.model.session.run(feeds)
"""
    + _COUNTED
)
# when the process was started, bundle, number of tokens
BARE = """
import json, sys, time
started, bundle, length = json.loads(sys.argv[1])
import numpy as np
from ai_edge_litert.interpreter import Interpreter
runner = Interpreter(model_path=bundle + "/model.tflite", num_threads=1).get_signature_runner("default")
ids = np.ones((1, length), np.int32)
runner(input_ids=ids, attention_mask=ids, token_type_ids=0 * ids)
print(json.dumps({"first_answer_s": time.time() - started}))
"""
# when the process was started, bundle, file of packed weights, lengths, size of the vocabulary, source of the wrapper
BARE_PACKED = (
    """
import importlib.util, json, sys, time
from pathlib import Path
started, bundle, packed, lengths, vocabulary, source = json.loads(sys.argv[1])
import numpy as np
# the wrapper of the engine's class, and nothing else of the package
spec = importlib.util.spec_from_file_location("wrapper", source)
wrapper = importlib.util.module_from_spec(spec)
spec.loader.exec_module(wrapper)
runner = wrapper.CompiledModel(Path(bundle, "model.tflite"), Path(packed), 1).runners()["default"]
first = None
for length in (20, *lengths):
    ids = np.random.default_rng(length).integers(1, vocabulary, (1, length), np.int32)
    for _ in range(3):
        runner(input_ids=ids, attention_mask=np.ones_like(ids), token_type_ids=0 * ids)
        first = first or time.time() - started
"""
    + _COUNTED
)


def main() -> None:
    args = parse_args()
    rows = []
    for shape in args.shapes:
        # in turns
        with tempfile.TemporaryDirectory(dir=CACHE) as packed:
            ways = {f"{form} answers": (form, "") for form in FORMATS} | {"with packed weights": ("tflite", packed)}
            found: dict[str, list[dict]] = {what: [] for what in (*ways, "bare engine", PACKED)}
            # one more round than counts, which packs the weights and brings the files into memory
            for _ in range(args.rounds + 1):
                for what, (form, cache) in ways.items():
                    asked = (str(ours(shape, RECIPE, form)), cache, TEXT, LENGTHS, VOCAB_SIZE)
                    found[what].append(ask(CHILD, *asked))
                bundle = str(ours(shape, RECIPE, "tflite"))
                found["bare engine"].append(ask(BARE, bundle, TOKENS))
                weights = str(Path(packed, "bare"))
                found[PACKED].append(ask(BARE_PACKED, bundle, weights, LENGTHS, VOCAB_SIZE, str(WRAPPER)))
        rows += [summary(shape, what, runs[1:]) for what, runs in found.items()]
        rows.append(summary(shape, "tflite is deployed", [deploy(shape) for _ in range(args.rounds)]))
    settings = {"recipe": RECIPE, "threads": 1, "rounds": args.rounds, "lengths": list(LENGTHS)}
    print(record.write("memory", settings, rows, args.out))


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Memory of int8 bundles, and of making one.")
    parser.add_argument("--shapes", nargs="+", default=list(SHAPES), choices=list(SHAPES))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, help="folder for the result (default: benchmarks/results)")
    return parser.parse_args()


def ask(program: str, *request: object) -> dict[str, float]:
    """Run a program in a fresh process and read the figures that it prints."""
    command = [sys.executable, "-c", program, json.dumps([time.time(), *request])]
    figures: dict[str, float] = json.loads(run(command).splitlines()[-1])
    return figures


def deploy(shape: str) -> dict[str, float]:
    """Make a bundle in a fresh process, compared with PyTorch on the way."""
    source = checkpoint(shape)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        command = deploy_command(source, RECIPE, Path(folder) / "bundle", "tflite")
        found = watch(command)
    return {"peak_mb": found.peak_bytes / 1e6, "seconds": found.seconds, "processor_s": found.processor_s}


def summary(shape: str, what: str, found: list[dict]) -> dict:
    figures = {
        key: round(statistics.median(one[key] for one in found), 3 if key == "first_answer_s" else 1)
        if key in found[0]
        else ""
        for key in KEYS
    }
    row = {"shape": shape, "what": what, **figures}
    print(*row.values(), flush=True)
    return row


if __name__ == "__main__":
    main()
