"""A pruned vocabulary gives the texts that it was pruned to the tokens that they had."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from roformer_edge.tokenizer import AddedToken, PreTrainedTokenizerFast, RoFormerTokenizer, Tokenizer
from roformer_edge.tokenizer.pruning import prune
from roformer_edge.tokenizer.vocab import Vocabulary
from tests.tokenizer.conftest import CLASSES
from tests.tokenizer.test_golden import make, read

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def of_tokens(*tokens: str, **options: Any) -> RoFormerTokenizer:
    return RoFormerTokenizer(Vocabulary.from_tokens([*SPECIAL, *tokens]), **options)


def kept(tokenizer: Tokenizer) -> list[str]:
    return tokenizer.vocabulary_bytes.decode().splitlines()


@pytest.mark.parametrize("mode", [*CLASSES, "plain"])
def test_every_tokenizer_of_the_golden_files(vocab_path: Path, mode: str) -> None:
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for case in read("tokenizer.jsonl"):
        if case["mode"] == mode:
            groups[json.dumps([case.get(name) for name in ("options", "added", "pipeline")])].append(case)
    assert len(groups) > 3
    smaller = 0
    for cases in groups.values():
        tokenizer = make(cases[0], vocab_path)
        rows = [(case["text"], case.get("pair")) for case in cases]
        pruned = prune(tokenizer, rows)
        assert pruned.tokenizer.embedding_rows == len(pruned.ids)
        smaller += len(pruned.ids) < tokenizer.embedding_rows
        for row in rows:
            before, after = tokenizer.encode_text(*row), pruned.tokenizer.encode_text(*row)
            assert [pruned.ids[at] for at in after.ids] == before.ids
            assert (after.tokens, after.offsets, after.type_ids) == (before.tokens, before.offsets, before.type_ids)
        for token in tokenizer.all_special_tokens:
            assert pruned.ids[pruned.tokenizer.convert_tokens_to_ids(token)] == tokenizer.convert_tokens_to_ids(token)
    assert smaller


def test_what_is_kept() -> None:
    tokenizer = of_tokens("今天", "天气", "今", "天", "##天", "abc", "##bc", "##c", "a", "x", "[unused1]")
    tokenizer.add_tokens(AddedToken("<新>"))
    pruned = prune(tokenizer, [("今天a", None)], keep=[6])
    assert kept(pruned.tokenizer) == [*SPECIAL, "今天", "天气", "今", "天", "##天", "##c", "a", "x"]
    assert pruned.ids == (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 14, 16)
    assert pruned.tokenizer.convert_tokens_to_ids("<新>") == 13
    assert pruned.tokenizer.tokenize("今天<新>abc") == ["今天", "<新>", "[UNK]"]
    assert kept(tokenizer)[:7] == [*SPECIAL, "今天", "天气"]


def test_words_that_are_no_tokens_any_more_are_cut_into_pieces() -> None:
    tokenizer = of_tokens("今天", "天气", "今", "天", "气", "##气")
    pruned = prune(tokenizer, [("今天", None)]).tokenizer
    assert tokenizer.tokenize("天气") == ["天气"]
    assert pruned.tokenize("天气") == ["天", "气"]


def test_pieces_on_the_way_to_an_unknown_word_count() -> None:
    # "abz" begins with "ab", and nothing goes on from there: without "ab" it would be "a" and "##bz"
    tokenizer = of_tokens("ab", "a", "##bz", "q")
    assert tokenizer.tokenize("abz") == ["[UNK]"]
    pruned = prune(tokenizer, [("abz", None), ("q", None)]).tokenizer
    assert kept(pruned) == [*SPECIAL, "ab", "a", "q"]
    assert pruned.tokenize("abz") == ["[UNK]"]


def test_ids_in_a_post_processor_get_their_new_numbers(vocab_path: Path) -> None:
    table = {token: at for at, token in enumerate(vocab_path.read_text("utf-8").splitlines())}
    one, other = [token for token in table if len(token) == 1 and token > "一"][:2]
    rare = next(token for token in reversed(table) if len(token) > 2 and "#" not in token)
    template = {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "x", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [
            {"Sequence": {"id": "A", "type_id": 0}},
            {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
            {"Sequence": {"id": "B", "type_id": 1}},
        ],
        "special_tokens": {
            "x": {"id": "x", "ids": [table[rare], table["[CLS]"]], "tokens": [rare, "[CLS]"]},
            "[SEP]": {"id": "[SEP]", "ids": [table["[SEP]"]], "tokens": ["[SEP]"]},
        },
    }
    bert = {"type": "BertProcessing", "sep": [rare, table[rare]], "cls": ["[CLS]", table["[CLS]"]]}
    for post_processor in (template, bert):
        pipeline = {
            "normalizer": None,
            "pre_tokenizer": {"type": "BertPreTokenizer"},
            "post_processor": post_processor,
            "decoder": None,
            "model": {
                "type": "WordPiece",
                "unk_token": "[UNK]",
                "continuing_subword_prefix": "##",
                "max_input_chars_per_word": 100,
            },
        }
        tokenizer = PreTrainedTokenizerFast(vocab_path, pipeline=pipeline)
        pruned = prune(tokenizer, [(one + other, None)])
        for row in ((one + other, None), (one, other)):
            assert pruned.tokenizer.encode_text(*row).tokens == tokenizer.encode_text(*row).tokens
            assert [pruned.ids[at] for at in pruned.tokenizer.encode_text(*row).ids] == tokenizer.encode_text(*row).ids
        assert rare in kept(pruned.tokenizer)
