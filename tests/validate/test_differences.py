"""Where two logit arrays differ."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from roformer_edge.validate.datasets import Example
from roformer_edge.validate.differences import (
    EXTREMES,
    SAMPLE,
    changed_examples,
    difference_histogram,
    logit_sample,
)

LOGITS = st.integers(1, 30).flatmap(
    lambda rows: arrays.arrays(np.float32, (2, rows, 3), elements=st.floats(-100, 100, width=32))
)


@given(LOGITS)
def test_histogram_counts_every_logit_once_and_is_symmetric(pair):
    histogram = difference_histogram(pair[0], pair[1])
    assert sum(histogram.counts) == pair[0].size
    assert len(histogram.edges) == len(histogram.counts) + 1
    assert histogram.edges[0] == -histogram.edges[-1]
    assert histogram.edges[-1] == pytest.approx(np.abs(pair[1].astype(float) - pair[0]).max() or 1.0, rel=1e-5)


@given(LOGITS)
def test_equal_logits_fall_into_the_middle_bin(pair):
    counts = difference_histogram(pair[0], pair[0]).counts
    assert counts[len(counts) // 2] == pair[0].size


def test_a_sample_holds_the_extremes_and_is_repeatable():
    random = np.random.default_rng(0)
    ours = random.normal(size=(500, 7)).astype(np.float32)
    theirs = ours.copy()
    theirs[:EXTREMES, 3] += 9
    sample = logit_sample(ours, theirs, seed=1)
    assert len(sample) == SAMPLE
    assert sum(abs(b - a) > 8 for a, b in sample) == EXTREMES
    assert sample == logit_sample(ours, theirs, seed=1)
    assert sample != logit_sample(ours, theirs, seed=2)


def test_few_logits_are_all_in_the_sample():
    ours = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert sorted(logit_sample(ours, ours + 1, seed=0)) == [(float(x), float(x + 1)) for x in range(6)]


def changes(gold, ours, theirs, limit=10):
    examples = [Example(text=f"text {row}", label="abc"[label]) for row, label in enumerate(gold)]
    return changed_examples(examples, ("a", "b", "c"), np.float32(ours), np.float32(theirs), limit)


def test_effects_scores_and_order():
    found = changes(
        gold=[0, 0, 0, 1, 2, 0],
        ours=[[2, 0, 0], [5, 0, 0], [3, 0, 0], [1, 0, 0], [1, 0, 0], [1, 0, 0]],
        theirs=[[0, 1, 0], [0, 1, 0], [2, 0, 0], [0, 1, 0], [0, 1, 0], [1, 0, 0]],
    )
    assert [(change.number, change.effect) for change in found] == [
        (2, "broke"),  # the reference was surer here
        (1, "broke"),
        (4, "fixed"),
        (5, "moved"),
        (3, "drifted"),
        # the sixth did not move at all
    ]
    first = found[0]
    assert (first.text, first.gold) == ("text 1", "a")
    assert (first.reference.label, first.candidate.label) == ("a", "b")
    assert (first.margin, first.difference) == (5.0, 5.0)
    assert first.reference.score == pytest.approx(np.exp(5) / (np.exp(5) + 2))
    assert first.candidate.score == pytest.approx(np.e / (np.e + 2))


def test_an_endless_text_is_cut():
    examples = [Example(text="长" * 5000, label="a")]
    ours, theirs = np.float32([[1, 0]]), np.float32([[0, 1]])
    (change,) = changed_examples(examples, ("a", "b"), ours, theirs, 3)
    assert change.text == "长" * 999 + "…"


def test_each_effect_is_cut_on_its_own():
    found = changes(
        gold=[0] * 6,
        ours=[[1, 0, 0]] * 4 + [[0, 1, 0]] * 2,
        theirs=[[0, 1, 0]] * 4 + [[1, 0, 0]] * 2,
        limit=1,
    )
    assert [change.effect for change in found] == ["broke", "fixed"]
    assert [change.number for change in found] == [1, 5]


@given(LOGITS, st.integers(0, 5))
def test_effects_are_exclusive_and_margins_never_negative(pair, limit):
    found = changes([0] * len(pair[0]), pair[0], pair[1], limit)
    assert len({change.number for change in found}) == len(found)
    for change in found:
        assert change.margin >= 0
        assert (change.reference.label != change.candidate.label) == (change.effect != "drifted")
