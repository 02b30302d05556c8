"""Latency side by side, and memory in a fresh process."""

from __future__ import annotations

import numpy as np
import pytest

from roformer_edge.validate.options import CompareOptions
from roformer_edge.validate.predictors import Opening, Predictor
from roformer_edge.validate.timing import measure_memory, time_side_by_side


class Clock:
    """Time that passes only where a side says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def slow_side(name: str, clock: Clock, log: list[str], seconds) -> Predictor:
    def answer(inputs, *, batch_size):
        assert (len(inputs), batch_size) == (1, 1)
        text = inputs[0]["text"]
        log.append(f"{name}{text}")
        clock.now += seconds(int(text))
        return [np.zeros(2, dtype=np.float32)]

    return Predictor(name=name, labels=("a", "b"), answer=answer)


def texts(*values):
    return [{"text": str(value)} for value in values]


def test_sides_alternate_and_percentiles_are_of_milliseconds():
    clock, log, ticks = Clock(), [], []
    reference = slow_side("A", clock, log, lambda n: 0.004 * (n + 1))
    candidate = slow_side("B", clock, log, lambda n: 0.001 * (n + 1))
    options = CompareOptions(task="text-classification", warm_up=2, timing_rounds=1)
    (timing,) = time_side_by_side((reference, candidate), texts(*range(101)), options, ticks.append, clock)
    assert log[:4] == ["A0", "B0", "A1", "B1"]  # warm-up
    assert log[4:12] == ["A0", "B0", "B1", "A1", "A2", "B2", "B3", "A3"]
    assert len(log) == 4 + 2 * 101
    assert ticks == [2] * 101
    assert timing.ratio == pytest.approx(0.25)
    # 4, 8, ... 404 ms: the percentiles lie on the samples
    assert (timing.reference.p50, timing.reference.p90, timing.reference.p99) == pytest.approx((204, 364, 400))
    assert (timing.candidate.p50, timing.candidate.p99) == pytest.approx((51, 100))
    assert (timing.inputs, timing.rounds, timing.warm_up) == (101, 1, 2)


def test_several_candidates_take_turns_and_are_timed_against_one_reference():
    clock, log, ticks = Clock(), [], []
    sides = [
        slow_side(name, clock, log, lambda _, s=seconds: s)
        for name, seconds in zip("ABC", (0.004, 0.002, 0.008), strict=True)
    ]
    options = CompareOptions(task="text-classification", warm_up=0, timing_rounds=1)
    found = time_side_by_side(sides, texts(0, 1), options, ticks.append, clock)
    assert log == ["A0", "B0", "C0", "C1", "B1", "A1"]
    assert [timing.ratio for timing in found] == pytest.approx([0.5, 2])
    assert [timing.reference.p50 for timing in found] == pytest.approx([4, 4])
    assert sum(ticks) == len(log)


def test_of_several_rounds_the_fastest_counts():
    clock, log, ticks = Clock(), [], []
    disturbed = iter([0.009, 0.001, 0.005] * 2)
    reference = slow_side("A", clock, log, lambda _: next(disturbed))
    candidate = slow_side("B", clock, log, lambda _: 0.003)
    options = CompareOptions(task="text-classification", warm_up=0, timing_rounds=3)
    (timing,) = time_side_by_side((reference, candidate), texts(0, 1), options, ticks.append, clock)
    # rounds run over all texts: text 0 took 9, 5, 1 and text 1 took 1, 9, 5 ms
    assert log == ["A0", "B0", "B1", "A1"] * 3
    assert timing.reference.p50 == pytest.approx(1)
    assert timing.ratio == pytest.approx(3)
    assert sum(ticks) == len(log)


def predictor(opening: Opening | None) -> Predictor:
    return Predictor(name="side", answer=lambda inputs, *, batch_size: [], opening=opening)


def test_memory_that_is_not_measured_says_why(tmp_path):
    assert measure_memory(predictor(None), texts("a")).note.startswith("not measured: only a bundle or a checkpoint")
    nowhere = Opening(
        path=str(tmp_path / "gone"), task="text-classification", threads=1, truncate=False, tokenizer="auto"
    )
    assert measure_memory(predictor(nowhere), []).note == "not measured: it was not asked for"
    failed = measure_memory(predictor(nowhere), texts("a"))
    assert failed.peak is None
    assert failed.note.startswith("not measured: the fresh process failed: ")
    assert str(tmp_path / "gone") in failed.note
