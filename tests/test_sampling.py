"""The rules of decoding, against those of the torch models."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from roformer_edge.models.torch import generation
from roformer_edge.sampling import Sampling, draw, join_tokens, keep_top_k, keep_top_p, penalise, repeating

LOGITS = st.lists(st.integers(-400, 400).map(lambda value: value / 50), min_size=1, max_size=40)


@settings(deadline=None)
@given(LOGITS, st.integers(0, 45))
def test_top_k_is_that_of_torch(values: list[float], k: int) -> None:
    logits = np.array(values)
    expected = generation.keep_top_k(torch.tensor(logits)[None], k)[0].numpy()
    np.testing.assert_array_equal(keep_top_k(logits, k), expected)


@settings(deadline=None)
@given(st.lists(st.floats(-8, 8), min_size=1, max_size=40, unique=True), st.sampled_from([0.05, 0.3, 0.5, 0.9, 1.0]))
def test_top_p_is_that_of_torch(values: list[float], p: float) -> None:
    logits = np.array(values)
    expected = generation.keep_top_p(torch.tensor(logits)[None], p)[0].numpy()
    np.testing.assert_array_equal(keep_top_p(logits, p), expected)


@settings(deadline=None)
@given(LOGITS, st.lists(st.integers(0, 39), min_size=1, max_size=9), st.sampled_from([0.5, 1.0, 1.3]))
def test_the_penalty_is_that_of_torch(values: list[float], ids: list[int], penalty: float) -> None:
    logits, held = np.array(values), [index % len(values) for index in ids]
    before = logits.copy()
    expected = generation.penalise(torch.tensor(logits)[None], torch.tensor([held]), penalty)[0]
    np.testing.assert_allclose(penalise(logits, held, penalty), expected.numpy())
    np.testing.assert_array_equal(logits, before)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"temperature": 0.5},
        {"top_k": 3},
        {"top_p": 0.7},
        {"temperature": 2.0, "top_k": 5, "top_p": 0.8, "repetition_penalty": 1.4},
    ],
)
def test_tokens_are_drawn_as_often_as_torch_draws_them(options: dict) -> None:
    logits, ids = np.linspace(2, -1, 8).astype(np.float32), [0, 3, 3]
    sampling, random = Sampling(do_sample=True, **options), np.random.default_rng(0)
    found = np.bincount([sampling.next_token(logits, ids, random) for _ in range(4000)], minlength=8) / 4000
    rows, generator = torch.tensor(logits).expand(4000, 8), torch.Generator().manual_seed(0)
    drawn = generation.next_tokens(sampling, rows, torch.tensor([ids]).expand(4000, 3), generator)
    expected = torch.bincount(drawn, minlength=8).numpy() / 4000
    np.testing.assert_allclose(found, expected, atol=0.04)
    assert ((found > 0) == (expected > 0)).all()


def test_greedy_takes_the_first_of_the_likeliest() -> None:
    random = np.random.default_rng(0)
    assert Sampling().next_token(np.float32([1, 3, 3]), [0], random) == 1
    assert Sampling(repetition_penalty=2.0).next_token(np.float32([1, 3, 2.9]), [1], random) == 2


class Certain:
    """A source of randomness that always gives the same."""

    def __init__(self, value: float) -> None:
        self.value = value

    def random(self) -> float:
        return self.value


def test_a_token_of_probability_zero_is_never_drawn() -> None:
    probabilities = np.array([0.0, 0.25, 0.0, 0.75, 0.0])
    just_below_one = float(np.nextafter(1, 0))
    assert [draw(probabilities, Certain(value)) for value in (0.0, 0.2499, 0.25, just_below_one)] == [1, 1, 3, 3]


@pytest.mark.parametrize(
    ("tokens", "before", "expected"),
    [
        (["今天", "天气"], "", "今天天气"),
        (["hello", "world"], "", "hello world"),
        (["wor", "##ld"], "hello", " world"),
        (["1", "2", "天"], "第", "1 2天"),
        (["好", "ok", "，", "a"], "", "好ok，a"),
        (["##s"], "word", "s"),
        ([], "a", ""),
        (["é", "ü"], "", "é ü"),
    ],
)
def test_tokens_are_joined_as_they_are_written(tokens: list[str], before: str, expected: str) -> None:
    assert join_tokens(tokens, before) == expected


@given(st.lists(st.integers(0, 3), max_size=12), st.integers(0, 4))
def test_what_would_complete_a_sequence_again_is_found(ids: list[int], size: int) -> None:
    held = {tuple(ids[start : start + size]) for start in range(len(ids) - size + 1)}
    expected = {token for token in range(4) if size and (*ids[len(ids) - size + 1 :], token)[-size:] in held}
    assert set(repeating(ids, size).tolist()) == (expected if len(ids) >= size else set())


def test_sequences_that_may_not_come_again_are_banned_in_torch_too() -> None:
    sampling, logits = Sampling(no_repeat_ngram_size=2), np.array([0.0, 5.0, 4.0, 1.0], np.float32)
    for ids, expected in (([3, 1, 3], 2), ([1, 1], 2), ([0, 2], 1)):
        assert sampling.next_token(logits, ids, None) == expected
        given = torch.tensor(logits)[None]
        assert generation.next_tokens(sampling, given, torch.tensor([ids]), None).tolist() == [expected]
        assert given[0].tolist() == logits.tolist()
