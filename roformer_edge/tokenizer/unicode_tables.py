"""Frozen Unicode: what characters are and become, the same with every interpreter.

The slow tokenizer of transformers follows the interpreter's ``unicodedata`` and the fast ones follow their Rust crates;
thousands of code points differ between versions of either. ``unicode.bin``, described and built by
``scripts/build_unicode.py``, holds the behaviour of both with Python 3.11 and tokenizers 0.22.
"""

from __future__ import annotations

import os
import sys
from bisect import bisect_left, bisect_right

from roformer_edge.errors import VocabularyError

TYPE_CHECKING = False
if TYPE_CHECKING:
    PackedTables = str | os.PathLike[str] | bytes | bytearray | memoryview

UNICODE_PATH = os.path.join(os.path.dirname(__file__), "data", "unicode.bin")  # noqa: PTH118, PTH120
MAGIC = b"rfunicd1"
# kind bits
REMOVE, SPACE, MARK, PUNCTUATION, IDEOGRAPH, WORD, NUMBER = 1, 2, 4, 8, 16, 32, 64
_SLOW_SECTIONS, _SECTIONS = 10, 18
# the property White_Space, which is stable in Unicode: \s of the crate's regular expressions
WHITE_SPACE = frozenset("\t\n\x0b\x0c\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000") | frozenset(
    map(chr, range(0x2000, 0x200B))
)

# a block of ideographs in which nothing is unassigned, decomposes or has a lower case: most characters are of it, and
# need not be looked up
FIRST_IDEOGRAPH, LAST_IDEOGRAPH = "\u4e00", "\u9fff"

_HANGUL_FIRST, _HANGUL_LAST = 0xAC00, 0xD7A3
_LEAD, _VOWEL, _TRAIL, _VOWELS, _TRAILS = 0x1100, 0x1161, 0x11A7, 21, 28


class UnicodeTables:
    """The character properties of one family of tokenizers.

    Args:
        sections: Its sections of ``unicode.bin``, each an array of u32.

    Raises:
        ValueError: They do not fit together.
    """

    def __init__(self, sections: list[memoryview]) -> None:
        self._kinds = _checked_runs(sections[0])
        self._lower = _checked_map(sections[1:4])
        self._decompose = _checked_map(sections[4:7])
        # compositions of the slow family, combining classes of the fast one
        self._more = _checked_map(sections[7:]) if len(sections) == _SLOW_SECTIONS else [_checked_runs(sections[7])]

    def kind(self, character: str) -> int:
        """Look up the kind bits of a character."""
        return self._kinds[bisect_right(self._kinds, ord(character) << 8 | 0xFF) - 1] & 0xFF

    def order(self, character: str) -> int:
        """Look up the canonical combining class of a character; the fast family's only."""
        return self._more[0][bisect_right(self._more[0], ord(character) << 8 | 0xFF) - 1] & 0xFF

    def lower(self, character: str) -> str:
        """Look up the lower case of a character, out of context."""
        return _look_up(self._lower, character)

    def decompose(self, character: str) -> str:
        """Look up the full canonical decomposition of a character."""
        code = ord(character)
        if _HANGUL_FIRST <= code <= _HANGUL_LAST:
            rest, trail = divmod(code - _HANGUL_FIRST, _TRAILS)
            lead, vowel = divmod(rest, _VOWELS)
            return chr(_LEAD + lead) + chr(_VOWEL + vowel) + (chr(_TRAIL + trail) if trail else "")
        return _look_up(self._decompose, character)

    def compose(self, character: str) -> str:
        """Look up the canonical composition (NFC) of a character; the slow family's only."""
        return _look_up(self._more, character)


def _look_up(table: list[memoryview], character: str) -> str:
    keys, ends, texts = table
    code = ord(character)
    place = bisect_left(keys, code)
    if place == len(keys) or keys[place] != code:
        return character
    return "".join(map(chr, texts[ends[place - 1] if place else 0 : ends[place]]))


# what keeps every look-up inside its table; whether keys ascend is the matter of the script that writes them


def _checked_runs(runs: memoryview) -> memoryview:
    if not len(runs):
        raise ValueError("no runs")
    return runs


def _checked_map(table: list[memoryview]) -> list[memoryview]:
    keys, ends, texts = table
    if len(keys) != len(ends) or len(texts) != (ends[-1] if ends else 0):
        raise ValueError("keys, ends and texts of lengths that do not fit together")
    # refuses surrogates and what lies beyond the last code point
    texts.tobytes().decode("utf-32")
    return table


class UnicodeData:
    """Both families of tables, read when they are first asked for.

    Args:
        source: The path of a ``unicode.bin``, or its bytes.
    """

    def __init__(self, source: PackedTables = UNICODE_PATH) -> None:
        self.source = bytes(source) if isinstance(source, bytearray | memoryview) else source
        self._slow: UnicodeTables | None = None
        self._fast: UnicodeTables | None = None

    @property
    def slow(self) -> UnicodeTables:
        """What the slow tokenizer of transformers does on Python 3.11 (Unicode 14)."""
        if self._slow is None:
            self._slow = self._read(slice(None, _SLOW_SECTIONS))
        return self._slow

    @property
    def fast(self) -> UnicodeTables:
        """What the fast tokenizers of transformers do: the crate tokenizers 0.22."""
        if self._fast is None:
            self._fast = self._read(slice(_SLOW_SECTIONS, None))
        return self._fast

    def checked(self) -> UnicodeData:
        """Return the same, with both families read.

        Raises:
            VocabularyError: They cannot be read, or are damaged.
        """
        _ = self.slow, self.fast
        return self

    def _read(self, family: slice) -> UnicodeTables:
        """Read and check the tables of a family.

        Raises:
            VocabularyError: They cannot be read, or are damaged.
        """
        if isinstance(self.source, bytes):
            data, name = self.source, "the Unicode tables"
        else:
            name = os.fspath(self.source)
            try:
                with open(self.source, "rb") as file:  # noqa: PTH123
                    data = file.read()
            except OSError as error:
                raise VocabularyError(f"cannot read the Unicode tables {name}: {error.strerror}") from None
        try:
            return UnicodeTables(_split(data)[family])
        except ValueError as error:
            raise VocabularyError(f"{name} is damaged: {error}; scripts/build_unicode.py makes it anew") from None

    def __reduce__(self) -> str | tuple[type[UnicodeData], tuple[PackedTables]]:
        # those of the package are found again under their name, wherever it is installed
        return "UNICODE" if self is UNICODE else (UnicodeData, (self.source,))


def _split(data: bytes) -> list[memoryview]:
    if data[:8] != MAGIC or len(data) % 4 or len(data) < len(MAGIC) + 4 * _SECTIONS or sys.byteorder != "little":
        raise ValueError("it does not hold Unicode tables")
    items = memoryview(data)[8:].cast("I")
    sections, start = [], _SECTIONS
    for length in items[:_SECTIONS]:
        sections.append(items[start : start + length])
        start += length
    if start != len(items):
        raise ValueError(f"{len(items)} numbers in place of {start}")
    return sections


# the tables that come with the package, shared by all tokenizers
UNICODE = UnicodeData()
