"""All real texts beside the project give the ids of transformers 4.57.6, in every mode."""

from __future__ import annotations

import hashlib
import json
import subprocess
from array import array
from itertools import accumulate, pairwise
from pathlib import Path
from typing import BinaryIO

import pytest

from roformer_edge.tokenizer import load_tokenizer
from roformer_edge.tokenizer.unicode_tables import REMOVE, UNICODE
from tests.conftest import ROOT

ORACLE_IDS = Path(__file__).parent / "oracle_ids.py"
VERSIONS = "transformers 4.57.6 tokenizers 0.22 rjieba 0.2"


@pytest.fixture(scope="module")
def their_ids(oracle_python: Path, real_vocab: Path, real_texts: list[str]) -> Path:
    """The file that ``oracle_ids.py`` describes, made once for every state of texts, vocabulary and script."""
    spelled = json.dumps(real_texts)
    parts = (spelled.encode(), (real_vocab / "vocab.txt").read_bytes(), ORACLE_IDS.read_bytes(), VERSIONS.encode())
    digest = hashlib.sha256(b"\0".join(parts)).hexdigest()[:20]
    output = ROOT / ".cache" / "tokenizer" / f"{digest}.bin"
    if not output.exists():
        output.parent.mkdir(parents=True, exist_ok=True)
        texts = output.with_suffix(".json")
        texts.write_text(spelled, encoding="utf-8")
        unfinished = output.with_suffix(".part")
        subprocess.run([str(oracle_python), str(ORACLE_IDS), str(real_vocab), str(texts), str(unfinished)], check=True)
        texts.unlink()
        unfinished.rename(output)
    return output


def rows(file: BinaryIO, count: int) -> tuple[list[int], array[int]]:
    """Where the row of each text begins, and all ids."""
    lengths, ids = array("I"), array("H")
    lengths.fromfile(file, count)
    ids.fromfile(file, sum(lengths))
    return [0, *accumulate(lengths)], ids


def is_news_to_python(text: str) -> bool:
    """Whether a character is dropped as unassigned by the slow tokenizers, and not by the fast ones."""
    return any(UNICODE.slow.kind(character) & ~UNICODE.fast.kind(character) & REMOVE for character in text)


@pytest.mark.oracle
@pytest.mark.slow
def test_no_mismatch(their_ids: Path, real_vocab: Path, real_texts: list[str]):
    assert len(real_texts) > 100_000
    with their_ids.open("rb") as file:
        for mode in ("slow", "fast"):
            starts, ids = rows(file, len(real_texts))
            tokenizer = load_tokenizer(real_vocab, mode=mode)
            for text, (start, end) in zip(real_texts, pairwise(starts), strict=True):
                assert tokenizer.encode_text(text).ids == ids[start:end].tolist(), (mode, text)
        slow_starts, slow_ids = rows(file, len(real_texts))
        starts, ids = rows(file, len(real_texts))
        offsets = array("I")
        offsets.fromfile(file, 2 * len(ids))
        tokenizer = load_tokenizer(real_vocab, mode="bert")
        for place, text in enumerate(real_texts):
            row = tokenizer.encode_text(text)
            start, end = starts[place], starts[place + 1]
            assert row.ids == ids[start:end].tolist(), text
            assert [number for span in row.offsets for number in span] == offsets[2 * start : 2 * end].tolist(), text
            slow = slow_ids[slow_starts[place] : slow_starts[place + 1]].tolist()
            assert row.ids == slow or is_news_to_python(text), text
