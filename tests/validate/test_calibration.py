"""Calibration: bins and the expected error, by hand, and on both sides of each task that gives probabilities."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from roformer_edge.validate.calibration import BINS, reliability
from roformer_edge.validate.data.examples import Example
from roformer_edge.validate.runner import compare
from roformer_edge.validate.tasks import MEASURES, measure_of
from roformer_edge.validate.tasks.question_answering import FoundAnswer
from tests.validate.tables import UNTIMED, example_rows, example_sides


def test_the_expected_error_by_hand():
    # 0.95 and 0.97 share a bin, (14/15, 1]; 0.5 stands alone in (7/15, 8/15]
    found = reliability(np.array([0.95, 0.97, 0.5, 0.5]), np.array([True, False, True, True]))
    assert [(row.count, row.accuracy) for row in found.bins] == [(2, 1.0), (2, 0.5)]
    assert found.ece == pytest.approx((2 * abs(0.5 - 0.96) + 2 * abs(1 - 0.5)) / 4)
    assert (found.answers, found.accuracy, found.confidence) == (4, 0.75, pytest.approx(0.73))


@pytest.mark.parametrize(("confidence", "number"), [(0.0, 0), (1 / 15, 0), (0.0667, 1), (1.0, BINS - 1)])
def test_the_ends_of_a_bin(confidence, number):
    (row,) = reliability(np.array([confidence]), np.array([True])).bins
    assert row.low == pytest.approx(number / BINS)
    assert row.high == pytest.approx((number + 1) / BINS)


def test_against_the_definition_on_random_answers():
    random = np.random.default_rng(3)
    confidence = random.random(5000)
    right = random.random(5000) < confidence**2
    edges = np.linspace(0, 1, BINS + 1)
    expected = sum(
        inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
        for low, high in pairwise(edges)
        if (inside := (confidence > low) & (confidence <= high)).any()
    )
    assert reliability(confidence, right).ece == pytest.approx(float(expected))
    sure = reliability(np.full(10, 0.7), np.array([True] * 7 + [False] * 3))
    assert sure.ece == pytest.approx(0)


def test_a_comparison_holds_both_sides():
    report = compare(*example_sides(), example_rows(), UNTIMED)
    assert report.calibration is not None
    for side, figure in ((report.calibration.reference, "reference"), (report.calibration.candidate, "candidate")):
        assert side.answers == 8
        assert side.accuracy == getattr(report.figure("accuracy"), figure)
        assert side.bins[-1].confidence > side.bins[-1].low
    logits = np.array([(4.0, 0.0, -1.0)])
    measure = measure_of("text-classification", ("a", "b", "c"))
    confidence, right = measure.confidences([Example(inputs={"text": ""}, gold="a")], logits)
    assert confidence[0] == pytest.approx(np.exp(4) / (np.exp(4) + 1 + np.exp(-1)))
    assert right[0]


def test_what_an_answer_and_its_probability_are_is_the_tasks_own():
    several = MEASURES["text-classification/multi-label"](("a", "b"))
    confidence, right = several.confidences([Example(inputs={"text": ""}, gold=("a",))], np.array([[2.0, 1.0]]))
    assert confidence == pytest.approx([1 / (1 + np.exp(-2)), 1 / (1 + np.exp(-1))])
    assert right.tolist() == [True, False]
    question = Example(inputs={"question": "谁", "context": "李白来了"}, gold=(("李白", 0),))
    found = [FoundAnswer("李白", 0, 2, 0.75)], [FoundAnswer("李白来", 0, 3, 0.5)]
    answered = [MEASURES["question-answering"]().confidences([question], answers) for answers in found]
    assert [(float(c[0]), bool(r[0])) for c, r in answered] == [(0.75, True), (0.5, False)]
    choice = Example(inputs={"context": "", "choices": ["x", "y"]}, gold=1)
    confidence, right = MEASURES["multiple-choice"]().confidences([choice], [np.array([0.25, 0.75])])
    assert (confidence.tolist(), right.tolist()) == ([0.75], [True])
    assert {name for name, measure in MEASURES.items() if measure.calibrated} == {
        "text-classification",
        "text-classification/multi-label",
        "question-answering",
        "multiple-choice",
    }
