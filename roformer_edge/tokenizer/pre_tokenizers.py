"""How the fast family cuts a normalised text into words: the pre-tokenizers of the crate tokenizers.

Every one gives the spans of its words; what lies between them is dropped.
"""

from __future__ import annotations

from roformer_edge.tokenizer.unicode_tables import NUMBER, PUNCTUATION, WHITE_SPACE, WORD

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Protocol

    from roformer_edge.tokenizer.unicode_tables import UnicodeData

    Span = tuple[int, int]
    # pieces that cover a text, and whether each matched a pattern
    Matches = Iterable[tuple[Span, bool]]

    class PreTokenizer(Protocol):
        """Cuts a text into words."""

        def words(self, text: str) -> list[str]:
            """Cut ``text`` into words, in order."""

        def spans(self, text: str) -> list[Span]:
            """Find ``(start, end)`` of every word."""


class BertPreTokenizer:
    """White space is dropped, and every punctuation character is a word of its own.

    Args:
        unicode: The tables.
    """

    def __init__(self, unicode: UnicodeData) -> None:
        self._is_punctuation = is_punctuation(unicode)
        self._apart = _Apart(self._is_punctuation)

    def words(self, text: str) -> list[str]:
        """Cut ``text`` into words, in order."""
        return list(filter(None, "".join(map(self._apart.__getitem__, text)).split(" ")))

    def spans(self, text: str) -> list[Span]:
        """Find ``(start, end)`` of every word."""
        return [
            (start + begin, start + end)
            for start, end in split(text, WHITE_SPACE.__contains__, "Removed")
            for begin, end in split(text[start:end], self._is_punctuation)
        ]


class _Apart(dict[str, str]):
    """A character with spaces around it if it is punctuation, a space for white space, or the character."""

    def __init__(self, is_punctuation: Callable[[str], bool]) -> None:
        super().__init__()
        self._is_punctuation = is_punctuation

    def __missing__(self, character: str) -> str:
        apart = f" {character} " if self._is_punctuation(character) else character
        if character in WHITE_SPACE:
            apart = " "
        # a character of the whole of Unicode costs about 100 bytes
        self[character] = apart
        return apart


class SpanPreTokenizer:
    """Cuts as a function says.

    Args:
        spans: Gives ``(start, end)`` of every word of a text.
    """

    def __init__(self, spans: Callable[[str], list[Span]]) -> None:
        self.spans = spans

    def words(self, text: str) -> list[str]:
        """Cut ``text`` into words, in order."""
        return [text[start:end] for start, end in self.spans(text)]


def in_turn(steps: Sequence[PreTokenizer]) -> SpanPreTokenizer:
    """Several pre-tokenizers, each cutting the words of the one before."""

    def spans(text: str) -> list[Span]:
        found = [(0, len(text))] if text else []
        for step in steps:
            found = [(at + start, at + end) for at, stop in found for start, end in step.spans(text[at:stop])]
        return found

    return SpanPreTokenizer(spans)


def whitespace_words(unicode: UnicodeData) -> SpanPreTokenizer:
    """Runs of word characters and runs of what is neither that nor white space: ``\\w+|[^\\w\\s]+``."""

    def kind(character: str) -> int:
        # a combining character may be part of a word, white space never is
        return 0 if character in WHITE_SPACE else 1 if unicode.fast.kind(character) & WORD else 2

    def spans(text: str) -> list[Span]:
        found: list[Span] = []
        last = 0
        for place, character in enumerate(text):
            now = kind(character)
            if now and now == last:
                found[-1] = found[-1][0], place + 1
            elif now:
                found.append((place, place + 1))
            last = now
        return found

    return SpanPreTokenizer(spans)


def of_length(length: int) -> SpanPreTokenizer:
    """Words of ``length`` characters; the last may be shorter."""

    def spans(text: str) -> list[Span]:
        return [(start, min(start + length, len(text))) for start in range(0, len(text), length)]

    return SpanPreTokenizer(spans)


def at_characters(matches: Callable[[str], bool], behavior: str) -> SpanPreTokenizer:
    """Cuts at characters, with what matched treated as ``BEHAVIORS`` says."""
    return SpanPreTokenizer(lambda text: split(text, matches, behavior))


def at_string(string: str, behavior: str, invert: bool) -> SpanPreTokenizer:
    """Cuts at every occurrence of a string; an empty one occurs before every character, and at the end."""

    cut = BEHAVIORS[behavior]

    def places(text: str) -> Iterable[int]:
        if not string:
            return range(len(text) + 1)
        found, place = [], text.find(string)
        while place >= 0:
            found.append(place)
            place = text.find(string, place + len(string))
        return found

    def pieces(text: str) -> Iterator[tuple[Span, bool]]:
        start = 0
        for place in places(text):
            if start < place:
                yield (start, place), invert
            start = place + len(string)
            yield (place, start), not invert
        if start < len(text):
            yield (start, len(text)), invert

    return SpanPreTokenizer(lambda text: [(start, end) for start, end in cut(pieces(text)) if start < end])


def split(text: str, matches: Callable[[str], bool], behavior: str = "Isolated") -> list[Span]:
    """Cut a text at the characters that match; return the spans of its words."""

    def pieces() -> Iterator[tuple[Span, bool]]:
        start = 0
        for place, character in enumerate(text):
            if matches(character):
                if start < place:
                    yield (start, place), False
                yield (place, place + 1), True
                start = place + 1
        if start < len(text):
            yield (start, len(text)), False

    return BEHAVIORS[behavior](pieces())


def _removed(pieces: Matches) -> list[Span]:
    return [span for span, matched in pieces if not matched]


def _isolated(pieces: Matches) -> list[Span]:
    return [span for span, _ in pieces]


def _contiguous(pieces: Matches) -> list[Span]:
    found: list[Span] = []
    before = False
    for (start, end), matched in pieces:
        if found and matched == before:
            found[-1] = found[-1][0], end
        else:
            found.append((start, end))
        before = matched
    return found


def _merged_with_previous(pieces: Matches) -> list[Span]:
    found: list[Span] = []
    before = False
    for (start, end), matched in pieces:
        if found and matched and not before:
            found[-1] = found[-1][0], end
        else:
            found.append((start, end))
        before = matched
    return found


def _merged_with_next(pieces: Matches) -> list[Span]:
    found: list[Span] = []
    before = False
    for (start, end), matched in reversed(list(pieces)):
        if found and matched and not before:
            found[-1] = start, found[-1][1]
        else:
            found.append((start, end))
        before = matched
    return found[::-1]


# what becomes of what matched
BEHAVIORS: dict[str, Callable[[Matches], list[Span]]] = {
    "Removed": _removed,
    "Isolated": _isolated,
    "Contiguous": _contiguous,
    "MergedWithPrevious": _merged_with_previous,
    "MergedWithNext": _merged_with_next,
}


def is_punctuation(unicode: UnicodeData) -> Callable[[str], bool]:
    """Tell whether a character is punctuation of ASCII or of Unicode."""
    return lambda character: bool(unicode.fast.kind(character) & PUNCTUATION)


def is_number(unicode: UnicodeData) -> Callable[[str], bool]:
    """Tell whether a character is numeric."""
    return lambda character: bool(unicode.fast.kind(character) & NUMBER)
