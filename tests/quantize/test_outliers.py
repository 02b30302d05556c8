"""Outlier channels: which they are, and what is done about them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import CalibrationError, RecipeError
from roformer_edge.quantize.affine import quantize_weight
from roformer_edge.quantize.outliers import (
    MOST_SPLIT,
    OUTLIER_RATIO,
    SPLIT_RATIO,
    estimated_maxima,
    outlier_channels,
    smooth,
    smoothing_factors,
)

WEIGHT = np.random.default_rng(1).standard_normal((32, 64)).astype(np.float32)


def maxima_with(**sizes: float) -> np.ndarray:
    """Sixty-four channels of magnitude 0.5 to 1, but for some: ``c3=50``."""
    maxima = np.linspace(0.5, 1, 64)
    for name, size in sizes.items():
        maxima[int(name[1:])] = size
    return maxima


def test_an_outlier_is_more_than_so_many_times_as_large_as_nine_in_ten():
    ordinary = np.sort(maxima_with(c3=9, c7=9))[56]
    just = OUTLIER_RATIO * ordinary
    assert outlier_channels(maxima_with(c3=just, c7=just * 0.99)).tolist() == []
    assert outlier_channels(maxima_with(c3=just * 1.01, c7=just * 2)).tolist() == [7, 3]
    assert smooth(maxima_with(), WEIGHT) is None


def test_channels_that_are_next_to_nothing_make_no_outliers_of_the_rest():
    # as after an activation function, most of whose channels are silent
    maxima = np.where(np.arange(64) % 5 == 0, 4.0, 0.01)
    assert outlier_channels(maxima).tolist() == []
    assert outlier_channels(np.zeros(64)).tolist() == []


def test_the_worst_are_split_off_and_no_more_than_are_worth_it():
    few = smooth(maxima_with(c3=20, c9=SPLIT_RATIO * 1.1), WEIGHT)
    assert few.channels.tolist() == [9, 3]
    assert few.split.tolist() == [9]
    assert few.factors[9] == 1
    assert few.factors[3] >= 4 * np.median(few.factors)
    many = smooth(maxima_with(**{f"c{n}": 1000.0 - n for n in range(6)}), WEIGHT)
    assert many.split.tolist() == list(range(MOST_SPLIT))
    assert len(many.channels) == 6


def test_where_the_weight_is_shared_outliers_are_split_off_and_nothing_is_scaled():
    found = smooth(maxima_with(c3=20), WEIGHT, scalable=False)
    assert found.split.tolist() == [3]
    assert (found.factors == 1).all()


def test_what_is_done_is_said():
    found = smooth(maxima_with(c3=20, c9=100), WEIGHT)
    assert found.treatment == (
        "2 of 64 input channels are outliers, up to 104 times as large as nine in ten (the limit is 3): "
        "1 divided by factors before they are quantised, 1 multiplied in float32"
    )


def test_the_parts_of_a_product_add_up_to_the_whole():
    rng = np.random.default_rng(0)
    x = (rng.standard_normal((9, 64)) * maxima_with(c3=20, c9=100)).astype(np.float32)
    found = smooth(np.abs(x).max(axis=0), WEIGHT)
    assert found.split.tolist() == [9]
    quantised = (x * found.multipliers).astype(np.float64) @ found.columns(WEIGHT).astype(np.float64).T
    outliers = x[:, found.split].astype(np.float64) @ WEIGHT[:, found.split].astype(np.float64).T
    assert np.allclose(quantised + outliers, x.astype(np.float64) @ WEIGHT.astype(np.float64).T, rtol=1e-12, atol=0)
    assert (found.columns(WEIGHT)[:, 9] == 0).all()


def test_both_cures_bring_an_integer_product_back_to_its_ordinary_error():
    rng = np.random.default_rng(0)
    plain = rng.standard_normal((512, 64)).astype(np.float32)

    def error(x, weight):
        """Of the product in integers, as a share of the exact one."""
        exact = x.astype(np.float64) @ weight.T
        found = smooth(np.abs(x).max(axis=0), weight)
        inputs, columns, rest = x, weight, 0.0
        if found is not None:
            inputs, columns = x * found.multipliers, found.columns(weight)
            rest = x[:, found.split] @ weight[:, found.split].T
        rounded = quantize_weight(inputs, None, symmetric=False, dtype=np.uint8).dequantize()
        product = rounded.astype(np.float64) @ quantize_weight(columns, 0).dequantize().T + rest
        return float(np.sqrt(np.mean((product - exact) ** 2)) / np.sqrt(np.mean(exact**2)))

    for size in (10.0, 40.0, 400.0):
        sizes = np.where(np.isin(np.arange(64), (3, 50)), size, 1).astype(np.float32)
        assert error(plain * sizes, WEIGHT / sizes) < 2 * error(plain, WEIGHT)


@given(
    hnp.arrays(np.float32, 12, elements=st.floats(0, 2.0**40, width=32)),
    hnp.arrays(np.float32, (3, 12), elements=st.floats(-(2.0**20), 2.0**20, width=32)),
    st.floats(0, 1),
    st.sampled_from([1, 2, 3]),
)
def test_factors_are_powers_of_two_and_shared_as_asked(maxima, weight, strength, tied):
    factors = smoothing_factors(maxima, weight, strength=strength, tied=tied)
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
        factors = smoothing_factors(maxima, weight.astype(np.float32), strength=strength)
        assert np.ptp(np.log2(sizes / factors)) <= 1 + 1e-6


def test_nonsense_is_refused():
    weight = np.ones((2, 4), np.float32)
    for strength in (-0.1, 1.1, np.nan):
        with pytest.raises(RecipeError, match="strength"):
            smoothing_factors(np.ones(4, np.float32), weight, strength=strength)
    for bad in (-1.0, np.nan, np.inf):
        for refuse in (smoothing_factors, smooth):
            with pytest.raises(CalibrationError, match="finite and not negative"):
                refuse(np.float32([1, 1, bad, 1]), weight)


def test_layer_norms_tell_the_sizes_of_what_is_read_after_them():
    config = RoFormerConfig(vocab_size=9, hidden_size=4, num_hidden_layers=2, num_attention_heads=1)
    norms = {
        "layer.0.attention.qkv": "roformer.embeddings.LayerNorm",
        "layer.0.ffn.up": "roformer.encoder.layer.0.attention.output.LayerNorm",
        "layer.1.attention.qkv": "roformer.encoder.layer.0.output.LayerNorm",
        "layer.1.ffn.up": "roformer.encoder.layer.1.attention.output.LayerNorm",
        "head.dense": "roformer.encoder.layer.1.output.LayerNorm",
        "head.decoder": "cls.predictions.transform.LayerNorm",
    }
    arrays = {}
    for number, norm in enumerate(norms.values()):
        arrays[f"{norm}.weight"] = np.float32([1, 1, -number, 1])
        arrays[f"{norm}.bias"] = np.float32([0, 0, 0, -1])
    found = estimated_maxima(arrays, config)
    assert list(found) == list(norms)
    for number, maxima in enumerate(found.values()):
        assert maxima.tolist() == [4, 4, 4 * number, 5]
    assert estimated_maxima({}, config) == {}


def test_a_projection_stands_between_the_embeddings_and_the_first_layer():
    config = RoFormerConfig(vocab_size=9, hidden_size=4, embedding_size=2, num_hidden_layers=1, num_attention_heads=1)
    norm = "roformer.embeddings.LayerNorm"
    arrays = {f"{norm}.weight": np.ones(2, np.float32), f"{norm}.bias": np.zeros(2, np.float32)}
    assert list(estimated_maxima(arrays, config)) == ["embeddings.project"]
