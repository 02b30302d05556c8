"""What happens to characters before look-up, each with its place in the original text.

The slow mode lower-cases a whole text and cleans, word by word, what the vocabulary does not hold. Its words are
dictionary words of ideographs and ASCII, runs of ASCII, or single characters, so nothing there depends on a character's
neighbours. The fast family normalises a whole text at once, where canonical reordering does.
"""

from __future__ import annotations

from roformer_edge.tokenizer.unicode_tables import (
    FIRST_IDEOGRAPH,
    IDEOGRAPH,
    LAST_IDEOGRAPH,
    MARK,
    PUNCTUATION,
    REMOVE,
    SPACE,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Protocol

    from roformer_edge.tokenizer.unicode_tables import UnicodeData, UnicodeTables

    # a piece of text with the place of each of its characters in the original text
    Piece = tuple[str, Sequence[int]]

    class Normalizer(Protocol):
        """Changes a text, and knows where every character of the changed one came from."""

        def normalize(self, text: str) -> str:
            """Change a text."""

        def align(self, text: str, normal: str) -> Sequence[int]:
            """Find for every character of ``normal``, which ``text`` was changed to, its place in ``text``."""


# characters remembered with what they become, a few MB at most
_LIMIT = 1 << 15
_CAPITAL_SIGMA = "\u03a3"


class CharacterMap(dict[str, "str | None"]):
    """What characters become, each by itself, remembered.

    Args:
        change: What a character becomes, or None where that depends on its neighbours.
    """

    __slots__ = ("_change",)

    def __init__(self, change: Callable[[str], str | None]) -> None:
        super().__init__()
        self._change = change

    def __missing__(self, character: str) -> str | None:
        text = self._change(character)
        if len(self) >= _LIMIT:
            self.clear()
        self[character] = text
        return text

    def apply(self, text: str) -> str | None:
        """Return what ``text`` becomes; None where that depends on neighbours."""
        try:
            return "".join(map(self.__getitem__, text))  # type: ignore[arg-type]  # a None in it is the TypeError
        except TypeError:
            return None

    def places(self, text: str) -> Sequence[int]:
        """Find for every character of what ``text`` becomes its place in ``text``."""
        lengths = list(map(len, map(self.__getitem__, text)))  # type: ignore[arg-type]  # no part is None here
        if lengths.count(1) == len(text):
            return range(len(text))
        return [place for place, length in enumerate(lengths) for _ in range(length)]


class LowerCase:
    """The lower case of a text, character by character, as the slow mode has it.

    Args:
        unicode: The tables.
    """

    def __init__(self, unicode: UnicodeData) -> None:
        self._characters = CharacterMap(
            lambda character: (
                character if FIRST_IDEOGRAPH <= character <= LAST_IDEOGRAPH else unicode.slow.lower(character)
            )
        )

    def normalize(self, text: str) -> str:
        """Lower-case ``text``."""
        return text.lower() if text.isascii() else self._characters.apply(text) or ""

    def align(self, text: str, normal: str) -> Sequence[int]:
        """Find for every character of the lower case its place in ``text``."""
        # no lower case is empty, so that of equally many characters each comes from one
        return range(len(text)) if len(normal) == len(text) else self._characters.places(text)

    def of_token(self, content: str) -> str:
        """Lower-case an added token: a capital sigma at the end of a word is a final one there."""
        return content.lower() if _CAPITAL_SIGMA in content else self.normalize(content)


def fields(characters: Iterable[str], places: Iterable[int]) -> list[Piece]:
    """Split at white space, as ``str.split`` does."""
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


class BasicTokenizer:
    """What the slow mode does to a word before WordPiece: clean, lower-case, strip accents, split.

    Args:
        lower: Lower-case.
        strip: Drop accents.
        ideographs: Take every ideograph for a word.
        never_split: Words that are left as they are.
        unicode: The tables.
    """

    def __init__(
        self, *, lower: bool, strip: bool, ideographs: bool, never_split: frozenset[str], unicode: UnicodeData
    ) -> None:
        self._lower = lower
        self._strip = strip
        self._ideographs = ideographs
        self._never_split = never_split
        self._unicode = unicode

    def split(self, word: str) -> list[Piece]:
        """Split a word into parts, with their places in it."""
        if word and self._ideographs and min(word) >= FIRST_IDEOGRAPH and max(word) <= LAST_IDEOGRAPH:
            return [(character, (place,)) for place, character in enumerate(word)]
        if word.isascii() and word.isalnum():
            return [(word.lower() if self._lower and word not in self._never_split else word, range(len(word)))]
        tables = self._unicode.slow
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


class BertNormalizer:
    """What the fast family does to a text before it is cut: ``BertNormalizer`` of the crate, and parts of it.

    Args:
        clean: Drop control characters, and make every white space a space.
        ideographs: Put spaces around every ideograph.
        decompose: Decompose canonically (NFD).
        strip: Drop marks without width.
        lower: Lower-case.
        unicode: The tables.
        ascending: Characters that canonical reordering moves do not take their places along, as in the crate.
    """

    def __init__(
        self,
        *,
        clean: bool,
        ideographs: bool,
        decompose: bool,
        strip: bool,
        lower: bool,
        unicode: UnicodeData,
        ascending: bool = True,
    ) -> None:
        self._clean = clean
        self._ideographs = ideographs
        self._decompose = decompose
        self._strip = strip
        self._lower = lower
        self._unicode = unicode
        self._ascending = ascending
        self._characters = CharacterMap(self._alone)

    def normalize(self, text: str) -> str:
        """Change a text."""
        changed = self._characters.apply(text)
        return self.closely(text)[0] if changed is None else changed

    def align(self, text: str, normal: str) -> Sequence[int]:
        """Find for every character of ``normal``, which ``text`` was changed to, its place in ``text``."""
        if normal == text:
            # nothing becomes a character that is dropped, so that nothing was
            return range(len(text))
        if None in map(self._characters.__getitem__, text):
            return self.closely(text)[1]
        return self._characters.places(text)

    def closely(self, text: str) -> Piece:
        """Change the text step by step, with the places of its characters."""
        tables = self._unicode.fast
        characters, places = _spread(text, range(len(text)), lambda character: self._cleaned(tables, character))
        if self._decompose:
            characters, places = self._decomposed(tables, characters, places)
        if self._strip:
            characters, places = _spread(
                characters, places, lambda character: "" if tables.kind(character) & MARK else character
            )
        if self._lower:
            characters, places = _spread(characters, places, tables.lower)
        return "".join(characters), places

    def _decomposed(
        self, tables: UnicodeTables, characters: list[str], places: list[int]
    ) -> tuple[list[str], list[int]]:
        parts, owners = _spread(characters, range(len(characters)), tables.decompose)
        order = _canonical_order(tables, parts)
        if self._ascending:
            # what a character decomposed to counts as one step, wherever its parts went
            step, before, moved = -1, set(), []
            for at in order:
                step += owners[at] not in before
                before.add(owners[at])
                moved.append(places[step])
        else:
            moved = [places[owners[at]] for at in order]
        return [parts[at] for at in order], moved

    def _cleaned(self, tables: UnicodeTables, character: str) -> str:
        kind = tables.kind(character)
        if self._clean and kind & (REMOVE | SPACE):
            return "" if kind & REMOVE else " "
        return f" {character} " if self._ideographs and kind & IDEOGRAPH else character

    def _alone(self, character: str) -> str | None:
        """Return what a character becomes whatever its neighbours are, or None."""
        if FIRST_IDEOGRAPH <= character <= LAST_IDEOGRAPH:
            return f" {character} " if self._ideographs else character
        tables = self._unicode.fast
        text = self._cleaned(tables, character)
        if self._decompose:
            text = "".join(map(tables.decompose, text))
            kept = (part for part in text if not (self._strip and tables.kind(part) & MARK))
            if any(map(tables.order, kept)):
                return None
        if self._strip:
            text = "".join(part for part in text if not tables.kind(part) & MARK)
        return "".join(map(tables.lower, text)) if self._lower else text


class Normalizers:
    """Several normalizers, one after the other.

    Args:
        steps: The normalizers, in order.
    """

    def __init__(self, steps: Sequence[Normalizer]) -> None:
        self._steps = steps

    def normalize(self, text: str) -> str:
        """Change a text."""
        for step in self._steps:
            text = step.normalize(text)
        return text

    def align(self, text: str, normal: str) -> Sequence[int]:
        """Find for every character of ``normal``, which ``text`` was changed to, its place in ``text``."""
        places: Sequence[int] = range(len(text))
        for step in self._steps:
            changed = step.normalize(text)
            places = [places[at] for at in step.align(text, changed)]
            text = changed
        return places


def _canonical_order(tables: UnicodeTables, characters: list[str]) -> list[int]:
    """Sort every run of combining characters by class; return the places that they had."""
    classes = [tables.order(character) for character in characters]
    order: list[int] = []
    start = 0
    for end in [place for place, number in enumerate(classes) if not number] + [len(classes)]:
        order += sorted(range(start, end), key=classes.__getitem__)
        order += range(end, min(end + 1, len(classes)))
        start = end + 1
    return order
