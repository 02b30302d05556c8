"""Runs torch_oracle.py and the like in other interpreters."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

HERE = Path(__file__).parent


def run_oracle(python: Path, command: str, folder: Path) -> None:
    """Run torch_oracle.py in the oracle's interpreter."""
    run_script(python, "torch_oracle.py", command, folder)


def run_script(python: Path, script: str, *arguments: str | Path) -> None:
    """Run a script of this folder with this repository on its path; a failure shows what it printed."""
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "PYTHONPATH": str(HERE.parent.parent),
    }
    finished = subprocess.run(
        [python, HERE / script, *arguments], check=False, env=environment, capture_output=True, text=True
    )
    assert finished.returncode == 0, finished.stderr
