"""What the embedded checkpoint learns from: requests with labels, the changes made to them, and the vocabulary."""

from __future__ import annotations

import json
import random
import string
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from request_grammar import Grammar

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
# a polite opening before these asks for an answer, before the others for a deed
QUESTIONS = frozenset(
    {
        "HassClimateGetTemperature",
        "HassGetCurrentDate",
        "HassGetCurrentTime",
        "HassGetState",
        "HassGetWeather",
        "HassTimerStatus",
    }
)
# people leave commas out, and speech recognition never writes them
COMMA = "，"


@dataclass(frozen=True, kw_only=True)
class Request:
    """One labelled text; ``rooms`` holds the spans (start, end) in which a room is named."""

    text: str
    label: str
    rooms: tuple[tuple[int, int], ...] = ()


def read_requests(path: Path) -> list[Request]:
    """Read labelled JSON Lines; entities labelled ``area`` become ``rooms``."""
    requests = []
    for line in path.read_text(encoding="utf-8").split("\n"):
        if line:
            row = json.loads(line)
            rooms = tuple((e["start"], e["end"]) for e in row.get("entities", ()) if e["label"] == "area")
            requests.append(Request(text=row["text"], label=row["label"], rooms=rooms))
    return requests


def read_texts(path: Path) -> list[str]:
    """Read the ``text`` of every line of a JSON Lines file."""
    return [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").split("\n") if line]


def draw_requests(grammar: Grammar, each: int, forbidden: frozenset[str], rng: random.Random) -> list[Request]:
    """Draw up to ``each`` different requests per label, none of them in ``forbidden``."""
    requests = []
    for label in grammar.lines:
        texts = dict.fromkeys(grammar.draw(label, rng) for _ in range(each))
        requests += [Request(text=text, label=label) for text in texts if text and text not in forbidden]
    return requests


def balance(requests: Sequence[Request], count: int, power: float, rng: random.Random) -> list[Request]:
    """Draw ``count`` requests, each label with a share proportional to its frequency to the power of ``power``."""
    frequency = Counter(request.label for request in requests)
    weights = [frequency[request.label] ** (power - 1) for request in requests]
    return rng.choices(requests, weights, k=count)


@dataclass(frozen=True, kw_only=True)
class Speech:
    """Changes a template's sentence towards speech: other rooms, polite words, particles, words swallowed."""

    grammar: Grammar
    rooms: float = 0.4
    polite: float = 0.35
    swallow: float = 0.1

    def __call__(self, request: Request, rng: random.Random) -> str:
        """The request's text, changed; ``rooms`` are replaced, so their spans hold for the original only."""
        text = request.text
        if rng.random() < self.rooms:
            for start, end in sorted(request.rooms, reverse=True):
                text = text[:start] + self.grammar.lists["room"](rng) + text[end:]
        if rng.random() < self.polite:
            text = self._address(text, request.label, rng)
        if rng.random() < 0.5:
            text = text.replace(COMMA, "")
        if len(text) > 4 and rng.random() < self.swallow:
            at = rng.randrange(len(text))
            text = text[:at] + text[at + 1 :]
        return text

    def _address(self, text: str, label: str, rng: random.Random) -> str:
        opening = "look" if label in QUESTIONS else "please"
        if rng.random() < 0.5:
            return self.grammar.lists[opening](rng) + text
        return text if label in QUESTIONS else text + self.grammar.lists["end"](rng)


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """How often a word or a character must occur to get a row of the embedding table."""

    request_word: int = 3
    sentence_word: int = 30
    character: int = 3


def build_vocabulary(
    requests: Iterable[str], sentences: Sequence[str], cut: Callable[[str], Iterable[str]], thresholds: Thresholds
) -> list[str]:
    """The lines of ``vocab.txt``: special tokens, ASCII, frequent characters, frequent words.

    Args:
        requests: Texts of the kind that the model will read.
        sentences: General text, whose words must be more frequent to count.
        cut: The tokenizer's own segmentation; only words that it produces can ever be looked up.
        thresholds: Least numbers of occurrences.
    """
    requests = list(requests)
    characters = Counter(character for text in (*requests, *sentences) for character in text.lower())
    in_requests = Counter(word for text in requests for word in cut(text.lower()))
    in_sentences = Counter(word for text in sentences for word in cut(text.lower()))
    ascii_pieces = string.punctuation + string.digits + string.ascii_lowercase
    continuations = ["##" + character for character in string.digits + string.ascii_lowercase]
    chosen = {c for c, count in characters.items() if count >= thresholds.character and not c.isspace()}
    words = {word for word, count in in_requests.items() if count >= thresholds.request_word}
    words |= {word for word, count in in_sentences.items() if count >= thresholds.sentence_word}
    # numbers are read digit by digit: whole ones would leave most of 0 to 100 with too few examples
    words = {word for word in words if len(word) > 1 and not any(c in string.digits or c.isspace() for c in word)}
    tokens = [*SPECIAL, *ascii_pieces, *continuations, *sorted(chosen - set(ascii_pieces)), *sorted(words)]
    return list(dict.fromkeys(tokens))


def closeness(texts: Sequence[str], known: Sequence[str]) -> np.ndarray:
    """For every text, its largest Dice coefficient of character pairs with a known text, float64 [texts], 0 to 1."""
    holders, sizes = defaultdict(list), np.zeros(len(known))
    for index, text in enumerate(known):
        found = _pairs(text)
        sizes[index] = len(found)
        for pair in found:
            holders[pair].append(index)
    places = {pair: np.array(indices) for pair, indices in holders.items()}
    result = np.zeros(len(texts))
    for row, text in enumerate(texts):
        found, shared = _pairs(text), np.zeros(len(known))
        for pair in found & places.keys():
            shared[places[pair]] += 1
        result[row] = (2 * shared / (sizes + len(found))).max()
    return result


def _pairs(text: str) -> set[str]:
    """Neighbouring characters, the ends of the text included."""
    framed = f"^{text}$"
    return {framed[at : at + 2] for at in range(len(framed) - 1)}
