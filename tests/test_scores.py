"""Logits become scores: right, and without overflow."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from roformer_edge.scores import identity, largest, log_softmax, sigmoid, softmax

NUMBERS = arrays.arrays(np.float64, st.integers(1, 12), elements=st.floats(-1e4, 1e4))


@settings(deadline=None)
@given(NUMBERS)
def test_probabilities_sum_to_one_and_keep_the_order(logits: np.ndarray) -> None:
    found = softmax(logits)
    assert found.sum() == pytest.approx(1)
    assert ((found >= 0) & (found <= 1)).all()
    assert found.argmax() in np.flatnonzero(found == found[logits.argmax()])
    np.testing.assert_allclose(softmax(logits + 100), found, atol=1e-9)


@settings(deadline=None)
@given(arrays.arrays(np.float64, (2, 5), elements=st.floats(-1e4, 1e4)))
def test_the_logarithm_of_a_softmax(logits: np.ndarray) -> None:
    np.testing.assert_allclose(np.exp(log_softmax(logits)), softmax(logits), atol=1e-12)
    assert np.isfinite(log_softmax(logits)).all()


def test_softmax_is_over_the_last_axis() -> None:
    logits = np.log([[[1.0, 3.0], [2.0, 2.0]]])
    np.testing.assert_allclose(softmax(logits), [[[0.25, 0.75], [0.5, 0.5]]])


@settings(deadline=None)
@given(NUMBERS)
def test_each_value_is_a_probability_of_its_own(logits: np.ndarray) -> None:
    found = sigmoid(logits)
    assert ((found >= 0) & (found <= 1)).all()
    np.testing.assert_allclose(found + sigmoid(-logits), 1)
    np.testing.assert_allclose(sigmoid(np.log([1.0, 3.0])), [0.5, 0.75])
    np.testing.assert_array_equal(identity(logits), logits)


@settings(deadline=None)
@given(
    arrays.arrays(np.float64, st.integers(1, 12), elements=st.sampled_from([0.0, 1.0, 2.5, -1.0])), st.integers(1, 15)
)
def test_the_largest_come_first_and_of_equal_ones_the_first(values: np.ndarray, count: int) -> None:
    wanted = sorted(range(len(values)), key=lambda index: (-values[index], index))[:count]
    assert largest(values, count).tolist() == wanted
