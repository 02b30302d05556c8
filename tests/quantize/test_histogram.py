"""The streaming histogram: exact counts whatever the order, the batches and the spread of the values."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from roformer_edge.errors import CalibrationError
from roformer_edge.quantize.histogram import SIDE, Histogram

floats = st.floats(width=32, allow_nan=False, allow_infinity=False)
batches = st.lists(hnp.arrays(np.float32, st.integers(0, 30), elements=floats), min_size=1, max_size=6)


def histogram_of(*arrays: np.ndarray) -> Histogram:
    histogram = Histogram("x")
    for values in arrays:
        histogram.add(values)
    return histogram


def assert_equal(one: Histogram, other: Histogram) -> None:
    assert one.extent == other.extent
    assert one.width == other.width
    assert one.total == other.total
    if one.total:
        for mine, theirs in zip(one.occupied(), other.occupied(), strict=True):
            assert np.array_equal(mine, theirs)


@settings(deadline=None)
@given(batches, st.randoms(use_true_random=False))
def test_order_and_batches_do_not_matter(parts, random):
    once = histogram_of(np.concatenate(parts))
    assert_equal(histogram_of(*parts), once)
    random.shuffle(parts)
    assert_equal(histogram_of(*parts), once)


@settings(deadline=None)
@given(
    hnp.arrays(np.float32, st.integers(1, 200), elements=st.floats(-(2.0**100), 2.0**100, width=32)),
    st.integers(2, 600),
)
def test_counts_are_those_of_the_edges(values, most):
    histogram = histogram_of(values)
    for counts, edges in (histogram.occupied(), histogram.occupied(most)):
        assert counts.sum() == values.size
        assert counts[0] > 0
        assert counts[-1] > 0
        # np.histogram closes its last bin, ours is open: one more edge takes that away
        expected, _ = np.histogram(values, np.append(edges, np.inf))
        assert expected.tolist() == [*counts.tolist(), 0]
    assert len(counts) <= most
    assert histogram.extent == (values.min(), values.max())


def test_resolution_is_fine_whatever_the_range():
    for reach in (1e-30, 1.0, 4095.9, 4096.0, 1e30):
        counts, edges = histogram_of(np.linspace(-reach, reach, 1_000_001)).occupied()
        assert SIDE <= len(counts) <= 2 * SIDE
        assert np.allclose(np.diff(edges), edges[1] - edges[0])


def test_memory_does_not_grow_with_the_values():
    histogram = Histogram("x")
    rng = np.random.default_rng(0)
    histogram.add(rng.standard_normal(1000))
    tracemalloc.start()
    for size in np.logspace(0, 30, 40):
        histogram.add((rng.standard_normal(20_000) * size).astype(np.float32))
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 300_000
    assert histogram.total == 801_000


def test_early_values_survive_a_millionfold_growth():
    rng = np.random.default_rng(0)
    small = rng.standard_normal(1000)
    histogram = histogram_of(small, rng.standard_normal(10) * 1e6, np.array([1e12]))
    counts, edges = histogram.occupied()
    assert counts.sum() == 1011
    assert counts[np.searchsorted(edges, -1e-9) - 1] + counts[np.searchsorted(edges, 1e-9) - 1] >= 1000


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e39])
def test_what_is_not_finite_is_refused_and_not_counted(bad):
    histogram = histogram_of(np.ones(5))
    values = np.zeros((4, 5))
    values[2, 3] = bad
    with pytest.raises(CalibrationError, match=r"of 20 values of 'x' are NaN or infinite"):
        histogram.add(values)
    assert histogram.total == 5
    assert histogram.extent == (1, 1)


def test_an_empty_histogram_says_so():
    histogram = histogram_of(np.zeros((0, 4)))
    with pytest.raises(CalibrationError, match="no value of 'x'"):
        histogram.occupied()
