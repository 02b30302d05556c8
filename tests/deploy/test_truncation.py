"""Truncation in every place is that of the checkpoint's tokenizer: its ``model_max_length``, its side."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import roformer_edge
from roformer_edge.config import RoFormerConfig
from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.deploy.options import DeployOptions
from roformer_edge.errors import TextTooLongError
from roformer_edge.models.torch.heads import RoFormerForSequenceClassification
from roformer_edge.tokenizer import load_tokenizer
from roformer_edge.validate.openers import open_predictor
from tests.tiny_checkpoint import TOKENS

TEXT = "请把客厅的灯打开，今天天气很好，北京。"
PAIR = (TEXT, "今天天气")


@pytest.fixture(params=["left", "right"])
def checkpoint(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Make a classifier of 64 positions whose tokenizer cuts texts to 9 tokens."""
    torch.manual_seed(5)
    config = RoFormerConfig(
        vocab_size=len(TOKENS),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=48,
        max_position_embeddings=64,
    )
    RoFormerForSequenceClassification(config).save_pretrained(tmp_path / "checkpoint")
    (tmp_path / "checkpoint" / "vocab.txt").write_text("\n".join(TOKENS) + "\n", encoding="utf-8")
    settings = {"tokenizer_class": "RoFormerTokenizer", "model_max_length": 9, "truncation_side": request.param}
    (tmp_path / "checkpoint" / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return tmp_path / "checkpoint"


def test_cut_as_the_tokenizer_cuts(checkpoint: Path, tmp_path: Path) -> None:
    tokenizer = load_tokenizer(checkpoint)
    bundle = deploy_checkpoint(checkpoint, tmp_path / "bundle", DeployOptions(recipe="fp32", keep_weights=True)).bundle
    again = deploy_checkpoint(bundle, tmp_path / "again", DeployOptions(recipe="int8-dynamic")).bundle
    for path in (bundle, again):
        with roformer_edge.load(path) as classify:
            for texts in ((TEXT,), PAIR):
                value = texts if len(texts) > 1 else TEXT
                cut = classify.model.encode(value, truncation=True)
                assert list(cut.ids) == tokenizer(*texts, truncation=True)["input_ids"]
                assert len(cut.ids) == 9
            # a text is cut where that is asked for; the model has more positions
            assert len(classify.model.encode(TEXT, truncation=False).ids) > 9
            with pytest.raises(TextTooLongError, match="takes 64"):
                classify.model.encode(TEXT * 5, truncation=False)
    model = RoFormerForSequenceClassification.from_pretrained(checkpoint).eval()
    cut_ids = torch.tensor([tokenizer(TEXT, truncation=True)["input_ids"]])
    with torch.no_grad():
        expected = model(cut_ids).logits[0]
    with roformer_edge.load(bundle) as classify:
        np.testing.assert_allclose(classify.logits([TEXT], truncation=True)[0], expected.numpy(), atol=1e-5)
    # the other side of a comparison cuts so, too
    reference = open_predictor(checkpoint, truncate=True).answer([{"text": TEXT}], batch_size=1)
    np.testing.assert_allclose(reference[0], expected.numpy(), atol=1e-5)


def test_the_length_that_is_asked_for_goes_before(checkpoint: Path, tmp_path: Path) -> None:
    options = DeployOptions(recipe="fp32", max_length=12)
    bundle = deploy_checkpoint(checkpoint, tmp_path / "bundle", options).bundle
    expected = load_tokenizer(checkpoint)(TEXT, truncation=True, max_length=12)["input_ids"]
    with roformer_edge.load(bundle) as classify:
        assert list(classify.model.encode(TEXT, truncation=True).ids) == expected


def test_texts_of_calibration(checkpoint: Path, tmp_path: Path) -> None:
    """Ranges are those of the texts as they are computed: cut where truncation is asked for, else whole."""
    texts = [TEXT + last for last in "今天很好"]
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    ranges = []
    for truncation in (True, False):
        options = DeployOptions(recipe="int8-static", calibration=tmp_path / "texts.jsonl", truncation=truncation)
        made = deploy_checkpoint(checkpoint, tmp_path / f"cut {truncation}", options).bundle
        ranges.append(json.loads((made / "recipe.json").read_text())["calibration"]["ranges"])
    assert ranges[0] != ranges[1]
