"""Intervals and tests: by hand, by property, against exact fractions and direct resampling."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roformer_edge.validate import statistics
from roformer_edge.validate.metrics import Metric, Ratio
from roformer_edge.validate.statistics import (
    count_pairs,
    count_rows,
    estimate,
    mcnemar_mid_p,
    paired_bootstrap,
    wilson_interval,
)
from roformer_edge.validate.tasks.text_classification import SingleLabelMeasure

RIGHT = Ratio(name="accuracy", numerator=lambda rows: rows[:, 0], right_answers=True)


@st.composite
def answers(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Gold labels and two sides' answers."""
    classes = draw(st.integers(2, 6))
    rows = draw(st.lists(st.tuples(*[st.integers(0, classes - 1)] * 3), min_size=1, max_size=60))
    gold, ours, theirs = (np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))
    return gold, ours, theirs, classes


def counted_answers(gold, ours, theirs):
    return count_rows(np.stack([gold, ours], axis=1), np.stack([gold, theirs], axis=1))


def metrics_of(classes):
    return SingleLabelMeasure([str(index) for index in range(classes)]).metrics


@given(answers())
def test_counted_rows_hold_everything(case):
    gold, ours, theirs, classes = case
    counted = counted_answers(gold, ours, theirs)
    assert counted.examples == len(gold)
    again = np.repeat(np.concatenate([counted.reference, counted.candidate], axis=1), counted.count, axis=0)
    wanted = np.stack([gold, ours, gold, theirs], axis=1)
    assert sorted(map(tuple, again.tolist())) == sorted(map(tuple, wanted.tolist()))
    pairs = count_pairs(counted, metrics_of(classes)[0])
    assert pairs.only_reference == np.sum((ours == gold) & (theirs != gold))
    assert pairs.only_candidate == np.sum((ours != gold) & (theirs == gold))
    assert pairs.both == np.sum((ours == gold) & (theirs == gold))
    assert pairs.neither == np.sum((ours != gold) & (theirs != gold))


@given(answers())
def test_drop_is_the_difference_of_accuracies_rounded_once(case):
    gold, ours, theirs, classes = case
    found = estimate(counted_answers(gold, ours, theirs), metrics_of(classes)[0])
    exact = Fraction(100 * (int(np.sum(ours == gold)) - int(np.sum(theirs == gold))), len(gold))
    assert found.drop == float(exact)
    assert found.reference == float(Fraction(int(np.sum(ours == gold)), len(gold)))


def test_a_drop_of_three_in_a_thousand_is_the_number_that_people_write():
    ours = np.ones((1000, 1), dtype=np.int64)
    theirs = ours.copy()
    theirs[:3] = 0
    assert estimate(count_rows(ours, theirs), RIGHT).drop == 0.3
    # the difference of the two accuracies is not
    assert 100 * (1.0 - 0.997) != 0.3


def test_a_positive_drop_is_a_loss_whichever_direction_is_better():
    rows = np.array([[1.0], [3.0]]), np.array([[2.0], [4.0]])
    mean = {"numerator": lambda rows: rows[:, 0], "unit": "number"}
    gain, loss = Ratio(name="gain", **mean), Ratio(name="loss", higher_is_better=False, **mean)
    counted = count_rows(*rows)
    assert estimate(counted, gain).drop == -1
    assert estimate(counted, loss).drop == 1
    swapped = count_rows(*reversed(rows))
    assert estimate(swapped, gain).drop == 1
    assert estimate(swapped, loss).drop == -1
    assert paired_bootstrap(counted, [gain, loss], resamples=50, confidence=0.9, seed=0)[1].drop == (1, 1)


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
    accuracy, macro_f1 = paired_bootstrap(
        counted_answers(gold, ours, theirs), metrics_of(5), resamples=8000, confidence=0.9, seed=0
    )
    drops, scores = resampled(gold, ours, theirs, 5, 8000, seed=1)
    # two independent draws of 8,000: their percentiles differ by a few hundredths of a standard deviation
    assert accuracy.drop == pytest.approx(np.percentile(drops, [5, 95]), abs=0.15 * drops.std())
    assert macro_f1.candidate == pytest.approx(np.percentile(scores, [5, 95]), abs=0.15 * scores.std())


def test_bootstrap_covers_the_true_drop():
    """About 190 of 200 intervals at 95 %, each on a simulated data set, must hold the true drop."""
    random, held = np.random.default_rng(11), 0
    for seed in range(200):
        fate = random.choice(4, size=300, p=[0.85, 0.06, 0.03, 0.06])  # both right, lost, won, both wrong
        ours, theirs = np.isin(fate, (0, 1))[:, None].astype(int), np.isin(fate, (0, 2))[:, None].astype(int)
        (found,) = paired_bootstrap(count_rows(ours, theirs), [RIGHT], resamples=500, confidence=0.95, seed=seed)
        held += found.drop[0] <= 3.0 <= found.drop[1]
    assert 180 <= held <= 199


@given(answers(), st.integers(0, 5))
@settings(max_examples=30)
def test_bootstrap_is_paired_ordered_and_repeatable(case, seed):
    gold, ours, theirs, classes = case
    settings_ = {"resamples": 200, "confidence": 0.95, "seed": seed}
    counted = counted_answers(gold, ours, theirs)
    first = paired_bootstrap(counted, metrics_of(classes), **settings_)
    assert first == paired_bootstrap(counted, metrics_of(classes), **settings_)
    for low, high in (first[1].reference, first[1].candidate):
        assert 0 <= low <= high <= 1
    # one side against itself: drawn together, they cannot differ
    for spread in paired_bootstrap(counted_answers(gold, ours, ours), metrics_of(classes), **settings_):
        assert spread.drop == (0, 0)


def test_bootstrap_in_pieces_is_the_bootstrap(monkeypatch):
    random = np.random.default_rng(0)
    gold, ours, theirs = (random.integers(0, 30, 500) for _ in range(3))
    counted, settings_ = counted_answers(gold, ours, theirs), {"resamples": 300, "confidence": 0.95, "seed": 4}
    whole = paired_bootstrap(counted, metrics_of(30), **settings_)
    monkeypatch.setattr(statistics, "_CHUNK_CELLS", 20_000)
    assert paired_bootstrap(counted, metrics_of(30), **settings_) == whole


def test_examples_with_rows_of_their_own_are_drawn_one_by_one(monkeypatch):
    random = np.random.default_rng(8)
    ours = random.normal(size=(300, 1))
    counted = count_rows(ours, ours - random.normal(0.1, 0.2, (300, 1)))
    mean = Ratio(name="mean", numerator=lambda rows: rows[:, 0], unit="number")
    spreads = []
    for few in (0, 2000):  # by examples, and by counts
        monkeypatch.setattr(statistics, "_FEW_ROWS", few)
        spreads += paired_bootstrap(counted, [mean], resamples=4000, confidence=0.9, seed=1)
        weights = statistics._resample(np.random.default_rng(0), counted.count, 50)
        assert weights.shape == (50, 300)
        assert set(weights.sum(axis=1)) == {300}
    assert spreads[0] != spreads[1]
    for name in ("reference", "candidate", "drop"):
        wanted = getattr(spreads[1], name)
        assert getattr(spreads[0], name) == pytest.approx(wanted, abs=0.1 * (wanted[1] - wanted[0]))


def test_repeated_rows_are_drawn_as_often_as_they_occur(monkeypatch):
    monkeypatch.setattr(statistics, "_FEW_ROWS", 0)
    count = np.array([1, 1, 2])
    weights = statistics._resample(np.random.default_rng(0), count, 20_000)
    assert weights.mean(axis=0) == pytest.approx(count, abs=0.05)


def test_a_metric_that_is_no_sum_is_resampled_too():
    largest = Metric(
        name="largest", unit="number", formula=lambda rows, weights: np.where(weights > 0, rows.T, 0).max(1)
    )
    rows = np.arange(20.0)[:, None]
    (found,) = paired_bootstrap(count_rows(rows, rows - 1), [largest], resamples=500, confidence=0.9, seed=0)
    assert found.drop == (1, 1)
    assert found.reference[0] < found.reference[1] == 19


def test_wilson_interval_against_the_published_example():
    # Newcombe (1998), table I: 81 of 263 and 15 of 148 and 0 of 20, method 3
    assert wilson_interval(81, 263, 0.95) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(15, 148, 0.95) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson_interval(0, 20, 0.95) == pytest.approx((0.0, 0.1611), abs=5e-5)


@given(st.integers(1, 10_000), st.data())
def test_wilson_interval_holds_the_share_and_mirrors(total, data):
    right = data.draw(st.integers(0, total))
    low, high = wilson_interval(right, total, 0.95)
    assert 0 <= low <= right / total <= high <= 1
    mirrored = wilson_interval(total - right, total, 0.95)
    assert (1 - mirrored[1], 1 - mirrored[0]) == pytest.approx((low, high))


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_mid_p_against_exact_fractions(lost, won):
    total, fewer = lost + won, min(lost, won)
    weights = [Fraction(math.comb(total, k), 2**total) for k in range(fewer + 1)]
    exact = min(Fraction(1), 2 * sum(weights) - weights[-1])
    assert mcnemar_mid_p(lost, won) == pytest.approx(float(exact), rel=1e-9)
    assert mcnemar_mid_p(won, lost) == mcnemar_mid_p(lost, won)


def test_mcnemar_mid_p_of_large_counts():
    assert mcnemar_mid_p(50_000, 50_000) == pytest.approx(1.0, abs=1e-9)
    assert 0 <= mcnemar_mid_p(60_000, 50_000) < 1e-100
