"""Programs in fresh processes, measured from outside: wall time and peak memory.

Imports the standard library only: on Linux the peak of a child starts with the memory of the process which started
it, so that one has to stay small.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from roformer_edge.processes import FinishedProcess, run_fresh

ROOT = Path(__file__).resolve().parent.parent
READY = "answered"


def environment() -> dict[str, str]:
    """Set the environment of a fresh process: it imports this tree's package, and asks nothing of the network.

    Byte code is kept, as pip leaves it beside what it installs: a start that compiles is nobody's. It is kept in a
    folder of its own, for this tree's package as for those that others installed.
    """
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTHONSAFEPATH": "1",
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": str(ROOT / ".cache" / "bench" / "byte_code"),
        "HF_HUB_OFFLINE": "1",
    }


def run(command: list[str]) -> str:
    """Run a command to its end and return what it prints, which is shown only when it fails."""
    done = run_fresh(command, environment=environment())
    if done.code:
        raise SystemExit(f"{' '.join(command[:4])} ... failed:\n{done.output}{done.complaint}")
    return done.output


def measure(command: list[str]) -> FinishedProcess:
    """Run a command to its end; the line that is waited for is ``READY``."""
    heavy = {"numpy", "torch", "onnxruntime"} & set(sys.modules)
    if heavy:
        raise SystemExit(f"this process imported {', '.join(sorted(heavy))}: its children's memory would be overstated")
    done = run_fresh(command, marker=READY, environment=environment())
    if done.code:
        raise SystemExit(f"{' '.join(command[:4])} ... failed:\n{done.complaint}")
    return done
