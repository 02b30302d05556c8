"""What holds for a while must hold for long: kills, races, files that change, requests and loads by the thousand.

``make test`` runs a short form; ``make endurance`` the long one, and prints what it measured.
"""

from __future__ import annotations

import gc
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import roformer_edge
from roformer_edge.bundle.reader import open_bundle
from roformer_edge.errors import BackendError, BundleError
from roformer_edge.runtime.loading import load
from tests.tiny_bundle import write_bundle
from tests.tiny_runtime import SELF_TEST_TEXTS, write_runnable

ROOT = Path(roformer_edge.__file__).parents[1]
LONG = os.environ.get("ENDURANCE") == "long"
KILLS = 360 if LONG else 12
REWRITES = 400 if LONG else 25
REQUESTS = 100_000 if LONG else 4_000
LOADS = 1000 if LONG else 24
THREADS = 4
# growth after warm-up, of the whole process; in the short form the allocator itself has not settled
GROWTH = 1.02 if LONG else 1.10

WRITER = """
import sys
from pathlib import Path
from tests.tiny_bundle import write_bundle
out = Path(sys.argv[1])
print("ready", flush=True)
for length in range(16, 5000):
    write_bundle(out, overwrite=True, max_length=length)
"""

MANY = """
import sys
from roformer_edge.runtime.loading import load
from tests.endurance.test_endurance import resident
load(sys.argv[1], threads=1).close()
print(resident())
opened = [load(sys.argv[1], threads=1) for _ in range(int(sys.argv[2]))]
for classify in opened:
    classify(sys.argv[3])
print(resident())
while opened:
    opened.pop().close()
del classify
print(resident())
"""


@pytest.fixture(scope="module")
def runnable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_runnable(tmp_path_factory.mktemp("endurance") / "intent")


def resident() -> int:
    """Resident memory of this process in bytes, now."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


needs_proc = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")


def test_a_kill_at_any_moment_leaves_a_whole_bundle(tmp_path):
    out, clock = write_bundle(tmp_path / "out"), random.Random(5)
    for _ in range(KILLS):
        command = [sys.executable, "-c", WRITER, str(out)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(clock.uniform(0.0, 0.05))
            process.send_signal(signal.SIGKILL)
        with open_bundle(out) as opened:
            opened.verify()
    # the next run removes what all those left
    write_bundle(out, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_bundle_that_is_rewritten_all_the_time_loads_whole_or_not_at_all(runnable, tmp_path):
    own, stop = Path(shutil.copytree(runnable, tmp_path / "intent")), threading.Event()
    contents = {path: path.read_bytes() for path in own.iterdir()}
    began = time.monotonic()
    with load(runnable, threads=1) as classify:
        expected = [answer.label for answer in classify(list(SELF_TEST_TEXTS))]
    # on a busy machine a load takes longer, and is to have the same chance
    pause = max(0.3, 8 * (time.monotonic() - began))

    def rewrite() -> None:
        clock = random.Random(7)
        while not stop.is_set():
            path = clock.choice(list(contents))
            damaged = bytearray(contents[path])
            damaged[clock.randrange(len(damaged))] ^= 1
            path.write_bytes(damaged)
            time.sleep(clock.uniform(0.0, 0.02))
            path.write_bytes(contents[path])
            time.sleep(clock.uniform(0.0, pause))

    writer = threading.Thread(target=rewrite)
    writer.start()
    loaded = refused = 0
    try:
        for _ in range(REWRITES):
            try:
                with load(own, threads=1) as classify:
                    assert [answer.label for answer in classify(list(SELF_TEST_TEXTS))] == expected
                loaded += 1
            except (BundleError, BackendError):
                refused += 1
                time.sleep(0.02)  # or one damage refuses them all
    finally:
        stop.set()
        writer.join()
    print(f"\n{REWRITES} loads under rewriting: {loaded} whole, {refused} refused")
    assert loaded
    assert refused or not LONG


@needs_proc
def test_requests_from_several_threads_take_no_memory(runnable):
    with load(runnable, threads=1) as classify:
        expected = [answer.label for answer in classify(list(SELF_TEST_TEXTS))]
        # room is made before anything is measured
        seconds = [np.zeros(REQUESTS // THREADS) for _ in range(THREADS)]
        wrong: list[object] = []

        def ask(own: np.ndarray, count: int) -> None:
            for number in range(count):
                place = number % len(SELF_TEST_TEXTS)
                start = time.perf_counter()
                answer = classify(SELF_TEST_TEXTS[place])
                own[number] = time.perf_counter() - start
                if answer.label != expected[place]:
                    wrong.append(answer)

        def round_of(count: int) -> int:
            threads = [threading.Thread(target=ask, args=(own, count // THREADS)) for own in seconds]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            return resident()

        for own in seconds:
            own.fill(1.0)
        before = round_of(REQUESTS // 4)
        after = round_of(REQUESTS)
    times = np.concatenate(seconds) * 1000
    print(
        f"\n{len(times):,} requests from {THREADS} threads: p50 {np.quantile(times, 0.5):.2f} ms, "
        f"p99 {np.quantile(times, 0.99):.2f} ms; memory {before / 1e6:.1f} MB -> {after / 1e6:.1f} MB"
    )
    assert wrong == []
    assert after < GROWTH * before


@needs_proc
def test_loads_and_unloads_take_no_memory(runnable):
    def once() -> None:
        with load(runnable, threads=1) as classify:
            classify(SELF_TEST_TEXTS[0])

    for _ in range(LOADS):
        once()
    before, files = resident(), len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for _ in range(LOADS):
        once()
    after = resident()
    print(f"\n{LOADS} loads and unloads: memory {before / 1e6:.1f} MB -> {after / 1e6:.1f} MB")
    assert len(os.listdir("/proc/self/fd")) == files  # noqa: PTH208
    assert threading.active_count() == 1
    assert after < GROWTH * before


def test_a_closed_bundle_waits_for_no_collector(runnable):
    """What is part of a circle keeps its memory until Python looks for circles, which may take long."""

    def once() -> None:
        with load(runnable, threads=1) as classify:
            classify(SELF_TEST_TEXTS[0])

    once()
    gc.collect()
    gc.disable()
    try:
        once()
        assert gc.collect() == 0
    finally:
        gc.enable()


@needs_proc
def test_many_open_bundles_give_their_memory_back(runnable):
    # in a process of its own: what others have left free would be taken first
    run = [sys.executable, "-c", MANY, str(runnable), str(50 if LONG else 10), SELF_TEST_TEXTS[0]]
    before, most, after = map(int, subprocess.check_output(run, cwd=ROOT, text=True).split())
    print(f"\n{before / 1e6:.0f} MB, with many bundles {most / 1e6:.0f} MB, when they are closed {after / 1e6:.0f} MB")
    assert before < most
    assert after - before < 0.35 * (most - before)
