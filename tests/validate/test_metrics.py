"""Figures of merit: by hand, by property, and against scikit-learn and direct resampling."""

from __future__ import annotations

import json
import math
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roformer_edge.validate import metrics

ORACLE = Path(__file__).with_name("sklearn_oracle.py")


def indices(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


@st.composite
def answers(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Gold labels and two sides' answers."""
    classes = draw(st.integers(2, 6))
    rows = draw(st.lists(st.tuples(*[st.integers(0, classes - 1)] * 3), min_size=1, max_size=60))
    gold, ours, theirs = (np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))
    return gold, ours, theirs, classes


def test_scores_by_hand():
    gold, predicted = indices(0, 0, 0, 1, 1, 2), indices(0, 0, 1, 1, 2, 1)
    confusion = metrics.confusion_matrix(gold, predicted, 4)
    assert confusion.tolist() == [[2, 1, 0, 0], [0, 1, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0]]
    scores = metrics.class_scores(confusion)
    assert scores.support.tolist() == [3, 2, 1, 0]
    assert scores.precision.tolist() == pytest.approx([1, 1 / 3, 0, 0])
    assert scores.recall.tolist() == pytest.approx([2 / 3, 1 / 2, 0, 0])
    assert scores.f1.tolist() == pytest.approx([4 / 5, 2 / 5, 0, 0])
    assert metrics.accuracy(confusion) == 0.5
    # the fourth class occurs nowhere and does not count
    assert metrics.macro_f1(confusion) == pytest.approx((4 / 5 + 2 / 5 + 0) / 3)


@given(answers())
def test_outcomes_hold_everything(case):
    gold, ours, theirs, classes = case
    outcomes = metrics.count_outcomes(gold, ours, theirs, classes)
    assert outcomes.examples == len(gold)
    for answer in ("reference", "candidate"):
        direct = metrics.confusion_matrix(gold, ours if answer == "reference" else theirs, classes)
        counted = metrics.confusion_matrix(outcomes.gold, outcomes.answers(answer), classes, outcomes.count)
        assert np.array_equal(direct, counted)
    lost, won = metrics.discordant(outcomes)
    assert lost == np.sum((ours == gold) & (theirs != gold))
    assert won == np.sum((ours != gold) & (theirs == gold))


@given(answers())
def test_drop_is_the_difference_of_accuracies_rounded_once(case):
    gold, ours, theirs, classes = case
    drop = metrics.drop_in_points(metrics.count_outcomes(gold, ours, theirs, classes))
    exact = Fraction(100 * (int(np.sum(ours == gold)) - int(np.sum(theirs == gold))), len(gold))
    assert drop == float(exact)


def test_a_drop_of_three_in_a_thousand_is_the_number_that_people_write():
    gold = np.zeros(1000, dtype=np.int64)
    theirs = gold.copy()
    theirs[:3] = 1
    assert metrics.drop_in_points(metrics.count_outcomes(gold, gold, theirs, 2)) == 0.3
    # the difference of the two accuracies is not
    assert 100 * (1.0 - 0.997) != 0.3


@pytest.mark.oracle
def test_scores_equal_scikit_learn(oracle_python):
    random = np.random.default_rng(5)
    cases = []
    for classes, examples in ((2, 1), (2, 50), (5, 3), (25, 300), (7, 1000)):
        gold = random.integers(0, classes, examples)
        predicted = np.where(random.random(examples) < 0.7, gold, random.integers(0, classes, examples))
        cases.append({"gold": gold.tolist(), "predicted": predicted.tolist(), "classes": classes})
    done = subprocess.run([oracle_python, ORACLE], input=json.dumps(cases), capture_output=True, text=True, check=True)
    for case, expected in zip(cases, json.loads(done.stdout), strict=True):
        confusion = metrics.confusion_matrix(indices(*case["gold"]), indices(*case["predicted"]), case["classes"])
        scores = metrics.class_scores(confusion)
        assert confusion.tolist() == expected["confusion"]
        assert metrics.accuracy(confusion) == pytest.approx(expected["accuracy"], abs=1e-12)
        assert metrics.macro_f1(confusion) == pytest.approx(expected["macro_f1"], abs=1e-12)
        for name in ("precision", "recall", "f1", "support"):
            assert getattr(scores, name).tolist() == pytest.approx(expected[name], abs=1e-12)


def resampled(gold, ours, theirs, classes, resamples, seed):
    """The textbook bootstrap: draw indices, recount everything; slow, and shares nothing with the package."""
    random = np.random.default_rng(seed)
    drops, scores = [], []
    for _ in range(resamples):
        chosen = random.integers(0, len(gold), len(gold))
        g, a, b = gold[chosen], ours[chosen], theirs[chosen]
        drops.append(100 * (np.mean(a == g) - np.mean(b == g)))
        per_class = []
        for k in range(classes):
            seen = np.sum(g == k) + np.sum(b == k)
            if seen:
                per_class.append(2 * np.sum((g == k) & (b == k)) / seen)
        scores.append(np.mean(per_class))
    return np.array(drops), np.array(scores)


def test_bootstrap_agrees_with_drawing_indices():
    random = np.random.default_rng(3)
    gold = random.integers(0, 5, 400)
    ours = np.where(random.random(400) < 0.9, gold, random.integers(0, 5, 400))
    theirs = np.where(random.random(400) < 0.9, ours, random.integers(0, 5, 400))
    outcomes = metrics.count_outcomes(gold, ours, theirs, 5)
    found = metrics.paired_bootstrap(outcomes, resamples=8000, confidence=0.9, seed=0)
    drops, scores = resampled(gold, ours, theirs, 5, 8000, seed=1)
    # two independent draws of 8,000: their percentiles differ by a few hundredths of a standard deviation
    assert found.drop == pytest.approx(np.percentile(drops, [5, 95]), abs=0.15 * drops.std())
    assert found.candidate_macro_f1 == pytest.approx(np.percentile(scores, [5, 95]), abs=0.15 * scores.std())


def test_bootstrap_covers_the_true_drop():
    """Of 95 % intervals on 200 simulated data sets, about 190 must hold the true drop."""
    random, held = np.random.default_rng(11), 0
    for seed in range(200):
        gold = np.zeros(300, dtype=np.int64)
        fate = random.choice(4, size=300, p=[0.85, 0.06, 0.03, 0.06])  # both right, lost, won, both wrong
        ours, theirs = np.isin(fate, (2, 3)).astype(np.int64), np.isin(fate, (1, 3)).astype(np.int64)
        outcomes = metrics.count_outcomes(gold, ours, theirs, 2)
        low, high = metrics.paired_bootstrap(outcomes, resamples=500, confidence=0.95, seed=seed).drop
        held += low <= 3.0 <= high
    assert 180 <= held <= 199


@given(answers(), st.integers(0, 5))
@settings(max_examples=30)
def test_bootstrap_is_paired_ordered_and_repeatable(case, seed):
    gold, ours, theirs, classes = case
    outcomes = metrics.count_outcomes(gold, ours, theirs, classes)
    first = metrics.paired_bootstrap(outcomes, resamples=200, confidence=0.95, seed=seed)
    assert first == metrics.paired_bootstrap(outcomes, resamples=200, confidence=0.95, seed=seed)
    for low, high in (first.reference_macro_f1, first.candidate_macro_f1):
        assert 0 <= low <= high <= 1
    same = metrics.count_outcomes(gold, ours, ours, classes)
    paired = metrics.paired_bootstrap(same, resamples=200, confidence=0.95, seed=seed)
    # one side against itself: drawn together, they cannot differ
    assert paired.drop == (0, 0)
    assert paired.macro_f1_drop == (0, 0)


def test_bootstrap_in_pieces_is_the_bootstrap(monkeypatch):
    random = np.random.default_rng(0)
    gold, ours, theirs = (random.integers(0, 30, 500) for _ in range(3))
    outcomes = metrics.count_outcomes(gold, ours, theirs, 30)
    whole = metrics.paired_bootstrap(outcomes, resamples=300, confidence=0.95, seed=4)
    monkeypatch.setattr(metrics, "_CHUNK_CELLS", 20_000)
    assert metrics.paired_bootstrap(outcomes, resamples=300, confidence=0.95, seed=4) == whole


def test_wilson_interval_against_the_published_example():
    # Newcombe (1998), table I: 81 of 263 and 15 of 148 and 0 of 20, method 3
    assert metrics.wilson_interval(81, 263, 0.95) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert metrics.wilson_interval(15, 148, 0.95) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert metrics.wilson_interval(0, 20, 0.95) == pytest.approx((0.0, 0.1611), abs=5e-5)


@given(st.integers(1, 10_000), st.data())
def test_wilson_interval_holds_the_share_and_mirrors(total, data):
    right = data.draw(st.integers(0, total))
    low, high = metrics.wilson_interval(right, total, 0.95)
    assert 0 <= low <= right / total <= high <= 1
    mirrored = metrics.wilson_interval(total - right, total, 0.95)
    assert (1 - mirrored[1], 1 - mirrored[0]) == pytest.approx((low, high))


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_mid_p_against_exact_fractions(lost, won):
    total, fewer = lost + won, min(lost, won)
    weights = [Fraction(math.comb(total, k), 2**total) for k in range(fewer + 1)]
    exact = min(Fraction(1), 2 * sum(weights) - weights[-1])
    assert metrics.mcnemar_mid_p(lost, won) == pytest.approx(float(exact), rel=1e-9)
    assert metrics.mcnemar_mid_p(won, lost) == metrics.mcnemar_mid_p(lost, won)


def test_mcnemar_mid_p_of_large_counts():
    assert metrics.mcnemar_mid_p(50_000, 50_000) == pytest.approx(1.0, abs=1e-9)
    assert 0 <= metrics.mcnemar_mid_p(60_000, 50_000) < 1e-100


def test_logit_distance_by_hand():
    ours = np.array([[1, 0], [0, 2], [0, 0]], dtype=np.float32)
    theirs = np.array([[1, 1], [0, -2], [0, 0]], dtype=np.float32)
    distance = metrics.logit_distance(ours, theirs)
    assert distance.mean == pytest.approx(5 / 6)
    assert distance.worst == 4
    assert distance.spread == pytest.approx(math.sqrt(5 / 6 - 1 / 4))
    # 45 degrees, opposite, both zero
    assert distance.mean_cosine == pytest.approx((math.sqrt(0.5) - 1 + 1) / 3)
    assert distance.worst_cosine == -1


def test_cosine_with_one_zero_row_is_zero():
    assert metrics.row_cosines(np.zeros((1, 3)), np.ones((1, 3))).tolist() == [0.0]


@given(st.lists(st.floats(-(2.0**127), 2.0**127, width=32), min_size=2, max_size=9))
def test_softmax_sums_to_one_and_keeps_the_order(row):
    probabilities = metrics.softmax(np.array([row], dtype=np.float32))[0]
    assert probabilities.sum() == pytest.approx(1)
    assert probabilities[int(np.argmax(row))] == probabilities.max()
