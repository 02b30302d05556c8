"""Spoilt tokenizer directories are refused in one line or used, and never end in another error.

``ROFORMER_EDGE_FUZZ=20000`` tries so many.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from roformer_edge.tokenizer import load_tokenizer
from tests.fuzz.tokenizer_directories import honest, outcome

COUNT = int(os.environ.get("ROFORMER_EDGE_FUZZ", "400"))


def test_spoilt_directories(tmp_path: Path):
    found: Counter[str] = Counter()
    for seed in range(COUNT):
        try:
            found[outcome(seed, tmp_path / str(seed))] += 1
        except BaseException as error:
            error.add_note(f"seed {seed}") if hasattr(error, "add_note") else None
            raise
    print(dict(found))
    # otherwise nothing was spoilt, or all of it
    assert min(found["refused"], found["used"]) > COUNT / 10


def test_honest_directories(tmp_path: Path):
    for number in range(70):
        honest(tmp_path / str(number), number)
        assert load_tokenizer(tmp_path / str(number)).tokenize("今天 ab")
