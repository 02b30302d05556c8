from __future__ import annotations

import itertools

import numpy as np
import pytest

from roformer_edge.crf import Crf


def drawn(labels: int, seed: int = 0) -> Crf:
    rng = np.random.default_rng(seed)
    start, end, transitions = (
        (2 * rng.standard_normal(shape)).astype(np.float32) for shape in ((labels,), (labels,), (labels, labels))
    )
    return Crf(start=start, end=end, transitions=transitions)


def score(crf: Crf, logits: np.ndarray, labels: tuple[int, ...]) -> float:
    steps = sum(float(crf.transitions[pair]) for pair in itertools.pairwise(labels))
    own = sum(float(logits[token, label]) for token, label in enumerate(labels))
    return float(crf.start[labels[0]]) + own + steps + float(crf.end[labels[-1]])


@pytest.mark.parametrize("tokens", [1, 2, 3, 6])
@pytest.mark.parametrize("labels", [1, 2, 4])
@pytest.mark.parametrize("seed", range(5))
def test_equal_to_an_exhaustive_search(tokens, labels, seed):
    crf = drawn(labels, seed)
    logits = 2 * np.random.default_rng(seed + 100).standard_normal((tokens, labels))
    sequences = list(itertools.product(range(labels), repeat=tokens))
    scores = np.array([score(crf, logits, sequence) for sequence in sequences])
    assert tuple(crf.best_labels(logits)) == sequences[int(scores.argmax())]
    probabilities = np.exp(scores - scores.max())
    probabilities /= probabilities.sum()
    expected = np.zeros((tokens, labels))
    for sequence, probability in zip(sequences, probabilities, strict=True):
        expected[range(tokens), sequence] += probability
    assert crf.marginals(logits) == pytest.approx(expected, abs=1e-12)


def test_large_scores_do_not_overflow():
    crf = drawn(3)
    marginals = crf.marginals(np.array([[1e4, 0, -1e4], [0, 1e4, 0], [-1e4, 0, 1e4]]))
    assert marginals == pytest.approx(np.eye(3), abs=1e-12)


def test_forbidden_transitions_are_taken_by_no_sequence():
    crf = drawn(2)
    crf.transitions[0, 1] = -1e4  # as pytorch-crf users forbid one
    assert list(crf.best_labels(np.array([[9.0, 0], [0, 9.0], [0, 9.0]]))) == [1, 1, 1]
