"""Presets, and why x86 without VNNI needs neighbouring weights that are bounded."""

from __future__ import annotations

import numpy as np
import pytest

from roformer_edge.errors import UnknownNameError
from roformer_edge.processors import SAFE_PRESET, detect_preset
from roformer_edge.quantize.affine import PAIR_LIMIT, quantize_weight
from roformer_edge.quantize.presets import PRESETS, get_preset


def vpmaddubsw(activations: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """What the instruction does: products of unsigned with signed bytes, added in pairs, saturated to int16."""
    products = activations.astype(np.int32) * weights.astype(np.int32)
    return np.clip(products.reshape(-1, 2).sum(axis=1), -(2**15), 2**15 - 1)


def product_by_pairs(activations: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """A product as x86 without VNNI computes it: pairs in 16 bits, their sums in 32."""
    return np.array([vpmaddubsw(activations, row).sum() for row in weights])


@pytest.fixture
def adversarial():
    """A weight whose largest values come in pairs of one sign, and activations that are all at the top."""
    rng = np.random.default_rng(0)
    weight = np.sign(rng.standard_normal((16, 1))) * rng.uniform(0.97, 1.0, (16, 128))
    return weight.astype(np.float32), np.full(128, 255, np.uint8)


def test_bounded_pairs_cannot_saturate_and_others_do(adversarial):
    weight, activations = adversarial
    for name, exact in (("x86", True), ("x86-vnni", False)):
        grid = PRESETS[name].weights
        integers = quantize_weight(weight, 0, bounded_pairs=grid.bounded_pairs).values
        expected = integers.astype(np.int64) @ activations.astype(np.int64)
        found = product_by_pairs(activations, integers)
        assert np.array_equal(found, expected) is exact
        if not exact:
            assert (np.abs(found) < np.abs(expected) * 0.55).all()


def test_the_limit_is_the_largest_that_holds_for_every_pair():
    top = np.uint8([255, 255])
    for sign in (1, -1):
        for first in range(1, 128):
            pair = np.array([sign * first, sign * (PAIR_LIMIT - first)], np.int8)
            assert vpmaddubsw(top, pair)[0] == sign * PAIR_LIMIT * 255
        over = np.array([sign * 127, sign * (PAIR_LIMIT - 126)], np.int8)
        assert vpmaddubsw(top, over)[0] != sign * (PAIR_LIMIT + 1) * 255
    # unlike signs never saturate
    assert vpmaddubsw(np.uint8([255, 255, 255, 0]), np.int8([127, -127, -127, 127])).tolist() == [0, -255 * 127]


def test_every_preset_is_what_the_engine_multiplies():
    for name, preset in PRESETS.items():
        assert preset.name == name
        assert preset.reason
        assert preset.weights.dtype == "int8"
        assert preset.weights.symmetric
        # zero points cost nothing: an asymmetric grid uses all its levels on one-sided values
        assert not preset.activations.symmetric
    assert PRESETS["x86"].activations.dtype == PRESETS["x86-vnni"].activations.dtype == "uint8"
    assert PRESETS["arm"].activations.dtype == "int8"
    assert PRESETS[SAFE_PRESET].weights.bounded_pairs


def test_an_unknown_preset_lists_those_there_are():
    assert get_preset("arm") is PRESETS["arm"]
    with pytest.raises(UnknownNameError, match=r"preset 'gpu'; choose one of: x86, x86-vnni, arm, auto"):
        get_preset("gpu")


def test_auto_is_the_preset_for_this_machine():
    assert get_preset("auto") is PRESETS[detect_preset()]
