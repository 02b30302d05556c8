"""The demo bundles on an emulated ARM64 processor: every label as on this one, logits within a stated tolerance.

    scripts/arm64.sh

which makes what this needs and runs it. Eight-bit products are exact on both, but engines choose other kernels on ARM64
and sum floats in another order, so that a value next to the middle between two integers rounds to the other one. Times
under emulation mean nothing, and none are taken.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
from itertools import product
from pathlib import Path

import numpy as np

from benchmarks import record
from benchmarks.process import environment
from roformer_edge.demo.embedded import embedded_checkpoint, embedded_evaluation
from roformer_edge.formats import FORMATS

# recipe -> largest difference of a logit, as a share of the standard deviation of all logits
TOLERANCE = {"fp32": 0.0001, "int8-dynamic": 0.1}

# bundle; texts on standard input
CHILD = """
import json, platform, sys
from importlib.metadata import version
import roformer_edge
pipeline = roformer_edge.load(sys.argv[1], threads=1, self_test=True)
report = pipeline.backend_report()
used = {"python": platform.python_version(), "numpy": version("numpy"), report.engine: report.version}
logits = pipeline.logits(json.load(sys.stdin), batch_size=1)
print(json.dumps({"logits": logits.tolist(), "processor": platform.machine(), "versions": used}))
"""


def main() -> None:
    args = parse_args()
    with embedded_evaluation() as path:
        texts = [json.loads(line)["text"] for line in path.read_text("utf-8").splitlines()]
    rows, versions = [], {}
    with tempfile.TemporaryDirectory() as folder:
        for form, recipe in product(args.formats, TOLERANCE):
            bundle = deploy(Path(folder) / f"{recipe}-{form}", form, recipe)
            here, there = (ask(python, bundle, texts) for python in ([sys.executable], args.emulated))
            assert there["processor"] == "aarch64", there["processor"]
            versions |= there["versions"]
            rows.append(compare(form, recipe, np.array(here["logits"]), np.array(there["logits"])))
            # every time: emulation is slow, and what was found stays where it is interrupted
            emulated = ", ".join(f"{name} {one}" for name, one in versions.items())
            path = record.write("arm64", {"emulator": args.emulator, "emulated": emulated}, rows, args.out)
    print(path)
    broken = [row for row in rows if row["labels_that_differ"] or not row["difference_in_deviations"] <= row["allowed"]]
    if broken:
        raise SystemExit(f"ARM64 answers otherwise: {json.dumps(broken)}")


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The demo bundles on an emulated ARM64 processor.")
    parser.add_argument("--emulated", type=shlex.split, required=True, help="the command that starts its Python")
    parser.add_argument("--emulator", required=True, help="name and version of the emulator")
    parser.add_argument("--formats", nargs="+", default=list(FORMATS), choices=list(FORMATS))
    parser.add_argument("--out", type=Path, help="folder for the result (default: benchmarks/results)")
    return parser.parse_args()


def deploy(out: Path, form: str, recipe: str) -> Path:
    with embedded_checkpoint() as source:
        command = [sys.executable, "-m", "roformer_edge", "deploy", str(source), "--format", form, "--recipe", recipe]
        subprocess.run([*command, "--out", str(out)], env=environment(), check=True, stdout=subprocess.DEVNULL)
    return out


def ask(python: list[str], bundle: Path, texts: list[str]) -> dict:
    """Let a Python, this one or the emulated one, answer all texts."""
    # the emulated one is told of its packages by its command
    own = environment() if python == [sys.executable] else dict(os.environ)
    command, given = [*python, "-c", CHILD, str(bundle)], json.dumps(texts)
    done = subprocess.run(command, input=given, env=own, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(python)} failed with {bundle.name}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def compare(form: str, recipe: str, here: np.ndarray, there: np.ndarray) -> dict:
    assert here.shape == there.shape
    assert np.isfinite(there).all()
    row = {
        "format": form,
        "recipe": recipe,
        "texts": len(here),
        "labels_that_differ": int((here.argmax(axis=1) != there.argmax(axis=1)).sum()),
        "largest_difference": float(np.abs(here - there).max()),
        "difference_in_deviations": float(np.abs(here - there).max() / here.std()),
        "allowed": TOLERANCE[recipe],
    }
    print(*row.values(), flush=True)
    return row


if __name__ == "__main__":
    main()
