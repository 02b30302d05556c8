"""The surface of all tokenizers: texts in, rows out; tokens, files and settings by the names of transformers."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path

import pytest

from roformer_edge.tokenizer import AddedToken, Tokenizer, from_settings
from tests.tokenizer.conftest import CLASSES
from tests.tokenizer.oracle import Oracle, OracleError, plain

A, B = "明天音乐非常好", "我们去公园"


@pytest.mark.oracle
def test_model_input_names(oracle: Oracle, vocab_path: Path, any_mode: str, tmp_path: Path):
    (tmp_path / "vocab.txt").write_bytes(vocab_path.read_bytes())
    names = ["input_ids", "attention_mask"]
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"model_input_names": names}), "utf-8")
    oracle.make("names", any_mode, tmp_path)
    tokenizer = CLASSES[any_mode].from_pretrained(tmp_path)
    for options in ({}, {"return_token_type_ids": True}, {"return_attention_mask": False}):
        assert plain(tokenizer(A, B, **options)) == oracle.call("names", "__call__", A, B, **options)
    # what the model is fed: transformers gives it no types, and it takes them for 0
    assert not tokenizer.uses_token_types
    assert set(tokenizer.encode_text(A, B).type_ids) == {0}
    assert set(tokenizer(A, B).encodings[0].type_ids) == {0}
    assert set(tokenizer(A, B, padding="max_length", max_length=20).encodings[0].type_ids) == {0}
    restored = from_settings(tokenizer.to_settings(), tokenizer.vocabulary_bytes)
    assert set(restored.encode_text(A, B).type_ids) == {0}
    assert set(CLASSES[any_mode](vocab_path).encode_text(A, B).type_ids) == {0, 1}


@pytest.mark.oracle
@pytest.mark.parametrize("side", ["left", "right"])
def test_cut_at_the_models_length(oracle: Oracle, vocab_path: Path, any_mode: str, side: str, tmp_path: Path):
    (tmp_path / "vocab.txt").write_bytes(vocab_path.read_bytes())
    config = {"model_max_length": 6, "truncation_side": side, "padding_side": side}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config), "utf-8")
    oracle.make("cut", any_mode, tmp_path)
    tokenizer = CLASSES[any_mode].from_pretrained(tmp_path)
    for args in ([A], [A, B], [[A, "好"]], [[A, "好"], [B, A]]):
        for options in (
            {"truncation": True},
            {"truncation": True, "padding": "max_length"},
            {"truncation": "only_first"},
        ):
            try:
                theirs = oracle.call("cut", "__call__", *args, verbose=False, **options)
            except OracleError:
                continue
            assert plain(tokenizer(*args, **options)) == theirs, (args, options)
    assert len(tokenizer(A, truncation=True)["input_ids"]) == 6


def test_options_are_named(vocab_path: Path):
    tokenizer: Tokenizer = CLASSES["slow"](vocab_path)
    with pytest.raises(TypeError, match="return_everything"):
        tokenizer(A, return_everything=True)


def test_options_are_fixed(tokenizer: Tokenizer):
    with pytest.raises(AttributeError):
        tokenizer.do_lower_case = False


def test_rows_around_ids(tokenizer: Tokenizer):
    assert tokenizer.build_inputs_with_special_tokens([8, 9]) == [3, 8, 9, 4]
    assert tokenizer.build_inputs_with_special_tokens([8], [9, 10]) == [3, 8, 4, 9, 10, 4]
    assert tokenizer.create_token_type_ids_from_sequences([8]) == [0, 0, 0]
    assert tokenizer.create_token_type_ids_from_sequences([8], [9, 10]) == [0, 0, 0, 1, 1, 1]
    assert tokenizer.get_special_tokens_mask([8]) == [1, 0, 1]
    assert tokenizer.get_special_tokens_mask([8], [9, 10]) == [1, 0, 1, 0, 0, 1]
    assert tokenizer.get_special_tokens_mask([3, 8, 5, 4], already_has_special_tokens=True) == [1, 0, 1, 1]


def test_single_words(tokenizer: Tokenizer):
    tokenizer.add_tokens([AddedToken("on", single_word=True)])
    index = tokenizer.convert_tokens_to_ids("on")
    assert index in tokenizer("x on y")["input_ids"]
    assert tokenizer.tokenize("xony") == tokenizer.tokenize("xon")[:1] + tokenizer.tokenize("xony")[1:]
    assert "on" not in tokenizer.tokenize("xony")


def test_memo_does_not_outlive_what_it_depends_on(tokenizer: Tokenizer):
    before = tokenizer.tokenize("foobar foobar")
    tokenizer.add_tokens(["foobar"])
    assert tokenizer.tokenize("foobar foobar") == ["foobar", "foobar"] != before


def test_memo_is_bounded(tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("roformer_edge.tokenizer.base.MEMO_LIMIT", 50)
    words = [f"w{number}" for number in range(200)]
    ids = [tokenizer.encode(word) for word in words]
    assert len(tokenizer._memo) <= 50
    assert [tokenizer.encode(word) for word in words] == ids
    tokenizer.encode("x" * 5000)
    assert max(map(len, tokenizer._memo)) < 100


def test_copies_work(tokenizer: Tokenizer):
    text = "北京大学 café [MASK]"
    assert copy.deepcopy(tokenizer).encode(text) == tokenizer.encode(text)
    assert pickle.loads(pickle.dumps(tokenizer)).encode(text) == tokenizer.encode(text)


def test_repr(tokenizer: Tokenizer):
    assert repr(AddedToken("<a>", lstrip=True)).startswith("AddedToken('<a>', lstrip=True, normalized=True")
    assert "[CLS]" in repr(tokenizer("好").encodings[0])
