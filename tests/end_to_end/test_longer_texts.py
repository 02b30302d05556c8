"""A bundle that takes more tokens than its checkpoint has positions for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import roformer_edge
from roformer_edge.cli.main import main
from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.deploy.options import DeployOptions
from roformer_edge.errors import OptionError, TextTooLongError
from roformer_edge.models.torch.heads import RoFormerForSequenceClassification
from roformer_edge.tokenizer import load_tokenizer
from tests.tiny_checkpoint import LABELS, write_checkpoint

LONG = "今天天气很好。" * 12


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return write_checkpoint(tmp_path / "checkpoint", rotary_value=True)


def logits_of(checkpoint: Path) -> np.ndarray:
    model = RoFormerForSequenceClassification.from_pretrained(checkpoint)
    model.extend_positions(90)
    with torch.no_grad():
        return model(torch.tensor([load_tokenizer(checkpoint).encode_text(LONG).ids])).logits.numpy()


def test_from_a_checkpoint_and_from_a_float_bundle(checkpoint: Path, tmp_path: Path):
    short = deploy_checkpoint(checkpoint, tmp_path / "short", DeployOptions(recipe="fp32", keep_weights=True)).bundle
    options = DeployOptions(recipe="fp32", max_length=90)
    wanted = logits_of(checkpoint)
    with roformer_edge.load(short) as classify, pytest.raises(TextTooLongError, match="takes 32 at most"):
        classify(LONG)
    for number, source in enumerate((checkpoint, short)):
        made = deploy_checkpoint(source, tmp_path / f"long {number}", options)
        assert made.manifest.max_length == 90
        assert made.manifest.parity.checked
        with roformer_edge.load(made.bundle, self_test=True) as classify:
            np.testing.assert_allclose(classify.logits([LONG]), wanted, atol=1e-5)


def test_the_reference_reads_as_much(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    data = tmp_path / "data.jsonl"
    data.write_text(json.dumps({"text": LONG, "label": LABELS[0]}, ensure_ascii=False), encoding="utf-8")
    command = ["deploy", str(checkpoint), "--out", str(tmp_path / "bundle"), "--eval", str(data)]
    assert main(command) == 1
    assert "the model takes 32" in capsys.readouterr().err
    assert main([*command, "--max-length", "90"]) == 0


@pytest.mark.parametrize("length", [0, -1, True, 1.5])
def test_lengths_that_are_none(length: object):
    with pytest.raises(OptionError, match="max_length"):
        DeployOptions(max_length=length)
