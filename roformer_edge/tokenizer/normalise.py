"""What happens to characters before look-up, each with its place in the original text.

The slow mode lower-cases a whole text and cleans, word by word, what the vocabulary does not hold. Its words are
dictionary words of ideographs and ASCII, runs of ASCII, or single characters, so nothing there depends on a character's
neighbours. The fast mode normalises a whole text at once, where canonical reordering does.
"""

from __future__ import annotations

from roformer_edge.tokenizer.tables import (
    IDEOGRAPH,
    MARK,
    PUNCTUATION,
    REMOVE,
    SPACE,
    UnicodeTables,
    fast_tables,
    slow_tables,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    # a piece of text with the place of each of its characters in the original text
    Piece = tuple[str, Sequence[int]]

# characters remembered with what they become, a few MB at most
_LIMIT = 1 << 15
_CAPITAL_SIGMA = "\u03a3"
# a block in which nothing is unassigned, decomposes or has a lower case
_FIRST_IDEOGRAPH, _LAST_IDEOGRAPH = "\u4e00", "\u9fff"


class _Characters(dict[str, str]):
    """What characters become where that is one character; the empty string for all that need a closer look.

    Args:
        fold: Gives what one becomes, or the empty string.
    """

    __slots__ = ("_fold",)

    def __init__(self, fold: Callable[[str], str]) -> None:
        super().__init__()
        self._fold = fold

    def __missing__(self, character: str) -> str:
        text = self._fold(character)
        if len(self) >= _LIMIT:
            self.clear()
        self[character] = text
        return text

    def fold(self, text: str) -> str | None:
        """What ``text`` becomes, one character for one; None where that does not hold for all of it."""
        folded = "".join(map(self.__getitem__, text))
        return folded if len(folded) == len(text) else None


def _regular_lower(character: str) -> str:
    lowered = slow_tables().lower(character)
    return lowered if len(lowered) == 1 else ""


_lower_characters = _Characters(_regular_lower)


def lower_case(text: str) -> Piece:
    """``text`` in lower case, character by character, as the slow mode has it."""
    folded = text.lower() if text.isascii() else _lower_characters.fold(text)
    return _lower_closely(text) if folded is None else (folded, range(len(text)))


def _lower_closely(text: str) -> Piece:
    parts = [slow_tables().lower(character) for character in text]
    return "".join(parts), [place for place, part in enumerate(parts) for _ in part]


def lower_token(content: str) -> str:
    """An added token in lower case, as the slow mode has it: a capital sigma at the end of a word is a final one."""
    return content.lower() if _CAPITAL_SIGMA in content else lower_case(content)[0]


def fields(characters: Iterable[str], places: Iterable[int]) -> list[Piece]:
    """Split at white space."""
    found: list[Piece] = []
    text, spots = "", []
    for character, place in zip((*characters, " "), (*places, 0), strict=True):
        if not character.isspace():
            text += character
            spots.append(place)
        elif text:
            found.append((text, spots))
            text, spots = "", []
    return found


class BasicSplitter:
    """What the slow mode does to a word before WordPiece: clean, lower-case, strip accents, split.

    Args:
        lower: Lower-case.
        strip: Drop accents.
        ideographs: Take every ideograph for a word.
        never_split: Words that are left as they are.
    """

    def __init__(self, *, lower: bool, strip: bool, ideographs: bool, never_split: frozenset[str]) -> None:
        self._lower = lower
        self._strip = strip
        self._ideographs = ideographs
        self._never_split = never_split

    def split(self, word: str) -> list[Piece]:
        """The parts of a word, with places in it."""
        if word and self._ideographs and min(word) >= _FIRST_IDEOGRAPH and max(word) <= _LAST_IDEOGRAPH:
            return [(character, (place,)) for place, character in enumerate(word)]
        if word.isascii() and word.isalnum():
            return [(word.lower() if self._lower and word not in self._never_split else word, range(len(word)))]
        tables = slow_tables()
        found: list[Piece] = []
        for text, spots in fields(*_spread(word, range(len(word)), lambda character: self._clean(tables, character))):
            if text in self._never_split:
                found.append((text, spots))
                continue
            folded, places = _spread(text, spots, lambda character: self._fold(tables, character))
            if "".join(folded) not in self._never_split:
                folded, places = _spread(folded, places, lambda character: _apart(tables, character))
            found += fields(folded, places)
        return found

    def _clean(self, tables: UnicodeTables, character: str) -> str:
        kind = tables.kind(character)
        if kind & (REMOVE | SPACE):
            return "" if kind & REMOVE else " "
        text = tables.compose(character)
        return f" {text} " if kind & IDEOGRAPH and self._ideographs else text

    def _fold(self, tables: UnicodeTables, character: str) -> str:
        text = tables.lower(character) if self._lower else character
        if self._strip:
            text = "".join(part for part in "".join(map(tables.decompose, text)) if not tables.kind(part) & MARK)
        return text


def _apart(tables: UnicodeTables, character: str) -> str:
    return f" {character} " if tables.kind(character) & PUNCTUATION else character


def _spread(text: Iterable[str], places: Iterable[int], change: Callable[[str], str]) -> tuple[list[str], list[int]]:
    """Change every character; what it becomes has its place."""
    characters: list[str] = []
    spots: list[int] = []
    for character, place in zip(text, places, strict=True):
        changed = change(character)
        characters += changed
        spots += [place] * len(changed)
    return characters, spots


class FastNormaliser:
    """What the fast mode does to a text before it is cut into words.

    Args:
        strip: Decompose, and drop accents.
        lower: Lower-case.
    """

    def __init__(self, *, strip: bool, lower: bool) -> None:
        self._strip = strip
        self._lower = lower
        self._characters = _Characters(self._regular)

    def normalise(self, text: str) -> Piece:
        """``text`` cleaned, without accents and in lower case, as far as the options say so."""
        folded = self._characters.fold(text)
        return self._closely(text) if folded is None else (folded, range(len(text)))

    def _closely(self, text: str) -> Piece:
        tables = fast_tables()
        characters, places = _spread(text, range(len(text)), lambda character: _cleaned(tables, character))
        if self._strip:
            characters, places = _spread(characters, places, tables.decompose)
            places = _reorder(tables, characters, places)
            characters, places = _spread(
                characters, places, lambda character: "" if tables.kind(character) & MARK else character
            )
        if self._lower:
            characters, places = _spread(characters, places, tables.lower)
        return "".join(characters), places

    def _regular(self, character: str) -> str:
        tables = fast_tables()
        text = _cleaned(tables, character)
        if self._strip:
            text = "".join(map(tables.decompose, text))
            if any(map(tables.order, text)):
                return ""
            text = "".join(part for part in text if not tables.kind(part) & MARK)
        if self._lower:
            text = "".join(map(tables.lower, text))
        return text if len(text) == 1 else ""


def _cleaned(tables: UnicodeTables, character: str) -> str:
    kind = tables.kind(character)
    return "" if kind & REMOVE else " " if kind & SPACE else character


def _reorder(tables: UnicodeTables, characters: list[str], places: list[int]) -> list[int]:
    """Sort every run of combining characters by class, in place; return the places in the new order."""
    orders = [tables.order(character) for character in characters]
    start = 0
    for end in [place for place, order in enumerate(orders) if not order] + [len(orders)]:
        if end - start > 1:
            run = sorted(range(start, end), key=orders.__getitem__)
            characters[start:end] = [characters[place] for place in run]
            places[start:end] = [places[place] for place in run]
        start = end + 1
    return places


def fast_fields(word: str) -> list[tuple[int, int]]:
    """``(start, end)`` of the parts of a word in the fast mode: ideographs, and what they and white space leave."""
    tables = fast_tables()
    found: list[tuple[int, int]] = []
    start = 0
    for place, character in enumerate(word):
        ideograph = tables.kind(character) & IDEOGRAPH
        if not ideograph and not character.isspace():
            continue
        if start < place:
            found.append((start, place))
        if ideograph:
            found.append((place, place + 1))
        start = place + 1
    if start < len(word):
        found.append((start, len(word)))
    return found
