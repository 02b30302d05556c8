"""Memory on a device and at the desk: int8 bundles of both formats as they answer, and TFLite as it is deployed.

    python -m benchmarks.memory [--shapes small base] [--rounds 5]

A bundle is loaded in a fresh process, answers a text, and then computes random tokens of each length, so that pages of
the embeddings are touched as texts touch them. The figures are those of the kernel, in ``/proc``: what is resident at
the end, how much of it belongs to the process alone (the rest are pages of files, which the system can take back), and
the most there ever was. A deployment is a tree of processes: of their resident memory the largest sum counts, looked at
a hundred times a second, with pages that they share twice; or that of one of them, where it was larger in between.
Figures are medians.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import record
from benchmarks.artifacts import deploy_command, ours
from benchmarks.checkpoints import CACHE, SHAPES, VOCAB_SIZE, checkpoint
from benchmarks.process import environment, run
from roformer_edge.formats import FORMATS

LENGTHS = (16, 64, 128, 256, 512)
RECIPE = "int8-dynamic"
TEXT = "这家酒店的服务很周到，只是房间小了一点，下次还会再来。"
PAUSE = 0.01
# of a row, where it has them
KEYS = ("resident_mb", "own_mb", "peak_mb", "seconds", "processor_s")

# bundle, text, lengths, size of the vocabulary
CHILD = """
import json, sys
from pathlib import Path
import numpy as np
import roformer_edge
bundle, text, lengths, vocabulary = json.loads(sys.argv[1])
pipeline = roformer_edge.load(bundle, threads=1)
pipeline(text)
for length in lengths:
    ids = np.random.default_rng(length).integers(1, vocabulary, (1, length))
    feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
    for _ in range(3):
        pipeline.model.session.run(feeds)
lines = Path("/proc/self/smaps_rollup").read_text() + Path("/proc/self/status").read_text()
wanted = {"Rss:": "resident_mb", "Anonymous:": "own_mb", "VmHWM:": "peak_mb"}
fields = (line.split() for line in lines.splitlines())
print(json.dumps({wanted[words[0]]: int(words[1]) * 1024 / 1e6 for words in fields if words and words[0] in wanted}))
"""


def main() -> None:
    args = parse_args()
    rows = []
    for shape in args.shapes:
        # in turns
        found: dict[str, list[dict]] = {form: [] for form in FORMATS}
        for _ in range(args.rounds):
            for form, runs in found.items():
                request = json.dumps([str(ours(shape, RECIPE, form)), TEXT, LENGTHS, VOCAB_SIZE])
                runs.append(json.loads(run([sys.executable, "-c", CHILD, request]).splitlines()[-1]))
        rows += [summary(shape, f"{form} answers", runs) for form, runs in found.items()]
        rows.append(summary(shape, "tflite is deployed", [deploy(shape) for _ in range(args.rounds)]))
    settings = {"recipe": RECIPE, "threads": 1, "rounds": args.rounds, "lengths": list(LENGTHS)}
    print(record.write("memory", settings, rows, args.out))


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Memory of int8 bundles, and of making one.")
    parser.add_argument("--shapes", nargs="+", default=list(SHAPES), choices=list(SHAPES))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, help="folder for the result (default: benchmarks/results)")
    return parser.parse_args()


def deploy(shape: str) -> dict[str, float]:
    """Make a bundle in a fresh process, compared with PyTorch on the way."""
    source = checkpoint(shape)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        command = deploy_command(source, RECIPE, Path(folder) / "bundle", "tflite")
        start = time.perf_counter()
        child = subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        largest = 0
        while os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            largest = max(largest, resident_bytes(child.pid))
            time.sleep(PAUSE)
        seconds = time.perf_counter() - start
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise SystemExit(f"{' '.join(command)} failed; run it to see why")
        cpu = usage.ru_utime + usage.ru_stime
    return {"peak_mb": max(largest, usage.ru_maxrss * 1024) / 1e6, "seconds": seconds, "processor_s": cpu}


def resident_bytes(pid: int) -> int:
    """Add up the resident memory of a process and of those below it; one that is gone has none."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        below = [
            int(one) for task in Path(f"/proc/{pid}/task").iterdir() for one in (task / "children").read_text().split()
        ]
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") + sum(map(resident_bytes, below))


def summary(shape: str, what: str, found: list[dict]) -> dict:
    figures = {key: round(statistics.median(one[key] for one in found), 1) if key in found[0] else "" for key in KEYS}
    row = {"shape": shape, "what": what, **figures}
    print(*row.values(), flush=True)
    return row


if __name__ == "__main__":
    main()
