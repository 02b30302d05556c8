"""Equalisation leaves the function as it is and makes it easier to quantise."""

from __future__ import annotations

import numpy as np
import pytest

from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import CalibrationError
from roformer_edge.quantize.equalise import balance_scores, equalise

HIDDEN, INNER, HEADS = 16, 24, 2
CONTEXT, INNER_STATES, QKV = "layer.0.attention.output", "layer.0.ffn.down", "layer.0.attention.qkv"
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
        "attention.self.query": (HIDDEN, HIDDEN),
        "attention.self.key": (HIDDEN, HIDDEN),
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
    equalised = equalise(arrays, config(rotary_value=rotary_value), [CONTEXT], {CONTEXT: maxima})
    changed = equalised.arrays
    assert equalised.outliers[CONTEXT] > 10
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
    maxima = {INNER_STATES: np.abs(inner).max(axis=0).tolist(), "layer.0.ffn.up": [1.0] * HIDDEN}
    changed = equalise(arrays, config(hidden_act="relu"), list(maxima), maxima).arrays
    assert changed
    assert np.array_equal(feed_forward({**arrays, **changed}, x)[1], expected)
    assert equalise(arrays, config(hidden_act="gelu"), list(maxima), maxima).arrays == {}
    assert equalise(arrays, config(hidden_act="relu"), [], maxima).arrays == {}


def test_products_without_a_bias_stay_without():
    arrays = {name: array for name, array in arrays_of_one_layer().items() if not name.endswith("bias")}
    changed = equalise(arrays, config(), [CONTEXT], {CONTEXT: np.arange(1.0, HIDDEN + 1)}).arrays
    assert changed.keys() <= arrays.keys()
    assert len(changed) == 2


def test_the_arrays_given_are_not_written_to():
    arrays = arrays_of_one_layer()
    before = {name: array.copy() for name, array in arrays.items()}
    equalise(arrays, config(), [CONTEXT], {CONTEXT: np.arange(1.0, HIDDEN + 1)})
    balance_scores(arrays, config(), [QKV])
    assert all(np.array_equal(arrays[name], before[name]) for name in arrays)


def test_without_texts_the_weights_show_the_outliers_and_ordinary_models_are_left_alone():
    arrays = arrays_of_one_layer()
    found = equalise(arrays, config(hidden_act="relu"), [CONTEXT, INNER_STATES])
    assert found.outliers.keys() == {CONTEXT, INNER_STATES}
    x = np.random.default_rng(2).standard_normal((5, HIDDEN), np.float32)
    assert np.array_equal(attention({**arrays, **found.arrays}, x, False)[1], attention(arrays, x, False)[1])
    assert np.array_equal(feed_forward({**arrays, **found.arrays}, x)[1], feed_forward(arrays, x)[1])
    value = found.arrays[f"{LAYER}.attention.self.value.weight"]
    assert np.linalg.norm(value[3]) < 16 * np.median(np.linalg.norm(value, axis=1))
    ordinary = {**arrays, **found.arrays}
    for module, row in (("attention.self.value", 3), ("intermediate.dense", 5)):
        ordinary[f"{LAYER}.{module}.weight"][row] /= 8
    assert equalise(ordinary, config(hidden_act="relu"), [CONTEXT, INNER_STATES]).arrays == {}


def test_a_layer_norm_that_makes_a_channel_large_makes_the_value_rows_that_read_it_large():
    arrays = arrays_of_one_layer()
    arrays[f"{LAYER}.attention.self.value.weight"][3] /= 64
    arrays[f"{LAYER}.attention.self.value.weight"][7, 2] = 1
    arrays[f"{LAYER}.attention.self.value.weight"][:, 2] = 0
    arrays[f"{LAYER}.attention.self.value.weight"][7, 2] = 1
    arrays[f"{LAYER}.attention.self.value.bias"][:] = 0
    gains = np.ones(HIDDEN, np.float32)
    assert not equalise(arrays, config(), [CONTEXT]).outliers
    gains[2] = 500
    found = equalise({**arrays, "roformer.embeddings.LayerNorm.weight": gains}, config(), [CONTEXT])
    assert found.outliers.keys() == {CONTEXT}


def scores(arrays, x) -> np.ndarray:
    """Query times key, pair by pair, rotated."""
    query, key = (rotate(linear(arrays, f"attention.self.{part}", x)) for part in ("query", "key"))
    return sum(query[:, [j]] * key[:, j] + query[:, [j + 1]] * key[:, j + 1] for j in range(0, HIDDEN, 2))


def test_pairs_that_are_no_outliers_are_balanced_where_query_and_key_multiply_as_integers():
    arrays = arrays_of_one_layer()
    for part in ("weight", "bias"):
        arrays[f"{LAYER}.attention.self.query.{part}"][4:6] *= 2
        arrays[f"{LAYER}.attention.self.key.{part}"][4:6] /= 2
    assert balance_scores(arrays, config(), [QKV]).arrays == {}
    found = balance_scores(arrays, config(), [QKV], [QKV])
    assert found.outliers == {}
    changed, x = {**arrays, **found.arrays}, np.random.default_rng(2).standard_normal((5, HIDDEN), np.float32)
    assert np.array_equal(scores(changed, x), scores(arrays, x))
    sizes = [np.linalg.norm(changed[f"{LAYER}.attention.self.{part}.weight"][4:6]) for part in ("query", "key")]
    assert 0.5 <= sizes[0] / sizes[1] <= 2


def test_pairs_of_query_and_key_are_balanced_and_scores_stay_the_same_to_the_last_bit():
    arrays = arrays_of_one_layer()
    assert balance_scores(arrays, config(), [QKV]).arrays == {}
    for part in ("weight", "bias"):
        arrays[f"{LAYER}.attention.self.query.{part}"][4:6] *= 60
        arrays[f"{LAYER}.attention.self.key.{part}"][4:6] /= 60
    x = np.random.default_rng(2).standard_normal((5, HIDDEN), np.float32)
    found = balance_scores(arrays, config(), [QKV])
    assert found.outliers.keys() == {QKV}
    changed = {**arrays, **found.arrays}
    assert np.array_equal(scores(changed, x), scores(arrays, x))
    query, key = (np.abs(linear(changed, f"attention.self.{part}", x)).max() for part in ("query", "key"))
    assert max(query, key) < 4 * min(query, key)
    assert balance_scores(arrays, config(), []).arrays == {}


def test_maxima_must_fit():
    with pytest.raises(CalibrationError, match=r"layer\.0\.attention\.output has 16 channels, but there are 3"):
        equalise(arrays_of_one_layer(), config(), [CONTEXT], {CONTEXT: [1.0, 2.0, 3.0]})
