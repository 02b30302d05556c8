"""``validate``: what is compared with what, and the gate."""

from __future__ import annotations

import csv
import importlib.util
import json
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tests.cli.conftest import leftovers
from tests.tiny_checkpoint import LABELS, TEXTS, write_lines


def test_validate_compares_with_checkpoint_or_bundle(cli, checkpoint, bundle, data, tmp_path):
    candidate = tmp_path / "fp32"
    assert cli("export", checkpoint, "--out", candidate).code == 0
    for reference in (checkpoint, candidate):
        words = ("--reference", reference, "--data", data, "--report", tmp_path / "report")
        assert cli("validate", candidate, *words).code == 0
        assert leftovers(tmp_path / "report") == ["report.html", "report.json", "report.md"]
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert report["agreement"] == {"equal": len(TEXTS), "total": len(TEXTS), "noun": "answer"}
    assert report["measure"] == "text-classification"
    assert cli("validate", bundle, "--reference", checkpoint, "--data", data, "--limit", "3").code == 0


def test_data_may_be_a_table_with_other_names_cut_into_slices(cli, checkpoint, bundle, tmp_path):
    path = tmp_path / "dev.csv"
    rows = "".join(f"{text},{LABELS[number % 3]},{'ab'[number % 2]}\n" for number, text in enumerate(TEXTS))
    path.write_text(f"satz,marke,domain\n{rows}", encoding="utf-8")
    words = ("--reference", checkpoint, "--data", path, "--fields", "text=satz,label=marke", "--report", tmp_path / "r")
    assert cli("validate", bundle, *words, "--slice", "length", "--slice", "domain").code == 0
    report = json.loads((tmp_path / "r" / "report.json").read_text())
    cuts = [(part["by"], part["name"], part["examples"]) for part in report["slices"]]
    assert cuts == [
        ("length", "1–8 characters", 7),
        ("length", "9–16 characters", 1),
        ("domain", "a", 4),
        ("domain", "b", 4),
    ]
    assert sum(part["figures"][0]["reference"] * part["examples"] for part in report["slices"][:2]) == pytest.approx(
        report["figures"][0]["reference"] * len(TEXTS)
    )
    assert "By domain" in (tmp_path / "r" / "report.html").read_text(encoding="utf-8")
    assert "cannot be sliced by 'colour'" in cli("validate", bundle, *words, "--slice", "colour").error
    deployed = cli("deploy", checkpoint, "--out", tmp_path / "b", "--eval", path, *words[4:6], "--slice", "domain")
    assert deployed.code == 0, deployed.err


def test_wrong_words_of_validate(cli, bundle, data, monkeypatch):
    monkeypatch.chdir(bundle.parent)
    words = ("validate", bundle, "--reference", bundle, "--data", data)
    assert "--limit must be a whole number of at least 1, found -1" in cli(*words, "--limit", "-1").error
    assert "report must be a folder outside of the bundle" in cli(*words, "--report", bundle).error


def test_labelled_texts_are_cut_when_asked(cli, checkpoint, bundle, tmp_path):
    data = write_lines(tmp_path / "dev.jsonl", [{"text": "今天" * 40, "label": "开"}])
    assert cli("validate", bundle, "--reference", checkpoint, "--data", data, "--truncate").code == 0


def test_a_bundle_of_another_task_is_not_measured(cli, bundle, checkpoint, data):
    words = ("--reference", checkpoint, "--data", data, "--task", "fill-mask")
    assert "is a bundle for text-classification, and models for fill-mask" in cli("validate", bundle, *words).error


def test_validate_is_a_gate(cli, checkpoint, tmp_path, budget_case):
    stranger, data = budget_case
    assert cli("export", stranger, "--out", tmp_path / "candidate").code == 0
    words = ("validate", tmp_path / "candidate", "--reference", checkpoint, "--data", data)
    assert cli(*words).code == 0
    outcome = cli(*words, "--max-drop", "5", "--report", tmp_path / "report")
    assert outcome.code == 3
    assert "accuracy dropped by" in outcome.error
    assert leftovers(tmp_path / "report") == ["report.html", "report.json", "report.md"]


def test_validate_puts_several_bundles_side_by_side_and_is_a_gate_for_each(cli, checkpoint, data, tmp_path):
    for name in ("onnx", "tflite"):
        assert cli("deploy", checkpoint, "--format", name, "--out", tmp_path / name).code == 0
    asked = ("validate", tmp_path / "onnx", tmp_path / "tflite", "--reference", checkpoint, "--data", data)
    made = cli(*asked, "--report", tmp_path / "report", "--json")
    assert made.code == 0
    found = json.loads(made.out)
    assert [one["candidate"] for one in found["candidates"]] == [str(tmp_path / "onnx"), str(tmp_path / "tflite")]
    assert len(found["report"]) == 3
    assert (tmp_path / "report" / "candidate-2" / "report.html").is_file()
    inside = cli(*asked, "--report", tmp_path / "tflite" / "report")
    assert inside.code == 1
    assert "a folder outside of the bundle" in inside.err


def altered(checkpoint, folder, *, tensors=(), **files):
    """A copy of a checkpoint with more tensors, and more keys in its files of settings."""
    shutil.copytree(checkpoint, folder)
    for name, keys in files.items():
        path = folder / f"{name}.json"
        values = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        path.write_text(json.dumps({**values, **keys}), encoding="utf-8")
    if tensors:
        arrays = load_file(folder / "model.safetensors")
        save_file(arrays | {name: np.zeros((2, 2), np.float32) for name in tensors}, folder / "model.safetensors")
    return folder


@pytest.mark.parametrize(
    ("changes", "typed"),
    [
        ({"tensors": ["lstm.weight", "extra.weight"]}, "--ignore-weights 'extra.*' --ignore-weights 'lstm.*'"),
        ({"tokenizer_config": {"tokenizer_class": "AlbertTokenizer"}}, "--tokenizer slow"),
    ],
)
def test_what_an_error_advises_is_an_option_here_too(cli, checkpoint, data, tmp_path, changes, typed):
    source = altered(checkpoint, tmp_path / "source", **changes)
    words = typed.replace("'", "").split()
    assert cli("deploy", source, "--out", tmp_path / "bundle", *words).code == 0
    validate = ("validate", tmp_path / "bundle", "--reference", source, "--data", data)
    assert typed in cli(*validate).error
    outcome = cli(*validate, *words)
    assert outcome.code == 0, outcome.err
    memory = next(line for line in outcome.out.splitlines() if line.startswith("Peak memory"))
    assert memory.count("MB") == 2, "another process opens the reference in the same way"


def test_what_of_the_reference_is_not_used_is_said(cli, checkpoint, bundle, data, tmp_path):
    source = altered(checkpoint, tmp_path / "source", config={"foo": 1}, tokenizer_config={"bar": 2})
    outcome = cli("validate", bundle, "--reference", source, "--data", data)
    assert outcome.code == 0
    assert "note: config.json: unknown keys without effect: foo" in outcome.err
    assert "note: tokenizer_config.json: keys that are not known here have no effect: 'bar'" in outcome.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--max-length", "2"), "--max-length must be a whole number of at least 3"),
        (("--max-length", "3"), "tokens, the model takes 3; --truncate cuts"),
        (("--tokenizer", "none"), "unknown tokenizer mode 'none'"),
        (("--pooling", "mean"), "--pooling must be left out where no features are extracted"),
        (("--ignore-weights", "none.*"), "--ignore-weights must be a pattern of names"),
    ],
)
def test_how_the_reference_is_read_is_checked(cli, checkpoint, bundle, data, words, says):
    assert says in cli("validate", bundle, "--reference", checkpoint, "--data", data, *words).error


@pytest.mark.parametrize(
    "words",
    [
        ("--max-length", "8"),
        ("--tokenizer", "slow"),
        ("--pooling", "mean"),
        ("--ignore-weights", "x"),
        ("--revision", "v1"),
    ],
)
def test_how_a_bundle_is_read_cannot_be_chosen(cli, bundle, data, words):
    validate = ("validate", bundle, "--reference", bundle, "--data", data)
    assert f"{words[0]} must be left out for a bundle" in cli(*validate, *words).error


def test_gates_are_told_one_a_line_and_end_with_three(cli, checkpoint, bundle, data, tmp_path):
    words = ("validate", bundle, "--reference", checkpoint, "--data", data, "--gate", "size <= 20MB")
    held = cli(*words, "--gate", "latency p50 <= 900x")
    assert held.code == 0, held.err
    lines = [line for line in held.out.splitlines() if line.startswith("gate ")]
    assert [line.split(";")[0] for line in lines] == [
        "gate holds: size <= 20 MB",
        "gate holds: latency p50 <= 900x",
    ]
    broken = cli(*words, "--gate", "size <= 1kB", "--json", "--report", tmp_path / "report")
    assert broken.code == 3
    assert "the gate size <= 1 kB is broken" in broken.error
    found = json.loads(broken.out)
    assert found["passed"] is False
    assert [gate["passed"] for gate in found["gates"]] == [True, False]
    assert "1 of 2 gates broken" in (tmp_path / "report" / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("gate", "says"),
    [("exact_match drop <= 1", "unknown figure for a gate on text-classification"), ("size < 1MB", "--gate must be")],
)
def test_a_gate_that_cannot_be_judged_is_an_error_and_no_verdict(cli, checkpoint, bundle, data, tmp_path, gate, says):
    outcome = cli("validate", bundle, "--reference", checkpoint, "--data", data, "--gate", gate)
    assert outcome.code == 1
    assert says in outcome.error
    outcome = cli("deploy", checkpoint, "--out", tmp_path / "b", "--eval", data, "--gate", gate)
    assert outcome.code == 1
    assert says in outcome.error
    assert not (tmp_path / "b").exists()


def test_deploy_writes_no_bundle_that_breaks_a_gate(cli, checkpoint, data, tmp_path):
    words = ("deploy", checkpoint, "--out", tmp_path / "b", "--eval", data)
    outcome = cli(*words, "--gate", "size <= 1kB", "--report", tmp_path / "r")
    assert outcome.code == 3
    assert "the gate size <= 1 kB is broken" in outcome.error
    assert leftovers(tmp_path) == ["r"]
    assert cli(*words, "--gate", "size <= 20MB").code == 0
    assert (
        "--gate must be left out without labelled data (--eval)"
        in cli("deploy", checkpoint, "--out", tmp_path / "c", "--gate", "size <= 20MB").error
    )


def test_files_for_build_servers_and_spreadsheets(cli, checkpoint, bundle, data, tmp_path, monkeypatch):
    words = ("validate", bundle, "--reference", checkpoint, "--data", data)
    junit, answers = tmp_path / "junit.xml", tmp_path / "answers.csv"
    asked = ("--gate", "size <= 1kB", "--junit", junit, "--answers", answers, "--annotations", "github", "--json")
    outcome = cli(*words, *asked)
    assert outcome.code == 3
    assert json.loads(outcome.out)["report"] == [str(junit), str(answers)]
    assert "::error title=Gate broken::" in outcome.err.splitlines()[0]
    assert 'failures="1"' in junit.read_text(encoding="utf-8")
    assert len(answers.read_text(encoding="utf-8-sig").splitlines()) == len(TEXTS) + 1
    assert "--junit must be left out without --max-drop or --gate" in cli(*words, "--junit", junit).error
    assert "unknown form of annotations" in cli(*words, "--annotations", "gitlab").error
    twice = cli(*words, "--gate", "size <= 9MB", "--junit", tmp_path / "x", "--answers", tmp_path / "x").error
    assert "--answers must be another file than that of --junit" in twice
    report = cli(*words, "--report", tmp_path / "r", "--answers", tmp_path / "r" / "report.md").error
    assert "--answers must be another file than that of --report" in report
    (tmp_path / "thesis.csv").write_text("mine", encoding="utf-8")
    assert "will not be replaced" in cli(*words, "--answers", tmp_path / "thesis.csv").error
    inside = cli(*words, "--answers", bundle / "x.csv").error
    assert "--answers must be a file outside of the bundle" in inside


def test_what_changed_since_an_earlier_run(cli, checkpoint, bundle, data, tmp_path):
    words = ("validate", bundle, "--reference", checkpoint, "--data", data)
    assert cli(*words, "--report", tmp_path / "old").code == 0
    old = tmp_path / "old" / "report.json"
    again = cli(*words, "--baseline", old, "--json")
    assert again.code == 0, again.err
    since = json.loads(again.out)["since"]
    assert since["answers"] == {"broke": 0, "fixed": 0, "moved": 0}
    assert {figure["name"]: figure["drop"] for figure in since["figures"]}["accuracy"] == 0
    assert "was measured on other data" in cli(*words, "--limit", "3", "--baseline", old).error
    assert "cannot read the report" in cli(*words, "--baseline", tmp_path / "none.json").error
    deployed = ("deploy", checkpoint, "--out", tmp_path / "b", "--eval", data)
    told = cli(*deployed, "--baseline", old)
    assert told.code == 0, told.err
    assert "No answer changed." in told.out
    other = write_lines(tmp_path / "other.jsonl", [{"text": TEXTS[0], "label": LABELS[0]}])
    refused = cli("deploy", checkpoint, "--out", tmp_path / "c", "--eval", other, "--baseline", old)
    assert "was measured on other data" in refused.error
    assert not (tmp_path / "c").exists()


@pytest.mark.slow
def test_a_comparison_on_ray_says_what_one_in_a_process_says(start_with_ray, checkpoint, bundle, cli, tmp_path):
    reference = tmp_path / "fp32"
    assert cli("export", checkpoint, "--out", reference).code == 0
    data = tmp_path / "data"
    data.mkdir()
    rows = [
        {"text": TEXTS[number % len(TEXTS)] + "好" * (number % 5), "label": LABELS[number % 3]}
        for number in range(1500)
    ]
    write_lines(data / "a.jsonl", rows[:900])
    write_lines(data / "b.jsonl", rows[900:])
    whole = write_lines(tmp_path / "all.jsonl", rows)
    told = {}
    for name, words in {
        "process": ("--data", whole),
        "ray": ("--data", data, "--engine", "ray", "--workers", "2"),
    }.items():
        command = ("validate", bundle, "--reference", reference, *words, "--json")
        child = start_with_ray("-m", "roformer_edge", *command, "--answers", tmp_path / f"{name}.csv")
        out, err = child.communicate()
        assert child.returncode == 0, err
        told[name] = {key: value for key, value in json.loads(out).items() if key != "report"}
    assert told["ray"] == told["process"]
    tables = [
        [*csv.reader((tmp_path / f"{name}.csv").read_text("utf-8-sig").splitlines())] for name in ("process", "ray")
    ]
    assert len(tables[0]) == 1501
    # a line counts within its file
    assert [row[2:] for row in tables[0]] == [row[2:] for row in tables[1]]
    assert [row[1] for row in tables[1][899:903]] == ["899", "900", "1", "2"]


def test_what_is_of_ray_is_refused_without_it_and_asked_for_before_any_work(cli, bundle, data, monkeypatch):
    words = ("validate", bundle, "--reference", bundle, "--data", data)
    assert "--workers must be left out without --engine ray, found 2" in cli(*words, "--workers", "2").error
    ray = (*words, "--engine", "ray")
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "ray" else find(name, *rest))
    assert "ray is needed to compute on several machines" in cli(*ray).error
    assert "--workers must be a whole number of at least 1, found 0" in cli(*ray, "--workers", "0").error
