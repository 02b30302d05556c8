"""Rows of numbers as the tensors of a framework, and back."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from roformer_edge.errors import TextError, UnknownNameError
from roformer_edge.tokenizer import Tokenizer
from roformer_edge.tokenizer.tensors import framework_of, to_lists, to_tensors
from tests.conftest import ROOT

A, B = "明天音乐非常好", "我们去公园"
FRAMEWORKS_PYTHON = ROOT / ".venv-frameworks" / "bin" / "python"
PROGRAM = """
import sys
import numpy
from roformer_edge.tokenizer import RoFormerTokenizerFast
tokenizer = RoFormerTokenizerFast(sys.argv[1])
for name in ("tf", "jax"):
    batch = tokenizer(["好", "明天好"], padding=True, return_tensors=name)
    ids = batch["input_ids"]
    package = type(ids).__module__.split(".")[0].removesuffix("lib")
    print(name, ids.shape, getattr(ids.dtype, "name", ids.dtype), package)
    padded = tokenizer.pad({"input_ids": [ids[0], ids[1]]})
    assert type(padded["input_ids"]) is type(ids), type(padded["input_ids"])
    assert numpy.array_equal(padded["input_ids"], ids)
"""


def test_numpy(tokenizer: Tokenizer):
    batch = tokenizer([A, B], padding=True, return_tensors="np", return_offsets_mapping=True)
    assert batch["input_ids"].shape == batch["attention_mask"].shape == (2, 6)
    assert batch["offset_mapping"].shape == (2, 6, 2)
    assert batch["input_ids"].dtype == np.int64
    assert tokenizer(A, return_tensors="np")["input_ids"].shape == (1, 6)
    with pytest.raises(TextError, match="rows of different lengths"):
        tokenizer([A, B], return_tensors="np")


def test_torch(tokenizer: Tokenizer):
    torch = pytest.importorskip("torch")
    batch = tokenizer([A, B], padding=True, return_tensors="pt").to("cpu")
    assert batch["input_ids"].shape == (2, 6)
    assert batch["input_ids"].dtype == torch.int64
    assert tokenizer.decode(batch["input_ids"][1], skip_special_tokens=True) == "我们 去 公园"


def test_tensorflow_is_asked_for_only_when_needed(tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch):
    asked = []
    monkeypatch.setattr("roformer_edge._extras.require", lambda name, purpose: asked.append((name, purpose)) or np)
    monkeypatch.setattr(np, "constant", np.asarray, raising=False)
    assert tokenizer(A, return_tensors="tf")["input_ids"].shape == (1, 6)
    assert set(asked) == {("tensorflow", "for return_tensors='tf'")}


@pytest.mark.skipif(not FRAMEWORKS_PYTHON.exists(), reason="the environment with TensorFlow and Flax is not there")
def test_tensors_of_other_frameworks(vocab_path: Path):
    done = subprocess.run(
        [str(FRAMEWORKS_PYTHON), "-c", PROGRAM, str(vocab_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2:] == ["tf (2, 4) int32 tensorflow", "jax (2, 4) int32 jax"]


@pytest.mark.parametrize("name", ["tflite", "numpy", ""])
def test_unknown_frameworks_list_those_there_are(name: str):
    with pytest.raises(UnknownNameError, match="np, pt, tf, jax"):
        to_tensors(name, [[1, 2]])


def test_rows_of_one_length_are_needed():
    with pytest.raises(TextError, match="padding"):
        to_tensors("np", [[1, 2], [3]])


@pytest.mark.parametrize(
    "value", [np.array([[1, 2], [3, 4]]), torch.tensor([[1, 2], [3, 4]]), [np.array([1, 2]), [3, 4]]]
)
def test_there_and_back(value: Any):
    assert to_lists(value) == [[1, 2], [3, 4]]
    name = framework_of(value)
    assert name == ({"list": None, "ndarray": "np", "Tensor": "pt"}[type(value).__name__])
    if name is not None:
        assert type(to_tensors(name, to_lists(value))) is type(value)
