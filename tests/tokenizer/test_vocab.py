"""The vocabulary file."""

from __future__ import annotations

from pathlib import Path

import pytest

from roformer_edge.errors import VocabularyError
from roformer_edge.tokenizer import Vocabulary


def test_lines_are_ids():
    vocabulary = Vocabulary("[PAD]\n甲\n \u2028\n".encode())
    assert vocabulary.tokens == ["[PAD]", "甲", " \u2028"]
    assert vocabulary.index == {"[PAD]": 0, "甲": 1, " \u2028": 2}
    assert len(vocabulary) == 3


@pytest.mark.parametrize("data", [b"a\nb\n", b"a\nb", b"a\r\nb\r\n", b"a\rb\r"])
def test_any_line_ends_and_saved_as_it_was(data: bytes, tmp_path: Path):
    vocabulary = Vocabulary(data)
    assert vocabulary.tokens == ["a", "b"]
    vocabulary.save(tmp_path / "vocab.txt")
    assert (tmp_path / "vocab.txt").read_bytes() == data


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "it is empty"),
        (b"\n", "it is empty"),
        (b"a\n\xff\n", "line 2 is not UTF-8"),
    ],
)
def test_refused(data: bytes, message: str):
    with pytest.raises(VocabularyError, match=message):
        Vocabulary(data, "it")


def test_missing_file(tmp_path: Path):
    with pytest.raises(VocabularyError, match=r"cannot read the vocabulary .*vocab\.txt: No such file"):
        Vocabulary.from_file(tmp_path / "vocab.txt")
    with pytest.raises(VocabularyError, match="cannot read the vocabulary"):
        Vocabulary.from_file(tmp_path)


def test_from_tokens():
    assert Vocabulary.from_tokens(["a", "##b"]).data == b"a\n##b\n"
    with pytest.raises(VocabularyError, match="token 1 holds a line break"):
        Vocabulary.from_tokens(["a", "b\r"])
