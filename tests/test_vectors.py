"""Cosines and neighbours against their plain definition."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roformer_edge import OptionError, vectors
from roformer_edge.vectors import Hit, normalized, search, similarity

RANDOM = np.random.default_rng(3)
QUERIES = RANDOM.normal(size=(5, 12)).astype(np.float32)
CORPUS = RANDOM.normal(size=(40, 12)).astype(np.float32) * RANDOM.uniform(0.01, 100, (40, 1)).astype(np.float32)


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    return math.fsum(one.astype(float) * other) / math.hypot(*one.astype(float)) / math.hypot(*other.astype(float))


def test_similarity_is_the_cosine_of_every_pair() -> None:
    found = similarity(QUERIES, CORPUS)
    assert found.shape == (5, 40)
    assert found.dtype == np.float32
    expected = [[cosine(one, other) for other in CORPUS] for one in QUERIES]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(similarity(QUERIES[0], CORPUS), found[:1], atol=1e-6)


def test_a_list_of_vectors_is_an_array_and_zeros_are_like_nothing() -> None:
    assert similarity([[3, 4], [0, 0]], [6, 8]).tolist() == [[1.0], [0.0]]


@pytest.mark.parametrize("block", [1, 1 << 24])
def test_search_orders_all_vectors_by_cosine(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(vectors, "_BLOCK", block)
    found = search(QUERIES, CORPUS, top_k=7)
    for hits, query in zip(found, QUERIES, strict=True):
        cosines = [cosine(query, row) for row in CORPUS]
        assert [hit.index for hit in hits] == sorted(range(40), key=lambda index: -cosines[index])[:7]
        assert [hit.score for hit in hits] == pytest.approx(sorted(cosines, reverse=True)[:7], abs=1e-6)
    (alone,) = search(QUERIES[2], CORPUS, top_k=7)
    assert [hit.index for hit in alone] == [hit.index for hit in found[2]]


def test_search_keeps_what_is_over_the_threshold_and_the_first_of_equals() -> None:
    corpus = [[1, 0], [0, 1], [2, 0], [1, 1]]
    assert search([1, 0], corpus, threshold=0.5) == [
        [Hit(index=0, score=1.0), Hit(index=2, score=1.0), Hit(index=3, score=pytest.approx(0.5**0.5))]
    ]
    assert search([[1, 0]], corpus, top_k=1, threshold=1.0) == [[]]
    assert search(np.empty((0, 2)), corpus) == []
    assert search([1, 0], np.empty((0, 2))) == [[]]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=3, max_size=3))
def test_normalized_vectors_are_of_length_one(values: list[float]) -> None:
    vector = np.array(values, np.float32)
    found = normalized(vector)
    assert found.shape == (3,)
    assert np.linalg.norm(found.astype(float)) == pytest.approx(float(np.any(vector)), abs=1e-5)
    np.testing.assert_array_equal(normalized(vector[np.newaxis])[0], found)


@pytest.mark.parametrize(
    ("queries", "corpus", "options", "message"),
    [
        ([1, 2], [[1, 2, 3]], {}, "corpus must be vectors of the same width, 2, found 'width 3'"),
        ([1, math.nan], [[1, 2]], {}, "queries must be finite numbers .* with others"),
        ([1, 2], [[[1, 2]]], {}, r"corpus must be finite numbers \[n, width\].* \[1, 1, 2\]"),
        ([[1, 2], [3]], [[1, 2]], {}, "queries must be vectors of equally many numbers"),
        ("今天", [[1, 2]], {}, "queries must be vectors"),
        ([1, 2], [[1, 2]], {"top_k": 0}, "top_k must be a whole number of at least 1"),
    ],
)
def test_what_are_no_vectors_is_refused(queries: object, corpus: object, options: dict, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        search(queries, corpus, **options)


def test_a_hit_can_be_written_as_json() -> None:
    assert json.loads(json.dumps(search([1, 0], [[1, 0]])[0][0].to_dict())) == {"index": 0, "score": 1.0}
