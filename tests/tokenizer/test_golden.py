"""Ids and tokens equal those that transformers gave for the small vocabulary."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.tokenizer.conftest import CLASSES

CASES = [
    json.loads(line)
    for line in (Path(__file__).parent / "data" / "golden.jsonl").read_text("utf-8").split("\n")
    if line
]


@pytest.mark.parametrize("mode", ["slow", "fast"])
def test_equals_transformers(mode: str, vocab_path: Path):
    made = {}
    for case in CASES:
        if case["mode"] != mode:
            continue
        options = json.dumps(case["options"])
        if options not in made:
            made[options] = CLASSES[mode](vocab_path, **case["options"])
        encoding = made[options](case["text"], add_special_tokens=False).encodings[0]
        assert encoding.ids == case["ids"], case
        assert encoding.tokens == case["tokens"], case


def test_the_modes_differ_somewhere():
    ids = {mode: [case["ids"] for case in CASES if case["mode"] == mode] for mode in CLASSES}
    assert ids["slow"] != ids["fast"]
