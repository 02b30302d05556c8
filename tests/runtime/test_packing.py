from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roformer_edge.runtime.packing import pack_by_length, window_size, windows

LENGTHS = st.lists(st.integers(1, 600), max_size=60)


@given(LENGTHS, st.integers(1, 20), st.integers(1, 5000))
def test_batches_are_a_permutation_within_both_bounds(lengths: list[int], size: int, budget: int) -> None:
    batches = pack_by_length(lengths, size, budget)
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches:
        assert 1 <= len(batch) <= size
        assert len(batch) == 1 or len(batch) * max(lengths[index] for index in batch) <= budget


@given(LENGTHS, st.integers(1, 20))
def test_batches_go_from_short_to_long(lengths: list[int], size: int) -> None:
    flat = [lengths[index] for batch in pack_by_length(lengths, size, 10**9) for index in batch]
    assert flat == sorted(lengths)


@given(LENGTHS, st.integers(1, 20))
def test_a_budget_that_never_binds_makes_the_fewest_batches(lengths: list[int], size: int) -> None:
    assert len(pack_by_length(lengths, size, 10**9)) == -(-len(lengths) // size)


def test_sorting_saves_padding() -> None:
    lengths = [5, 100] * 8
    padded = sum(len(batch) * max(lengths[i] for i in batch) for batch in pack_by_length(lengths, 8, 10**9))
    assert padded == sum(lengths)


def test_texts_of_one_length_stay_in_order() -> None:
    assert pack_by_length([7, 7, 7, 7, 7], 2) == [[0, 1], [2, 3], [4]]


def test_a_text_beyond_the_budget_goes_alone() -> None:
    assert pack_by_length([10, 999, 10], 8, 100) == [[0, 2], [1]]


@given(st.lists(st.integers(), max_size=30), st.integers(1, 12))
def test_windows_join_to_the_whole(items: list[int], size: int) -> None:
    cut = list(windows(iter(items), size))
    assert [item for window in cut for item in window] == items
    assert all(len(window) == size for window in cut[:-1])


def test_a_window_is_read_when_it_is_asked_for() -> None:
    read: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(10):
            read.append(number)
            yield number

    cut = windows(numbers(), 3)
    assert next(cut) == [0, 1, 2]
    assert read == [0, 1, 2]


def test_single_texts_are_answered_one_by_one() -> None:
    assert window_size(1) == 1
    assert window_size(8) == 256


def test_what_was_read_before_an_error_comes_before_it() -> None:
    def numbers() -> Iterator[int]:
        yield from range(5)
        raise OSError("the file is gone")

    cut = windows(numbers(), 3)
    assert [next(cut), next(cut)] == [[0, 1, 2], [3, 4]]
    with pytest.raises(OSError, match="gone"):
        next(cut)
