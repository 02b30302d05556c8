"""The steps that the classes of the fast family have by themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from roformer_edge.tokenizer import BertTokenizer, RoFormerTokenizerFast
from roformer_edge.tokenizer.backend import BackendOptions
from roformer_edge.tokenizer.steps import STANDARD, Steps, WordsPreTokenizer


def steps(path: Path, mode: str, **options: object) -> Steps:
    tokenizer = {"fast": RoFormerTokenizerFast, "bert": BertTokenizer}[mode](path)
    values = {**vars(tokenizer._options), **options}
    values.pop("_segmenter")
    return STANDARD[mode](tokenizer._table, BackendOptions(**values))


class Cutter:
    def cut(self, text: str) -> list[str]:
        return ["今天", "天气", text[4:]]


def test_words_of_a_dictionary_lie_side_by_side():
    assert WordsPreTokenizer(Cutter()).spans("今天天气好") == [(0, 2), (2, 4), (4, 5)]


def test_one_class_knows_words_and_the_other_characters(vocab_path: Path):
    text = "明天音乐，好"
    fast, bert = steps(vocab_path, "fast"), steps(vocab_path, "bert")
    assert fast.pre_tokenizer.words(text) == ["明天", "音乐", "，", "好"]
    # ideographs are set apart before, by the normaliser
    assert bert.pre_tokenizer.words(text) == ["明天音乐", "，", "好"]
    assert bert.normalizer.normalize("明天a") == " 明  天 a"
    assert fast.normalizer.normalize("明天a") == "明天a"


@pytest.mark.parametrize("mode", sorted(STANDARD))
@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({}, "cafe"),
        ({"do_lower_case": False}, "Café"),
        ({"do_lower_case": False, "strip_accents": True}, "Cafe"),
        ({"strip_accents": False}, "café"),
    ],
)
def test_accents_go_with_capitals_unless_asked_otherwise(vocab_path: Path, mode: str, options: dict, wanted: str):
    assert steps(vocab_path, mode, **options).normalizer.normalize("Café") == wanted


def test_ideographs_may_stay_together(vocab_path: Path):
    assert steps(vocab_path, "bert", tokenize_chinese_chars=False).normalizer.normalize("明天") == "明天"


@pytest.mark.parametrize("mode", sorted(STANDARD))
def test_the_special_tokens_are_those_of_the_table(vocab_path: Path, mode: str):
    made, tokenizer = steps(vocab_path, mode), RoFormerTokenizerFast(vocab_path)
    assert made.unknown == "[UNK]"
    assert made.template.count(pair=True) == 3
    assert (made.joins, made.tidies) == (True, True)
    assert tokenizer.unk_token_id is not None
