"""Beam search on small vocabularies, where every continuation can be scored; tests/runtime has the peer."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roformer_edge.beams import EARLY_STOPPING, BeamOptions, Beams, Finished
from roformer_edge.errors import OptionError
from roformer_edge.sampling import Sampling

VOCABULARY, STOP = 5, 4


class Language:
    """Logits of the next token that depend on all tokens before it."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def logits(self, ids: tuple[int, ...]) -> np.ndarray:
        return np.random.default_rng([self._seed, *ids]).normal(0, 2, VOCABULARY).astype(np.float32)

    def score(self, ids: tuple[int, ...]) -> float:
        """The log-probability of a continuation."""
        total = 0.0
        for length, token in enumerate(ids):
            logits = self.logits(ids[:length]).astype(np.float64)
            total += logits[token] - math.log(np.exp(logits).sum())
        return total


def search(language: Language, options: BeamOptions, most: int, sampling: Sampling | None = None) -> Beams:
    beams = Beams((), options, sampling or Sampling(), (STOP,), most)
    steps = 0
    while beams.open:
        logits = np.stack([language.logits(ids) for ids in beams.open])
        former = [*beams.open]
        order = beams.advance(logits)
        assert [ids[:-1] for ids in beams.open] == [former[index] for index in order]
        assert len(beams.open) <= options.num_beams
        steps += 1
    assert steps <= most
    return beams


def every_continuation(most: int) -> list[tuple[int, ...]]:
    """All that end with the stop token, or are as long as may be."""
    tokens = [token for token in range(VOCABULARY) if token != STOP]
    ended = [(*ids, STOP) for length in range(most) for ids in itertools.product(tokens, repeat=length)]
    return ended + list(itertools.product(tokens, repeat=most))


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6), st.sampled_from([-1.0, 0.0, 0.7, 2.0]))
def test_as_many_beams_as_there_are_continuations_find_the_best(seed: int, penalty: float) -> None:
    language, most = Language(seed), 3
    options = BeamOptions(num_beams=4**most + 4**2 + 4 + 1, length_penalty=penalty, early_stopping="never")
    found = search(language, options, most).finished
    scored = {ids: language.score(ids) / len(ids) ** penalty for ids in every_continuation(most)}
    best = sorted(scored, key=scored.__getitem__, reverse=True)
    assert len(found) == len(best) == options.num_beams
    for one, ids in zip(found, best, strict=True):
        assert one.score == pytest.approx(scored[ids], abs=1e-6)
        assert (*one.ids, STOP) == ids if one.ended else one.ids == ids


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6))
def test_one_beam_is_the_likeliest_token_each_time(seed: int) -> None:
    language, ids = Language(seed), ()
    while len(ids) < 6 and (not ids or ids[-1] != STOP):
        ids = (*ids, int(language.logits(ids).argmax()))
    (found,) = search(language, BeamOptions(early_stopping=True), 6).finished
    ended = ids[-1] == STOP
    score = pytest.approx(language.score(ids) / len(ids))
    assert found == (Finished(score, ids[:-1], True, STOP) if ended else Finished(score, ids, False))


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6), st.sampled_from(EARLY_STOPPING), st.integers(2, 4))
def test_scores_are_those_of_the_tokens_and_fall(seed: int, early: bool | str, width: int) -> None:
    language = Language(seed)
    found = search(language, BeamOptions(num_beams=width, early_stopping=early), 8).finished
    assert len(found) == width
    assert len({(one.ids, one.ended) for one in found}) == width
    for one in found:
        ids = (*one.ids, STOP) if one.ended else one.ids
        assert one.ended or len(ids) == 8
        assert one.score == pytest.approx(language.score(ids) / len(ids), abs=1e-6)
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6))
def test_early_stopping_ends_no_later_and_finds_no_better(seed: int) -> None:
    language = Language(seed)
    scores = [
        search(language, BeamOptions(num_beams=3, early_stopping=early), 8).finished[0].score
        for early in (True, False, "never")
    ]
    assert scores[0] <= scores[2] + 1e-9
    assert scores[1] <= scores[2] + 1e-9


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6), st.sampled_from([1, 2, 3]))
def test_no_sequence_of_tokens_comes_again(seed: int, size: int) -> None:
    sampling = Sampling(no_repeat_ngram_size=size)
    for one in search(Language(seed), BeamOptions(num_beams=3), 9, sampling).finished:
        ids = (*one.ids, STOP) if one.ended else one.ids
        grams = [ids[start : start + size] for start in range(len(ids) - size + 1)]
        assert len(set(grams)) == len(grams)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("num_beams", value) for value in (0, 1.5, True, "4")],
        *[("length_penalty", value) for value in ("1", None, float("nan"), 51)],
        *[("early_stopping", value) for value in ("always", 1, None)],
    ],
)
def test_numbers_out_of_range(name: str, value: object) -> None:
    with pytest.raises(OptionError, match=name):
        BeamOptions(**{name: value})
