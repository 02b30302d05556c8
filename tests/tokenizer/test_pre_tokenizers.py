"""How the fast family cuts a text into words; the library itself is asked in test_tokenizer_json.py."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roformer_edge.tokenizer.pre_tokenizers import (
    BEHAVIORS,
    BertPreTokenizer,
    at_characters,
    at_string,
    in_turn,
    is_number,
    is_punctuation,
    of_length,
    whitespace_words,
)
from roformer_edge.tokenizer.unicode_tables import UNICODE_PATH, UnicodeData

UNICODE = UnicodeData(UNICODE_PATH)
BERT = BertPreTokenizer(UNICODE)
TEXTS = st.text("ab1，。- \t\u3000天气é_", max_size=12)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("今天 a-b，c", ["今天", "a", "-", "b", "，", "c"]),
        ("  \t", []),
        ("", []),
        ("a\u3000b", ["a", "b"]),
        ("!!", ["!", "!"]),
        ("$1", ["$", "1"]),
    ],
)
def test_bert(text: str, words: list[str]):
    assert BERT.words(text) == words


@given(TEXTS)
def test_the_words_of_bert_are_those_at_its_spans(text: str):
    assert [text[start:end] for start, end in BERT.spans(text)] == BERT.words(text)


@pytest.mark.parametrize(
    ("behavior", "words"),
    [
        ("Removed", ["a", "b"]),
        ("Isolated", ["a", "-", "-", "b", "-"]),
        ("Contiguous", ["a", "--", "b", "-"]),
        ("MergedWithPrevious", ["a-", "-", "b-"]),
        ("MergedWithNext", ["a", "-", "-b", "-"]),
    ],
)
def test_what_becomes_of_what_matched(behavior: str, words: list[str]):
    assert at_characters("-".__contains__, behavior).words("a--b-") == words
    assert at_string("-", behavior, invert=False).words("a--b-") == words


def test_a_string_may_be_long_absent_or_what_is_kept():
    assert at_string("ab", "Isolated", invert=False).words("xabaab") == ["x", "ab", "a", "ab"]
    assert at_string("天", "Removed", invert=False).words("abc") == ["abc"]
    assert at_string("ab", "Removed", invert=True).words("xabyab") == ["ab", "ab"]
    assert at_string("", "Isolated", invert=False).words("abc") == ["a", "b", "c"]


@given(TEXTS, st.sampled_from(sorted(BEHAVIORS)))
def test_nothing_is_doubled_and_only_what_matched_is_lost(text: str, behavior: str):
    spans = at_characters("-".__contains__, behavior).spans(text)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))
    kept = "".join(text[start:end] for start, end in spans)
    assert kept == (text.replace("-", "") if behavior == "Removed" else text)


def test_runs_of_word_characters_and_of_others():
    assert whitespace_words(UNICODE).words("don't 今天_1，。 e\u0301!") == [
        "don",
        "'",
        "t",
        "今天_1",
        "，。",
        "e\u0301",
        "!",
    ]


def test_words_of_a_length():
    assert of_length(2).words("abcde") == ["ab", "cd", "e"]
    assert of_length(2).words("") == []


def test_steps_cut_the_words_of_the_one_before_and_keep_their_places():
    both = in_turn([whitespace_words(UNICODE), of_length(2)])
    assert both.words("abc 天气好") == ["ab", "c", "天气", "好"]
    assert both.spans("abc 天气好") == [(0, 2), (2, 3), (4, 6), (6, 7)]
    assert in_turn([]).words("ab c") == ["ab c"]
    assert in_turn([]).spans("") == []


def test_kinds_of_characters():
    punctuation, number = is_punctuation(UNICODE), is_number(UNICODE)
    assert [character for character in "a，。!$^~1天 " if punctuation(character)] == list("，。!$^~")
    assert [character for character in "a1½四Ⅷ" if number(character)] == list("1½Ⅷ")
