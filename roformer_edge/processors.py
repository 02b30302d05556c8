"""What this process runs on: how many cores it may use, and what kind of processor they are."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_CPUS = Path("/sys/devices/system/cpu")
_CGROUPS = Path("/sys/fs/cgroup")
_OWN_CGROUP = Path("/proc/self/cgroup")
_CPUINFO = Path("/proc/cpuinfo")
# what Linux calls the list of instruction sets, on x86 and on ARM
_FLAGS = ("flags", "Features")
# of x86; either brings the dot product of unsigned with signed bytes that adds up in 32 bits
_VNNI_FLAGS = frozenset({"avx512_vnni", "avx_vnni"})
# seconds; a run of the graph takes hundreds of them
_FINE = 1e-6
_ARM_MACHINES = ("aarch64", "arm")

# the preset that is right on every processor: x86 of any age, and ARM, where it is merely not the fastest
SAFE_PRESET = "x86"


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


@contextmanager
def one_core(asked: bool) -> Iterator[None]:
    """Keep the calling thread on one core for the time of the block, if that is asked for.

    Moving costs a thread what the caches of its core hold. Where the system has no such call, nothing is done.
    """
    if not (asked and hasattr(os, "sched_setaffinity")):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def processor_clock() -> Callable[[], float]:
    """Choose the clock for what one thread computes: its own processor time, in which other work of the machine is not.

    Where the system counts that too coarsely, it is the usual clock.
    """
    fine = time.get_clock_info("thread_time").resolution <= _FINE
    return time.thread_time if fine else time.perf_counter


def processor_kind(cpuinfo: Path = _CPUINFO) -> str:
    """Name the architecture and, on Linux, the instruction sets: what code and weights are chosen by.

    Args:
        cpuinfo: The file in which Linux lists the processor's flags.
    """
    import hashlib
    import platform  # neither is wanted by a process that only counts its cores

    known = " ".join(sorted(next(_flags_in(cpuinfo), platform.processor()).split()))
    return f"{platform.machine()} {hashlib.sha256(known.encode()).hexdigest()[:16]}"


def detect_preset(machine: str | None = None, cpuinfo: Path = _CPUINFO) -> str:
    """Name the preset of ``quantize.presets`` for this machine, or ``SAFE_PRESET`` where it cannot be told.

    Args:
        machine: The machine's name as ``platform.machine()`` gives it, which is asked where None.
        cpuinfo: The file in which Linux lists the processor's flags. Other systems have none; an x86 machine then
            counts as one without VNNI.
    """
    machine = (_machine() if machine is None else machine).lower()
    if machine.startswith(_ARM_MACHINES):
        return "arm"
    # those that all processors listed in the file have
    sets = [frozenset(flags.split()) for flags in _flags_in(cpuinfo)]
    return "x86-vnni" if sets and _VNNI_FLAGS & frozenset.intersection(*sets) else SAFE_PRESET


def _machine() -> str:
    """Name the architecture as ``platform.machine()`` does, without importing that where the system tells."""
    if hasattr(os, "uname"):
        return os.uname().machine
    import platform

    return platform.machine()


def _flags_in(cpuinfo: Path) -> Iterator[str]:
    lines = (line.partition(":") for line in _read(cpuinfo).splitlines())
    return (flags for name, _, flags in lines if name.strip() in _FLAGS)


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
