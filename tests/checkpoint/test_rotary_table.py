from __future__ import annotations

import numpy as np
import pytest

from roformer_edge.checkpoint.rotary_table import fit_rotary_table, rotary_table


def test_golden_rows():
    table = rotary_table(6, 6)
    np.testing.assert_allclose(table[0], [0, 0, 0, 1, 1, 1], atol=0)
    np.testing.assert_allclose(table[1], [0.8415, 0.0464, 0.0022, 0.5403, 0.9989, 1.0], atol=5e-5)


def test_golden_rotation():
    """arange(2*12*16*64)/100 at position 1: the first eight numbers after the rotation of interleaved pairs."""
    query = (np.arange(2 * 12 * 16 * 64, dtype=np.float32) / 100).reshape(2, 12, 16, 64)
    sines, cosines = np.split(rotary_table(16, 64), 2, axis=1)
    even, odd = query[..., 0::2], query[..., 1::2]
    rotated = np.stack([even * cosines - odd * sines, odd * cosines + even * sines], axis=-1).reshape(query.shape)
    expected = [-0.2012, 0.8897, 0.0263, 0.9401, 0.2074, 0.9463, 0.3481, 0.9343]
    np.testing.assert_allclose(rotated[0, 0, 1, :8], expected, atol=1e-4)


def test_the_table_grows_without_changing():
    assert np.array_equal(rotary_table(4096, 64)[:1536], rotary_table(1536, 64))
    assert rotary_table(5, 8).dtype == np.float32


def test_a_rotation_depends_on_the_distance_only():
    generator = np.random.default_rng(0)
    query, key = (generator.normal(size=32).view(np.complex128) for _ in range(2))
    sines, cosines = np.split(rotary_table(900, 32).astype(np.float64), 2, axis=1)
    rotation = cosines + 1j * sines
    scores = [(query * rotation[p] * np.conj(key * rotation[p - 3])).sum().real for p in (3, 100, 899)]
    np.testing.assert_allclose(scores, scores[0], atol=1e-4)


@pytest.mark.parametrize(("length", "head_size"), [(-1, 8), (4, 7), (4, 0)])
def test_impossible_sizes_are_refused(length: int, head_size: int):
    with pytest.raises(ValueError, match="even head size"):
        rotary_table(length, head_size)


@pytest.mark.parametrize("positions", [0, 3, 5, 9])
def test_a_stored_table_is_cut_or_continued(positions: int):
    stored = rotary_table(5, 8).astype(np.float16).astype(np.float32)  # with the rounding of a small file
    table = fit_rotary_table(stored, positions)
    assert table.shape == (positions, 8)
    assert np.array_equal(table[:5], stored[:positions])
    assert np.array_equal(table[5:], rotary_table(9, 8)[5:positions])
