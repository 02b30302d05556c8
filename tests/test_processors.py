"""Threads by default: what the process may use, by affinity, by threads of a core and by quota."""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from roformer_edge.processors import SAFE_PRESET, detect_preset, one_core, processor_clock, usable_cores


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Make a machine of ``cores`` cores with two threads each, of which the process may use ``allowed``."""

    def make(allowed: set[int], cores: int = 4, version2: str = "", version1: tuple[str, str] | None = None) -> int:
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: allowed, raising=False)
        for number in range(2 * cores):
            folder = tmp_path / "cpus" / f"cpu{number}" / "topology"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "thread_siblings_list").write_text(f"{number % cores},{number % cores + cores}\n")
        groups, own = tmp_path / "cgroup", tmp_path / "own"
        (groups / "pods" / "mine").mkdir(parents=True, exist_ok=True)
        if version1 is None:
            own.write_text("0::/pods/mine\n")
            (groups / "pods" / "cpu.max").write_text(f"{version2}\n")
        else:
            own.write_text("5:memory:/pods/mine\n4:cpu,cpuacct:/pods/mine\n")
            (groups / "cpu" / "pods" / "mine").mkdir(parents=True, exist_ok=True)
            for name, value in zip(("cpu.cfs_quota_us", "cpu.cfs_period_us"), version1, strict=True):
                (groups / "cpu" / "pods" / "mine" / name).write_text(f"{value}\n")
        return usable_cores(tmp_path / "cpus", groups, own)

    return make


@pytest.mark.parametrize(("allowed", "cores"), [({0}, 1), ({0, 4}, 1), ({0, 1, 2}, 3), (set(range(8)), 4)], ids=str)
def test_threads_of_one_core_count_once(machine, allowed, cores):
    assert machine(allowed) == cores


@pytest.mark.parametrize(
    ("quota", "cores"),
    [("max 100000", 4), ("100000 100000", 1), ("50000 100000", 1), ("150000 100000", 2), ("900000 100000", 4)],
)
def test_a_quota_of_a_group_above_counts(machine, quota, cores):
    assert machine(set(range(8)), version2=quota) == cores


@pytest.mark.parametrize(
    ("quota", "cores"), [(("-1", "100000"), 4), (("200000", "100000"), 2), (("5", "0"), 4)], ids=str
)
def test_a_quota_of_the_first_kind_of_groups_counts(machine, quota, cores):
    assert machine(set(range(8)), version1=quota) == cores


def test_without_any_of_these_files_every_processor_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5}, raising=False)
    assert usable_cores(tmp_path, tmp_path, tmp_path / "none") == 2
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_cores(tmp_path, tmp_path, tmp_path / "none") == 1


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system has no affinities")
def test_this_process_may_use_something():
    assert 1 <= usable_cores() <= len(os.sched_getaffinity(0))


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the system cannot keep a thread on a core")
def test_a_thread_stays_on_one_core_for_a_while():
    before = os.sched_getaffinity(0)
    with one_core(False):
        assert os.sched_getaffinity(0) == before
    with one_core(True):
        assert len(os.sched_getaffinity(0)) == 1
    assert os.sched_getaffinity(0) == before


@pytest.mark.parametrize(
    ("machine", "flags", "preset"),
    [
        ("x86_64", [["fpu", "avx2", "avx512f", "avx512_vnni"]], "x86-vnni"),
        ("AMD64", [["avx2", "avx_vnni"]], "x86-vnni"),
        ("x86_64", [["fpu", "avx2", "avx512f"]], "x86"),
        ("x86_64", [["avx2", "avx_vnni"], ["avx2"]], "x86"),  # not on all processors of the machine
        ("x86_64", [], "x86"),
        ("x86_64", [["avx512_vnni_lookalike"]], "x86"),
        ("aarch64", [], "arm"),
        ("arm64", [], "arm"),
        ("ARM64", [], "arm"),
        ("armv7l", [], "arm"),
        ("riscv64", [], SAFE_PRESET),
        ("", [], SAFE_PRESET),
    ],
)
def test_detection(tmp_path, machine, flags, preset):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(
        "".join(f"processor\t: {n}\nmodel name\t: X\nflags\t\t: {' '.join(own)}\n\n" for n, own in enumerate(flags))
    )
    assert detect_preset(machine, cpuinfo) == preset


def test_detection_without_a_list_of_flags_is_safe(tmp_path):
    assert detect_preset("x86_64", tmp_path / "absent") == SAFE_PRESET
    assert detect_preset("x86_64", tmp_path) == SAFE_PRESET


def test_the_clock_of_a_processor_stands_still_while_others_work(monkeypatch):
    clock = processor_clock()
    before, began = clock(), time.perf_counter()
    time.sleep(0.05)
    assert clock() - before < time.perf_counter() - began
    monkeypatch.setattr(time, "get_clock_info", lambda name: SimpleNamespace(resolution=0.0156))
    assert processor_clock() is time.perf_counter
