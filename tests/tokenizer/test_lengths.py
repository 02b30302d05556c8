"""Truncation and padding: every way to bring rows to a length."""

from __future__ import annotations

import logging
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roformer_edge.errors import TextError
from roformer_edge.tokenizer import Tokenizer
from roformer_edge.tokenizer.lengths import Lengths, drop, keep, windows

A, B = "明天音乐非常好", "我们去公园"
COUNTS = st.integers(0, 30)


def limits(truncation: str, side: str = "right") -> Lengths:
    return Lengths(
        padding=False,
        truncation=truncation,
        max_length=8,
        model_max_length=8,
        stride=0,
        multiple=None,
        padding_side="right",
        truncation_side=side,
    )


@given(COUNTS, COUNTS, st.integers(1, 60))
def test_longest_first_balances(first: int, second: int, surplus: int):
    surplus = min(surplus, first + second)
    taken = drop(first, second, surplus, limits("longest_first"))
    assert sum(taken) == surplus
    left = first - taken[0], second - taken[1]
    # only what is longer was taken from, until both are as long
    assert abs(left[0] - left[1]) <= 1 or (taken[0] == 0 and left[1] > left[0]) or (taken[1] == 0 and left[0] > left[1])


@given(st.integers(0, 60), st.integers(1, 20), st.integers(0, 19), st.sampled_from(["left", "right"]))
@settings(deadline=None)
def test_windows_cover_all(length: int, size: int, stride: int, side: str):
    if stride >= size:
        if length > size:
            with pytest.raises(TextError, match="stride"):
                windows(length, size, stride, side)
        return
    found = windows(length, size, stride, side)
    assert {place for start, stop in found for place in range(start, stop)} == set(range(length))
    assert all(stop - start <= size for start, stop in found)
    for (start, stop), (other_start, other_stop) in pairwise(found):
        assert (stop - other_start if side == "right" else other_stop - start) == stride


def test_truncation_that_cannot_be(tokenizer: Tokenizer, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.WARNING):
        if tokenizer.is_fast:
            with pytest.raises(TextError, match="must take 6 tokens from the second text, which has 3"):
                tokenizer(A, B, truncation="only_second", max_length=4)
            with pytest.raises(TextError, match="needs a second text"):
                tokenizer(A, truncation="only_second", max_length=4)
        else:
            assert len(tokenizer(A, B, truncation="only_second", max_length=4)["input_ids"]) == 10
            assert "6 tokens are too many" in caplog.text


@given(COUNTS, COUNTS, st.integers(0, 60))
def test_what_the_fast_mode_keeps(first: int, second: int, room: int):
    if first + second <= room:
        return
    kept = keep(first, second, room, limits("longest_first"))
    assert sum(kept) == room
    assert kept[0] <= first
    assert kept[1] <= second
