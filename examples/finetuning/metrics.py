"""The figures of the examples, each beside what a guess without a model reaches on the same test data."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

IGNORED = -100
Span = tuple[int, int, str]


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


def entity_f1(found: Sequence[set[Span]], expected: Sequence[set[Span]]) -> float:
    """Of entities with exactly the right characters and kind, over all texts."""
    right = sum(len(one & other) for one, other in zip(found, expected, strict=True))
    total = sum(map(len, found)) + sum(map(len, expected))
    return 2 * right / total if total else 0.0


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
                spans.add((at, end, kinds[text[at:end]].most_common(1)[0][0]))
            at = end or at + 1
        found.append(spans)
    return found


def overlap_f1(found: str, expected: str) -> float:
    """Of the characters that two answers share, as often as both hold them."""
    shared = sum((Counter(found) & Counter(expected)).values())
    return 2 * shared / (len(found) + len(expected)) if shared else 0.0


def answer_f1(found: Sequence[str], rows: Sequence[dict[str, Any]]) -> float:
    """The mean overlap with the best of each row's answers."""
    pairs = zip(found, rows, strict=True)
    return float(np.mean([max(overlap_f1(text, gold["text"]) for gold in row["answers"]) for text, row in pairs]))


def exact_match(found: Sequence[str], rows: Sequence[dict[str, Any]]) -> float:
    """The share of answers that are one of the row's."""
    pairs = zip(found, rows, strict=True)
    return float(np.mean([any(text == gold["text"] for gold in row["answers"]) for text, row in pairs]))


def constant_spans(train: Sequence[dict[str, Any]], test: Sequence[dict[str, Any]]) -> list[str]:
    """The answers of who has learned only the place and the length that suit the training questions best."""
    places = [(start, start + length) for start in range(0, 300, 20) for length in (5, 10, 20, 40, 80)]

    def score(place: tuple[int, int]) -> float:
        return answer_f1([row["context"][slice(*place)] for row in train], train)

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
    given = f"F1 {answer_f1(likest, rows):.3f}, exact {exact_match(likest, rows):.3f}"
    print(f"{split}, the clause most like the question: {given}")
    guess = "the same place in every text"
    report("exact answers", exact_match(found, rows), guess, exact_match(constant, rows), tested)
    report("F1", answer_f1(found, rows), guess, answer_f1(constant, rows), tested)
