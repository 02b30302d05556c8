"""Which processes there are, as Linux tells."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path


def children_of(process: int) -> list[int]:
    """Processes that a process has started and not yet waited for."""
    return [int(one) for one in Path(f"/proc/{process}/task/{process}/children").read_text("ascii").split()]


def end(processes: Iterable[int], seconds: float = 30) -> bool:
    """Whether processes end within some time; one that nobody has waited for yet has ended, too."""
    limit = time.monotonic() + seconds
    left = list(processes)
    while left and time.monotonic() < limit:
        left = [process for process in left if _runs(process)]
        time.sleep(0.02)
    return not left


def _runs(process: int) -> bool:
    try:
        return not Path(f"/proc/{process}/stat").read_text("ascii").rpartition(") ")[2].startswith("Z")
    except (FileNotFoundError, ProcessLookupError):
        return False
