"""What a deployment writes down is what it measured."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from roformer_edge import load
from roformer_edge.bundle.card import model_card
from roformer_edge.deploy.contents import measured_loss
from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.deploy.options import Deployment, DeployOptions
from roformer_edge.errors import BundleFormatError
from tests.tiny_bundle import manifest as tiny_manifest
from tests.tiny_checkpoint import labelled, write_checkpoint
from tests.validate.tables import make_small_report

CALIBRATION = 5


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    folder = tmp_path_factory.mktemp("contents")
    data = labelled(folder / "data.jsonl", repeat=2)
    options = DeployOptions(recipe="int8-static", calibration=data, calibration_texts=CALIBRATION)
    return deploy_checkpoint(write_checkpoint(folder / "checkpoint"), folder / "bundle", options)


def test_a_loss_is_a_positive_drop_in_the_manifest_and_on_the_card() -> None:
    report = make_small_report()  # 5 of 8 right before, 4 after
    loss = measured_loss(report)
    assert (loss.metric, loss.reference, loss.candidate, loss.drop) == ("accuracy", 62.5, 50.0, 12.5)
    assert loss.low is not None
    assert loss.high is not None
    assert loss.low < 12.5 < loss.high
    assert (loss.agreement, loss.examples) == (50.0, 8)
    assert "| accuracy | 62.50 % | 50.00 % | 12.50 (95 % interval " in model_card(
        tiny_manifest(measured=loss), "bundle"
    )


def test_as_many_texts_are_seen_in_calibration_as_were_asked_for(made: Deployment) -> None:
    calibration = made.manifest.calibration
    assert calibration is not None
    assert calibration.texts == CALIBRATION


@pytest.mark.parametrize("recipe", ["int8-dynamic", "int8-attention"])
def test_what_attention_multiplies_is_named_as_float_where_it_is(tmp_path: Path, recipe: str) -> None:
    source = write_checkpoint(tmp_path / "checkpoint")
    made = deploy_checkpoint(source, tmp_path / "bundle", DeployOptions(recipe=recipe))
    written = json.loads((made.bundle / "recipe.json").read_text("utf-8"))
    floats = {row["part"] for row in written["always_float"]}
    products = {"layer.*.attention.scores", "layer.*.attention.context"}
    assert floats >= {"*.norm", "layer.*.attention.rotation"}
    assert floats & products == (set() if recipe == "int8-attention" else products)
    assert made.manifest.batching == "single"
    again = deploy_checkpoint(source, tmp_path / "again", DeployOptions(recipe=str(made.bundle / "recipe.json")))
    assert (again.bundle / "model.onnx").read_bytes() == (made.bundle / "model.onnx").read_bytes()
    with load(made.bundle, self_test=True) as classify:
        texts = ["今天天气很好。", "关灯", "把客厅的灯打开，再放一首歌，明天早上七点叫我起床"]
        alone = [classify.logits([text])[0] for text in texts]
        assert np.array_equal(classify.logits(texts), np.stack(alone))


def test_every_file_is_listed_with_its_size_and_digest(made: Deployment) -> None:
    listed = {entry.path: (entry.bytes, entry.sha256) for entry in made.manifest.files}
    found = {
        path.name: (path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in made.bundle.iterdir()
        if path.name != "manifest.json"
    }
    assert listed == found


def test_the_recipe_names_a_decision_and_a_reason_for_every_part(made: Deployment) -> None:
    recipe = json.loads((made.bundle / "recipe.json").read_text())
    assert recipe["preset"] == "x86"
    assert {"scope", "scheme", "reason"} <= recipe["decisions"][0].keys()
    assert all(decision["reason"] for decision in recipe["decisions"])


def test_the_dictionary_travels_where_words_are_cut(made: Deployment, tmp_path: Path) -> None:
    checkpoint = write_checkpoint(tmp_path / "checkpoint")
    (checkpoint / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}')
    bundle = deploy_checkpoint(checkpoint, tmp_path / "bundle").bundle
    assert not {"words.bin", "LICENSE.jieba"} & {path.name for path in bundle.iterdir()}
    with load(bundle, self_test=True) as classify:
        assert classify.model.tokenizer.to_settings()["mode"] == "bert"
        assert 0 < classify("今天天气").score < 1
    manifest = json.loads((made.bundle / "manifest.json").read_text())
    manifest["files"] = [entry for entry in manifest["files"] if entry["role"] != "words"]
    other = shutil.copytree(made.bundle, tmp_path / "other")
    (other / "words.bin").unlink()
    (other / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BundleFormatError, match="no file with the role 'words', which is needed here"):
        load(other)
