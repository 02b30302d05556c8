"""Special and added tokens, ids, decoding."""

from __future__ import annotations

from pathlib import Path

import pytest

from roformer_edge.errors import UnknownNameError, VocabularyError
from roformer_edge.tokenizer import Tokenizer, Vocabulary


def test_special_tokens(tokenizer: Tokenizer):
    assert tokenizer.all_special_tokens == ["[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"]
    assert tokenizer.all_special_ids == [2, 4, 0, 3, 5]
    assert (tokenizer.cls_token, tokenizer.cls_token_id) == ("[CLS]", 3)
    assert (tokenizer.bos_token, tokenizer.bos_token_id) == (None, None)
    assert tokenizer.special_tokens_map == {
        "unk_token": "[UNK]",
        "sep_token": "[SEP]",
        "pad_token": "[PAD]",
        "cls_token": "[CLS]",
        "mask_token": "[MASK]",
    }
    assert (
        tokenizer.pad_token_type_id,
        tokenizer.num_special_tokens_to_add(),
        tokenizer.num_special_tokens_to_add(True),
    ) == (
        0,
        2,
        3,
    )


def test_sizes(tokenizer: Tokenizer):
    assert tokenizer.vocab_size == len(tokenizer) == len(tokenizer.get_vocab()) == 241
    assert tokenizer.add_tokens(["新词", "好"]) == (2 if tokenizer.is_fast else 1)
    assert (tokenizer.vocab_size, len(tokenizer), tokenizer.get_vocab()["新词"]) == (241, 242, 241)
    assert bool(tokenizer)


def test_other_special_tokens(tokenizer_class: type[Tokenizer], vocab_path: Path):
    tokenizer = tokenizer_class(vocab_path, cls_token="<S>", mask_token=None, bos_token=None)
    assert tokenizer("好").tokens() == ["<S>", "好", "[SEP]"]
    assert tokenizer.tokenize("好[MASK]") != ["好", "[MASK]"]
    tokenizer.cls_token = "[CLS]"
    assert tokenizer("好").tokens() == ["[CLS]", "好", "[SEP]"]


@pytest.mark.parametrize("name", ["unk_token", "cls_token", "sep_token", "pad_token", "mask_token"])
def test_missing_special_tokens(tokenizer_class: type[Tokenizer], vocab_path: Path, name: str):
    with pytest.raises(VocabularyError, match=rf"{name} '<none>' is not among the 241 tokens"):
        tokenizer_class(vocab_path, **{name: "<none>"})
    tokens = [token for token in Vocabulary.from_file(vocab_path).tokens if token != f"[{name[:-6].upper()}]"]
    with pytest.raises(VocabularyError, match=name):
        tokenizer_class(Vocabulary.from_tokens(tokens))


def test_special_tokens_that_are_needed(tokenizer_class: type[Tokenizer], vocab_path: Path):
    with pytest.raises(VocabularyError, match="a tokenizer needs a pad_token"):
        tokenizer_class(vocab_path, pad_token=None)


def test_ids_and_tokens(tokenizer: Tokenizer):
    assert tokenizer.convert_tokens_to_ids("好") == tokenizer.get_vocab()["好"]
    assert tokenizer.convert_tokens_to_ids(["好", "没有这个"]) == [tokenizer.get_vocab()["好"], 2]
    assert tokenizer.convert_ids_to_tokens(0) == "[PAD]"
    missing = None if tokenizer.is_fast else "[UNK]"
    assert tokenizer.convert_ids_to_tokens([0, 7, 999]) == ["[PAD]", "0", missing]
    assert tokenizer.convert_ids_to_tokens([0, 7, 3], skip_special_tokens=True) == ["0"]


def test_add_special_tokens(tokenizer: Tokenizer):
    assert tokenizer.add_special_tokens({"bos_token": "<bos>", "additional_special_tokens": ["<a>", "<b>"]}) == 3
    assert tokenizer.bos_token_id == 241
    assert tokenizer.additional_special_tokens == ["<a>", "<b>"]
    assert tokenizer.additional_special_tokens_ids == [242, 243]
    assert tokenizer.tokenize("<A><a>好") == [*tokenizer.tokenize("<A>"), "<a>", "好"]
    tokenizer.add_special_tokens({"additional_special_tokens": ["<c>"]}, replace_additional_special_tokens=False)
    assert tokenizer.additional_special_tokens == ["<a>", "<b>", "<c>"]
    tokenizer.add_special_tokens({"additional_special_tokens": ["<d>"]})
    assert tokenizer.special_tokens_map["additional_special_tokens"] == ["<d>"]
    with pytest.raises(UnknownNameError, match="unknown special token 'end_token'; choose one of: bos_token"):
        tokenizer.add_special_tokens({"end_token": "x"})


def test_special_tokens_as_text(tokenizer: Tokenizer):
    assert tokenizer.tokenize("[MASK]") == ["[MASK]"]
    split = tokenizer("[MASK]", split_special_tokens=True).tokens()
    assert split[1] == "["
    tokenizer.split_special_tokens = True
    assert tokenizer("[MASK]").tokens() == split
