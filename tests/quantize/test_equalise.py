"""Equalisation leaves the function as it is and makes it easier to quantise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import CalibrationError, RecipeError
from roformer_edge.quantize.affine import quantize_weight
from roformer_edge.quantize.equalise import equalise, migration_factors

HIDDEN, INNER, HEADS = 16, 24, 2
LAYER = "roformer.encoder.layer.0"


def config(**changes):
    return RoFormerConfig(
        vocab_size=20,
        hidden_size=HIDDEN,
        num_hidden_layers=1,
        num_attention_heads=HEADS,
        intermediate_size=INNER,
        **changes,
    )


def arrays_of_one_layer() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    shapes = {
        "attention.self.value": (HIDDEN, HIDDEN),
        "attention.output.dense": (HIDDEN, HIDDEN),
        "intermediate.dense": (INNER, HIDDEN),
        "output.dense": (HIDDEN, INNER),
    }
    arrays = {}
    for name, (rows, columns) in shapes.items():
        arrays[f"{LAYER}.{name}.weight"] = rng.standard_normal((rows, columns), np.float32)
        arrays[f"{LAYER}.{name}.bias"] = rng.standard_normal(rows, np.float32)
    # one value channel far larger than the others
    arrays[f"{LAYER}.attention.self.value.weight"][3] *= 64
    arrays[f"{LAYER}.intermediate.dense.weight"][5] *= 64
    return arrays


def linear(arrays, name, x):
    return x @ arrays[f"{LAYER}.{name}.weight"].T + arrays[f"{LAYER}.{name}.bias"]


def rotate(x: np.ndarray) -> np.ndarray:
    """Rotate neighbouring channels by an angle of their position and pair: [sequence, hidden]."""
    angle = np.arange(len(x))[:, None] * (1 + np.arange(HIDDEN // 2)).astype(np.float32) / 10
    sin, cos = np.sin(angle).astype(np.float32), np.cos(angle).astype(np.float32)
    rotated = np.empty_like(x)
    rotated[:, ::2] = x[:, ::2] * cos - x[:, 1::2] * sin
    rotated[:, 1::2] = x[:, 1::2] * cos + x[:, ::2] * sin
    return rotated


def attention(arrays, x, rotates) -> tuple[np.ndarray, np.ndarray]:
    """The context and the output of attention with fixed weights; the sum runs position by position."""
    value = linear(arrays, "attention.self.value", x)
    value = rotate(value) if rotates else value
    weights = np.random.default_rng(1).random((HEADS, len(x), len(x))).astype(np.float32)
    split = value.reshape(len(x), HEADS, -1)
    context = sum(weights[:, :, k].T[:, :, None] * split[k] for k in range(len(x))).reshape(len(x), HIDDEN)
    weight = arrays[f"{LAYER}.attention.output.dense.weight"]
    return context, sum(context[:, [j]] * weight[:, j] for j in range(HIDDEN))


def feed_forward(arrays, x) -> tuple[np.ndarray, np.ndarray]:
    inner = np.maximum(linear(arrays, "intermediate.dense", x), 0)
    weight = arrays[f"{LAYER}.output.dense.weight"]
    return inner, sum(inner[:, [j]] * weight[:, j] for j in range(INNER))


@pytest.mark.parametrize("rotary_value", [False, True])
def test_attention_computes_the_same_to_the_last_bit(rotary_value):
    arrays = arrays_of_one_layer()
    x = np.random.default_rng(2).standard_normal((5, HIDDEN), np.float32)
    context, expected = attention(arrays, x, rotary_value)
    maxima = np.abs(context).max(axis=0)
    changed = equalise(arrays, config(rotary_value=rotary_value), {"layer.0.attention.output": maxima})
    assert sorted(name.removeprefix(f"{LAYER}.") for name in changed) == [
        "attention.output.dense.weight",
        "attention.self.value.bias",
        "attention.self.value.weight",
    ]
    flatter, found = attention({**arrays, **changed}, x, rotary_value)
    assert np.array_equal(found, expected)
    spread, before = (np.ptp(np.log2(np.abs(c).max(axis=0))) for c in (flatter, context))
    assert spread < before - 2


def test_relu_feed_forward_computes_the_same_and_others_are_left_alone():
    arrays = arrays_of_one_layer()
    x = np.random.default_rng(2).standard_normal((5, HIDDEN), np.float32)
    inner, expected = feed_forward(arrays, x)
    maxima = {"layer.0.ffn.down": np.abs(inner).max(axis=0).tolist(), "layer.0.ffn.up": [1.0] * HIDDEN}
    changed = equalise(arrays, config(hidden_act="relu"), maxima)
    assert changed
    assert np.array_equal(feed_forward({**arrays, **changed}, x)[1], expected)
    assert equalise(arrays, config(hidden_act="gelu"), maxima) == {}
    assert equalise(arrays, config(hidden_act="relu"), {}) == {}


def test_products_without_a_bias_stay_without():
    arrays = {name: array for name, array in arrays_of_one_layer().items() if not name.endswith("bias")}
    changed = equalise(arrays, config(), {"layer.0.attention.output": np.arange(1.0, HIDDEN + 1)})
    assert changed.keys() <= arrays.keys()
    assert len(changed) == 2


def test_the_arrays_given_are_not_written_to():
    arrays = arrays_of_one_layer()
    before = {name: array.copy() for name, array in arrays.items()}
    equalise(arrays, config(), {"layer.0.attention.output": np.arange(1.0, HIDDEN + 1)})
    assert all(np.array_equal(arrays[name], before[name]) for name in arrays)


@given(
    hnp.arrays(np.float32, 12, elements=st.floats(0, 2.0**40, width=32)),
    hnp.arrays(np.float32, (3, 12), elements=st.floats(-(2.0**20), 2.0**20, width=32)),
    st.floats(0, 1),
    st.sampled_from([1, 2, 3]),
)
def test_factors_are_powers_of_two_and_shared_as_asked(maxima, weight, strength, tied):
    factors = migration_factors(maxima, weight, strength=strength, tied=tied)
    mantissa, _ = np.frexp(factors)
    assert (mantissa == 0.5).all()
    assert (factors.reshape(-1, tied) == factors[::tied, None]).all()
    if tied == 1:
        assert (factors[(maxima == 0) | (weight == 0).all(axis=0)] == 1).all()


def test_strength_decides_which_side_becomes_alike():
    rng = np.random.default_rng(0)
    maxima = np.exp2(rng.uniform(-4, 4, 64)).astype(np.float32)
    weight = rng.choice([-1, 1], (8, 64)) * np.exp2(rng.uniform(-4, 4, 64))
    for strength, sizes in ((1.0, maxima), (0.0, 1 / np.abs(weight).max(axis=0))):
        factors = migration_factors(maxima, weight.astype(np.float32), strength=strength)
        assert np.ptp(np.log2(sizes / factors)) <= 1 + 1e-6


def test_a_product_with_outlier_channels_loses_less():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((512, 256)).astype(np.float32)
    x[:, [3, 50, 200]] *= 60
    weight = (rng.standard_normal((128, 256)) / 16).astype(np.float32)
    exact = x.astype(np.float64) @ weight.T

    def error(inputs, columns):
        rounded = quantize_weight(inputs, None, symmetric=False, dtype=np.uint8).dequantize()
        product = rounded.astype(np.float64) @ quantize_weight(columns, 0).dequantize().T
        return float(np.sqrt(np.mean((product - exact) ** 2)))

    factors = migration_factors(np.abs(x).max(axis=0), weight)
    assert error(x / factors, weight * factors) < error(x, weight) / 3


def test_nonsense_is_refused():
    weight = np.ones((2, 4), np.float32)
    for strength in (-0.1, 1.1, np.nan):
        with pytest.raises(RecipeError, match="strength"):
            migration_factors(np.ones(4, np.float32), weight, strength=strength)
    for bad in (-1.0, np.nan, np.inf):
        with pytest.raises(CalibrationError, match="finite and not negative"):
            migration_factors(np.float32([1, 1, bad, 1]), weight)
    with pytest.raises(CalibrationError, match=r"layer\.0\.attention\.output has 16 channels, but there are 3"):
        equalise(arrays_of_one_layer(), config(), {"layer.0.attention.output": [1.0, 2.0, 3.0]})
