"""Directories, settings, and what is wrong with them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from roformer_edge.errors import VocabularyError
from roformer_edge.tokenizer import (
    WORDS_PATH,
    AddedToken,
    RoFormerTokenizer,
    RoFormerTokenizerFast,
    Tokenizer,
    from_settings,
    load_tokenizer,
)
from tests.tokenizer.conftest import directory
from tests.tokenizer.sentences import SENTENCES


def decorate(tokenizer: Tokenizer) -> Tokenizer:
    tokenizer.add_tokens(["量子", AddedToken("<e>", lstrip=True, normalized=False)])
    tokenizer.add_special_tokens({"additional_special_tokens": ["<S>", "<new>"]})
    return tokenizer


def same(one: Tokenizer, other: Tokenizer) -> bool:
    texts = [*SENTENCES, "好 <e>量子<new>好<S> QPS"]
    return type(one) is type(other) and all(one(text) == other(text) for text in texts)


def test_saved_and_loaded(tokenizer_class: type[Tokenizer], vocab_path: Path, tmp_path: Path):
    tokenizer = decorate(
        tokenizer_class(
            vocab_path,
            do_lower_case=False,
            strip_accents=True,
            model_max_length=77,
            padding_side="left",
            truncation_side="left",
            never_split=["Hello"],
            cls_token="<S>",
        )
    )
    paths = tokenizer.save_pretrained(tmp_path / "made" / "here")
    assert {Path(path).name for path in paths} == {path.name for path in (tmp_path / "made" / "here").iterdir()}
    loaded = load_tokenizer(tmp_path / "made" / "here")
    assert same(tokenizer, loaded)
    assert loaded.to_settings() == tokenizer.to_settings()
    assert (loaded.model_max_length, loaded.padding_side, loaded.truncation_side) == (77, "left", "left")
    assert loaded.additional_special_tokens == tokenizer.additional_special_tokens


def test_saving_leaves_the_tokenizer_as_it_was(tokenizer: Tokenizer, tmp_path: Path):
    before = [tokenizer.encode(text) for text in SENTENCES]
    tokenizer.save_pretrained(tmp_path)
    assert [tokenizer.encode(text) for text in SENTENCES] == before


def test_the_vocabulary_is_saved_byte_by_byte(tokenizer_class: type[Tokenizer], vocab_path: Path, tmp_path: Path):
    data = vocab_path.read_bytes().replace(b"\n", b"\r\n").rstrip()
    (tmp_path / "odd.txt").write_bytes(data)
    tokenizer = tokenizer_class(tmp_path / "odd.txt")
    assert tokenizer.vocabulary_bytes == data
    (path,) = tokenizer.save_vocabulary(tmp_path)
    assert Path(path) == tmp_path / "vocab.txt"
    assert Path(path).read_bytes() == data


def test_settings(tokenizer_class: type[Tokenizer], vocab_path: Path):
    tokenizer = decorate(tokenizer_class(vocab_path, strip_accents=False, mask_token=None))
    settings = json.loads(json.dumps(tokenizer.to_settings()))
    for words in (None, WORDS_PATH, Path(WORDS_PATH).read_bytes()):
        restored = from_settings(settings, tokenizer.vocabulary_bytes, words=words)
        assert same(tokenizer, restored)
        assert restored.to_settings() == settings


def test_options_win_over_the_directory(tokenizer_class: type[Tokenizer], vocab_path: Path, tmp_path: Path):
    path = directory(tmp_path, vocab_path, tokenizer_config={"do_lower_case": False, "model_max_length": 9})
    assert not tokenizer_class.from_pretrained(path).do_lower_case
    tokenizer = tokenizer_class.from_pretrained(path, do_lower_case=True, cls_token="<S>")
    assert (tokenizer.do_lower_case, tokenizer.model_max_length, tokenizer.cls_token) == (True, 9, "<S>")


def test_files_of_older_versions(tokenizer_class: type[Tokenizer], vocab_path: Path, tmp_path: Path):
    path = directory(
        tmp_path,
        vocab_path,
        special_tokens_map={
            "cls_token": {"content": "<S>", "lstrip": True, "normalized": False, "rstrip": False, "single_word": False},
            "additional_special_tokens": ["<x>"],
        },
        added_tokens={"<x>": 241, "量子": 242},
    )
    tokenizer = tokenizer_class.from_pretrained(path)
    assert tokenizer("量子<x>").tokens() == ["<S>", "量子", "<x>", "[SEP]"]
    assert (tokenizer.convert_tokens_to_ids("<x>"), tokenizer.convert_tokens_to_ids("量子")) == (241, 242)
    assert tokenizer.decode([241, 242], skip_special_tokens=True) == "量子"


def test_a_vocabulary_inside_tokenizer_json(vocab_path: Path, tmp_path: Path):
    tokens = vocab_path.read_text("utf-8").removesuffix("\n").split("\n")
    content = {"added_tokens": [], "model": {"vocab": {token: index for index, token in enumerate(tokens)}}}
    (tmp_path / "tokenizer.json").write_text(json.dumps(content), "utf-8")
    assert same(load_tokenizer(tmp_path), RoFormerTokenizerFast(vocab_path))


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"tokenizer_config": "{"}, "cannot read .*tokenizer_config.json"),
        ({"tokenizer_config": []}, "tokenizer_config.json: expected an object, found a list"),
        ({"tokenizer_config": {"added_tokens_decoder": {"241": 3}}}, "an added token must be a text or an object"),
        ({"tokenizer_config": {"added_tokens_decoder": []}}, "expected an object"),
        ({"special_tokens_map": {"cls_token": "<none>"}}, "cls_token '<none>' is not among the 241 tokens"),
    ],
)
def test_malformed(vocab_path: Path, tmp_path: Path, files: dict[str, object], message: str):
    with pytest.raises(VocabularyError, match=message):
        load_tokenizer(directory(tmp_path, vocab_path, **files))


def test_no_vocabulary(tmp_path: Path):
    with pytest.raises(VocabularyError, match=r"cannot read the vocabulary .*vocab\.txt"):
        load_tokenizer(tmp_path)
    with pytest.raises(VocabularyError, match="cannot read the vocabulary"):
        RoFormerTokenizer.from_pretrained(tmp_path / "nowhere")
