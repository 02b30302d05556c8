"""Cutting text into words: the dictionary cutter of jieba with its hidden Markov model switched off.

``WordSegmenter`` reads the packed dictionary ``words.bin`` straight from the page cache, so it costs nothing to open
and little memory; ``scripts/build_words.py`` describes the file. It gives the words of the Rust package rjieba, which
``RjiebaSegmenter`` wraps for whoever segments millions of characters a process.

Source of the algorithm: jieba (https://github.com/fxsjy/jieba, MIT): the most probable path through the graph of all
dictionary words in a run of text, found from right to left.
"""

from __future__ import annotations

import os
import sys
from bisect import bisect_left
from functools import partial
from math import inf

from roformer_edge.errors import UnknownNameError, VocabularyError
from roformer_edge.tokenizer.unicode_tables import FIRST_IDEOGRAPH, LAST_IDEOGRAPH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Protocol

    class Segmenter(Protocol):
        """Cuts text into words that joined give the text back."""

        def cut(self, text: str) -> list[str]:
            """Cut ``text`` into words, in order, nothing left out."""

    Words = str | os.PathLike[str] | bytes | bytearray | memoryview
    # what begins at a character of a run: the score of it alone (None where it is no word), the place of its first
    # child in the trie, and the labels of its children as one string
    Head = tuple[float | None, int, str]

# the dictionary that comes with the package
WORDS_PATH = os.path.join(os.path.dirname(__file__), "data", "words.bin")  # noqa: PTH118, PTH120 - pathlib is slow to import
MAGIC = b"rfwords1"
HEADER = 16
# the most characters of a word: that bounds the work for each character of a text
LONGEST = 64

_ALPHANUMERIC = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
_JOINERS = frozenset("+#&._%-")
# single characters that may go together: letters and digits of ASCII, and "\r\n"
_GLUED = _ALPHANUMERIC | {"\r"}
# characters remembered with what begins at them, a few MB at most
_LIMIT = 1 << 15
# put behind a text; no word holds it
_NO_LABEL = "\0"
# the characters that words of the dictionary are looked for in; every other character is a word of its own
_IDEOGRAPHS = (
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2EBEF),
    (0x2F800, 0x2FA1F),
)


class _Heads(dict[str, "Head | None"]):
    """What begins at a character, unpacked when it is asked for; None for a character outside runs."""

    __slots__ = ("_read",)

    def __init__(self, read: Callable[[str], Head]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, character: str) -> Head | None:
        if len(self) >= _LIMIT:
            self.clear()
        head = self[character] = self._read(character) if _in_run(character) else None
        return head


def _in_run(character: str) -> bool:
    if FIRST_IDEOGRAPH <= character <= LAST_IDEOGRAPH or character in _ALPHANUMERIC or character in _JOINERS:
        return True
    code = ord(character)
    return any(low <= code <= high for low, high in _IDEOGRAPHS)


class WordTrie:
    """The packed dictionary, opened but not unpacked.

    Args:
        source: A path to ``words.bin``, which is mapped into memory, or its bytes.

    Attributes:
        name: What to call it in an error.
        scores: Log-probabilities; the first is that of a character that begins no word.
        firsts: The place of every node's first child; its last child comes before the next node's first.
        labels: The code point that leads to every node.
        values: The index of every node's score, 0 where it is no word.
        heads: The children of the root, by character.

    Raises:
        VocabularyError: The file cannot be read or is not a packed dictionary.
    """

    def __init__(self, source: Words = WORDS_PATH) -> None:
        if isinstance(source, bytes | bytearray | memoryview):
            data, name = memoryview(source).cast("B"), "the word dictionary"
        else:
            data, name = _map(source), os.fspath(source)
        if len(data) < HEADER or bytes(data[:8]) != MAGIC or sys.byteorder != "little":
            raise VocabularyError(f"{name} is not a packed word dictionary; scripts/build_words.py makes one")
        nodes, scores = (int.from_bytes(data[at : at + 4], "little") for at in (8, 12))
        firsts = HEADER + 8 * scores
        labels = firsts + 4 * (nodes + 1)
        values = labels + 2 * nodes
        if len(data) != values + 2 * nodes or not nodes or not scores:
            raise VocabularyError(f"{name} is truncated or damaged: {len(data)} bytes, expected {values + 2 * nodes}")
        self.name = name
        self.scores = list(memoryview(data[HEADER:firsts]).cast("d"))
        if not -inf < sum(self.scores) or max(self.scores) > 0:
            raise VocabularyError(f"{name} is damaged: a score is not the logarithm of a probability")
        self.firsts = data[firsts:labels].cast("I")
        self.labels = data[labels:values].cast("H")
        self.values = data[values:].cast("H")
        # what half a million nodes point at is seen when a text leads there
        if self.firsts[0] != 1 or self.firsts[nodes] != nodes:
            raise VocabularyError(f"{name} is damaged: its first or its last node is not where it must be")
        # not a method: a trie that is part of a circle keeps its megabytes until somebody looks for circles
        self.heads = _Heads(partial(_head_of, self.firsts, self.labels, self.values, self.scores))


def _head_of(
    firsts: Sequence[int], labels: memoryview, values: Sequence[int], scores: Sequence[float], character: str
) -> Head:
    first, last = firsts[0], firsts[1]
    place = bisect_left(labels, ord(character), first, last)
    if place == last or labels[place] != ord(character):
        return None, 0, ""
    first, last = firsts[place], firsts[place + 1]
    value = values[place]
    # native order, checked above to be little-endian; the name with the order in it would import a codec
    children = bytes(labels[first:last]).decode("utf-16")
    return scores[value] if value else None, first, children


def _map(path: str | os.PathLike[str]) -> memoryview:
    import mmap

    try:
        with open(path, "rb") as file:  # noqa: PTH123
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except (OSError, ValueError) as error:
        raise VocabularyError(f"cannot read the word dictionary {path}: {error}") from None


class WordSegmenter:
    """The cutter over the packed dictionary, in pure Python.

    Args:
        words: The dictionary; the one that comes with the package when left out.
    """

    # text is cut in chunks that end between runs, to bound memory
    CHUNK = 1 << 12

    def __init__(self, words: WordTrie | None = None) -> None:
        self._words = words if words is not None else WordTrie()

    def cut(self, text: str) -> list[str]:
        """Cut ``text`` into words; joined they give it back. Time is linear in its length."""
        if len(text) <= self.CHUNK:
            return self._cut(text)
        words: list[str] = []
        start, length, heads = 0, len(text), self._words.heads
        while start < length:
            stop = min(start + self.CHUNK, length)
            # a chunk may end before any character outside runs, except inside "\r\n"
            while stop < length and (heads[text[stop]] is not None or text[stop] == "\n"):
                stop += 1
            words += self._cut(text[start:stop])
            start = stop
        return words

    def _cut(self, text: str) -> list[str]:
        try:
            stops = self._route(text)
        except (IndexError, UnicodeDecodeError):  # a file whose digest is right and whose pointers or labels are not
            raise VocabularyError(f"{self._words.name} is damaged: it points outside itself") from None
        words: list[str] = []
        start, length = 0, len(text)
        while start < length:
            stop = stops[start]
            words.append(text[start:stop])
            start = stop
        return words if _GLUED.isdisjoint(words) else _glue(words)

    def _route(self, text: str) -> list[int]:
        """Find for every position where the best word that begins there ends.

        The best path maximises the sum of the words' log-probabilities, added from the right in float64; of two
        equal sums the longer word wins. A character that begins no word counts as a word seen once.
        """
        words, start, padded = self._words, len(text), text + _NO_LABEL
        heads, table, firsts, labels, values = words.heads, words.scores, words.firsts, words.labels, words.values
        unknown = table[0]
        scores = [0.0] * (start + 1)
        stops = list(range(1, start + 1))
        # of the position to the right: its score and its character
        score, follower = 0.0, _NO_LABEL
        for character in reversed(text):
            start -= 1
            head = heads[character]
            if head is None:
                score = 0.0
                follower = character
                continue
            weight, first, seconds = head
            if follower not in seconds:
                scores[start] = score = (unknown if weight is None else weight) + score
                follower = character
                continue
            best = None if weight is None else weight + score
            place = first + seconds.index(follower)
            position = stop = start + 1
            limit = start + LONGEST
            while position < limit:
                position += 1
                value = values[place]
                if value:
                    total = table[value] + scores[position]
                    if best is None or total >= best:
                        best, stop = total, position
                begin, end = firsts[place], firsts[place + 1]
                if begin == end:
                    break
                code = ord(padded[position])
                place = bisect_left(labels, code, begin, end)
                if place == end or labels[place] != code:
                    break
            scores[start] = score = unknown + score if best is None else best
            stops[start] = stop
            follower = character
        return stops


def _glue(words: list[str]) -> list[str]:
    """Put together letters and digits of ASCII that are words by themselves, and ``"\\r\\n"``."""
    found: list[str] = []
    run: list[str] = []
    for word in words:
        if word in _ALPHANUMERIC:
            run.append(word)
            continue
        if run:
            found.append("".join(run))
            run = []
        if word == "\n" and found and found[-1] == "\r":
            found[-1] = "\r\n"
        else:
            found.append(word)
    if run:
        found.append("".join(run))
    return found


class RjiebaSegmenter:
    """The cutter of the Rust package rjieba: the same words, faster, at 100 ms and 30 MB a process.

    Raises:
        MissingDependencyError: rjieba is not installed.
    """

    def __init__(self) -> None:
        from roformer_edge._extras import require

        self._cut: Callable[[str, bool], list[str]] = require("rjieba", "for segmenter='rjieba'").cut

    def cut(self, text: str) -> list[str]:
        """Cut ``text`` into words; joined they give it back."""
        return self._cut(text, False)


def make_segmenter(name: str, words: Words | None = None) -> Segmenter:
    """Build a segmenter.

    Args:
        name: ``"words"`` (the packed dictionary) or ``"rjieba"`` (equal words; the package rjieba).
        words: The packed dictionary for ``"words"``: a path or its bytes; the packaged one when left out.

    Raises:
        UnknownNameError: No such segmenter.
        MissingDependencyError: rjieba was asked for and is not installed.
        VocabularyError: The dictionary cannot be read.
    """
    if name == "words":
        return WordSegmenter(WordTrie(WORDS_PATH if words is None else words))
    if name == "rjieba":
        return RjiebaSegmenter()
    raise UnknownNameError("segmenter", name, ("words", "rjieba"))
