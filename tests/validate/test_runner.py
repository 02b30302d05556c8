"""Comparing two sides: alignment, what is refused, what is repeatable."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from roformer_edge.errors import ComparisonError, UnknownNameError
from roformer_edge.validate.predictors import Predictor
from roformer_edge.validate.runner import compare
from tests.validate.tables import (
    LABELS,
    ROWS,
    UNTIMED,
    example_rows,
    example_sides,
    table_predictor,
    text_example,
    without_time,
)


def test_labels_are_aligned_by_name():
    reference, shuffled = example_sides()
    straight = table_predictor(shuffled.name, LABELS, {row[0]: row[3] for row in ROWS}, shuffled.facts)
    assert shuffled.labels != straight.labels
    reports = [without_time(compare(reference, side, example_rows(), UNTIMED)) for side in (shuffled, straight)]
    assert reports[0] == reports[1]


def test_a_side_agrees_with_itself():
    reference, _ = example_sides()
    report = compare(reference, reference, example_rows(), UNTIMED)
    assert report.gated.drop == 0
    assert report.gated.paired.p_value == 1
    assert report.agreement.share == 1
    assert report.detail.distance.worst == 0
    assert report.detail.distance.worst_cosine == pytest.approx(1)
    assert report.changes == ()
    assert report.changed_answers == 0


def test_examples_may_be_a_stream_and_both_sides_see_them_in_order():
    seen: dict[str, list[str]] = {"a": [], "b": []}

    def recorder(name: str, batch: int) -> Predictor:
        def answer(inputs, *, batch_size):
            assert batch_size == batch
            texts = [value["text"] for value in inputs]
            seen[name] += texts
            return np.array([[len(text), 5] for text in texts], dtype=np.float32)

        return Predictor(name=name, labels=("long", "short"), answer=answer)

    texts = [f"{'x' * (i % 9)}{i}" for i in range(1000)]
    examples = (text_example(text, ("long", "short")[i % 2]) for i, text in enumerate(texts))
    options = dataclasses.replace(UNTIMED, reference_batch_size=16, batch_size=3)
    report = compare(recorder("a", 16), recorder("b", 3), examples, options)
    assert seen["a"] == seen["b"] == texts
    assert report.data.examples == 1000


class Heard:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.steps: list[tuple[int, int | None]] = []

    def stage(self, name: str) -> None:
        self.stages.append(name)

    def step(self, done: int, total: int | None) -> None:
        self.steps.append((done, total))


def test_progress_counts_both_sides_and_timing():
    heard = Heard()
    compare(*example_sides(), example_rows(), dataclasses.replace(UNTIMED, timed=5), progress=heard)
    assert heard.stages == ["validate"]
    assert {total for _, total in heard.steps} == {2 * 8 + 2 * 3 * 5}
    assert [done for done, _ in heard.steps] == sorted({done for done, _ in heard.steps})
    assert heard.steps[-1][0] == heard.steps[-1][1]


def test_a_side_that_answers_too_little_is_refused():
    reference, candidate = example_sides()
    lazy = dataclasses.replace(candidate, answer=lambda inputs, *, batch_size: np.zeros((len(inputs) - 1, 3)))
    with pytest.raises(ComparisonError, match="dist/intent gave 7 answers to 8 inputs"):
        compare(reference, lazy, example_rows(), UNTIMED)


def test_no_example_is_refused():
    with pytest.raises(ComparisonError, match="no example"):
        compare(*example_sides(), [], UNTIMED)


def test_an_unknown_task_is_refused():
    with pytest.raises(UnknownNameError, match="unknown task 'ranking'"):
        compare(*example_sides(), example_rows(), dataclasses.replace(UNTIMED, task="ranking"))
