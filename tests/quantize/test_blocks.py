"""4-bit numbers in blocks: what they stand for, how near that is, and the bits they are stored in."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from roformer_edge.errors import CheckpointError
from roformer_edge.quantize.affine import SMALLEST_SCALE, quantize_weight
from roformer_edge.quantize.blocks import BlockTensor, quantize_blocks

LARGEST = 2.0**100
matrices = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=37),
    elements=st.floats(-LARGEST, LARGEST, width=32),
)


def blocks_of(weight: np.ndarray, block: int) -> np.ndarray:
    """Rows in blocks, the last of which is filled up with zeros."""
    padded = np.zeros((len(weight), -(-weight.shape[1] // block) * block))
    padded[:, : weight.shape[1]] = weight
    return padded.reshape(len(weight), -1, block)


@given(matrices, st.sampled_from([2, 16, 32]), st.booleans())
def test_no_number_of_a_block_is_further_off_than_the_plain_way_to_round_it_allows(weight, block, positive):
    quantised = quantize_blocks(weight, block, positive=positive)
    real = blocks_of(weight, block)
    left = blocks_of(quantised.dequantize(), block) - real
    # the plain way: 15 integers between the largest magnitude and its negative, and a scale of eight bits
    step = np.abs(real).max(-1) / 7
    allowed = np.sqrt(block) * (step / 2 + 7 * step * 2.0**-8) + 8 * SMALLEST_SCALE
    assert (np.sqrt(np.square(left).sum(-1)) <= allowed).all()
    assert np.isfinite(quantised.scale).all()
    assert (np.abs(quantised.scale) >= SMALLEST_SCALE).all()
    if positive:
        assert (quantised.scale > 0).all()


@given(matrices)
def test_scales_are_bfloat16_and_integers_are_nibbles(weight):
    quantised = quantize_blocks(weight, 16)
    assert quantised.packed.dtype == np.uint8
    assert quantised.packed.shape == (len(weight), -(-weight.shape[1] // 16), 8)
    np.testing.assert_array_equal(quantised.short_scale.view(ml_dtypes.bfloat16).astype(np.float32), quantised.scale)
    integers = quantised.integers
    assert integers.min() >= -8
    assert integers.max() <= 7
    rebuilt = (integers * quantised.scale[..., None]).reshape(len(weight), -1)[:, : weight.shape[1]]
    np.testing.assert_array_equal(quantised.dequantize(), rebuilt)


def test_the_first_of_two_numbers_is_in_the_low_half_of_a_byte():
    packed = np.array([[[0x97, 0x01], [0xF8, 0x88]]], np.uint8)
    scale = np.array([[1, -0.5]], np.float32)
    found = BlockTensor(packed=packed, scale=scale, width=7)
    assert found.block == 4
    assert found.dequantize().tolist() == [[-1, 1, -7, -8, 0, -3.5, 0]]


def test_blocks_lose_less_than_rows_and_smaller_ones_less_than_larger():
    weight = np.random.default_rng(0).normal(size=(64, 384)).astype(np.float32)
    error = [np.square(quantize_blocks(weight, block).dequantize() - weight).mean() for block in (16, 32, 64, 128)]
    assert error == sorted(error)
    plain = np.square(quantize_weight(weight, 0, bits=4).dequantize() - weight).mean()
    assert error[-1] < 0.6 * plain
    # the scales that are tried beside the plain one are what the search is for
    assert np.square(quantize_blocks(weight, 384, positive=True).dequantize() - weight).mean() < 0.75 * plain


def test_numbers_that_a_scale_can_say_come_back_as_they_were():
    integers = np.arange(-8, 8, dtype=np.float32)
    weight = np.stack([integers, -integers, 2.0**-90 * integers, 0 * integers])
    np.testing.assert_array_equal(quantize_blocks(weight, 16).dequantize(), weight)


def test_large_matrices_are_the_same_in_parts():
    weight = np.random.default_rng(1).normal(size=(5000, 128)).astype(np.float32)
    whole, last = quantize_blocks(weight, 64), quantize_blocks(weight[-3:], 64)
    np.testing.assert_array_equal(whole.packed[-3:], last.packed)
    np.testing.assert_array_equal(whole.scale[-3:], last.scale)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_none_are_refused(value):
    with pytest.raises(CheckpointError, match=r"shape \(2, 3\) holds NaN or infinity"):
        quantize_blocks(np.array([[0, 1, 2], [0, value, 1]], np.float32), 16)
    with pytest.raises(CheckpointError, match=r"shape \(0, 3\) has no elements"):
        quantize_blocks(np.zeros((0, 3), np.float32), 16)
