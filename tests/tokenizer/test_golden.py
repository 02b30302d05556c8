"""Ids, tokens, types, offsets and words equal the golden files, as those of every port must."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from roformer_edge.errors import TextError
from roformer_edge.tokenizer import AddedToken, PreTrainedTokenizerFast, Tokenizer
from roformer_edge.tokenizer.segment import WordSegmenter
from tests.tokenizer.conftest import CLASSES

GOLDEN = Path(__file__).parents[1] / "golden"


def read(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (GOLDEN / name).read_text("utf-8").split("\n") if line]


def make(case: dict[str, Any], vocab_path: Path) -> Tokenizer:
    if case["mode"] == "plain":
        return PreTrainedTokenizerFast(vocab_path, pipeline=case["pipeline"])
    tokenizer = CLASSES[case["mode"]](vocab_path, **case.get("options", {}))
    tokenizer.add_tokens([AddedToken(**token) for token in case.get("added", ())])
    return tokenizer


@pytest.mark.parametrize("mode", [*CLASSES, "plain"])
def test_rows(vocab_path: Path, mode: str):
    made: dict[str, Tokenizer] = {}
    cases = [case for case in read("tokenizer.jsonl") if case["mode"] == mode]
    assert len(cases) > 100
    for case in cases:
        key = json.dumps([case.get(name) for name in ("options", "added", "pipeline")])
        tokenizer = made[key] = made.get(key) or make(case, vocab_path)
        row = tokenizer.encode_text(case["text"], case.get("pair"))
        if "pair" not in case:
            row = tokenizer(case["text"], add_special_tokens=False).encodings[0]
        assert row.ids == case["ids"], case
        assert row.tokens == case["tokens"], case
        assert list(map(list, row.offsets)) == case["offsets"], case
        assert row.type_ids == case.get("type_ids", row.type_ids), case


def test_words():
    segmenter = WordSegmenter()
    for case in read("words.jsonl"):
        assert segmenter.cut(case["text"]) == case["words"]


def test_the_modes_differ_somewhere():
    by_mode: dict[str, dict[str, list[int]]] = {}
    for case in read("tokenizer.jsonl"):
        if case.get("options") == {} and "added" not in case:
            by_mode.setdefault(case["mode"], {})[case["text"]] = case["ids"]
    slow, fast, bert = (by_mode[mode] for mode in CLASSES)
    assert slow.keys() == fast.keys() == bert.keys()
    assert all(sum(one[text] != other[text] for text in slow) > 10 for one, other in ((slow, fast), (fast, bert)))
    assert Counter(case["mode"] for case in read("tokenizer.jsonl")).keys() == {*CLASSES, "plain"}


@pytest.mark.parametrize("mode", CLASSES)
def test_calls(vocab_path: Path, mode: str):
    cases = [case for case in read("calls.jsonl") if case["mode"] == mode]
    assert sum("error" in case for case in cases) > 10
    for case in cases:
        options = dict(case["options"])
        made = {name: options.pop(name) for name in ("truncation_side",) if name in options}
        tokenizer = CLASSES[mode](vocab_path, **made)
        pair = None if case["pair"] is None else [case["pair"]]
        wanted = {"return_special_tokens_mask": True, "return_offsets_mapping": True}
        if "error" in case:
            with pytest.raises(TextError):
                tokenizer([case["text"]], pair, **wanted, **options)
            continue
        batch = tokenizer([case["text"]], pair, **wanted, **options)
        names = {"offsets": "offset_mapping"}
        for at, row in enumerate(case["rows"]):
            found = {name: batch[names.get(name, name)][at] for name in row}
            assert {**found, "offsets": list(map(list, found["offsets"]))} == row, case
        assert len(batch["input_ids"]) == len(case["rows"]), case
        for name in ("overflowing_tokens", "num_truncated_tokens"):
            assert batch.get(name, [None])[0] == case.get(name), case
