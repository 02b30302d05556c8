"""What both families are made from: the word segmenter is opened once, when it is needed, and does not travel."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from roformer_edge.errors import UnknownNameError
from roformer_edge.tokenizer import WORDS_PATH, RoFormerTokenizer, RoFormerTokenizerFast
from roformer_edge.tokenizer.backend import BackendOptions


def options_of(path: Path, **changes: object) -> BackendOptions:
    values = {**vars(RoFormerTokenizer(path)._options), **changes}
    values.pop("_segmenter")
    return BackendOptions(**values)


def test_the_segmenter_is_opened_once(vocab_path: Path):
    options = options_of(vocab_path)
    assert options._segmenter is None
    assert options.open_segmenter() is options.open_segmenter()


def test_an_unknown_segmenter_is_refused_when_it_is_opened(vocab_path: Path):
    options = options_of(vocab_path, segmenter="jieba")
    with pytest.raises(UnknownNameError, match="jieba"):
        options.open_segmenter()


@pytest.mark.parametrize("kind", [RoFormerTokenizer, RoFormerTokenizerFast])
def test_copies_open_their_own(vocab_path: Path, kind: type):
    tokenizer = kind(vocab_path)
    before = tokenizer.encode_text("明天音乐非常好").ids
    copy = pickle.loads(pickle.dumps(tokenizer))
    assert tokenizer._options.__getstate__()["_segmenter"] is None  # what is mapped into memory stays here
    assert copy.encode_text("明天音乐非常好").ids == before
    assert copy._options._segmenter is not tokenizer._options._segmenter


@pytest.mark.parametrize("readonly", [True, False], ids=["readonly", "writable"])
def test_a_view_of_a_dictionary_is_copied_only_where_it_may_change(vocab_path: Path, readonly: bool):
    content = bytearray(Path(WORDS_PATH).read_bytes())
    view = memoryview(content).toreadonly() if readonly else memoryview(content)
    tokenizer = RoFormerTokenizer(vocab_path, words=view)
    before = RoFormerTokenizer(vocab_path).encode_text("明天音乐非常好").ids
    assert (tokenizer._options.words is view) == readonly
    assert pickle.loads(pickle.dumps(tokenizer)).encode_text("明天音乐非常好").ids == before
    if not readonly:
        content[:] = bytes(len(content))
    assert tokenizer.encode_text("明天音乐非常好").ids == before
