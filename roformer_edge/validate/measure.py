"""Latency of both sides on the same texts in turn, and the memory of a fresh process.

Latency is the time from text to logits, tokenizer included, one text at a time. The two sides alternate, and which
goes first alternates too, so that a machine that slows down or speeds up favours neither; of a few rounds over all
texts, the fastest run of each text counts.

Memory is measured in a process of its own that opens one side and answers a few texts, so that neither side pays for
what the other one, or this process, has loaded.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from roformer_edge.validate.options import CompareOptions
from roformer_edge.validate.predictors import Predictor
from roformer_edge.validate.report import Latency, Memory, Timing

_PROBE = "roformer_edge.validate.memory_probe"
_PROBE_SECONDS = 600


def spread_sample(texts: Sequence[str], size: int) -> list[str]:
    """At most ``size`` texts, evenly spread over the list, in its order."""
    if len(texts) <= size:
        return list(texts)
    return [texts[(2 * i + 1) * len(texts) // (2 * size)] for i in range(size)]


def time_side_by_side(
    sides: tuple[Predictor, Predictor], texts: Sequence[str], options: CompareOptions, tick: Callable[[int], None]
) -> Timing:
    """Time both sides on each text in turn.

    Args:
        sides: Reference and candidate.
        texts: At least one.
        options: Rounds and warm-up.
        tick: Called with the number of runs finished since the last call.
    """
    for text in texts[: options.warm_up]:
        for side in sides:
            side.logits([text], batch_size=1)
    seconds = np.empty((2, len(texts), options.timing_rounds))
    for number in range(options.timing_rounds):
        for column, text in enumerate(texts):
            for row in (0, 1) if column % 2 == 0 else (1, 0):
                start = perf_counter()
                sides[row].logits([text], batch_size=1)
                seconds[row, column, number] = perf_counter() - start
            tick(2)
    fastest = seconds.min(axis=2)
    return Timing(
        reference=_latency(fastest[0]),
        candidate=_latency(fastest[1]),
        ratio=float(np.median(fastest[1] / fastest[0])),
        texts=len(texts),
        rounds=options.timing_rounds,
        warm_up=min(options.warm_up, len(texts)),
    )


def _latency(seconds: NDArray[np.float64]) -> Latency:
    p50, p90, p99 = (float(value) for value in np.percentile(1000 * seconds, [50, 90, 99]))
    return Latency(p50=p50, p90=p90, p99=p99)


def measure_memory(side: Predictor, texts: Sequence[str]) -> Memory:
    """Largest resident memory of a fresh process that opens ``side`` and answers ``texts`` one at a time.

    A side that a fresh process cannot open, or a system that does not tell, gives no figure but a note.
    """
    if not texts:
        return Memory(peak=None, note="not measured: it was not asked for")
    if side.source is None:
        return Memory(peak=None, note="not measured: only a bundle or a checkpoint can be opened in a fresh process")
    request = json.dumps({"source": dataclasses.asdict(side.source), "texts": list(texts)})
    # the child must import what this process would, and nothing that happens to lie in the current directory
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "PYTHONSAFEPATH": "1"}
    try:
        probe = subprocess.run(
            [sys.executable, "-m", _PROBE],
            input=request.encode("ascii"),
            capture_output=True,
            env=environment,
            timeout=_PROBE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Memory(peak=None, note=f"not measured: the fresh process failed: {error}")
    if probe.returncode != 0:
        reason = probe.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2] or f"exit code {probe.returncode}"
        return Memory(peak=None, note=f"not measured: the fresh process failed: {reason}")
    peak = json.loads(probe.stdout)["peak"]
    if peak is None:
        return Memory(peak=None, note="not measured: this system does not tell a process its peak")
    noun = "text" if len(texts) == 1 else "texts"
    return Memory(peak=peak, note=f"fresh process: opened, then answered {len(texts)} {noun} one at a time")
