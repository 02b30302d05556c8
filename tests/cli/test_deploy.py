"""``deploy``: what it makes, and what it says of it."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import leftovers
from tests.tiny_checkpoint import TEXTS, write_lines

FILES = {"LICENSE.jieba", "README.md", "config.json", "manifest.json", "model.onnx", "recipe.json", "selftest.json"}


def test_deploy_says_what_it_made_and_lost(cli, checkpoint, data, tmp_path):
    out = tmp_path / "bundle"
    words = ("--eval", data, "--max-drop", "100", "--report", tmp_path / "r")
    outcome = cli("deploy", checkpoint, "--out", out, *words)
    assert outcome.code == 0
    assert "Accuracy" in outcome.out
    assert f"bundle: {out} (text-classification, onnx, int8-dynamic, " in outcome.out
    assert "parity: " in outcome.out
    assert f"report: {tmp_path / 'r' / 'report.html'}" in outcome.out
    assert outcome.err == ""
    machine = cli("deploy", checkpoint, "--out", out, *words, "--overwrite", "--json")
    made = json.loads(machine.out)
    assert (made["bundle"], made["recipe"], made["format"]) == (str(out), "int8-dynamic", "onnx")
    assert made["parity"]["absolute_difference"] < 1e-5
    assert made["measured"]["examples"] == len(TEXTS)
    assert made["report"] == [str(tmp_path / "r" / f"report.{end}") for end in ("json", "md", "html")]
    assert set(leftovers(out)) == FILES | {"vocab.txt", "words.bin", "unicode.bin"}
    assert json.loads((out / "manifest.json").read_text())["measured"]["examples"] == len(TEXTS)
    assert leftovers(tmp_path) == ["bundle", "r"]


def test_a_target_chooses_and_says_what_and_why(cli, checkpoint, tmp_path):
    made = cli(
        "deploy", checkpoint, "--out", tmp_path / "bundle", "--target", "android-gpu", "--lengths", "16", "--json"
    )
    assert made.code == 0
    assert "note: android-gpu: tflite, fp16, 32 and 128 tokens, litert-2, because graphics processors" in made.err
    assert (json.loads(made.out)["format"], json.loads(made.out)["recipe"]) == ("tflite", "fp16")
    refused = cli(
        "deploy", checkpoint, "--out", tmp_path / "other", "--target", "android-gpu", "--recipe", "int8-static"
    )
    assert refused.code == 1
    assert "--recipe must be a recipe with no other schemes than float16, float32" in refused.err


def test_what_is_tried_for_a_machine_is_told(cli, checkpoint, tmp_path):
    words = ("--recipe", "fp32", "--for-this-machine", "--threads", "1")
    made = cli("deploy", checkpoint, "--out", tmp_path / "bundle", *words)
    assert made.code == 0
    rule, head, onnx, tflite, bundle, _ = made.out.splitlines()
    assert "1 thread, fastest of" in rule
    assert head.split()[:4] == ["format", "recipe", "preset", "MB"]
    assert (onnx.split()[:2], tflite.split()[:2]) == (["onnx", "fp32"], ["tflite", "fp32"])
    assert f"bundle: {tmp_path / 'bundle'} (text-classification, " in bundle
    machine = cli("deploy", checkpoint, "--out", tmp_path / "bundle", *words, "--overwrite", "--json")
    told = json.loads(machine.out)
    assert [one["format"] for one in told["selection"]["tried"]] == ["onnx", "tflite"]
    assert told["format"] == next(one["format"] for one in told["selection"]["tried"] if one["verdict"] == "chosen")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--threads", "2"], "--threads must be left out without --for-this-machine"),
        (["--for-this-machine", "--target", "cpu"], "--target must be left out with --for-this-machine"),
        (["--for-this-machine", "--lengths", "8"], "--lengths must be left out with --for-this-machine, unless one"),
        (["--for-this-machine", "--recipe", "auto"], "--recipe must be one recipe, or left out, with --for-this-mach"),
        (["--for-this-machine", "--threads", "0"], "--threads must be a whole number from 1 to 1024"),
    ],
)
def test_what_contradicts_a_choice_for_this_machine(cli, checkpoint, tmp_path, words, says):
    outcome = cli("deploy", checkpoint, "--out", tmp_path / "bundle", *words)
    assert outcome.code == 1
    assert says in outcome.error
    assert leftovers(tmp_path) == []


def test_deploy_writes_no_bundle_that_breaks_the_budget(cli, checkpoint, tmp_path, budget_case):
    _, data = budget_case
    # ranges measured on one token that the data never has: everything else saturates
    narrow = write_lines(tmp_path / "narrow.jsonl", [{"text": "##b"}])
    words = ("--recipe", "int8-static", "--calibration", narrow, "--observer", "minmax", "--eval", data)
    outcome = cli(
        "deploy", checkpoint, "--out", tmp_path / "bundle", *words, "--max-drop", "0", "--report", tmp_path / "report"
    )
    assert outcome.code == 3
    assert "accuracy dropped by" in outcome.error
    assert not (tmp_path / "bundle").exists()
    assert (tmp_path / "report" / "report.json").exists()


def test_auto_writes_nothing_where_no_model_keeps_the_budget(cli, checkpoint, data, tmp_path):
    words = ("--recipe", "auto", "--eval", data, "--report", tmp_path / "report", "--json")
    outcome = cli("deploy", checkpoint, "--out", tmp_path / "bundle", *words, "--max-drop", "100", "--max-size", ".001")
    assert outcome.code == 3
    assert "no model of at most 1.00 kB keeps the drop of accuracy within 100 points" in outcome.error
    assert outcome.out == ""
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--recipe", "fp32"], "--calibration must be left out, because it changes nothing in the recipe fp32"),
        (["--recipe", "int8-embeddings"], "--calibration must be left out, because it changes nothing in the recipe"),
        (["--observer", "mse"], "--observer must be left out, because it changes nothing in the recipe int8-dynamic"),
    ],
)
def test_calibration_that_changes_nothing(cli, checkpoint, data, tmp_path, arguments, says):
    outcome = cli("deploy", checkpoint, "--out", tmp_path / "bundle", "--calibration", data, *arguments)
    assert says in outcome.error
    assert leftovers(tmp_path) == []


def test_a_report_in_the_bundle_is_refused(cli, checkpoint, data, tmp_path):
    words = ("--eval", data, "--report", tmp_path / "bundle" / "report")
    outcome = cli("deploy", checkpoint, "--out", tmp_path / "bundle", *words)
    assert "--report must be a folder outside of the bundle" in outcome.error
