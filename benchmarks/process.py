"""Programs in fresh processes, measured from outside: wall time and peak memory.

Imports the standard library only: on Linux the peak of a child starts with the memory of the process which started
it, so that one has to stay small.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from roformer_edge.processes import FinishedProcess, run_fresh

ROOT = Path(__file__).resolve().parent.parent
READY = "answered"
# seconds between two looks at the memory of processes
_PAUSE = 0.02


@dataclass(frozen=True, kw_only=True)
class Watched:
    """What a command and all processes below it took.

    Attributes:
        seconds: From start to end.
        processor_s: Processor time of all.
        peak_bytes: The largest sum of their memory, of pages that several have mapped the share of each (PSS).
    """

    seconds: float
    processor_s: float
    peak_bytes: int


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


def watch(command: list[str]) -> Watched:
    """Run a command to its end, and look at the memory of all its processes."""
    start = time.perf_counter()
    child = subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    largest = 0
    while os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        largest = max(largest, _share_of_memory(child.pid))
        time.sleep(_PAUSE)
    seconds = time.perf_counter() - start
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{' '.join(command)} failed; run it to see why")
    return Watched(seconds=seconds, processor_s=usage.ru_utime + usage.ru_stime, peak_bytes=largest)


def _share_of_memory(pid: int) -> int:
    """Add up the memory of a process and of those below it, in bytes; one that is gone has none."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        below = [
            int(one) for task in Path(f"/proc/{pid}/task").iterdir() for one in (task / "children").read_text().split()
        ]
    except (FileNotFoundError, ProcessLookupError):
        return 0
    own = next((int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:")), 0)
    return own + sum(map(_share_of_memory, below))
