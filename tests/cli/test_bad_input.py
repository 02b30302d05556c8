"""Bad input: one line, an exit code that is not 0, and nothing half-written."""

from __future__ import annotations

import errno
import importlib.util
import json
import os
import pickle
import resource
import shutil
import signal
import time
from pathlib import Path

import pytest
import torch

from roformer_edge.errors import BudgetExceededError
from roformer_edge.temporary import writable
from roformer_edge.validate import render
from tests.cli.conftest import in_a_process, leftovers
from tests.tiny_checkpoint import TOKENS, write_checkpoint, write_lines


class Payload:
    """Unpickling this makes a folder named ``pwned``."""

    def __reduce__(self):
        return (os.mkdir, ("pwned",))


def remove_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def truncate_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def pickle_with_code(folder: Path) -> None:
    remove_weights(folder)
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({"weight": Payload()}))


def zipped_pickle_with_code(folder: Path) -> None:
    remove_weights(folder)
    torch.save({"weight": Payload()}, folder / "pytorch_model.bin")


def change_config(**fields: object):
    def change(folder: Path) -> None:
        path = folder / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))

    return change


def longer_vocabulary(folder: Path) -> None:
    (folder / "vocab.txt").write_text("\n".join([*TOKENS, "多余"]) + "\n")


CHECKPOINTS = {
    "no weights": (remove_weights, "holds no weights"),
    "truncated weights": (truncate_weights, "truncated"),
    "wrong shapes": (change_config(intermediate_size=64), r"of another shape"),
    "too many layers": (change_config(num_hidden_layers=3), "missing"),
    "a pickle with code": (pickle_with_code, "was not opened"),
    "a zipped pickle with code": (zipped_pickle_with_code, "was not opened"),
    "an unknown norm": (change_config(norm_type="batch_norm"), "unknown norm_type 'batch_norm'"),
    "quantised weights": (change_config(quantization_config={"bits": 4}), "start from the float checkpoint"),
    "another architecture": (change_config(model_type="bert"), "'bert'"),
    "heads that do not divide": (change_config(num_attention_heads=3), "not a multiple"),
    "longer vocabulary": (longer_vocabulary, "ids up to"),
    "no vocabulary": (lambda folder: (folder / "vocab.txt").unlink(), "vocab.txt"),
    "config is no JSON": (lambda folder: (folder / "config.json").write_text("{"), "not valid JSON"),
    "config nested too deep": (
        lambda folder: (folder / "config.json").write_text("[" * 100_000),
        "config.json is nested too deeply",
    ),
    "NaN in the config": (change_config(initializer_range=float("nan")), "NaN is not a JSON number"),
    "settings nested too deep": (
        lambda folder: (folder / "tokenizer_config.json").write_text("[" * 100_000),
        "cannot read",
    ),
    "no config": (lambda folder: (folder / "config.json").unlink(), "config.json"),
}


@pytest.mark.parametrize(("damage", "says"), CHECKPOINTS.values(), ids=CHECKPOINTS)
def test_broken_checkpoints(cli, checkpoint, tmp_path, monkeypatch, damage, says):
    broken = shutil.copytree(checkpoint, tmp_path / "broken")
    damage(broken)
    monkeypatch.chdir(tmp_path)
    outcome = cli("deploy", broken, "--out", tmp_path / "out" / "bundle")
    assert says in outcome.error
    assert leftovers(tmp_path) == ["broken"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--task", "text-clasification"], "unknown task 'text-clasification'; choose one of: feature-extraction"),
        (["--recipe", "int7"], "unknown recipe 'int7'; choose one of: fp32,"),
        (["--format", "coreml"], "unknown format 'coreml'; choose one of: onnx"),
        (["--preset", "sparc"], "unknown preset 'sparc'; choose one of: x86,"),
        (["--inputs", "int8"], "unknown index dtype 'int8'; choose one of: int64, int32"),
        (["--recipe", "int8-static"], "needs calibration texts"),
        (["--max-drop", "1"], "--max-drop must be left out without labelled data (--eval)"),
        (
            ["--max-length", "2"],
            "--max-length must be a whole number of at least 3, for [CLS], one token and [SEP], found 2",
        ),
        (["--observer", "median"], "unknown observer 'median'; choose one of: minmax,"),
        (["--calibration-texts", "-1"], "--calibration-texts must be a whole number of at least 1, found -1"),
        (["--keep-float", "layer.7.*"], "the pattern 'layer.7.*' matches no part of this model"),
        (["--report", "r"], "--report must be left out without labelled data (--eval), found r"),
        (["--slice", "length"], "--slice must be left out without labelled data (--eval)"),
        (["--observer", "mse"], "--observer must be left out without calibration data (--calibration), found mse"),
        (["--calibration-texts", "9"], "--calibration-texts must be left out without calibration data"),
        (["--truncate"], "--truncate must be left out without data (--eval or --calibration)"),
        (["--fields", "text=a"], "--fields must be left out without data (--eval or --calibration)"),
        (
            ["--recipe", "fp32", "--preset", "arm"],
            "--preset must be left out, because it changes nothing",
        ),
        (
            ["--recipe", "fp32", "--keep-float", "layer.0.*"],
            "--keep-float must be left out, because it changes nothing",
        ),
    ],
)
def test_wrong_words(cli, checkpoint, tmp_path, monkeypatch, arguments, says):
    monkeypatch.chdir(tmp_path)
    outcome = cli("deploy", checkpoint, "--out", tmp_path / "bundle", *arguments)
    assert says in outcome.error
    assert leftovers(tmp_path) == []


IN_THE_WAY = {
    "a file": lambda folder: folder.write_text("mine"),
    "a file above": lambda folder: folder.parent.write_text("mine"),
    "a folder of a file's name": lambda folder: (folder / "report.html").mkdir(parents=True),
}


@pytest.mark.parametrize("obstacle", IN_THE_WAY.values(), ids=IN_THE_WAY)
def test_a_report_that_cannot_be_written_is_refused_before_any_work(
    cli, checkpoint, bundle, data, tmp_path, monkeypatch, obstacle
):
    folder = tmp_path / "above" / "report"
    if obstacle is not IN_THE_WAY["a file above"]:
        folder.parent.mkdir()
    obstacle(folder)
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.setattr("roformer_edge.deploy.inputs.open_source", None)  # whoever came so far would fail otherwise
    words = ("--eval", data, "--report", folder)
    assert f"cannot write {folder}/report." in cli("deploy", checkpoint, "--out", tmp_path / "bundle", *words).error
    words = ("--reference", checkpoint, "--data", data, "--report", folder)
    assert f"cannot write {folder}/report." in cli("validate", bundle, *words).error
    assert sorted(tmp_path.rglob("*")) == before


@pytest.fixture
def full_for_reports(monkeypatch):
    """A disk that is full as soon as a report has something in it."""
    write = render.write_file

    def write_or_fail(target, pieces, out):
        if any(pieces):
            with writable(out):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(target, pieces, out)

    monkeypatch.setattr(render, "write_file", write_or_fail)


def test_a_report_without_room_costs_no_finished_bundle(cli, checkpoint, data, tmp_path, full_for_reports):
    out, folder = tmp_path / "bundle", tmp_path / "above" / "report"
    outcome = cli("deploy", checkpoint, "--out", out, "--eval", data, "--report", folder)
    assert f"cannot write {folder}/report.json: No space left on device" in outcome.error
    assert f"the bundle is finished, in {out}" in outcome.error
    assert leftovers(tmp_path) == ["bundle"]
    assert json.loads((out / "manifest.json").read_text())["measured"]["examples"] == 8
    assert cli("bundle", "verify", out).code == 0


def test_a_report_without_room_hides_neither_figures_nor_a_broken_budget(
    cli, checkpoint, bundle, data, tmp_path, monkeypatch, full_for_reports
):
    words = ("--reference", checkpoint, "--data", data, "--report", tmp_path / "report")
    outcome = cli("validate", bundle, *words)
    assert "report.json: No space left on device" in outcome.error
    assert "Accuracy" in outcome.out
    assert json.loads(cli("validate", bundle, *words, "--json").out)["report"] == []

    def broken(report):
        raise BudgetExceededError("too much was lost")

    monkeypatch.setattr("roformer_edge.deploy.journey.check_budget", broken)
    outcome = cli("deploy", checkpoint, "--out", tmp_path / "b", "--eval", data, "--report", tmp_path / "report")
    assert outcome.code == 3
    assert "too much was lost; cannot write" in outcome.error
    assert leftovers(tmp_path) == []


LINES = {
    "malformed": ('{"text": "好", "label": "开"\n', "malformed JSON"),
    "not an object": ("[1]\n", "one JSON object"),
    "no label": ('{"text": "好"}\n', "label"),
    "unknown label": ('{"text": "好", "label": "停"}\n', "停"),
    "text is no string": ('{"text": 5, "label": "开"}\n', "text"),
    "NUL": ('{"text": "a\\u0000b", "label": "开"}\n', "NUL"),
    "lone surrogate": ('{"text": "a\\ud800b", "label": "开"}\n', "surrogate"),
    "not UTF-8": (b'{"text": "\xff", "label": "\xff"}\n', "UTF-8"),
}


@pytest.mark.parametrize(("line", "says"), LINES.values(), ids=LINES)
def test_broken_lines_are_reported_with_their_number(cli, checkpoint, tmp_path, line, says):
    path = tmp_path / "dev.jsonl"
    good = '{"text": "今天", "label": "关"}\n'.encode()
    path.write_bytes(good * 2 + (line if isinstance(line, bytes) else line.encode()) + good)
    outcome = cli("deploy", checkpoint, "--out", tmp_path / "bundle", "--eval", path)
    assert f"{path}:3: " in outcome.error
    assert says in outcome.error
    assert leftovers(tmp_path) == ["dev.jsonl"]


def test_labelled_texts_that_are_too_long_are_named_before_any_work(cli, checkpoint, bundle, tmp_path, monkeypatch):
    long = {"text": "今天" * 40, "label": "开"}
    data = write_lines(tmp_path / "dev.jsonl", [{"text": "今天", "label": "关"}, long, long])
    says = f"{data}:2: 42 tokens, the model takes 32; --truncate cuts (2 such texts)"
    monkeypatch.setattr(
        "roformer_edge.export.exporter.export_checkpoint", None
    )  # whoever came so far would fail otherwise
    assert says in cli("deploy", checkpoint, "--out", tmp_path / "bundle", "--eval", data).error
    monkeypatch.setattr("roformer_edge.validate.runner.compare", None)
    assert says in cli("validate", bundle, "--reference", checkpoint, "--data", data).error
    assert leftovers(tmp_path) == ["dev.jsonl"]


def test_a_calibration_text_that_is_too_long_is_named_with_its_line(cli, checkpoint, tmp_path):
    long = {"text": "今天" * 40}
    path = write_lines(tmp_path / "texts.jsonl", [{"text": "今天"}, long, {"text": "今天"}, long])
    words = ("--recipe", "int8-static", "--calibration", path, "--out", tmp_path / "bundle")
    error = cli("quantize", checkpoint, *words).error
    assert f"{path}:2: 42 tokens, the model takes 32; --truncate cuts (2 such texts)" in error
    assert "such texts" not in cli("quantize", checkpoint, *words, "--calibration-texts", "3").error
    assert cli("quantize", checkpoint, *words, "--truncate").code == 0


def test_a_head_that_is_not_there_is_told_without_the_words_of_python(cli, checkpoint, tmp_path):
    error = cli("deploy", checkpoint, "--task", "multiple-choice", "--out", tmp_path / "bundle").error
    assert "has no head for RoFormerForMultipleChoice" in error
    assert error.rstrip().endswith("fine-tune it for the task first")


def test_a_pair_is_refused_where_the_model_knows_single_texts(cli, tmp_path):
    source = write_checkpoint(tmp_path / "single", type_vocab_size=1)
    path = write_lines(tmp_path / "texts.jsonl", [{"text": "今天", "text_pair": "好"}])
    words = ("--recipe", "int8-static", "--calibration", path, "--out", tmp_path / "bundle")
    assert f"{path}:1: a pair, and the model was made for single texts" in cli("quantize", source, *words).error


def test_a_page_that_cannot_be_written_is_refused_before_any_work(cli, checkpoint, data, tmp_path, monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "jinja2" else find_spec(name))
    words = ("--eval", data, "--report", tmp_path / "report")
    error = cli("deploy", checkpoint, "--out", tmp_path / "bundle", *words).error
    assert "jinja2 is needed to write report.html; install it with: pip install 'roformer-edge[validate]'" in error
    assert leftovers(tmp_path) == []


def flip_byte(bundle: Path) -> None:
    path = bundle / "model.onnx"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def climb(bundle: Path) -> None:
    path = bundle / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["files"][0]["path"] = "../model.onnx"
    path.write_text(json.dumps(manifest))


@pytest.mark.parametrize(("damage", "says"), [(flip_byte, "model.onnx"), (climb, "'../model.onnx'")])
@pytest.mark.parametrize("command", ["run", "verify"])
def test_broken_bundles(cli, bundle, tmp_path, damage, says, command):
    broken = shutil.copytree(bundle, tmp_path / "broken")
    damage(broken)
    words = ["run", broken, "今天"] if command == "run" else ["bundle", "verify", broken]
    assert says in cli(*words).error


def test_an_existing_bundle_is_kept(cli, checkpoint, bundle, tmp_path):
    out = shutil.copytree(bundle, tmp_path / "bundle")
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert "exists already" in cli("deploy", checkpoint, "--out", out).error
    broken = shutil.copytree(checkpoint, tmp_path / "broken")
    truncate_weights(broken)
    assert "truncated" in cli("deploy", broken, "--out", out, "--overwrite").error
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert leftovers(tmp_path) == ["broken", "bundle"]


@pytest.mark.parametrize("room", [0, 20_000, 200_000])
@pytest.mark.parametrize("command", ["deploy", "export", "pack", "unpack"])
def test_a_full_disk(cli, checkpoint, bundle, tmp_path, command, room):
    out = tmp_path / "above" / "out"
    words = {
        "pack": ("bundle", "pack", bundle, out),
        "unpack": ("bundle", "unpack", tmp_path / "archive.rfe", out),
    }.get(command, (command, checkpoint, "--out", out))
    if command == "unpack":
        assert cli("bundle", "pack", bundle, tmp_path / "archive.rfe").code == 0
    before = leftovers(tmp_path)
    process = in_a_process(*words, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)))
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert err.count("\n") == 1
    assert err.startswith(f"roformer-edge: error: cannot write {out}: File too large")
    assert leftovers(tmp_path) == before


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_leaves_nothing(checkpoint, tmp_path, signal_number):
    out, data = tmp_path / "out", tmp_path / "data.jsonl"
    os.mkfifo(data)  # the command waits for its first line when the interrupt comes
    process = in_a_process(
        "deploy",
        checkpoint,
        "--out",
        out / "bundle",
        "--eval",
        data,
        # a suite that runs in the background, or under nohup, has them ignored, and its children inherit that
        preexec_fn=lambda: signal.signal(signal_number, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    while not (out.is_dir() and leftovers(out)):
        assert time.monotonic() < deadline, "the command did not begin to write"
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    process.send_signal(signal_number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == "roformer-edge: error: interrupted; nothing was left half-written\n"
    assert not out.exists() or leftovers(out) == []
