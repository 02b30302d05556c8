"""The figures of the examples, each beside what a guess without a model reaches on the same test data."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from roformer_edge.validate.tasks.question_answering import answer_f1, exact_match
from roformer_edge.validate.tasks.token_classification import Span, entity_f1

__all__ = ["accuracy", "entity_f1", "known_entities", "largest_share", "report", "report_answers"]

IGNORED = -100


def report(metric: str, value: float, guess: str, chance: float, tested: str) -> None:
    """The last line of an example: ``accuracy 0.873 (largest class 0.500) on 1200 texts``."""
    print(f"{metric} {value:.3f} ({guess} {chance:.3f}) on {tested}", flush=True)


def accuracy(found: Any, expected: Any) -> float:
    """The share of labels that were found; labels of -100 do not count."""
    counted = np.asarray(expected) != IGNORED
    return float((np.asarray(found) == expected)[counted].mean())


def largest_share(expected: Any) -> float:
    """The accuracy of always answering the most frequent label."""
    counted = np.asarray(expected)[np.asarray(expected) != IGNORED]
    return float(np.unique(counted, return_counts=True)[1].max() / counted.size)


def known_entities(train: Sequence[dict[str, Any]], texts: Sequence[str]) -> list[set[Span]]:
    """What a dictionary finds: every stretch of text that was an entity in training, the longest first."""
    kinds: dict[str, Counter[str]] = {}
    for row in train:
        for entity in row["entities"]:
            kinds.setdefault(row["text"][entity["start"] : entity["end"]], Counter())[entity["label"]] += 1
    longest = max(map(len, kinds), default=0)
    found = []
    for text in texts:
        spans, at = set(), 0
        while at < len(text):
            end = next((end for end in range(at + longest, at, -1) if text[at:end] in kinds and end <= len(text)), None)
            if end is not None:
                spans.add((kinds[text[at:end]].most_common(1)[0][0], at, end))
            at = end or at + 1
        found.append(spans)
    return found


def mean_f1(found: Sequence[str], rows: Sequence[dict[str, Any]]) -> float:
    """The mean F1 of answers, each with the best of its row's, as the script of CMRC 2018 computes it."""
    return float(np.mean([answer_f1(text, _texts(row)) for text, row in zip(found, rows, strict=True)]))


def exact_share(found: Sequence[str], rows: Sequence[dict[str, Any]]) -> float:
    """The share of answers that are one of the row's, punctuation and letter case aside."""
    return float(np.mean([exact_match(text, _texts(row)) for text, row in zip(found, rows, strict=True)]))


def _texts(row: dict[str, Any]) -> list[str]:
    return [gold["text"] for gold in row["answers"]]


def constant_spans(train: Sequence[dict[str, Any]], test: Sequence[dict[str, Any]]) -> list[str]:
    """The answers of who has learned only the place and the length that suit the training questions best."""
    places = [(start, start + length) for start in range(0, 300, 20) for length in (5, 10, 20, 40, 80)]

    def score(place: tuple[int, int]) -> float:
        return mean_f1([row["context"][slice(*place)] for row in train], train)

    best = max(places, key=score)
    return [row["context"][slice(*best)] for row in test]


def likest_clauses(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The answers of who compares letters: the clause that shares the most pairs of characters with the question."""

    def pairs(text: str) -> Counter[str]:
        return Counter(map("".join, pairwise(text)))

    def best(row: dict[str, Any]) -> str:
        asked = pairs(row["question"])
        clauses = re.split("[，。；！？]", row["context"])
        return max(clauses, key=lambda clause: sum((pairs(clause) & asked).values()))

    return [best(row) for row in rows]


def report_answers(
    found: Sequence[str], train: Sequence[dict[str, Any]], rows: Sequence[dict[str, Any]], split: str
) -> None:
    """How often answers are exactly right, then their overlap, each beside what needs no model."""
    likest, constant, tested = likest_clauses(rows), constant_spans(train, rows), f"{len(rows)} questions ({split})"
    given = f"F1 {mean_f1(likest, rows):.3f}, exact {exact_share(likest, rows):.3f}"
    print(f"{split}, the clause most like the question: {given}")
    guess = "the same place in every text"
    report("exact answers", exact_share(found, rows), guess, exact_share(constant, rows), tested)
    report("F1", mean_f1(found, rows), guess, mean_f1(constant, rows), tested)
