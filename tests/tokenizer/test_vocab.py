"""The vocabulary file."""

from __future__ import annotations

from pathlib import Path

import pytest

from roformer_edge.errors import VocabularyError
from roformer_edge.tokenizer import RoFormerTokenizer, Vocabulary, load_tokenizer
from tests.tokenizer.conftest import CLASSES
from tests.tokenizer.oracle import Oracle
from tests.tokenizer.sentences import SENTENCES


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


def test_doubled_tokens():
    vocabulary = Vocabulary(b"a\nb\na\nc\n", "it")
    assert vocabulary.index == {"a": 2, "b": 1, "c": 3}
    assert (len(vocabulary), len(vocabulary.tokens)) == (3, 4)
    assert [vocabulary.token(at) for at in range(-1, 5)] == [None, None, "b", "a", "c", None]
    assert vocabulary.notes == (
        "it: line 1 holds 'a', which stands on a later line again; the last line of a token counts, as in transformers",
    )


def test_blank_lines_are_tokens():
    assert Vocabulary(b"a\nb\n\n").index == {"a": 0, "b": 1, "": 2}
    vocabulary = Vocabulary(b"a\n\nb\n\n\n")
    assert vocabulary.index == {"a": 0, "b": 2, "": 4}
    assert "line 2 holds '', which stands on a later line again, and so for 1 more lines" in vocabulary.notes[0]


def test_a_byte_order_mark_is_no_token(tmp_path: Path):
    data = b"\xef\xbb\xbf[PAD]\na\n"
    vocabulary = Vocabulary(data, "it")
    assert vocabulary.tokens == ["[PAD]", "a"]
    assert vocabulary.notes == ("it begins with a byte order mark, which is not taken for a part of its first token",)
    vocabulary.save(tmp_path / "vocab.txt")
    assert (tmp_path / "vocab.txt").read_bytes() == data


def test_blank_lines_at_the_end_need_no_embedding():
    lines = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n"
    ends = ("", "\n", "\n\n\n", "\n\na\n")
    rows = [RoFormerTokenizer(Vocabulary((lines + end).encode())).embedding_rows for end in ends]
    assert rows == [5, 5, 5, 8]


@pytest.mark.oracle
@pytest.mark.parametrize("edit", ["doubled", "blank", "crlf", "cr", "unended"])
def test_odd_files_as_transformers_reads_them(
    oracle: Oracle, vocab_path: Path, any_mode: str, tmp_path: Path, edit: str
):
    data = vocab_path.read_bytes()
    edits = {
        "doubled": data + "好\n[MASK]\nzz\n".encode(),
        "blank": data + b"\n\n\n",
        "crlf": data.replace(b"\n", b"\r\n"),
        "cr": data.replace(b"\n", b"\r"),
        "unended": data.rstrip(b"\n"),
    }
    (tmp_path / "vocab.txt").write_bytes(edits[edit])
    oracle.make("odd", any_mode, tmp_path)
    tokenizer = CLASSES[any_mode].from_pretrained(tmp_path)
    assert tokenizer(list(SENTENCES))["input_ids"] == oracle.ids("odd", list(SENTENCES))
    assert (len(tokenizer), tokenizer.vocab_size) == (
        oracle.call("odd", "__len__"),
        oracle.ask(use="odd", get="vocab_size"),
    )
    ids = list(range(250))
    assert tokenizer.convert_ids_to_tokens(ids) == oracle.call("odd", "convert_ids_to_tokens", ids)
    assert tokenizer.all_special_ids == oracle.ask(use="odd", get="all_special_ids")
    assert bool(tokenizer.notes) == (edit in ("doubled", "blank"))
    # blank lines at the end are tokens, and no text has them
    assert tokenizer.embedding_rows == len(Vocabulary(edits[edit].rstrip(b"\n")).tokens)


@pytest.mark.parametrize("name", ["vocab.txt", "tokenizer_config.json", "tokenizer.json", "config.json"])
def test_pointers_of_git_lfs(vocab_path: Path, tmp_path: Path, name: str):
    (tmp_path / "vocab.txt").write_bytes(vocab_path.read_bytes())
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 374041\n"
    (tmp_path / name).write_text(pointer, "utf-8")
    with pytest.raises(VocabularyError, match=rf"{name} is a Git LFS pointer and not the file itself; fetch it with"):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize("name", ["vocab.txt", "tokenizer_config.json", "tokenizer.json", "added_tokens.json"])
def test_directories_in_place_of_files(vocab_path: Path, tmp_path: Path, name: str):
    (tmp_path / "vocab.txt").write_bytes(vocab_path.read_bytes())
    if name == "vocab.txt":
        (tmp_path / name).unlink()
    (tmp_path / name).mkdir()
    with pytest.raises(VocabularyError, match=rf"cannot read .*{name}: Is a directory"):
        load_tokenizer(tmp_path)


def test_a_file_in_place_of_a_directory(vocab_path: Path):
    with pytest.raises(
        VocabularyError, match=r"vocab\.txt is a file; a tokenizer is read from the directory that holds"
    ):
        load_tokenizer(vocab_path)


def test_missing_file(tmp_path: Path):
    with pytest.raises(VocabularyError, match=r"cannot read the vocabulary .*vocab\.txt: No such file"):
        Vocabulary.from_file(tmp_path / "vocab.txt")
    with pytest.raises(VocabularyError, match="cannot read the vocabulary"):
        Vocabulary.from_file(tmp_path)


def test_from_tokens():
    assert Vocabulary.from_tokens(["a", "##b"]).data == b"a\n##b\n"
    with pytest.raises(VocabularyError, match="token 1 holds a line break"):
        Vocabulary.from_tokens(["a", "b\r"])
