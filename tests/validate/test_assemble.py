"""From what was measured to the report: every figure by hand, and none of the wrong side."""

from __future__ import annotations

import dataclasses

import pytest

from roformer_edge.validate.runner import compare
from tests.validate.tables import UNTIMED, example_rows, example_sides, table_predictor, text_example, without_time


def test_reference_and_candidate_are_not_confused():
    reference, candidate = example_sides()
    report = compare(reference, candidate, example_rows(), UNTIMED)
    swapped = compare(candidate, reference, example_rows(), UNTIMED)
    assert (report.reference.name, report.candidate.name) == ("checkpoint", "dist/intent")
    assert report.gated.drop == 12.5 == -swapped.gated.drop
    assert (report.gated.reference, report.gated.candidate) == (swapped.gated.candidate, swapped.gated.reference)
    assert (report.reference.batch_size, report.candidate.batch_size) == (16, 1)


def test_the_digest_follows_texts_and_label_names_only():
    reference, candidate = example_sides()
    report = compare(reference, candidate, example_rows(), UNTIMED)
    renamed = dataclasses.replace(UNTIMED, data_name="elsewhere.jsonl", seed=9)
    assert compare(reference, candidate, example_rows(), renamed).data.sha256 == report.data.sha256
    relabelled = (dataclasses.replace(example_rows()[0], gold="turn_off"), *example_rows()[1:])
    assert compare(reference, candidate, relabelled, UNTIMED).data.sha256 != report.data.sha256


def test_one_example_is_enough():
    report = compare(*example_sides(), example_rows()[:1], dataclasses.replace(UNTIMED, max_drop=0))
    assert report.passed
    assert report.gated.reference_interval.low < 0.3
    assert report.figure("macro-F1").reference == 1


def test_the_same_inputs_give_the_same_report():
    first, second = (compare(*example_sides(), example_rows(), UNTIMED) for _ in range(2))
    assert without_time(first) == without_time(second)
    other_seed = compare(*example_sides(), example_rows(), dataclasses.replace(UNTIMED, seed=1))
    assert other_seed.gated.drop == first.gated.drop
    assert other_seed.figure("macro-F1").drop_interval != first.figure("macro-F1").drop_interval


def test_every_figure_of_the_small_report_by_hand(small_report):
    accuracy, macro_f1 = small_report.figures
    assert (accuracy.name, macro_f1.name) == ("accuracy", "macro-F1")
    assert (accuracy.reference, accuracy.candidate, accuracy.drop) == (5 / 8, 4 / 8, 12.5)
    assert accuracy.change == -12.5
    # turn_on: 2 of 3 right, one answer too many; turn_off: 1 of 2, two too many; weather: 2 of 3
    detail = small_report.detail
    assert [row.f1 for row in detail.reference] == pytest.approx([2 / 3, 2 / 5, 4 / 5])
    assert [row.f1 for row in detail.candidate] == pytest.approx([4 / 5, 4 / 7, 0])
    assert [row.support for row in detail.candidate] == [3, 2, 3]
    assert detail.candidate[1].precision == pytest.approx(2 / 5)
    assert detail.candidate[1].recall == 1
    assert macro_f1.reference == pytest.approx((2 / 3 + 2 / 5 + 4 / 5) / 3)
    assert macro_f1.drop == pytest.approx(100 * (macro_f1.reference - macro_f1.candidate))
    assert small_report.figure("macro-F1") is macro_f1
    assert (small_report.agreement.equal, small_report.agreement.total, small_report.agreement.share) == (4, 8, 0.5)
    assert detail.distance.worst == 2.25
    assert small_report.changed_answers == 4
    pairs = accuracy.paired
    assert (pairs.both, pairs.only_reference, pairs.only_candidate, pairs.neither) == (3, 2, 1, 2)
    # one won, two lost: 2 P(at most 1 of 3) - P(1 of 3)
    assert pairs.p_value == pytest.approx(2 * 4 / 8 - 3 / 8)
    assert [(row.number, row.effect) for row in small_report.changes] == [
        (3, "broke"),
        (4, "broke"),
        (5, "fixed"),
        (6, "moved"),
        (1, "drifted"),
        (2, "drifted"),
    ]
    assert {row.effect: row.count for row in small_report.effects} == {"broke": 2, "fixed": 1, "moved": 1, "drifted": 2}
    assert small_report.reference.facts.bytes == 20_061_233


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("/home/somebody/dist/intent", "intent"),
        ("/home/somebody/checkpoint, as a float32 network", "checkpoint, as a float32 network"),
        ("dist/intent", "dist/intent"),
        ("data", "data"),
        ("/", "/"),
    ],
)
def test_a_report_does_not_say_where_on_a_machine_things_lie(given: str, shown: str) -> None:
    labels = ("a", "b")
    table = {"x": [1.0, 0.0], "y": [0.0, 1.0]}
    side = table_predictor(given, labels, table)
    examples = [text_example("x", "a"), text_example("y", "b")]
    report = compare(side, side, examples, dataclasses.replace(UNTIMED, data_name=given))
    assert (report.reference.name, report.candidate.name, report.data.name) == (shown, shown, shown)
