"""Where two arrays of outputs differ."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from roformer_edge.validate.differences import (
    EXTREMES,
    SAMPLE,
    difference_histogram,
    distance,
    output_sample,
    row_cosines,
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
    sample = output_sample(ours, theirs, seed=1)
    assert len(sample) == SAMPLE
    assert sum(abs(b - a) > 8 for a, b in sample) == EXTREMES
    assert sample == output_sample(ours, theirs, seed=1)
    assert sample != output_sample(ours, theirs, seed=2)


def test_few_logits_are_all_in_the_sample():
    ours = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert sorted(output_sample(ours, ours + 1, seed=0)) == [(float(x), float(x + 1)) for x in range(6)]


def test_distance_by_hand():
    ours = np.array([[1, 0], [0, 2], [0, 0]], dtype=np.float32)
    theirs = np.array([[1, 1], [0, -2], [0, 0]], dtype=np.float32)
    apart = distance(ours, theirs)
    assert apart.mean == pytest.approx(5 / 6)
    assert apart.worst == 4
    assert apart.spread == pytest.approx(math.sqrt(5 / 6 - 1 / 4))
    # 45 degrees, opposite, both zero
    assert apart.mean_cosine == pytest.approx((math.sqrt(0.5) - 1 + 1) / 3)
    assert apart.worst_cosine == -1


def test_cosine_with_one_zero_row_is_zero():
    assert row_cosines(np.zeros((1, 3)), np.ones((1, 3))).tolist() == [0.0]
