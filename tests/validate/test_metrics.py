"""Metrics of weighted rows: weights count as repeated rows do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roformer_edge.validate.metrics import (
    Metric,
    Ratio,
    mean_of_occurring,
    pearson,
    ratio,
    spearman,
    sum_by_class,
    weighted_ranks,
)

PAIRS = st.lists(st.tuples(st.integers(-4, 4), st.integers(-4, 4), st.integers(0, 4)), min_size=1, max_size=12)


def repeated(case):
    """Columns, weights ``[1, rows]``, and the columns with every row repeated as often as it counts."""
    x, y, weights = (np.array(column, dtype=np.float64) for column in zip(*case, strict=True))
    counts = weights.astype(np.int64)
    return x, y, counts[None], np.repeat(x, counts), np.repeat(y, counts)


@given(PAIRS)
def test_a_weight_counts_as_a_repeated_row_does(case):
    x, y, weights, many_x, many_y = repeated(case)
    rows = np.stack([x, y], axis=1)
    mean = Ratio(name="mean", numerator=lambda rows: rows[:, 0] * rows[:, 1])
    if len(many_x) == 0:
        assert mean.value(rows, weights)[0] == 0
        return
    assert mean.value(rows, weights)[0] == pytest.approx((many_x * many_y).mean())
    ones = np.ones((1, len(many_x)), dtype=np.int64)
    assert pearson(x, y, weights)[0] == pytest.approx(pearson(many_x, many_y, ones)[0])
    assert spearman(x, y, weights)[0] == pytest.approx(spearman(many_x, many_y, ones)[0])
    assert np.repeat(weighted_ranks(x, weights)[0], weights[0]) == pytest.approx(ranks_by_hand(many_x))


def ranks_by_hand(values):
    """The mean place of all equal values, from 1."""
    ordered = sorted(values)
    return [np.mean([place for place, other in enumerate(ordered, 1) if other == value]) for value in values]


def test_correlations_by_hand():
    x, y = np.array([1.0, 2, 3, 4]), np.array([1.0, 4, 9, 0])
    ones = np.ones((1, 4), dtype=np.int64)
    assert pearson(x, y, ones)[0] == pytest.approx(np.corrcoef(x, y)[0, 1])
    # ranks 1 2 3 4 and 2 3 4 1: 1 - 6 * (1 + 1 + 1 + 9) / (4 * 15)
    assert spearman(x, y, ones)[0] == pytest.approx(-0.2)
    assert pearson(x, np.full(4, 7.0), ones)[0] == 0
    assert spearman(x, -x, ones)[0] == pytest.approx(-1)


def test_a_ratio_without_a_denominator_is_zero():
    assert ratio(np.array([3, 0]), np.array([0, 0])).tolist() == [0.0, 0.0]
    assert mean_of_occurring(np.array([[1.0, 5.0]]), np.array([[False, False]])).tolist() == [0.0]
    assert mean_of_occurring(np.array([[1.0, 5.0]]), np.array([[True, False]])).tolist() == [1.0]


def test_sums_by_class():
    weights = np.array([[1, 2, 3], [4, 5, 6]])
    assert sum_by_class(weights, np.array([2, 0, 2]), 4).tolist() == [[2, 0, 4, 0], [5, 0, 10, 0]]


def test_drops_of_unequal_denominators_are_differences():
    share = Ratio(name="share", numerator=lambda rows: rows[:, 0], denominator=lambda rows: rows[:, 1])
    ours, theirs, weights = np.array([[1, 2]]), np.array([[1, 4]]), np.ones((1, 1), dtype=np.int64)
    first, second, drop = share.both(ours, theirs, weights)
    assert (first[0], second[0], drop[0]) == (0.5, 0.25, 25.0)
    assert share.scale == 100
    assert Metric(name="error", unit="number").scale == 1
