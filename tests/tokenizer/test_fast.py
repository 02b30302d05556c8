"""What only the fast family does; its ids are compared with transformers in test_oracle.py and test_golden.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from roformer_edge.errors import VocabularyError
from roformer_edge.tokenizer import BertTokenizer, RoFormerTokenizerFast
from roformer_edge.tokenizer.fast import ideographs_apart
from roformer_edge.tokenizer.unicode_tables import UNICODE_PATH, UnicodeData

UNICODE = UnicodeData(UNICODE_PATH)
A, B = "明天音乐非常好", "我们去公园"


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("ab天c", ["ab", "天", "c"]),
        ("天气", ["天", "气"]),
        ("a b", ["a", "b"]),
        ("abc", ["abc"]),
        (" ", []),
        ("天 ", ["天"]),
    ],
)
def test_words_that_are_no_token_are_cut_at_ideographs(word: str, parts: list[str]):
    assert [word[start:end] for start, end in ideographs_apart(word, UNICODE)] == parts


def test_what_truncation_takes_becomes_further_rows(vocab_path: Path):
    tokenizer = RoFormerTokenizerFast(vocab_path)
    rows = tokenizer(A, max_length=5, truncation=True, stride=1, return_overflowing_tokens=True)
    assert [encoding.tokens for encoding in rows.encodings] == [
        ["[CLS]", "明天", "音乐", "非常", "[SEP]"],
        ["[CLS]", "非常", "好", "[SEP]"],
    ]
    assert rows["overflow_to_sample_mapping"] == [0, 0]
    # of a pair too, and from whichever text it takes
    pair = tokenizer(A, B, max_length=7, truncation=True, return_overflowing_tokens=True)
    assert len(pair.encodings) > 1
    assert {len(encoding) for encoding in pair.encodings} <= set(range(4, 8))


def test_options_of_the_slow_family_are_said_or_refused(vocab_path: Path):
    tokenizer = RoFormerTokenizerFast(vocab_path, never_split=["天"])
    assert any("never_split has no effect in the fast mode" in note for note in tokenizer.notes)
    assert tokenizer(A)["input_ids"] == RoFormerTokenizerFast(vocab_path)(A)["input_ids"]
    with pytest.raises(VocabularyError, match=r"never_split changes the ids of BertTokenizer .* never_split=None"):
        BertTokenizer(vocab_path, never_split=["天"])
    assert BertTokenizer(vocab_path, never_split=None).notes == RoFormerTokenizerFast(vocab_path).notes


def test_characters_are_words_of_bert(vocab_path: Path):
    tokens = BertTokenizer(vocab_path).encode_text("好，好").tokens
    assert list(tokens) == ["[CLS]", "好", "，", "好", "[SEP]"]
