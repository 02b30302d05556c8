"""Freeze the Unicode behaviour of both families of tokenizers in ``roformer_edge/tokenizer/data/unicode.bin``.

    .venv-oracle/bin/python scripts/build_unicode.py          # Python 3.11 with the package tokenizers 0.22
    .venv-oracle/bin/python scripts/build_unicode.py --check  # fails when the file in the tree differs

The slow tokenizer follows the interpreter's ``unicodedata`` (frozen: Python 3.11, Unicode 14), the fast ones follow
several crates of different Unicode versions, so that their behaviour is asked for, code point by code point. The file:

    bytes 0-7   b"rfunicd1"
    u32[18]     lengths of the sections that follow, in items of 4 bytes
    u32[...]    the sections of the slow mode:
                  kinds    runs of code points of one kind: (first code point << 8) | bits, see KINDS
                  for lower and decompose, each: keys (code points, sorted), ends (of each key's text), texts
                  for compose the same three: what NFC makes of one character
                then those of the fast mode:
                  kinds, lower and decompose as above
                  orders   runs of one canonical combining class: (first code point << 8) | class

Numbers are little-endian. Hangul syllables are left out of decompose: they follow a formula.
"""

from __future__ import annotations

import argparse
import struct
import sys
import unicodedata
from array import array
from collections.abc import Callable, Iterable
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

MAGIC = b"rfunicd1"
OUTPUT = Path(__file__).resolve().parent.parent / "roformer_edge" / "tokenizer" / "data" / "unicode.bin"
UNICODE_OF_SLOW = "14.0.0"
# dropped while cleaning, becomes a space while cleaning, dropped with accents, punctuation, an ideograph that spaces
# are put around, a character of words (\\w), a number
KINDS = {"remove": 1, "space": 2, "mark": 4, "punctuation": 8, "ideograph": 16, "word": 32, "number": 64}
CHARACTERS = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
IDEOGRAPHS = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


def is_hangul(character: str) -> bool:
    return 0xAC00 <= ord(character) <= 0xD7A3


def slow_kind(character: str) -> int:
    """Kind bits as ``transformers.tokenization_utils`` and ``BasicTokenizer`` decide them."""
    code, category = ord(character), unicodedata.category(character)
    kind = 0
    if character in "\t\n\r" or category == "Zs":
        kind |= KINDS["space"]
    elif code in (0, 0xFFFD) or category.startswith("C"):
        kind |= KINDS["remove"]
    if category == "Mn":
        kind |= KINDS["mark"]
    if category.startswith("P") or (code < 0x7F and code > 0x20 and not character.isalnum()):
        kind |= KINDS["punctuation"]
    if any(low <= code <= high for low, high in IDEOGRAPHS):
        kind |= KINDS["ideograph"]
    return kind


def bert(**options: bool) -> Callable[[str], str]:
    """One step of the crate's normaliser on its own."""
    steps = {"clean_text": False, "handle_chinese_chars": False, "strip_accents": False, "lowercase": False, **options}
    return normalizers.BertNormalizer(**steps).normalize_str


def word_tester() -> Callable[[str], bool]:
    """Whether the crate takes a character for part of a word, seen from a token that must stand alone."""
    tokenizer = Tokenizer(models.WordLevel({"?": 0}, unk_token="?"))
    tokenizer.add_tokens([AddedToken("@", single_word=True, normalized=False)])
    alone = tokenizer.token_to_id("@")

    def test(character: str) -> bool:
        left, right = (alone not in tokenizer.encode(text).ids for text in (character + "@", "@" + character))
        if left != right:
            raise AssertionError(f"U+{ord(character):04X} is a word character on one side only")
        return left

    return test


def fast_kinds() -> Callable[[str], int]:
    clean, strip, spaced = bert(clean_text=True), bert(strip_accents=True), bert(handle_chinese_chars=True)
    is_word = word_tester()
    apart, digits = pre_tokenizers.BertPreTokenizer().pre_tokenize_str, pre_tokenizers.Digits(True).pre_tokenize_str

    def kind(character: str) -> int:
        cleaned = clean(f"a{character}b")
        bits = {"ab": KINDS["remove"], "a b": KINDS["space"]}.get(cleaned, 0)
        if character == " ":
            bits = KINDS["space"]
        if strip(character) == "":
            bits |= KINDS["mark"]
        if spaced(character) != character:
            bits |= KINDS["ideograph"]
        if len(apart(f"a{character}b")) == 3:
            bits |= KINDS["punctuation"]
        if len(digits(f"a{character}b")) == 3:
            bits |= KINDS["number"]
        return bits | (KINDS["word"] if character != "@" and is_word(character) else 0)

    return kind


def fast_order() -> Callable[[str], int]:
    """The crate's canonical combining class, found by which neighbours change places."""
    nfd = normalizers.NFD().normalize_str

    def swaps(text: str) -> bool:
        return nfd(text) != text

    def is_combining(character: str) -> bool:
        # U+0345 is alone in the greatest class, U+0334 is of the least
        return not swaps(character) and (swaps(f"x\u0345{character}") or swaps(f"x{character}\u0334"))

    # one character of every class, old enough for every version of Unicode
    examples: dict[int, str] = {}
    for character in CHARACTERS:
        number = unicodedata.combining(character)
        if number and number not in examples and is_combining(character):
            examples[number] = character

    def order(character: str) -> int:
        if not is_combining(character):
            return 0
        same = [
            number
            for number, example in examples.items()
            if not swaps(f"x{example}{character}") and not swaps(f"x{character}{example}")
        ]
        if len(same) != 1:
            raise AssertionError(f"U+{ord(character):04X}: combining class not found among {same}")
        return same[0]

    return order


def runs(values: Iterable[tuple[int, int]]) -> array[int]:
    """Ascending (code point, value) pairs as runs of equal values."""
    packed, last = array("I"), -1
    for code, value in values:
        if value != last:
            packed.append(code << 8 | value)
            last = value
    return packed


def mapping(texts: dict[str, str]) -> list[array[int]]:
    """Keys, ends and texts of a character map."""
    keys, ends, pool = array("I"), array("I"), array("I")
    for key in sorted(texts):
        pool.extend(map(ord, texts[key]))
        keys.append(ord(key))
        ends.append(len(pool))
    return [keys, ends, pool]


def changed(function: Callable[[str], str]) -> dict[str, str]:
    """The characters that ``function`` changes, Hangul syllables left out."""
    found = {character: function(character) for character in CHARACTERS if not is_hangul(character)}
    return {character: text for character, text in found.items() if text != character}


def build() -> bytes:
    if unicodedata.unidata_version != UNICODE_OF_SLOW or sys.byteorder != "little":
        raise SystemExit(f"run this with Python 3.11 (Unicode {UNICODE_OF_SLOW}), not {unicodedata.unidata_version}")
    lower, nfd, kind, order = bert(lowercase=True), normalizers.NFD().normalize_str, fast_kinds(), fast_order()
    sections = [
        runs((ord(character), slow_kind(character)) for character in CHARACTERS),
        *mapping(changed(str.lower)),
        *mapping(changed(lambda character: unicodedata.normalize("NFD", character))),
        *mapping(changed(lambda character: unicodedata.normalize("NFC", character))),
        runs((ord(character), kind(character)) for character in CHARACTERS),
        *mapping(changed(lower)),
        *mapping(changed(nfd)),
        runs((ord(character), order(character)) for character in CHARACTERS),
    ]
    return MAGIC + struct.pack(f"<{len(sections)}I", *map(len, sections)) + b"".join(s.tobytes() for s in sections)


def main() -> None:
    parser = argparse.ArgumentParser(description="Freeze the Unicode behaviour of both tokenizers.")
    parser.add_argument("--check", action="store_true", help="compare with the file in the tree, write nothing")
    check = parser.parse_args().check
    built = build()
    if check:
        if OUTPUT.read_bytes() != built:
            raise SystemExit(f"{OUTPUT} is not what this script builds")
        return
    OUTPUT.write_bytes(built)
    print(f"{OUTPUT}: {len(built):,} bytes")


if __name__ == "__main__":
    main()
