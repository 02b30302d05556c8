"""The frozen Unicode tables."""

from __future__ import annotations

import pickle
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roformer_edge.errors import VocabularyError
from roformer_edge.tokenizer import from_settings
from roformer_edge.tokenizer.unicode_tables import (
    IDEOGRAPH,
    MARK,
    PUNCTUATION,
    REMOVE,
    SPACE,
    UNICODE,
    UNICODE_PATH,
    WORD,
    UnicodeData,
)
from tests.tokenizer.conftest import CLASSES
from tests.tokenizer.sentences import SENTENCES

ROOT = Path(__file__).resolve().parents[2]
EVERY = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]


@pytest.mark.skipif(unicodedata.unidata_version != "14.0.0", reason="the slow tables are those of Python 3.11")
def test_slow_tables_are_those_of_python_3_11():
    table = UNICODE.slow
    for character in EVERY:
        category = unicodedata.category(character)
        kind = table.kind(character)
        assert bool(kind & MARK) == (category == "Mn"), character
        assert bool(kind & SPACE) == (category == "Zs" or character in "\t\n\r"), character
        assert bool(kind & REMOVE) == (
            character in "\0\ufffd" or (category.startswith("C") and character not in "\t\n\r")
        ), character
        assert table.lower(character) == character.lower()
        assert table.decompose(character) == unicodedata.normalize("NFD", character)
        assert table.compose(character) == unicodedata.normalize("NFC", character)


def test_some_characters():
    slow, fast = UNICODE.slow, UNICODE.fast
    for table in (slow, fast):
        assert table.lower("A") == "a"
        assert table.lower("İ") == "i\u0307"
        assert table.lower("中") == "中"
        assert table.decompose("ệ") == "e\u0323\u0302"
        assert table.decompose("한") == "\u1112\u1161\u11ab"
        assert table.decompose("가") == "\u1100\u1161"
        assert table.kind("\u0301") & MARK
        assert table.kind("\u3000") & SPACE
        assert table.kind("中") & IDEOGRAPH
        assert table.kind("\u200b") & REMOVE
        assert not table.kind("a") & ~WORD
    assert slow.compose("\u212b") == "Å"
    assert [bool(slow.kind(character) & PUNCTUATION) for character in "$。a中"] == [True, True, False, False]
    assert [bool(fast.kind(character) & WORD) for character in "a中_ -"] == [True, True, True, False, False]


def test_characters_newer_than_the_tables_are_unassigned():
    # U+A7CB came with Unicode 16 and has a lower case there; U+1FAE8 came with Unicode 15
    assert UNICODE.slow.lower("\ua7cb") == "\ua7cb"
    assert UNICODE.slow.kind("\ua7cb") & REMOVE
    assert UNICODE.slow.kind("\U0001fae8") & REMOVE


def test_a_damaged_file_is_refused(tmp_path: Path):
    (tmp_path / "unicode.bin").write_bytes(b"something else")
    with pytest.raises(VocabularyError, match=r"unicode\.bin is damaged"):
        _ = UnicodeData(tmp_path / "unicode.bin").slow
    with pytest.raises(VocabularyError, match=r"cannot read the Unicode tables .*: No such file"):
        _ = UnicodeData(tmp_path / "nowhere.bin").fast


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_any_content_is_refused_or_looks_up(data: st.DataObject):
    """Whatever the numbers are: an error of ours or some text, never another error."""
    packed = bytearray(Path(UNICODE_PATH).read_bytes())
    near = data.draw(st.sampled_from((8, 80, 5_000, 40_000, 70_000, 110_000, len(packed) - 60)))
    for _ in range(data.draw(st.integers(1, 12))):
        packed[near + data.draw(st.integers(0, 59))] = data.draw(st.integers(0, 255))
    tables = UnicodeData(bytes(packed[: data.draw(st.sampled_from((len(packed), len(packed) - 4, 70)))]))
    complaint = "the Unicode tables is damaged"
    try:
        for family in (tables.slow, tables.fast):
            for character in "aÉİ한\u0301\u1e9b\U0002f804\U0010ffff":
                assert family.kind(character) < 256
                "".join((family.lower(character), family.decompose(character))).encode()
        assert tables.fast.order("\u0301") < 256
        tables.slow.compose("\u212b").encode()
    except VocabularyError as error:
        complaint = str(error)
    assert "the Unicode tables is damaged" in complaint


@pytest.mark.parametrize("mode", CLASSES)
def test_a_tokenizer_with_tables_of_its_own(mode: str, vocab_path: Path):
    data = Path(UNICODE_PATH).read_bytes()
    own, other = CLASSES[mode](vocab_path, unicode=data), CLASSES[mode](vocab_path)
    assert own(list(SENTENCES)) == other(list(SENTENCES))
    assert pickle.loads(pickle.dumps(own))(list(SENTENCES)) == other(list(SENTENCES))
    restored = from_settings(own.to_settings(), own.vocabulary_bytes, unicode=Path(UNICODE_PATH))
    assert restored(list(SENTENCES)) == other(list(SENTENCES))
    with pytest.raises(VocabularyError, match="the Unicode tables is damaged"):
        from_settings(own.to_settings(), own.vocabulary_bytes, unicode=data[:-8])


@pytest.mark.oracle
@pytest.mark.slow
def test_the_tables_are_what_the_script_builds(oracle_python: Path):
    script = ROOT / "scripts" / "build_unicode.py"
    subprocess.run([str(oracle_python), str(script), "--check"], check=True)
