"""``python -m tests.fuzz --minutes 30``: spoil everything for a while, print the table of docs/reliability.md."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter
from importlib import import_module
from pathlib import Path

from tests.fuzz.outcome import Tally, table
from tests.fuzz.running import run_apart

ROOT = Path(__file__).resolve().parents[2]
HERE = "tests.fuzz.targets"
# the environment with TensorFlow and Flax, and what is spoilt there
ELSEWHERE = ROOT / ".venv-frameworks" / "bin" / "python"
FRAMEWORKS = "tests.fuzz.framework_targets"
SHARE_OF_FRAMEWORKS = 0.15


def main() -> int:
    """Give every target its share of the time, and fail where something happened that must not."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=int(time.time()) * 1000, help="the first (default: of the clock)")
    parser.add_argument("--module", help="spoil what this one lists, and print JSON")
    args = parser.parse_args()
    if args.module:
        print(json.dumps({name: vars(tally) for name, tally in run_all(args.module, args.seed, args.minutes).items()}))
        return 0
    share = SHARE_OF_FRAMEWORKS if ELSEWHERE.exists() else 0.0
    tallies = run_all(HERE, args.seed, args.minutes * (1 - share))
    if share:
        tallies |= run_elsewhere(args.seed, args.minutes * share)
    else:
        print(
            "tf_model.h5, flax_model.msgpack, TensorFlow 1: not tried, .venv-frameworks is not there", file=sys.stderr
        )
    print(table(tallies))
    for name, tally in tallies.items():
        for line in tally.bad[:20]:
            print(f"{name}: {line}", file=sys.stderr)
    return 1 if any(tally.bad for tally in tallies.values()) else 0


def run_all(module: str, first: int, minutes: float) -> dict[str, Tally]:
    """Spoil what a module lists, one target after the other."""
    names = list(import_module(module).TARGETS)
    return {name: run_apart(module, name, first, 60 * minutes / len(names)) for name in names}


def run_elsewhere(first: int, minutes: float) -> dict[str, Tally]:
    """Spoil what needs the frameworks, with their interpreter."""
    command = [ELSEWHERE, "-m", "tests.fuzz", "--module", FRAMEWORKS, "--seed", str(first), "--minutes", str(minutes)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    return {name: Tally(Counter(tally["counts"]), tally["bad"]) for name, tally in found.items()}


if __name__ == "__main__":
    sys.exit(main())
