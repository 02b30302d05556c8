"""Texts and answers as a report keeps them: short, with the stretches that matter marked."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

MAX_TEXT = 1000  # characters of a text that a report keeps
_AROUND = 40  # characters kept on either side of what is marked


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A stretch ``text[start:end]`` of an excerpt.

    Attributes:
        start: Its first character.
        end: One more than its last.
        name: What it is, such as the label of an entity; may be empty.
        right: Whether it is right; ``None`` where that is not asked.
    """

    start: int
    end: int
    name: str = ""
    right: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Excerpt:
    """An answer, or a text with an answer marked in it.

    Attributes:
        text: What to show; data, and never to be printed raw.
        right: Whether it is the gold answer; ``None`` where that is not asked.
        score: The probability that its side gave it, or ``None``.
        marks: Stretches of the text, in order, none overlapping another.
    """

    text: str
    right: bool | None = None
    score: float | None = None
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Passage:
    """One of the texts that both sides were asked, at most ``MAX_TEXT`` characters of it.

    Attributes:
        name: The field of the task that it is.
        text: What stands there.
    """

    name: str
    text: str


def cut(text: str) -> str:
    """Keep at most ``MAX_TEXT`` characters of a text, with an ellipsis where something was cut."""
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…"


def passages(inputs: Mapping[str, object]) -> tuple[Passage, ...]:
    """Keep the texts of an example's inputs; lists of texts are left to whoever shows the answers."""
    return tuple(Passage(name=name, text=cut(text)) for name, text in inputs.items() if isinstance(text, str))


def around(excerpt: Excerpt, places: Iterable[tuple[int, int]]) -> Excerpt:
    """Cut an excerpt to the characters around some places of it.

    Args:
        excerpt: A text, as long as it is.
        places: The stretches ``(start, end)`` that must stay; with none of them the beginning stays.
    """
    places = list(places)
    text = excerpt.text
    first = max(0, min((start for start, _ in places), default=0) - _AROUND)
    last = min(len(text), max((end for _, end in places), default=2 * _AROUND) + _AROUND)
    # a few characters more spare the reader the riddle of an ellipsis
    first, last = (0 if first < _AROUND // 2 else first), (len(text) if len(text) - last < _AROUND // 2 else last)
    last = min(last, first + MAX_TEXT)
    before, after = ("…" if first else ""), ("…" if last < len(text) else "")
    shift = len(before) - first
    marks = tuple(
        dataclasses.replace(mark, start=max(mark.start, first) + shift, end=min(mark.end, last) + shift)
        for mark in excerpt.marks
        if mark.end > first and mark.start < last
    )
    return dataclasses.replace(excerpt, text=f"{before}{text[first:last]}{after}", marks=marks)
