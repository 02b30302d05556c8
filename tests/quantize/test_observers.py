"""Observers against oracles that see all values at once."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from roformer_edge.errors import CalibrationError, RecipeError, UnknownNameError
from roformer_edge.quantize.affine import Grid
from roformer_edge.quantize.observers import (
    MSE,
    OBSERVERS,
    MinMax,
    Percentile,
    get_observer,
    squared_error,
)

GRIDS = {
    "asymmetric uint8": Grid(),
    "symmetric int8": Grid(dtype="int8", symmetric=True),
    "asymmetric int8": Grid(dtype="int8"),
    "symmetric 4 bits": Grid(dtype="int8", symmetric=True, bits=4),
    "asymmetric 4 bits": Grid(bits=4),
}
floats = st.floats(width=32, allow_nan=False, allow_infinity=False)


def _gelu(x: np.ndarray) -> np.ndarray:
    return x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def _data() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(11)
    size = 10_000
    values = {
        "normal": rng.standard_normal(size),
        "laplace": rng.laplace(size=size),
        "student": rng.standard_t(3, size),
        "uniform": rng.uniform(-1, 3, size),
        "gelu": _gelu(1.5 * rng.standard_normal(size)),
        "one sided tail": np.append(rng.standard_normal(size), [-60.0, -45.0]),
        "skewed left": np.append(rng.uniform(-10, 0.5, size), [30.0]),
        "skewed right": np.append(rng.uniform(-0.5, 10, size), [-30.0]),
        "all negative": -rng.gamma(2.0, size=size) - 0.5,
        "tiny": 1e-20 * rng.standard_normal(size),
        "two values": rng.choice([0.0, 1.0], size),
        "growing": np.concatenate([rng.standard_normal(size), 1e6 * rng.standard_normal(100)]),
    }
    return {name: array.astype(np.float32) for name, array in values.items()}


DATA = _data()


@pytest.fixture(params=DATA, ids=str)
def values(request):
    return DATA[request.param]


@pytest.fixture(params=GRIDS, ids=str)
def grid(request):
    return GRIDS[request.param]


def mean_squared_error(values: np.ndarray, grid: Grid, bounds: tuple[float, float]) -> float:
    scale, zero_point = (float(value) for value in grid.parameters(*bounds))
    integers = np.clip(np.rint(values.astype(np.float64) / scale) + zero_point, *grid.levels)
    return float(np.mean(((integers - zero_point) * scale - values) ** 2))


# ---------------------------------------------------------------- what holds for all of them


@pytest.mark.parametrize("name", OBSERVERS)
@settings(deadline=None, max_examples=10)
@given(
    parts=st.lists(hnp.arrays(np.float32, st.integers(1, 40), elements=floats), min_size=1, max_size=4),
    kind=st.sampled_from(sorted(GRIDS)),
)
def test_the_answer_depends_on_the_values_alone(name, parts, kind):
    def seen(arrays):
        observer = OBSERVERS[name]("x", GRIDS[kind])
        for array in arrays:
            observer.update(array)
        return observer

    everything = np.concatenate(parts)
    bounds = seen([everything]).range()
    low, high = bounds
    assert everything.min() <= low <= high <= everything.max()
    assert seen(parts).range() == bounds
    assert seen(parts[::-1]).range() == bounds


@pytest.mark.parametrize("name", OBSERVERS)
@pytest.mark.parametrize("constant", [3.7, -2.0, 0.0, 1e-42, 3e38])
@pytest.mark.parametrize("count", [1, 1000])
def test_a_constant_is_represented(name, constant, count, grid):
    observer = OBSERVERS[name]("x", grid)
    observer.update(np.full(count, constant, np.float32))
    assert observer.range() == (np.float32(constant), np.float32(constant))


@pytest.mark.parametrize("name", OBSERVERS)
def test_nothing_seen_and_nothing_finite_are_errors(name):
    observer = get_observer(name)("layer.0.qkv", Grid())
    observer.update(np.zeros((0, 8), np.float32))
    with pytest.raises(CalibrationError, match=r"no value of 'layer\.0\.qkv'"):
        observer.range()
    observer.update(np.float32([1, 2]))
    for bad in (np.nan, np.inf, -np.inf):
        with pytest.raises(CalibrationError, match=r"'layer\.0\.qkv' are NaN or infinite"):
            observer.update(np.float32([1, bad, -5]))
    assert observer.range()[1] <= 2


def test_an_unknown_observer_lists_those_there_are():
    with pytest.raises(UnknownNameError, match="minmax, percentile, mse"):
        get_observer("histogram")


def test_settings_name_the_method_and_its_parameters():
    made = {name: make("x", Grid()).settings for name, make in OBSERVERS.items()}
    assert made == {"minmax": "minmax", "percentile": "percentile(99.99)", "mse": "mse"}
    assert Percentile("x", Grid(), percentile=99.5).settings == "percentile(99.5)"


# ---------------------------------------------------------------- min-max


def test_minmax_is_exact(values):
    observer = MinMax("x")
    for part in np.array_split(values, 7):
        observer.update(part.reshape(-1, 1))
    assert observer.range() == (values.min(), values.max())


# ---------------------------------------------------------------- percentile


@pytest.mark.parametrize("percentile", [90.0, 99.0, 99.9, 99.99, 100.0])
def test_percentile_equals_numpy_up_to_a_bin(values, grid, percentile):
    observer = Percentile("x", grid, percentile)
    for part in np.array_split(values, 5):
        observer.update(part)
    low, high = observer.range()
    width = observer.histogram.width
    if grid.symmetric:
        least, most = (np.percentile(np.abs(values), percentile, method=method) for method in ("lower", "higher"))
        threshold = max(-low, high)
        assert least - width <= threshold <= most + width
        assert (low, high) == pytest.approx((max(-threshold, values.min()), min(threshold, values.max())))
    else:
        rest = (100 - percentile) / 2
        for bound, share in ((low, rest), (high, 100 - rest)):
            least, most = (np.percentile(values, share, method=method) for method in ("lower", "higher"))
            assert least - width <= bound <= most + width


@pytest.mark.parametrize("percentile", [0, -1, 100.1, math.nan])
def test_a_percentile_outside_is_refused(percentile):
    with pytest.raises(RecipeError, match="percentile"):
        Percentile("x", Grid(), percentile)


def test_percentile_leaves_a_lone_outlier_out():
    observer = Percentile("x", Grid())
    observer.update(np.append(DATA["normal"], np.float32(1000)))
    low, high = observer.range()
    assert -5 < low < -3
    assert 3 < high < 5


# ---------------------------------------------------------------- mean squared error


def brute_force_ranges(values: np.ndarray, grid: Grid) -> list[tuple[float, float]]:
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    shares = np.exp2(-np.arange(0, 10, 0.5))
    if grid.symmetric:
        return [(max(low, -t), min(high, t)) for t in max(-low, high) * shares]
    return [(left, right) for left in low * shares for right in high * shares]


def test_mse_is_as_small_as_the_best_of_brute_force(values, grid):
    observer = MSE("x", grid)
    for part in np.array_split(values, 3):
        observer.update(part)
    found = mean_squared_error(values, grid, observer.range())
    best = min(mean_squared_error(values, grid, bounds) for bounds in brute_force_ranges(values, grid))
    assert found <= best * 1.02 + 1e-12 * float(np.square(values, dtype=np.float64).mean())


@settings(deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(sorted(GRIDS)),
    st.floats(0.01, 10),
    st.floats(0.01, 10),
    st.floats(1e-6, 1e6),
)
def test_squared_error_is_the_integral(seed, kind, left, right, unit):
    grid = GRIDS[kind]
    rng = np.random.default_rng(seed)
    edges = np.arange(-7, 9) * 0.5 * unit
    density = rng.integers(0, 50, 15).astype(float)
    bounds = (-left * unit, right * unit)
    points = 2000
    inside = (np.arange(points) + 0.5) / points * 0.5 * unit
    expected = sum(
        share * 0.5 * unit * mean_squared_error(edge + inside, grid, bounds)
        for share, edge in zip(density, edges[:-1], strict=True)
    )
    assert squared_error(density, edges, grid, bounds) == pytest.approx(expected, rel=2e-3)


def test_the_grid_decides_what_is_best():
    # one-sided values: an asymmetric grid has twice the levels for them, so it need not clip as much
    reach = {}
    for kind in ("asymmetric uint8", "symmetric int8", "symmetric 4 bits"):
        observer = MSE("x", GRIDS[kind])
        observer.update(DATA["gelu"])
        reach[kind] = observer.range()[1]
    assert reach["symmetric 4 bits"] < reach["symmetric int8"] <= reach["asymmetric uint8"]
