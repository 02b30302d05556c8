"""Comparing two sides: alignment, what is refused, what is repeatable."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from roformer_edge.errors import ComparisonError, UnknownNameError
from roformer_edge.validate.datasets import Example
from roformer_edge.validate.options import CompareOptions
from roformer_edge.validate.predictors import Predictor
from roformer_edge.validate.report import Provenance, Report
from roformer_edge.validate.runner import compare
from tests.validate.tables import LABELS, ROWS, UNTIMED, example_rows, example_sides, table_predictor


def without_time(report: Report) -> Report:
    """Everything but when it was made."""
    fixed = dataclasses.replace(report.provenance, created="")
    assert isinstance(fixed, Provenance)
    return dataclasses.replace(report, provenance=fixed)


def test_labels_are_aligned_by_name():
    reference, shuffled = example_sides()
    straight = table_predictor(shuffled.name, LABELS, {row[0]: row[3] for row in ROWS}, shuffled.facts)
    assert shuffled.labels != straight.labels
    reports = [without_time(compare(reference, side, example_rows(), UNTIMED)) for side in (shuffled, straight)]
    assert reports[0] == reports[1]
    assert reports[0].labels == LABELS


def test_a_side_agrees_with_itself():
    reference, _ = example_sides()
    report = compare(reference, reference, example_rows(), UNTIMED)
    assert report.drop.points == 0
    assert report.drop.p_value == 1
    assert report.agreement.top1 == 1
    assert report.agreement.worst_difference == 0
    assert report.agreement.worst_cosine == pytest.approx(1)
    assert report.changes == ()


def test_the_same_inputs_give_the_same_report():
    first, second = (compare(*example_sides(), example_rows(), UNTIMED) for _ in range(2))
    assert without_time(first) == without_time(second)
    other_seed = compare(*example_sides(), example_rows(), dataclasses.replace(UNTIMED, seed=1))
    assert other_seed.drop.points == first.drop.points
    assert other_seed.drop.macro_f1_interval != first.drop.macro_f1_interval


def test_examples_may_be_a_stream_and_both_sides_see_them_in_order():
    seen: dict[str, list[str]] = {"a": [], "b": []}

    def recorder(name: str, batch: int) -> Predictor:
        def logits(texts, *, batch_size):
            assert batch_size == batch
            seen[name] += texts
            return np.array([[len(text), 5] for text in texts], dtype=np.float32)

        return Predictor(name=name, labels=("long", "short"), logits=logits)

    texts = [f"{'x' * (i % 9)}{i}" for i in range(1000)]
    examples = (Example(text=text, label=("long", "short")[i % 2]) for i, text in enumerate(texts))
    options = dataclasses.replace(UNTIMED, reference_batch_size=16, batch_size=3)
    report = compare(recorder("a", 16), recorder("b", 3), examples, options)
    assert seen["a"] == seen["b"] == texts
    assert report.data.examples == 1000


def test_progress_counts_both_sides_and_timing():
    calls: list[tuple[int, int]] = []
    options = dataclasses.replace(UNTIMED, timed_texts=5)
    compare(*example_sides(), example_rows(), options, progress=lambda done, total: calls.append((done, total)))
    assert {total for _, total in calls} == {2 * 8 + 2 * 3 * 5}
    assert [done for done, _ in calls] == sorted({done for done, _ in calls})
    assert calls[-1][0] == calls[-1][1]


def test_the_digest_follows_texts_and_label_names_only():
    reference, candidate = example_sides()
    report = compare(reference, candidate, example_rows(), UNTIMED)
    renamed = dataclasses.replace(UNTIMED, data_name="elsewhere.jsonl", seed=9)
    assert compare(reference, candidate, example_rows(), renamed).data.sha256 == report.data.sha256
    relabelled = (dataclasses.replace(example_rows()[0], label="turn_off"), *example_rows()[1:])
    assert compare(reference, candidate, relabelled, UNTIMED).data.sha256 != report.data.sha256


def test_one_example_is_enough():
    report = compare(*example_sides(), example_rows()[:1], dataclasses.replace(UNTIMED, max_drop=0))
    assert report.passed
    assert report.reference.accuracy_interval.low < 0.3
    assert (report.reference.macro_f1, report.reference.classes[2].support) == (1, 0)


def side(labels, logits):
    return Predictor(name="broken", labels=labels, logits=lambda texts, *, batch_size: logits(len(texts)))


def test_different_labels_are_refused_with_their_names():
    reference, _ = example_sides()
    candidate = side(("turn_on", "turn_off", "timer"), lambda n: np.zeros((n, 3)))
    with pytest.raises(ComparisonError, match="only the reference has 'weather'; only the candidate has 'timer'"):
        compare(reference, candidate, example_rows(), UNTIMED)
    fewer = side(("turn_on", "turn_off"), lambda n: np.zeros((n, 2)))
    with pytest.raises(ComparisonError, match="only the reference has 'weather'; only the candidate has none"):
        compare(reference, fewer, example_rows(), UNTIMED)


def test_labels_that_share_a_name_are_refused():
    twins = side(("a", "b", "a"), lambda n: np.zeros((n, 3)))
    with pytest.raises(ComparisonError, match="gives the same name to several labels: 'a'"):
        compare(twins, twins, example_rows(), UNTIMED)


def test_a_single_label_is_a_regression():
    lone = side(("score",), lambda n: np.zeros((n, 1)))
    with pytest.raises(ComparisonError, match="single-label classification with two labels or more"):
        compare(lone, lone, example_rows(), UNTIMED)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_logits_that_are_not_finite_are_refused_with_the_example(value):
    def logits(count):
        answer = np.zeros((count, 3), dtype=np.float32)
        answer[5, 1] = value
        return answer

    with pytest.raises(ComparisonError, match="not finite for example 6"):
        compare(example_sides()[0], side(LABELS, logits), example_rows(), UNTIMED)


@pytest.mark.parametrize("shape", [(7, 3), (8, 2), (8,), (8, 3, 1)])
def test_logits_of_another_shape_are_refused(shape):
    with pytest.raises(ComparisonError, match="for 8 texts and 3 labels"):
        compare(example_sides()[0], side(LABELS, lambda _: np.zeros(shape)), example_rows(), UNTIMED)


def test_no_example_is_refused():
    with pytest.raises(ComparisonError, match="no example"):
        compare(*example_sides(), [], UNTIMED)


def test_a_label_that_no_side_has_is_refused():
    examples = (*example_rows(), Example(text="开灯", label="play_music"))
    with pytest.raises(ComparisonError, match="labels that checkpoint does not know: 'play_music'"):
        compare(*example_sides(), examples, UNTIMED)


def test_an_unknown_task_is_refused():
    with pytest.raises(UnknownNameError, match="unknown task 'ranking'"):
        compare(*example_sides(), example_rows(), dataclasses.replace(UNTIMED, task="ranking"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batch_size", 0),
        ("reference_batch_size", -1),
        ("resamples", 0),
        ("timing_rounds", 0),
        ("seed", -1),
        ("timed_texts", -1),
        ("listed", -2),
        ("confidence", 1.0),
        ("confidence", float("nan")),
        ("max_drop", -1),
        ("max_drop", float("nan")),
    ],
)
def test_settings_out_of_range_are_refused(name, value):
    with pytest.raises(ComparisonError, match=name if name != "max_drop" else "drop"):
        CompareOptions(**{name: value})
