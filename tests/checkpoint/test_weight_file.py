from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from roformer_edge.checkpoint.weight_file import FLOATS, StoredTensor, WeightFile, foreign_reader
from roformer_edge.errors import CheckpointError

MATRIX = np.arange(6, dtype=np.float64).reshape(2, 3)


def opened(array: np.ndarray, dtype: str = "float64", *, transposed: bool = False, **options) -> WeightFile:
    tensor = StoredTensor(name="stored name", dtype=dtype, shape=array.shape, load=lambda: array, transposed=transposed)
    return WeightFile(Path("a.bin"), {"name": tensor}, **options)


@pytest.mark.parametrize("transposed", [True, False])
def test_a_tensor_is_float32_and_in_rows(transposed):
    file = opened(MATRIX, transposed=transposed)
    expected = MATRIX.T if transposed else MATRIX
    array = file.read("name")
    assert array.dtype == np.float32
    assert array.flags.c_contiguous
    assert array.shape == file.shape("name") == expected.shape
    assert np.array_equal(array, expected)


def test_a_scalar_stays_one():
    assert opened(np.array(2.5)).read("name").shape == ()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite(value):
    with pytest.raises(CheckpointError, match=r"^a\.bin: tensor 'stored name' holds NaN or infinity"):
        opened(np.array([[1.0, value]])).read("name")


def test_nothing_is_finite():
    assert opened(np.zeros((0, 3))).read("name").shape == (0, 3)


@pytest.mark.parametrize("dtype", ["int8", "F8_E4M3", "sparse", "bool", "\x1b[0m" * 1000])
def test_other_types_are_no_weights(dtype):
    with pytest.raises(CheckpointError, match=f"weights must be one of: {', '.join(FLOATS)}") as caught:
        opened(MATRIX, dtype).read("name")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


def test_closing_lets_go_once():
    closed = []
    file = opened(MATRIX, close=lambda: closed.append(1))
    file.close()
    file.close()
    assert closed == [1]
    for act in (file.names, lambda: file.shape("name"), lambda: file.read("name")):
        with pytest.raises(CheckpointError, match=r"a\.bin was closed; load the checkpoint again"):
            act()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("what a library says"), "a.bin is truncated or not what its name says"),
        (RecursionError(), "a.bin is truncated or not what its name says"),
        (MemoryError(), "a.bin asks for more memory than there is"),
        (CheckpointError("a.bin: our own words"), "a.bin: our own words"),
    ],
)
def test_whatever_a_foreign_reader_raises_names_the_file(error: Exception, said: str) -> None:
    with pytest.raises(CheckpointError, match=said), foreign_reader(Path("a.bin")):
        raise error
