"""What only the slow family does; its ids are compared with transformers in test_oracle.py and test_golden.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from roformer_edge.errors import TextError, VocabularyError
from roformer_edge.tokenizer import RoFormerTokenizer

A, B = "明天音乐非常好", "我们去公园"


def test_what_truncation_takes_is_given_back_beside_the_row(vocab_path: Path):
    tokenizer = RoFormerTokenizer(vocab_path)
    batch = tokenizer(A, max_length=5, truncation=True, stride=1, return_overflowing_tokens=True)
    assert batch["overflowing_tokens"] == tokenizer.convert_tokens_to_ids(["非常", "好"])
    assert batch["num_truncated_tokens"] == 1
    with pytest.raises(TextError, match="the slow mode cannot return what 'longest_first' takes"):
        tokenizer(A, B, max_length=5, truncation=True, return_overflowing_tokens=True)
    first = tokenizer(A, B, max_length=9, truncation="only_first", return_overflowing_tokens=True)
    assert len(first["input_ids"]) == 9
    assert first["overflowing_tokens"]


def test_words_may_be_left_whole(vocab_path: Path):
    plain = RoFormerTokenizer(vocab_path)
    kept = RoFormerTokenizer(vocab_path, never_split=["c#"])
    assert (plain.tokenize("c#好"), kept.tokenize("c#好")) == (["c", "#", "好"], ["c#", "好"])
    assert plain.tokenize(A) == kept.tokenize(A)


def test_without_basic_tokenisation_words_go_to_wordpiece_as_they_are(vocab_path: Path):
    bare = RoFormerTokenizer(vocab_path, do_basic_tokenize=False)
    plain = RoFormerTokenizer(vocab_path)
    assert bare.tokenize(A) == plain.tokenize(A)
    assert (plain.tokenize("É"), bare.tokenize("É")) == (["é"], ["[UNK]"])


def test_a_pipeline_is_refused(vocab_path: Path):
    with pytest.raises(VocabularyError, match="the slow mode cannot follow a pipeline"):
        RoFormerTokenizer(vocab_path, pipeline={"model": {"type": "WordPiece"}})


def test_added_tokens_stand_apart_in_decoded_text(vocab_path: Path):
    tokenizer = RoFormerTokenizer(vocab_path)
    tokenizer.add_tokens(["量子"])
    ids = tokenizer("明天量子好", add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(ids) == "明天 量子 好"
    assert tokenizer.decode([*ids, tokenizer.sep_token_id], skip_special_tokens=True) == "明天 量子 好"
    assert tokenizer.convert_ids_to_tokens(10**6) == "[UNK]"
