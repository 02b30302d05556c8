"""``quantize``: any source, any recipe, and calibration."""

from __future__ import annotations

import json

import pytest

from tests.tiny_checkpoint import TEXTS, write_lines


def test_a_float_bundle_is_a_source_like_its_checkpoint(cli, checkpoint, tmp_path):
    assert cli("export", checkpoint, "--out", tmp_path / "fp32").code == 0
    assert cli("bundle", "pack", tmp_path / "fp32", tmp_path / "fp32.rfe").code == 0
    refused = cli("quantize", tmp_path / "fp32", "--out", tmp_path / "int8", "--ignore-weights", "lstm.*")
    assert "--ignore-weights must be left out for a bundle" in refused.error
    for source in (checkpoint, tmp_path / "fp32", tmp_path / "fp32.rfe"):
        assert cli("quantize", source, "--out", tmp_path / "int8", "--overwrite").code == 0
        model = (tmp_path / "int8" / "model.onnx").read_bytes()
        manifest = json.loads((tmp_path / "int8" / "manifest.json").read_text())
        if source is checkpoint:
            wanted, digest = model, manifest["provenance"]["checkpoint_sha256"]
        assert model == wanted
        assert manifest["provenance"]["checkpoint_sha256"] == digest
    assert "fp32" in cli("quantize", tmp_path / "int8", "--out", tmp_path / "twice").error


def test_quantize_with_calibration_records_it(cli, checkpoint, data, tmp_path):
    out = tmp_path / "static"
    words = ("--recipe", "int8-static", "--calibration", data, "--observer", "mse", "--keep-float", "layer.1.ffn.*")
    assert cli("quantize", checkpoint, "--out", out, *words).code == 0
    recipe = json.loads((out / "recipe.json").read_text())
    schemes = {decision["scope"]: decision for decision in recipe["decisions"]}
    assert schemes["layer.1.ffn.up"]["scheme"] == "float32"
    assert schemes["layer.1.ffn.up"]["reason"] == "asked for"
    assert schemes["layer.0.ffn.up"]["scheme"] == "int8-static"
    assert recipe["calibration"]["texts"] == len(TEXTS)
    assert json.loads((out / "manifest.json").read_text())["calibration"]["observer"] == "mse"


def test_a_recipe_may_be_a_file(cli, checkpoint, tmp_path):
    recipe = {"name": "mine", "rules": [{"pattern": "layer.*.ffn.*", "scheme": "int8-dynamic"}]}
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(recipe))
    assert cli("quantize", checkpoint, "--out", tmp_path / "bundle", "--recipe", path).code == 0
    assert json.loads((tmp_path / "bundle" / "manifest.json").read_text())["recipe"]["name"] == "mine"
    recipe["rules"][0]["pattern"] = "layer.9.*"
    path.write_text(json.dumps(recipe))
    outcome = cli("quantize", checkpoint, "--out", tmp_path / "other", "--recipe", path)
    assert "matches no part of this model" in outcome.error


@pytest.mark.parametrize("name", ["", " ", "mine\n# yours"])
def test_a_recipe_has_a_name_that_a_card_can_show(cli, checkpoint, tmp_path, name):
    (tmp_path / "mine.json").write_text(json.dumps({"name": name, "rules": []}))
    outcome = cli("quantize", checkpoint, "--recipe", tmp_path / "mine.json", "--out", tmp_path / "bundle")
    assert f"name must be one line of text that can be printed, found {name!r}" in outcome.error


def test_the_self_test_allows_what_was_quantised_and_not_what_the_recipe_is_called(cli, checkpoint, tmp_path):
    def tolerance(name: str, rules: list) -> float:
        (tmp_path / "mine.json").write_text(json.dumps({"name": name, "rules": rules}))
        words = ("--recipe", tmp_path / "mine.json", "--out", tmp_path / "bundle", "--overwrite")
        assert cli("quantize", checkpoint, *words).code == 0
        return json.loads((tmp_path / "bundle" / "selftest.json").read_text())["tolerance"]

    rules = [{"pattern": "layer.*", "scheme": "int8-dynamic"}]
    assert tolerance("mine", []) == tolerance("fp32", [])
    assert tolerance("mine", rules) == tolerance("fp32", rules) > tolerance("fp32", [])


def test_pairs_are_calibrated_as_pairs(cli, checkpoint, tmp_path):
    def digest(*rows: dict) -> str:
        path = write_lines(tmp_path / "texts.jsonl", list(rows))
        words = ("--recipe", "int8-static", "--calibration", path, "--out", tmp_path / "static", "--overwrite")
        assert cli("quantize", checkpoint, *words).code == 0
        return json.loads((tmp_path / "static" / "manifest.json").read_text())["calibration"]["sha256"]

    alone = digest({"text": TEXTS[0]})
    paired = digest({"text": TEXTS[0], "text_pair": TEXTS[1]})
    assert paired not in (alone, digest({"text": TEXTS[0] + TEXTS[1]}))
    assert paired == digest({"sentence1": TEXTS[0], "sentence2": TEXTS[1], "label": "开"})
