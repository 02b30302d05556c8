"""Opening a tokenizer without knowing its class."""

from __future__ import annotations

from pathlib import Path

import pytest

from roformer_edge.errors import UnknownNameError, VocabularyError
from roformer_edge.tokenizer import (
    RoFormerTokenizer,
    RoFormerTokenizerFast,
    Tokenizer,
    load_tokenizer,
)
from tests.tokenizer.conftest import directory


def test_a_vocabulary_alone_is_slow(vocab_path: Path, tmp_path: Path):
    assert type(load_tokenizer(directory(tmp_path, vocab_path))) is RoFormerTokenizer
    assert type(load_tokenizer(tmp_path, mode="fast")) is RoFormerTokenizerFast


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        ({"tokenizer_config": {"tokenizer_class": "RoFormerTokenizer"}}, RoFormerTokenizer),
        ({"tokenizer_config": {"tokenizer_class": "RoFormerTokenizerFast"}}, RoFormerTokenizerFast),
        (
            {"tokenizer_config": {"tokenizer_class": "RoFormerTokenizer"}, "tokenizer": {"added_tokens": []}},
            RoFormerTokenizerFast,
        ),
    ],
)
def test_auto(vocab_path: Path, tmp_path: Path, files: dict[str, object], kind: type[Tokenizer]):
    assert type(load_tokenizer(directory(tmp_path, vocab_path, **files))) is kind


def test_another_models_tokenizer(vocab_path: Path, tmp_path: Path):
    path = directory(tmp_path, vocab_path, tokenizer_config={"tokenizer_class": "AlbertTokenizer"})
    with pytest.raises(VocabularyError, match="names the tokenizer 'AlbertTokenizer', whose ids would differ"):
        load_tokenizer(path)
    assert type(load_tokenizer(path, mode="slow")) is RoFormerTokenizer


def test_unknown_mode(vocab_path: Path, tmp_path: Path):
    with pytest.raises(UnknownNameError, match="unknown tokenizer mode 'rust'; choose one of: auto, slow, fast"):
        load_tokenizer(directory(tmp_path, vocab_path), mode="rust")
