"""Rows that were encoded before are padded as the collators of transformers ask for it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from roformer_edge.errors import TextError
from roformer_edge.tokenizer import BatchEncoding
from tests.conftest import ROOT
from tests.tokenizer.conftest import CLASSES
from tests.tokenizer.oracle import Oracle, plain

ROWS = {"input_ids": [[2, 9, 3], [2, 3], [2, 9, 8, 7, 3]], "token_type_ids": [[0] * 3, [0] * 2, [0] * 5]}

A, B = "明天音乐非常好", "我们去公园"


PADS: tuple[dict[str, Any], ...] = (
    {},
    {"padding": "longest", "pad_to_multiple_of": 4},
    {"padding": "max_length", "max_length": 7},
    {"padding": "max_length"},
    {"padding": "max_length", "max_length": 3},
    {"padding": False},
    {"padding_side": "left"},
    {"return_attention_mask": False},
    {"return_tensors": "np"},
    {"padding": "max_length", "max_length": 8, "return_tensors": "np", "padding_side": "left"},
)


@pytest.mark.oracle
@pytest.mark.parametrize("options", PADS, ids=str)
def test_pad(oracle: Oracle, vocab_path: Path, any_mode: str, options: dict[str, Any], tmp_path: Path):
    (tmp_path / "vocab.txt").write_bytes(vocab_path.read_bytes())
    for more in ({}, {"padding_side": "left", "model_max_length": 9}, {"model_input_names": ["input_ids"]}):
        oracle.make("pads", any_mode, tmp_path, **more)
        tokenizer = CLASSES[any_mode](vocab_path, **more)
        several = [dict(zip(ROWS, row, strict=True)) for row in zip(*ROWS.values(), strict=True)]
        masked = {**ROWS, "attention_mask": [[1] * len(row) for row in ROWS["input_ids"]]}
        special = {**ROWS, "special_tokens_mask": [[1, *[0] * (len(row) - 2), 1] for row in ROWS["input_ids"]]}
        labelled = {**ROWS, "label": [0, 1, 2]}
        for rows in (ROWS, several, masked, special, labelled, several[2], {"input_ids": []}, {"input_ids": [[], [2]]}):
            if rows is masked and "model_input_names" in more and "return_tensors" in options:
                # transformers leaves the mask as it is then, and makes arrays of arrays of it
                with pytest.raises(TextError, match="rows of different lengths do not make a tensor"):
                    tokenizer.pad(rows, **options)
                continue
            theirs = oracle.call("pads", "pad", rows, verbose=False, **options)
            ours = tokenizer.pad(rows, **options)
            assert isinstance(ours, BatchEncoding)
            assert plain(ours) == theirs, rows


def test_pad_keeps_the_kind_of_tensors(vocab_path: Path, any_mode: str):
    torch = pytest.importorskip("torch")
    tokenizer = CLASSES[any_mode](vocab_path)
    rows = [{"input_ids": [2, 9, 3], "labels": 1}, {"input_ids": [2, 3], "labels": 0}]
    for make in (torch.tensor, np.array):
        batch = tokenizer.pad([{key: make(value) for key, value in row.items()} for row in rows])
        assert type(batch["input_ids"]) is type(make([0]))
        assert batch["input_ids"].tolist() == [[2, 9, 3], [2, 3, 0]]
        assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 1, 0]]
        assert batch["labels"].tolist() == [1, 0]
    assert tokenizer.pad(rows, return_tensors="pt")["input_ids"].dtype == torch.int64
    # a column of numbers that are not whole keeps them
    mixed = tokenizer.pad([{"input_ids": [2], "score": 1}, {"input_ids": [3], "score": 0.5}], return_tensors="pt")
    assert mixed["score"].tolist() == [1.0, 0.5]


def test_rows_that_cannot_be_padded(vocab_path: Path):
    tokenizer = CLASSES["slow"](vocab_path)
    with pytest.raises(TextError, match="rows to be padded must hold input_ids, found 'labels'"):
        tokenizer.pad({"labels": [1]})
    with pytest.raises(TextError, match="must be equally many, found input_ids: 1, labels: 2"):
        tokenizer.pad({"input_ids": [[1]], "labels": [1, 2]})
    with pytest.raises(TextError, match="there are no rows to pad"):
        tokenizer.pad([])
    with pytest.raises(TextError, match="the texts of these rows are not known"):
        tokenizer.pad(ROWS).word_ids()
    assert tokenizer.pad(ROWS)[1:] == {key: value[1:] for key, value in tokenizer.pad(ROWS).items()}


@pytest.mark.oracle
def test_collators_of_transformers(oracle_python: Path, vocab_path: Path):
    """Our tokenizers under the collators of transformers give what its own give."""
    script = Path(__file__).parent / "collators.py"
    done = subprocess.run(
        [str(oracle_python), str(script), str(vocab_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "equal: 15"


FRAMEWORKS_PYTHON = ROOT / ".venv-frameworks" / "bin" / "python"
