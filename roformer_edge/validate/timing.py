"""Latency of all sides on the same inputs in turn, and the memory of a fresh process.

Latency is the time from input to answer, tokenizer included, one input at a time. The sides alternate, and which
goes first alternates too, so that a machine that slows down or speeds up favours none; of a few rounds over all
inputs, the fastest run of each input counts.

Memory is measured in a process of its own that opens one side and answers a few inputs, so that no side pays for
what another one, or this process, has loaded.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable, Sequence
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from roformer_edge.processes import run_fresh
from roformer_edge.validate.data.inputs import Inputs
from roformer_edge.validate.options import CompareOptions
from roformer_edge.validate.predictors import Predictor
from roformer_edge.validate.report import Latency, Memory, TimedInput, Timing

_PROBE = "roformer_edge.validate.memory_probe"
_PROBE_SECONDS = 600


def time_side_by_side(
    sides: Sequence[Predictor],
    inputs: Sequence[Inputs],
    options: CompareOptions,
    tick: Callable[[int], None],
    clock: Callable[[], float] = perf_counter,
) -> list[Timing]:
    """Time all sides on each input in turn.

    Args:
        sides: The reference and its candidates.
        inputs: One input at least.
        options: Rounds and warm-up.
        tick: Called with the number of runs finished since the last call.
        clock: Tells seconds; ``time.process_time`` where the machine has other work.

    Returns:
        One for each candidate, against the reference.
    """
    for value in inputs[: options.warm_up]:
        for side in sides:
            side.answer([value], batch_size=1)
    seconds = np.empty((len(sides), len(inputs), options.timing_rounds))
    order = list(range(len(sides)))
    for number in range(options.timing_rounds):
        for column, value in enumerate(inputs):
            for row in order if column % 2 == 0 else order[::-1]:
                start = clock()
                sides[row].answer([value], batch_size=1)
                seconds[row, column, number] = clock() - start
            tick(len(sides))
    reference, *candidates = seconds.min(axis=2)
    return [
        Timing(
            reference=_latency(reference),
            candidate=_latency(candidate),
            ratio=float(np.median(candidate / reference)),
            inputs=len(inputs),
            rounds=options.timing_rounds,
            warm_up=min(options.warm_up, len(inputs)),
            runs=tuple(
                TimedInput(reference=_runs(seconds[0, column]), candidate=_runs(seconds[row, column]))
                for column in range(len(inputs))
            ),
        )
        for row, candidate in enumerate(candidates, start=1)
    ]


def _runs(seconds: NDArray[np.float64]) -> tuple[float, ...]:
    # to a hundredth of a microsecond, finer than any clock
    return tuple(round(1000 * float(value), 5) for value in seconds)


def _latency(seconds: NDArray[np.float64]) -> Latency:
    p50, p90, p99 = (float(value) for value in np.percentile(1000 * seconds, [50, 90, 99]))
    return Latency(p50=p50, p90=p90, p99=p99)


def measure_memory(side: Predictor, inputs: Sequence[Inputs]) -> Memory:
    """Measure the largest resident memory of a fresh process that opens ``side`` and answers ``inputs`` one at a time.

    A side that a fresh process cannot open, or a system that does not tell, gives no figure but a note.
    """
    if not inputs:
        return Memory(peak=None, note="not measured: it was not asked for")
    if side.opening is None:
        return Memory(peak=None, note="not measured: only a bundle or a checkpoint can be opened in a fresh process")
    request = json.dumps({"opening": dataclasses.asdict(side.opening), "inputs": [dict(value) for value in inputs]})
    try:
        probe = run_fresh([sys.executable, "-m", _PROBE], stdin=request.encode("ascii"), timeout=_PROBE_SECONDS)
    except OSError as error:
        return Memory(peak=None, note=f"not measured: the fresh process failed: {error}")
    if probe.code != 0:
        return Memory(peak=None, note=f"not measured: the fresh process failed: {probe.reason}")
    peak = json.loads(probe.output)["peak"]
    if peak is None:
        return Memory(peak=None, note="not measured: this system does not tell a process its peak")
    noun = "input" if len(inputs) == 1 else "inputs"
    return Memory(peak=peak, note=f"fresh process: opened, then answered {len(inputs)} {noun} one at a time")
