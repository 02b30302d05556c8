"""A few attempts at the formats of TensorFlow and Flax, in the environment that has them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
from tests.fuzz.framework_targets import TARGETS
from tests.fuzz.mutation import Mutator
from tests.fuzz.outcome import SAME
from tests.fuzz.running import run_here
for name, attempt in TARGETS.items():
    tally = run_here(attempt, range(60))
    assert tally.bad == [], (name, tally.bad)
Mutator.spoil_bytes = lambda self, data: data
for name, attempt in TARGETS.items():
    assert set(run_here(attempt, range(3)).counts) == {SAME}, name
"""


def test_spoilt_files_are_refused_or_read(frameworks_python):
    done = subprocess.run(
        [frameworks_python, "-W", "ignore", "-c", PROGRAM],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
