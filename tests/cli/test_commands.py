"""Every command does what it says on a tiny checkpoint."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from roformer_edge._version import __version__
from tests.cli.conftest import leftovers
from tests.tiny_checkpoint import LABELS, TEXTS, write_lines

FILES = {"LICENSE.jieba", "README.md", "config.json", "manifest.json", "model.onnx", "recipe.json", "selftest.json"}


def rows(outcome) -> list[dict]:
    assert outcome.code == 0, outcome.err
    return [json.loads(line) for line in outcome.out.splitlines()]


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


def test_what_has_no_effect_is_said(cli, checkpoint, tmp_path):
    source = shutil.copytree(checkpoint, tmp_path / "source")
    config = json.loads((source / "config.json").read_text())
    (source / "config.json").write_text(json.dumps(config | {"bar": 1, "foo\x1b[0m": [2]}))
    lines = (source / "vocab.txt").read_text(encoding="utf-8").splitlines()
    (source / "vocab.txt").write_text("\n".join(lines[:-1]) + "\n", encoding="utf-8")
    outcome = cli("export", source, "--out", tmp_path / "bundle")
    assert outcome.code == 0
    assert outcome.err.splitlines() == [
        "note: config.json: unknown keys without effect: bar, foo\\x1b[0m",
        f"note: the vocabulary in {source} has ids up to {len(lines) - 2} and the model {len(lines)} embeddings: "
        f"rows from {len(lines) - 1} on are never used",
    ]
    assert json.loads((tmp_path / "bundle" / "config.json").read_text())["bar"] == 1


@pytest.mark.parametrize("command", ["deploy", "export", "quantize"])
def test_weights_without_a_place_are_left_out_as_the_error_says(cli, checkpoint, tmp_path, command):
    source = shutil.copytree(checkpoint, tmp_path / "source")
    weights = load_file(source / "model.safetensors")
    save_file({**weights, "lstm.weight": np.zeros(3, np.float32)}, source / "model.safetensors")
    advice = re.search(r"(--ignore-weights) '(.+?)'", cli(command, source, "--out", tmp_path / "bundle").error)
    assert advice
    outcome = cli(command, source, "--out", tmp_path / "bundle", advice[1], advice[2])
    assert outcome.code == 0
    assert outcome.err == "note: 1 tensor left out, as asked: lstm.weight\n"
    manifest = json.loads((tmp_path / "bundle" / "manifest.json").read_text())
    assert manifest["notes"] == ["1 tensor left out, as asked: lstm.weight"]


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


def test_run_answers_arguments_files_and_standard_input(cli, bundle, tmp_path, monkeypatch):
    wanted = rows(cli("run", bundle, *TEXTS))
    assert [row["text"] for row in wanted] == list(TEXTS)
    assert {row["label"] for row in wanted} <= set(LABELS)
    path = write_lines(tmp_path / "in.jsonl", [{"text": text} for text in TEXTS])
    assert rows(cli("run", bundle, "--input", path)) == wanted
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
    assert rows(cli("run", bundle)) == wanted


def test_batches_change_nothing_in_float(cli, checkpoint, tmp_path):
    assert cli("export", checkpoint, "--out", tmp_path / "fp32").code == 0
    single = rows(cli("run", tmp_path / "fp32", *TEXTS))
    batched = rows(cli("run", tmp_path / "fp32", *TEXTS, "--batch-size", "4"))
    assert [row["label"] for row in batched] == [row["label"] for row in single]
    assert [row["score"] for row in batched] == pytest.approx([row["score"] for row in single], abs=1e-5)


def test_run_gives_the_best_k(cli, bundle):
    answers = rows(cli("run", bundle, TEXTS[0], "--top-k", "3"))[0]["answers"]
    assert sorted(answer["label"] for answer in answers) == sorted(LABELS)
    scores = [answer["score"] for answer in answers]
    assert scores == sorted(scores, reverse=True)
    assert sum(scores) == pytest.approx(1, abs=1e-4)


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


def test_run_reads_tables_and_pairs(cli, bundle, tmp_path):
    path = tmp_path / "in.tsv"
    path.write_text("sentence1\tsentence2\n我不打开空调\t你非常好\n", encoding="utf-8")
    (row,) = rows(cli("run", bundle, "--input", path))
    assert (row["text"], row["text_pair"]) == ("我不打开空调", "你非常好")
    path.write_text("a\tb\n我不打开空调\t你非常好\n", encoding="utf-8")
    assert rows(cli("run", bundle, "--input", path, "--fields", "text=a,pair=b")) == [row]
    (alone,) = rows(cli("run", bundle, "--input", path, "--fields", "text=a"))
    assert alone["score"] != row["score"]


def test_bench_measures(cli, bundle):
    words = ("--lengths", "4,8", "--batch-sizes", "1", "--runs", "3", "--cold-starts", "1")
    report = rows(cli("bench", bundle, *words, "--json"))[0]
    assert [point["length"] for point in report["points"]] == [4, 8]
    assert all(point["p50"] > 0 for point in report["points"])
    assert report["cold_start"]["peak_bytes"] > 10_000_000
    assert "cold start" in cli("bench", bundle, *words).out


def test_bundles_are_shown_verified_packed_and_unpacked(cli, bundle, tmp_path):
    shown = json.loads(cli("bundle", "show", bundle).out)
    assert shown["labels"] == list(LABELS)
    assert rows(cli("bundle", "verify", bundle))[0]["self_test"] == "CPUExecutionProvider"
    archive, back = tmp_path / "tiny.rfe", tmp_path / "back"
    assert cli("bundle", "pack", bundle, archive).code == 0
    assert rows(cli("run", archive, TEXTS[0])) == rows(cli("run", bundle, TEXTS[0]))
    assert cli("bundle", "unpack", archive, back).code == 0
    assert {path.name: path.read_bytes() for path in back.iterdir()} == {
        path.name: path.read_bytes() for path in bundle.iterdir()
    }


def test_tokenize_gives_the_same_for_checkpoint_and_bundle(cli, checkpoint, bundle):
    row = rows(cli("tokenize", checkpoint, "天气很好。"))[0]
    assert row["tokens"] == ["[CLS]", "天气", "很", "好", "。", "[SEP]"]
    assert ["天气很好。"[start:end] for start, end in row["offsets"][1:-1]] == row["tokens"][1:-1]
    assert rows(cli("tokenize", bundle, "天气很好。"))[0] == row


def test_tokenize_uses_the_files_that_a_bundle_has(cli, checkpoint, tmp_path):
    source = shutil.copytree(checkpoint, tmp_path / "source")
    (source / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}')
    for place in (source, tmp_path / "bundle", tmp_path / "bundle.rfe"):
        if place.name == "bundle":
            assert cli("export", source, "--out", place).code == 0
        elif place.suffix:
            assert cli("bundle", "pack", tmp_path / "bundle", place).code == 0
        assert rows(cli("tokenize", place, "天气好"))[0]["tokens"] == ["[CLS]", "[UNK]", "[UNK]", "好", "[SEP]"]


def test_version_help_and_wrong_usage():
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "roformer_edge", *words]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert run("--version").stdout == f"roformer-edge {__version__}\n"
    assert "deploy" in run("--help").stdout
    assert run().returncode == 2
    assert run("deploy").returncode == 2


def test_a_reader_that_goes_away_is_no_error(bundle, tmp_path):
    path = write_lines(tmp_path / "in.jsonl", [{"text": text} for text in TEXTS * 200])
    process = subprocess.Popen(
        [sys.executable, "-m", "roformer_edge", "run", str(bundle), "--input", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(timeout=60) == 141


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
