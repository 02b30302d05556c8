"""Runs programs in fresh processes; measures them from outside: wall time and peak memory.

Imports the standard library only: on Linux the peak of a child starts with the memory of the process which started
it, so that one has to stay small.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

ROOT = Path(__file__).resolve().parent.parent
READY = "answered"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Of one process.

    Attributes:
        ready_seconds: Until it printed ``READY``; None where it did not.
        seconds: Until its end.
        peak_mb: The largest resident memory, of itself or of a process that it waited for, in 10^6 bytes.
    """

    ready_seconds: float | None
    seconds: float
    peak_mb: float


def environment() -> dict[str, str]:
    """Of every process that is started: it imports the package from this tree, and asks nothing of the network."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1", "HF_HUB_OFFLINE": "1"}


def run(command: list[str]) -> None:
    """Run a command to its end; what it prints is shown only when it fails."""
    done = subprocess.run(command, env=environment(), capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command[:4])} ... failed:\n{done.stdout}{done.stderr}")


def measure(command: list[str]) -> Outcome:
    """Run ``command`` to its end."""
    heavy = {"numpy", "torch", "onnxruntime"} & set(sys.modules)
    if heavy:
        raise SystemExit(f"this process imported {', '.join(sorted(heavy))}: its children's memory would be overstated")
    ready = None
    with tempfile.TemporaryFile() as complaints:
        start = perf_counter()
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=complaints, env=environment())
        assert child.stdout is not None
        for line in child.stdout:
            if ready is None and line.strip() == READY.encode():
                ready = perf_counter() - start
        _, status, usage = os.wait4(child.pid, 0)
        seconds = perf_counter() - start
        child.stdout.close()
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            complaints.seek(0)
            raise SystemExit(f"{' '.join(command[:4])} ... failed:\n{complaints.read().decode(errors='replace')}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Outcome(ready_seconds=ready, seconds=seconds, peak_mb=usage.ru_maxrss * unit / 1e6)
