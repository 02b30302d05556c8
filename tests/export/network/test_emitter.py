"""What emitters are given: products merged and treated without changing what they compute."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from roformer_edge.export.network.emitter import Attention, Product
from roformer_edge.quantize.outliers import Smoothing

RANDOM = np.random.default_rng(1)


def normal(*shape: int) -> np.ndarray:
    return RANDOM.normal(size=shape).astype(np.float32)


PRODUCT = Product(
    scope="layer.0.ffn.up", name="layer.0.ffn.up", input="layer.0.ffn.up", weight=normal(3, 4), bias=normal(3)
)
SMOOTHING = Smoothing(
    channels=np.array([2, 1]),
    ratio=60.0,
    factors=np.array([1, 4, 1, 0.5], np.float32),
    split=np.array([2]),
)
ATTENTION = Attention(
    name="layer.3.attention",
    scope="layer.3.attention.qkv",
    heads=2,
    head_size=4,
    query=(normal(8, 6), normal(8)),
    key=(normal(8, 6), normal(8)),
    value=(normal(8, 6), normal(8)),
    rotates_value=False,
    sines=normal(5, 2),
    cosines=normal(5, 2),
    scheme="int8-static",
    ranges={"layer.3.attention.qkv": (-1.0, 2.0), "layer.3.attention.qkv.first": (-0.5, 0.5)},
)


def test_a_treated_product_computes_what_it_computed():
    x = normal(7, 4)
    treated = replace(PRODUCT, scheme="int8-dynamic").smoothed(SMOOTHING)
    assert treated.outliers.channels.tolist() == [2]
    assert treated.multipliers.tolist() == [1, 0.25, 0, 2]
    quantised = (x * treated.multipliers) @ treated.weight.T
    beside = x[:, treated.outliers.channels] @ treated.outliers.weight.T
    np.testing.assert_allclose(quantised + beside, x @ PRODUCT.weight.T, rtol=1e-5, atol=1e-6)
    # what is multiplied in floating point is in nothing that is quantised
    assert not treated.weight[:, 2].any()


def test_without_channels_to_split_nothing_is_multiplied_besides():
    treated = replace(PRODUCT, scheme="int8-static").smoothed(replace(SMOOTHING, split=np.array([], np.int64)))
    assert treated.outliers is None
    assert treated.multipliers.all()


def test_a_float_product_and_one_without_outliers_stay_as_they_are():
    assert PRODUCT.smoothed(SMOOTHING) is PRODUCT
    dynamic = replace(PRODUCT, scheme="int8-dynamic")
    assert dynamic.smoothed(None) is dynamic


def test_a_weight_that_a_table_shares_is_not_touched():
    shared = replace(PRODUCT, scheme="int8-dynamic", table="embeddings.word")
    smoothing = replace(SMOOTHING, factors=np.ones(4, np.float32))
    treated = shared.smoothed(smoothing)
    assert treated.weight is shared.weight
    x = normal(7, 4)
    beside = x[:, [2]] @ treated.outliers.weight.T
    np.testing.assert_allclose(
        (x * treated.multipliers) @ treated.weight.T + beside, x @ shared.weight.T, rtol=1e-5, atol=1e-6
    )


def test_merged_projections_give_their_outputs_one_after_the_other():
    x = normal(5, 6)
    product = ATTENTION.product("layer.3.attention.kv", [ATTENTION.key, ATTENTION.value])
    wanted = np.concatenate([x @ weight.T + bias for weight, bias in (ATTENTION.key, ATTENTION.value)], axis=1)
    np.testing.assert_allclose(x @ product.weight.T + product.bias, wanted, rtol=1e-5, atol=1e-6)
    assert (product.scope, product.name) == ("layer.3.attention.qkv", "layer.3.attention.kv")
    without = replace(ATTENTION, key=(ATTENTION.key[0], None), value=(ATTENTION.value[0], None))
    assert without.product("kv", [without.key, without.value]).bias is None


@pytest.mark.parametrize(
    ("first", "site", "range"),
    [(False, "layer.3.attention.qkv", (-1.0, 2.0)), (True, "layer.3.attention.qkv.first", (-0.5, 0.5))],
)
def test_the_first_position_has_a_range_of_its_own(first, site, range):
    product = ATTENTION.product("q", [ATTENTION.query], first=first)
    assert (product.input, product.range, product.scheme) == (site, range, "int8-static")


def test_the_width_is_that_of_all_heads():
    assert ATTENTION.width == 8
