"""How many threads suit this process: the physical cores that it may use, and no more than its quota of time."""

from __future__ import annotations

import math
import os
from pathlib import Path

_CPUS = Path("/sys/devices/system/cpu")
_CGROUPS = Path("/sys/fs/cgroup")
_OWN_CGROUP = Path("/proc/self/cgroup")


def usable_cores(cpus: Path = _CPUS, cgroups: Path = _CGROUPS, own: Path = _OWN_CGROUP) -> int:
    """Count the physical cores that this process may use; at least 1.

    Engines take one thread a physical core of the machine. In a container, or under ``taskset``, threads beyond what
    the process may use wait for each other: the answer then takes twice as long with two threads as with one.

    Args:
        cpus: Where Linux says which processors are threads of one core. Elsewhere every processor counts.
        cgroups: Where Linux keeps the quotas of containers.
        own: The file that names the control groups of this process.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    allowed = affinity(0) if affinity else set(range(os.cpu_count() or 1))
    cores = {_siblings(cpus, number) for number in allowed}
    quota = _quota(cgroups, own)
    return max(1, len(cores) if quota is None else min(len(cores), math.ceil(quota)))


def _siblings(cpus: Path, number: int) -> str:
    """Name what all threads of a core have in common; the number of the processor where it cannot be told."""
    return _read(cpus / f"cpu{number}" / "topology" / "thread_siblings_list") or str(number)


def _quota(cgroups: Path, own: Path) -> float | None:
    """Processors' worth of time in the tightest quota on the way to this process; ``None`` without any."""
    quotas = []
    for line in _read(own).splitlines():
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        if controllers and "cpu" not in controllers.split(","):
            continue
        root = cgroups if not controllers else cgroups / "cpu"
        group = root / path.lstrip("/")
        # inside a container the path is the host's, and what is mounted at the root is the container's own group
        for folder in (root, *(parent for parent in (group, *group.parents) if root in parent.parents)):
            quotas += _quota_of(folder)
    return min(quotas, default=None)


def _quota_of(group: Path) -> list[float]:
    spent, _, period = _read(group / "cpu.max").partition(" ")  # version 2: "200000 100000" or "max 100000"
    if not spent:
        spent, period = _read(group / "cpu.cfs_quota_us"), _read(group / "cpu.cfs_period_us")
    try:
        share = int(spent) / int(period)
    except (ValueError, ZeroDivisionError):  # "max", or no such file
        return []
    return [share] if share > 0 else []  # version 1 says -1 for no quota


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
