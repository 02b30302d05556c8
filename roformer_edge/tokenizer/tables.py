"""Frozen Unicode: what characters are and become, the same with every interpreter.

The slow tokenizer of transformers follows the interpreter's ``unicodedata`` and the fast one follows its Rust crates;
thousands of code points differ between versions of either. ``unicode.bin``, described and built by
``scripts/build_unicode.py``, holds the behaviour of both with Python 3.11 and tokenizers 0.22.
"""

from __future__ import annotations

import os
import sys
from bisect import bisect_left, bisect_right

from roformer_edge.errors import VocabularyError

UNICODE_PATH = os.path.join(os.path.dirname(__file__), "data", "unicode.bin")  # noqa: PTH118, PTH120
MAGIC = b"rfunicd1"
# kind bits
REMOVE, SPACE, MARK, PUNCTUATION, IDEOGRAPH, WORD = 1, 2, 4, 8, 16, 32
_SLOW_SECTIONS, _SECTIONS = 10, 18

_HANGUL_FIRST, _HANGUL_LAST = 0xAC00, 0xD7A3
_LEAD, _VOWEL, _TRAIL, _VOWELS, _TRAILS = 0x1100, 0x1161, 0x11A7, 21, 28


class UnicodeTables:
    """The character properties of one mode.

    Args:
        sections: Its sections of ``unicode.bin``, each an array of u32.
    """

    def __init__(self, sections: list[memoryview]) -> None:
        self._kinds = sections[0]
        self._lower = sections[1:4]
        self._decompose = sections[4:7]
        # compositions in the slow mode, combining classes in the fast one
        self._more = sections[7:]

    def kind(self, character: str) -> int:
        """The kind bits of a character."""
        return self._kinds[bisect_right(self._kinds, ord(character) << 8 | 0xFF) - 1] & 0xFF

    def order(self, character: str) -> int:
        """The canonical combining class of a character; the fast mode's only."""
        return self._more[0][bisect_right(self._more[0], ord(character) << 8 | 0xFF) - 1] & 0xFF

    def lower(self, character: str) -> str:
        """The lower case of a character, out of context."""
        return _look_up(self._lower, character)

    def decompose(self, character: str) -> str:
        """The full canonical decomposition of a character."""
        code = ord(character)
        if _HANGUL_FIRST <= code <= _HANGUL_LAST:
            rest, trail = divmod(code - _HANGUL_FIRST, _TRAILS)
            lead, vowel = divmod(rest, _VOWELS)
            return chr(_LEAD + lead) + chr(_VOWEL + vowel) + (chr(_TRAIL + trail) if trail else "")
        return _look_up(self._decompose, character)

    def compose(self, character: str) -> str:
        """The canonical composition (NFC) of a character; the slow mode's only."""
        return _look_up(self._more, character)


def _look_up(table: list[memoryview], character: str) -> str:
    keys, ends, texts = table
    code = ord(character)
    place = bisect_left(keys, code)
    if place == len(keys) or keys[place] != code:
        return character
    return "".join(map(chr, texts[ends[place - 1] if place else 0 : ends[place]]))


_loaded: list[UnicodeTables] = []


def slow_tables() -> UnicodeTables:
    """What the slow tokenizer of transformers does on Python 3.11 (Unicode 14)."""
    return (_loaded or _load())[0]


def fast_tables() -> UnicodeTables:
    """What the fast tokenizer of transformers does: the crate tokenizers 0.22."""
    return (_loaded or _load())[1]


def _load() -> list[UnicodeTables]:
    with open(UNICODE_PATH, "rb") as file:  # noqa: PTH123
        data = memoryview(file.read())
    if bytes(data[:8]) != MAGIC or sys.byteorder != "little":
        raise VocabularyError(f"{UNICODE_PATH} is damaged; reinstall the package")
    items = data[8:].cast("I")
    sections, start = [], _SECTIONS
    for length in items[:_SECTIONS]:
        sections.append(items[start : start + length])
        start += length
    _loaded[:] = UnicodeTables(sections[:_SLOW_SECTIONS]), UnicodeTables(sections[_SLOW_SECTIONS:])
    return _loaded
