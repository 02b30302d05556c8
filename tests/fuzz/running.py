"""Run attempts, here or in processes of their own, and count what came of them."""

from __future__ import annotations

import multiprocessing
import shutil
import tempfile
import time
from collections.abc import Iterable
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path

from tests.fuzz.outcome import CRASH, HANG, TRACEBACK, WRONG, Attempt, Tally

# seconds after which an attempt counts as one that never ends
PATIENCE = 30.0


def attempt(run: Attempt, seed: int) -> tuple[str, str]:
    """Make one attempt; any error that is none of ours is a traceback that a user would see."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    try:
        return run(seed, folder), ""
    except AssertionError as error:
        return WRONG, str(error)[:300]
    except Exception as error:  # noqa: BLE001 - this is what is looked for
        return TRACEBACK, f"{type(error).__name__}: {error}"[:300]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run_here(run: Attempt, seeds: Iterable[int]) -> Tally:
    """Make attempts in this process."""
    tally = Tally()
    for seed in seeds:
        outcome, detail = attempt(run, seed)
        tally.add(outcome, seed, detail)
    return tally


def _serve(module: str, name: str, first: int, pipe: Connection) -> None:
    run: Attempt = import_module(module).TARGETS[name]
    seed = first
    while True:
        pipe.send((seed, *attempt(run, seed)))
        seed += 1


def run_apart(module: str, name: str, first: int, seconds: float) -> Tally:
    """Make attempts in a process that may hang or crash, for a while.

    Args:
        module: Whose ``TARGETS`` holds the attempt; the process imports it anew.
        name: Of the target.
        first: The first seed; the others follow.
        seconds: How long.
    """
    tally, seed = Tally(), first
    context = multiprocessing.get_context("spawn")
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_serve, args=(module, name, seed, theirs), daemon=True)
        process.start()
        theirs.close()
        patience = 20 * PATIENCE  # libraries are imported first, and what is spoilt is made
        try:
            while time.monotonic() < end:
                if not ours.poll(patience):
                    tally.add(HANG, seed, f"{PATIENCE:g} seconds")
                    seed += 1
                    break
                seed, outcome, detail = ours.recv()
                tally.add(outcome, seed, detail)
                seed, patience = seed + 1, PATIENCE
        except EOFError:
            process.join()
            tally.add(CRASH, seed, f"exit code {process.exitcode}")
            seed += 1
        process.kill()
        process.join()
        ours.close()
    return tally
