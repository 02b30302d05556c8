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
    error_directions,
    estimated_maxima,
    kept_errors,
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
        """Measure the product in integers, as a share of the exact one."""
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


def norms_of(config: RoFormerConfig) -> dict[str, np.ndarray]:
    """Ordinary layer norms, and products before activations that take each channel as it is."""
    layers = [f"roformer.encoder.layer.{layer}" for layer in range(config.num_hidden_layers)]
    norms = [f"{layer}.{part}" for layer in layers for part in ("attention.output.LayerNorm", "output.LayerNorm")]
    arrays = {}
    for norm, width in (("roformer.embeddings.LayerNorm", config.width_of_embeddings), *((n, 64) for n in norms)):
        arrays |= {f"{norm}.weight": np.ones(width, np.float32), f"{norm}.bias": np.zeros(width, np.float32)}
    copies = config.intermediate_size // 64
    for layer in layers:
        arrays[f"{layer}.intermediate.dense.weight"] = np.tile(np.eye(64, dtype=np.float32), (copies, 1))
        arrays[f"{layer}.intermediate.dense.bias"] = np.zeros(64 * copies, np.float32)
    return arrays


def test_layer_norms_tell_the_sizes_of_what_is_read_after_them():
    config = RoFormerConfig(vocab_size=9, hidden_size=64, num_hidden_layers=2, num_attention_heads=1)
    arrays = norms_of(config)
    for maxima in estimated_maxima(arrays, config).values():
        assert np.allclose(maxima, 4)
    arrays["roformer.encoder.layer.0.output.LayerNorm.weight"][3] = 20
    arrays["roformer.encoder.layer.0.output.LayerNorm.bias"][5] = 100
    found = estimated_maxima(arrays, config)
    layers = [f"layer.{layer}.{part}" for layer in (0, 1) for part in ("attention.qkv", "ffn.up", "ffn.down")]
    assert list(found) == [*layers, "head.dense"]
    assert outlier_channels(found["layer.0.ffn.up"]).tolist() == []
    assert found["layer.1.attention.qkv"][[0, 3, 5]].tolist() == [4, 80, 104]
    # the residual sum carries the channel on, and the layer norms after make the others smaller
    assert outlier_channels(found["layer.1.ffn.up"]).tolist() == [3]
    assert outlier_channels(found["head.dense"]).tolist() == [3]
    arrays["roformer.encoder.layer.1.attention.output.LayerNorm.weight"][3] = 20
    again = estimated_maxima(arrays, config)["layer.1.ffn.up"]
    assert again[3] / again[0] > 60


def test_the_estimates_are_those_of_a_real_model():
    """Against the norms of random vectors with a large channel in the residual stream."""
    rng = np.random.default_rng(0)
    config = RoFormerConfig(vocab_size=9, hidden_size=64, num_hidden_layers=1, num_attention_heads=1)
    arrays, name = norms_of(config), "roformer.encoder.layer.0.attention.output.LayerNorm.weight"
    arrays["roformer.embeddings.LayerNorm.weight"][7] = arrays[name][7] = 15
    stream = rng.standard_normal((4000, 64)) * arrays["roformer.embeddings.LayerNorm.weight"]
    summed = stream + rng.standard_normal((4000, 64))
    seen = (summed - summed.mean(1, keepdims=True)) / summed.std(1, keepdims=True) * arrays[name]
    estimated = estimated_maxima(arrays, config)["layer.0.ffn.up"]
    measured = np.abs(seen).max(axis=0)
    assert 0.4 < (estimated[7] / np.median(estimated)) / (measured[7] / np.median(measured)) < 2.5


@pytest.mark.parametrize("activation", ["gelu", "gelu_new", "quick_gelu", "leaky_relu", "silu", "mish"])
def test_what_an_activation_passes_on_is_estimated_from_the_product_before_it(activation):
    config = RoFormerConfig(
        vocab_size=9, hidden_size=64, num_hidden_layers=1, num_attention_heads=1, hidden_act=activation
    )
    arrays, up = norms_of(config), "roformer.encoder.layer.0.intermediate.dense"
    arrays[f"{up}.weight"][7] *= 20
    arrays[f"{up}.bias"][[3, 5]] = 100, -100
    found = estimated_maxima(arrays, config)["layer.0.ffn.down"]
    assert found[[3, 5, 7]].tolist() == [104, 0.25, 80]
    assert outlier_channels(found).tolist() == [3, 7]


@pytest.mark.parametrize("activation", ["relu", "tanh", "relu6", "gelu_10"])
def test_nothing_is_said_of_activations_that_are_bounded_or_equalised(activation):
    config = RoFormerConfig(
        vocab_size=9, hidden_size=64, num_hidden_layers=1, num_attention_heads=1, hidden_act=activation
    )
    assert "layer.0.ffn.down" not in estimated_maxima(norms_of(config), config)


def test_a_projection_stands_between_the_embeddings_and_the_first_layer():
    config = RoFormerConfig(vocab_size=9, hidden_size=64, embedding_size=16, num_hidden_layers=1, num_attention_heads=1)
    arrays = norms_of(config) | {"roformer.embeddings_project.weight": np.ones((64, 16), np.float32)}
    found = estimated_maxima(arrays, config)
    assert list(found) == ["embeddings.project", "layer.0.ffn.up", "layer.0.ffn.down", "head.dense"]
    assert found["embeddings.project"].shape == (16,)


def test_norms_without_weights_tell_nothing():
    assert estimated_maxima({}, RoFormerConfig(vocab_size=9, norm_type="rms_norm", use_bias=False)) == {}


def embedding_norm(width: int, **sizes: float) -> dict[str, np.ndarray]:
    weights = np.ones(width, np.float32)
    for name, size in sizes.items():
        weights[int(name[1:])] = size
    return {"roformer.embeddings.LayerNorm.weight": weights}


def test_errors_of_rows_are_kept_where_the_norm_makes_them_large():
    config = RoFormerConfig(vocab_size=50, hidden_size=64, num_hidden_layers=1, num_attention_heads=1)
    assert error_directions(embedding_norm(64), config) is None
    assert error_directions({}, config) is None
    directions = error_directions(embedding_norm(64, c3=20, c9=-15), config)
    assert np.abs(directions[:, [3, 9]]).tolist() == [[1, 0], [0, 1]]
    rows = np.random.default_rng(0).standard_normal((50, 64)).astype(np.float32)
    quantised = quantize_weight(rows, 0)
    errors = rows - (quantised.dequantize() + kept_errors(rows, quantised, directions) @ directions)
    assert np.abs(errors[:, [3, 9]]).max() < 1e-6
    assert np.abs(errors).max() > 1e-3


def test_behind_a_projection_the_directions_are_those_that_its_outliers_read():
    config = RoFormerConfig(
        vocab_size=50, hidden_size=64, embedding_size=16, num_hidden_layers=1, num_attention_heads=1
    )
    rng = np.random.default_rng(0)
    arrays = embedding_norm(16) | {"roformer.embeddings_project.weight": rng.standard_normal((64, 16), np.float32)}
    assert error_directions(arrays, config) is None
    for channel in (5, 40):
        arrays["roformer.embeddings_project.weight"][channel] *= 25
    directions = error_directions(arrays, config)
    assert np.allclose(directions @ directions.T, np.eye(2), atol=1e-6)
    rows = rng.standard_normal((50, 16), np.float32)
    quantised = quantize_weight(rows, 0)
    errors = rows - (quantised.dequantize() + kept_errors(rows, quantised, directions) @ directions)
    through = errors @ arrays["roformer.embeddings_project.weight"].T
    assert np.abs(through[:, [5, 40]]).max() < 1e-4


def test_channels_that_were_hardly_moved_are_not_made_much_of():
    quiet = smooth(maxima_with(c3=20, c9=1e-6), WEIGHT)
    ordinary = smooth(maxima_with(c3=20, c9=1 / 16), WEIGHT)
    assert quiet.multipliers[9] == ordinary.multipliers[9]
    assert smooth(maxima_with(c3=20, c9=0), WEIGHT).multipliers[9] == 1


def test_it_is_said_where_nothing_is_divided():
    found = smooth(maxima_with(**{f"c{n}": 20.0 + n for n in range(6)}), WEIGHT, scalable=False)
    assert found.treatment.endswith(": 2 quantised as they are, 4 multiplied in float32")
