"""All real texts beside the project give the ids of transformers 4.57.6, in both modes."""

from __future__ import annotations

import hashlib
import json
import subprocess
from array import array
from pathlib import Path

import pytest

from roformer_edge.tokenizer import load_tokenizer
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


@pytest.mark.oracle
@pytest.mark.slow
def test_no_mismatch(their_ids: Path, real_vocab: Path, real_texts: list[str]):
    assert len(real_texts) > 100_000
    with their_ids.open("rb") as file:
        for mode in ("slow", "fast"):
            lengths, ids = array("I"), array("H")
            lengths.fromfile(file, len(real_texts))
            ids.fromfile(file, sum(lengths))
            tokenizer = load_tokenizer(real_vocab, mode=mode)
            start = 0
            for text, length in zip(real_texts, lengths, strict=True):
                assert tokenizer.encode_text(text).ids == ids[start : start + length].tolist(), (mode, text)
                start += length
