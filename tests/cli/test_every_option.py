"""No option is ignored in silence: with each of them, something else is made, printed or refused than without it."""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from roformer_edge.cli.main import COMMANDS, main, parser_of
from roformer_edge.demo.journey import Demo
from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.deploy.options import DeployOptions
from roformer_edge.progress import ProgressListener
from roformer_edge.runtime.bench import ColdStart
from tests.runtime.tiny_tasks import bundle_of
from tests.tiny_checkpoint import TEXTS, labelled, write_lines

TARGET = {
    "source": ([], ["{checkpoint}"], ["{other}"]),
    "--out": (["{checkpoint}"], ["--out", "{out}"], ["--out", "{elsewhere}"]),
    "--overwrite": (["{checkpoint}", "--out", "{there}"], [], ["--overwrite"]),
    "--task": (["{checkpoint}"], [], ["--task", "feature-extraction"]),
    "--format": (["{checkpoint}"], [], ["--format", "coreml"]),
    "--tokenizer": (["{checkpoint}"], [], ["--tokenizer", "fast"]),
    "--max-length": (["{checkpoint}"], [], ["--max-length", "16"]),
    "--ignore-weights": (["{checkpoint}"], [], ["--ignore-weights", "lstm.*"]),
    "--inputs": (["{checkpoint}"], [], ["--inputs", "int32"]),
    "--revision": (["{checkpoint}"], [], ["--revision", "v2"]),
    "--json": (["{checkpoint}"], [], ["--json"]),
    "--runtime": (["{checkpoint}", "--format", "tflite"], [], ["--runtime", "tflite-2.14"]),
    "--lengths": (["{checkpoint}", "--format", "tflite"], [], ["--lengths", "8"]),
    "--pooling": (["{checkpoint}", "--task", "feature-extraction"], [], ["--pooling", "mean"]),
    "--prune-vocab": (["{checkpoint}"], [], ["--prune-vocab", "{data}"]),
    "--fields": (["{checkpoint}", "--prune-vocab", "{renamed}"], [], ["--fields", "text=satz,label=marke"]),
}
QUANTIZE = {
    **TARGET,
    "--target": (["{checkpoint}"], [], ["--target", "server"]),
    "--recipe": (["{checkpoint}"], [], ["--recipe", "int8-embeddings"]),
    "--keep-float": (["{checkpoint}"], [], ["--keep-float", "layer.1.*"]),
    "--preset": (["{checkpoint}"], [], ["--preset", "arm"]),
    "--calibration": (["{checkpoint}"], [], ["--calibration", "{data}"]),
    "--calibration-texts": (["{checkpoint}", "--calibration", "{data}"], [], ["--calibration-texts", "2"]),
    "--observer": (
        ["{checkpoint}", "--recipe", "int8-static", "--calibration", "{data}"],
        [],
        ["--observer", "minmax"],
    ),
    "--truncate": (["{checkpoint}", "--calibration", "{long}"], [], ["--truncate"]),
    "--fields": (["{checkpoint}", "--calibration", "{renamed}"], [], ["--fields", "text=satz,label=marke"]),
    "--for-this-machine": (["{checkpoint}", "--recipe", "fp32"], [], ["--for-this-machine"]),
    "--threads": (["{checkpoint}", "--recipe", "fp32", "--for-this-machine"], ["--threads", "1"], ["--threads", "0"]),
}
VALIDATED = {
    **QUANTIZE,
    "--eval": (["{checkpoint}"], [], ["--eval", "{data}"]),
    "--slice": (["{checkpoint}", "--eval", "{data}", "--report", "{report}"], [], ["--slice", "length"]),
    "--max-drop": (["{checkpoint}", "--eval", "{data}", "--report", "{report}"], [], ["--max-drop", "90"]),
    "--gate": (["{checkpoint}", "--eval", "{data}"], [], ["--gate", "size <= 20MB"]),
    "--baseline": (["{checkpoint}", "--eval", "{data}"], [], ["--baseline", "{earlier}"]),
    "--max-size": (
        ["{checkpoint}", "--recipe", "auto", "--eval", "{data}", "--max-drop", "100"],
        [],
        ["--max-size", "0.001"],
    ),
    "--report": (["{checkpoint}", "--eval", "{data}"], [], ["--report", "{report}"]),
    "--language": (["{checkpoint}", "--eval", "{data}", "--report", "{report}"], [], ["--language", "zh"]),
}
MEASURED = ["{checkpoint}", "--data", "{data}"]
SENSITIVITY = {
    "source": (["--data", "{data}"], ["{checkpoint}"], ["{other}"]),
    "--revision": (MEASURED, [], ["--revision", "v2"]),
    "--data": (["{checkpoint}"], ["--data", "{data}"], ["--data", "{other_data}"]),
    "--task": (MEASURED, [], ["--task", "fill-mask"]),
    "--format": (MEASURED, [], ["--format", "coreml"]),
    "--recipe": (MEASURED, [], ["--recipe", "int8-embeddings"]),
    "--limit": (MEASURED, [], ["--limit", "3"]),
    "--json": (MEASURED, [], ["--json"]),
    "--calibration": (MEASURED, [], ["--calibration", "{other_data}", "--calibration-texts", "0"]),
    "--calibration-texts": ([*MEASURED, "--calibration", "{data}"], [], ["--calibration-texts", "0"]),
    "--observer": ([*MEASURED, "--calibration", "{data}"], [], ["--observer", "minmax"]),
    "--truncate": (["{checkpoint}", "--data", "{long}"], [], ["--truncate"]),
    "--fields": (["{checkpoint}", "--data", "{renamed}"], [], ["--fields", "text=satz,label=marke"]),
}
# command -> option -> (words before, words without the option, words with it)
CASES: dict[str, dict[str, tuple[list[str], list[str], list[str]]]] = {
    "deploy": VALIDATED,
    "export": {**TARGET, "--no-weights": (["{checkpoint}"], [], ["--no-weights"])},
    "quantize": VALIDATED,
    "sensitivity": SENSITIVITY,
    "run": {
        "bundle": ([], ["{bundle}", "今天"], ["{features}", "今天"]),
        "texts": (["{bundle}"], ["今天"], ["你好"]),
        "--input": (["{bundle}"], ["--input", "{data}"], ["--input", "{other_data}"]),
        "--fields": (["{bundle}", "--input", "{renamed}"], [], ["--fields", "text=satz"]),
        "--input-format": (["{bundle}", "--input", "{data}"], [], ["--input-format", "txt"]),
        "--threshold": (["{bundle}", "今天"], [], ["--threshold", "0.01"]),
        "--normalize": (["{features}", "今天"], [], ["--normalize"]),
        "--threads": (["{bundle}", "今天"], [], ["--threads", "0"]),
        "--delegate": (["{bundle}", "今天"], [], ["--delegate", "npu,cpu"]),
        "--top-k": (["{bundle}", "今天"], [], ["--top-k", "2"]),
        "--batch-size": (["{bundle}", "今天"], [], ["--batch-size", "0"]),
        "--workers": (["{bundle}", "今天"], [], ["--workers", "0"]),
        "--truncate": (["{bundle}", "今天" * 40], [], ["--truncate"]),
        "--pooling": (["{features}", "今天"], [], ["--pooling", "mean"]),
        "--max-new-tokens": (["{writer}", "今天"], ["--max-new-tokens", "1"], ["--max-new-tokens", "4"]),
        "--num-beams": (["{writer}", "今天"], [], ["--num-beams", "3"]),
        "--num-return-sequences": (
            ["{writer}", "今天", "--num-beams", "3"],
            [],
            ["--num-return-sequences", "2"],
        ),
        "--do-sample": (["{writer}", "今天", "--seed", "1"], [], ["--do-sample"]),
        "--top-p": (["{writer}", "今天", "--do-sample", "--seed", "1"], [], ["--top-p", "0.01"]),
        "--seed": (["{writer}", "今天", "--do-sample"], ["--seed", "1"], ["--seed", "2"]),
        "--on-error": (["{bundle}", "--input", "{long}"], [], ["--on-error", "skip"]),
        "--self-test": (["{spoilt}", "今天"], [], ["--self-test"]),
        # what these do where Ray is, tests/cli/test_run_ray.py sees
        "--engine": (["{bundle}", "今天"], [], ["--engine", "ray"]),
        "--out": (["{bundle}", "今天"], [], ["--out", "{out}"]),
        "--shard-rows": (["{bundle}", "今天"], [], ["--shard-rows", "2"]),
    },
    "validate": {
        "bundles": (["--reference", "{checkpoint}", "--data", "{data}"], ["{bundle}"], ["{bundle}", "{bundle}"]),
        "--reference": (["{bundle}", "--data", "{data}"], ["--reference", "{checkpoint}"], ["--reference", "{other}"]),
        "--revision": (["{bundle}", "--reference", "{checkpoint}", "--data", "{data}"], [], ["--revision", "v2"]),
        "--engine": (["{bundle}", "--reference", "{checkpoint}", "--data", "{data}"], [], ["--engine", "ray"]),
        "--workers": (["{bundle}", "--reference", "{checkpoint}", "--data", "{data}"], [], ["--workers", "2"]),
        "--data": (["{bundle}", "--reference", "{checkpoint}"], ["--data", "{data}"], ["--data", "{other_data}"]),
        "--task": (["{bundle}", "--reference", "{checkpoint}", "--data", "{data}"], [], ["--task", "fill-mask"]),
        "--fields": (
            ["{bundle}", "--reference", "{checkpoint}", "--data", "{renamed}"],
            [],
            ["--fields", "text=satz,label=marke"],
        ),
        "--slice": (
            ["{bundle}", "--reference", "{checkpoint}", "--data", "{data}", "--report", "{report}"],
            [],
            ["--slice", "length"],
        ),
        "--max-drop": (
            ["{bundle}", "--reference", "{checkpoint}", "--data", "{data}", "--report", "{report}"],
            [],
            ["--max-drop", "90"],
        ),
        "--gate": (["{bundle}", "--reference", "{checkpoint}", "--data", "{data}"], [], ["--gate", "size <= 20MB"]),
        "--baseline": (
            ["{bundle}", "--reference", "{checkpoint}", "--data", "{data}"],
            [],
            ["--baseline", "{earlier}"],
        ),
        "--report": (["{bundle}", "--reference", "{checkpoint}", "--data", "{data}"], [], ["--report", "{report}"]),
        "--language": (
            ["{bundle}", "--reference", "{checkpoint}", "--data", "{data}", "--report", "{report}"],
            [],
            ["--language", "zh"],
        ),
        "--junit": (
            ["{bundle}", "--reference", "{checkpoint}", "--data", "{data}", "--gate", "size <= 20MB"],
            [],
            ["--junit", "{junit}"],
        ),
        "--answers": (["{bundle}", "--reference", "{checkpoint}", "--data", "{data}"], [], ["--answers", "{answers}"]),
        "--annotations": (
            ["{bundle}", "--reference", "{checkpoint}", "--data", "{data}", "--gate", "size <= 20MB"],
            [],
            ["--annotations", "github"],
        ),
        "--limit": (["{bundle}", "--reference", "{checkpoint}", "--data", "{data}"], [], ["--limit", "3"]),
        "--batch-size": (["{bundle}", "--reference", "{checkpoint}", "--data", "{data}"], [], ["--batch-size", "0"]),
        "--threads": (["{bundle}", "--reference", "{checkpoint}", "--data", "{data}"], [], ["--threads", "0"]),
        "--json": (["{bundle}", "--reference", "{checkpoint}", "--data", "{data}"], [], ["--json"]),
        "--tokenizer": (["{bundle}", "--reference", "{checkpoint}", "--data", "{data}"], [], ["--tokenizer", "plain"]),
        "--max-length": (["{bundle}", "--reference", "{checkpoint}", "--data", "{data}"], [], ["--max-length", "3"]),
        "--pooling": (["{bundle}", "--reference", "{checkpoint}", "--data", "{data}"], [], ["--pooling", "mean"]),
        "--ignore-weights": (
            ["{bundle}", "--reference", "{checkpoint}", "--data", "{data}"],
            [],
            ["--ignore-weights", "lstm.*"],
        ),
        "--truncate": (["{bundle}", "--reference", "{checkpoint}", "--data", "{long}"], [], ["--truncate"]),
    },
    "bench": {
        "bundle": (["--lengths", "4", "--cold-starts", "1", "--runs", "1"], ["{bundle}"], ["{features}"]),
        "--lengths": (["{bundle}", "--cold-starts", "1", "--runs", "1"], ["--lengths", "4"], ["--lengths", "8"]),
        "--batch-sizes": (
            ["{bundle}", "--lengths", "4", "--cold-starts", "1", "--runs", "1"],
            [],
            ["--batch-sizes", "1"],
        ),
        "--threads": (["{bundle}", "--lengths", "4", "--cold-starts", "1", "--runs", "1"], [], ["--threads", "7"]),
        "--runs": (["{bundle}", "--lengths", "4", "--cold-starts", "1"], ["--runs", "1"], ["--runs", "0"]),
        "--cold-starts": (
            ["{bundle}", "--lengths", "4", "--runs", "1"],
            ["--cold-starts", "1"],
            ["--cold-starts", "2"],
        ),
        "--json": (["{bundle}", "--lengths", "4", "--cold-starts", "1", "--runs", "1"], [], ["--json"]),
    },
    "bundle show": {"bundle": ([], ["{bundle}"], ["{features}"])},
    "bundle verify": {
        "bundle": ([], ["{bundle}"], ["{spoilt}"]),
        "--digest": (["{bundle}"], [], ["--digest", "0" * 64]),
    },
    "bundle pack": {
        "bundle": ([], ["{bundle}", "{out}"], ["{features}", "{out}"]),
        "out": (["{bundle}"], ["{out}"], ["{elsewhere}"]),
        "--overwrite": (["{bundle}", "{archive}"], [], ["--overwrite"]),
    },
    "bundle unpack": {
        "bundle": ([], ["{archive}", "{out}"], ["{features}", "{out}"]),
        "out": (["{archive}"], ["{out}"], ["{elsewhere}"]),
        "--overwrite": (["{archive}", "{there}"], [], ["--overwrite"]),
    },
    "tokenize": {
        "source": ([], ["{checkpoint}", "客厅的窗帘"], ["{features}", "客厅的窗帘"]),
        "--revision": (["{checkpoint}", "今天"], [], ["--revision", "v2"]),
        "texts": (["{checkpoint}"], ["今天"], ["你好"]),
        "--input": (["{checkpoint}"], ["--input", "{data}"], ["--input", "{other_data}"]),
        "--fields": (["{checkpoint}", "--input", "{renamed}"], [], ["--fields", "text=satz"]),
        "--input-format": (["{checkpoint}", "--input", "{data}"], [], ["--input-format", "txt"]),
        "--tokenizer": (["{checkpoint}", "今天[MASK]"], [], ["--tokenizer", "bert"]),
    },
    "completion": {"shell": ([], ["bash"], ["fish"])},
    "demo": {"--out": ([], [], ["--out", "{elsewhere}"]), "--json": ([], [], ["--json"])},
}
# words that a command cannot do without, where a case does not give them
NEEDED = {"deploy": ["--out", "{out}"], "export": ["--out", "{out}"], "quantize": ["--out", "{out}"]}


def measured(checkpoint: Path, bundle: Path, data: Path, folder: Path) -> Path:
    """A report of an earlier run."""
    words = ["validate", bundle, "--reference", checkpoint, "--data", data, "--report", folder]
    assert main([str(word) for word in words]) == 0
    return folder / "report.json"


# options of all commands, which tests/cli/test_main.py looks at
VOICE = ("--quiet", "--verbose")
# what says aloud that it changes nothing
SAID = {("run", "--json"), ("tokenize", "--json")}


def options_of(parser: argparse.ArgumentParser, name: str) -> Iterator[tuple[str, str]]:
    """Every option and argument of a command, and of the commands below it."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below, inner in action.choices.items():
                yield from options_of(inner, f"{name} {below}")
        elif not isinstance(action, argparse._HelpAction) and not set(VOICE) & set(action.option_strings):
            yield name, next(iter(action.option_strings), action.dest)


ALL = [pair for name in COMMANDS for pair in options_of(parser_of(name), name) if pair not in SAID]


@pytest.fixture(scope="module")
def places(checkpoint: Path, bundle: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What the words in braces stand for, but for what is made."""
    from roformer_edge.bundle.pack import pack_directory
    from tests.tiny_checkpoint import write_checkpoint

    folder = tmp_path_factory.mktemp("places")
    rows: list[Any] = [json.loads(line) for line in data.read_text(encoding="utf-8").splitlines()]
    labels = {0: "O", 1: "B-甲"}
    spoilt = shutil.copytree(bundle, folder / "spoilt")
    recorded = json.loads((spoilt / "selftest.json").read_text())
    text = re.sub(r"-?\d+\.\d+(e-?\d+)?(?=[,\]\s])", "9.5", json.dumps(recorded, ensure_ascii=False))
    (spoilt / "selftest.json").write_text(text, encoding="utf-8")
    manifest = json.loads((spoilt / "manifest.json").read_text(encoding="utf-8"))
    for entry in manifest["files"]:
        content = (spoilt / entry["path"]).read_bytes()
        entry.update(bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
    (spoilt / "manifest.json").write_text(json.dumps(manifest, ensure_ascii=False), encoding="utf-8")
    return {
        "checkpoint": checkpoint,
        "other": write_checkpoint(folder / "other", seed=9),
        "bundle": bundle,
        "spoilt": spoilt,
        "archive": pack_directory(bundle, folder / "tiny.rfe"),
        "features": bundle_of("feature-extraction", folder / "features", "fp32", id2label=labels),
        "writer": bundle_of("text-generation", folder / "writer", "fp32", id2label=labels),
        "data": data,
        "earlier": measured(checkpoint, bundle, data, folder / "earlier"),
        "other_data": labelled(folder / "other.jsonl", repeat=2),
        "long": write_lines(folder / "long.jsonl", [*rows, {"text": TEXTS[0] * 9, "label": "开"}]),
        "renamed": write_lines(
            folder / "renamed.jsonl", [{"satz": row["text"], "marke": row["label"]} for row in rows]
        ),
    }


def test_every_option_has_its_case() -> None:
    assert sorted(ALL) == sorted((name, option) for name, cases in CASES.items() for option in cases)


@pytest.mark.parametrize(("command", "option"), ALL, ids=[" ".join(pair) for pair in ALL])
def test_something_is_otherwise_with_the_option(
    cli, places: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, option: str
) -> None:
    before, without, with_it = CASES[command][option]
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")

    def small_demo(out: Path, progress: ProgressListener) -> Demo:
        options = DeployOptions(evaluation=places["data"])
        made = deploy_checkpoint(places["checkpoint"], out / "bundle", options, progress=progress)
        assert made.report is not None
        return Demo(
            deployments=(made,),
            reports=(made.report,),
            report_files=(),
            cold_starts=(ColdStart(seconds=(1.0,), peak_bytes=None),),
            answers=(),
            left_out=(),
        )

    monkeypatch.setattr("roformer_edge.demo.journey.run_demo", small_demo)
    outcomes = []
    for words in (without, with_it):
        folder = tmp_path / "made"
        folder.mkdir()
        monkeypatch.chdir(folder)
        known = {
            **places,
            **{name: folder / name for name in ("out", "elsewhere", "report", "there", "junit", "answers")},
        }
        shutil.copytree(places["bundle"], known["there"])
        archive = shutil.copy(places["archive"], folder / "archive.rfe")
        known["archive"] = Path(archive)
        given = [*before, *words]
        if not {"--out", "{there}"} & {*given}:
            given += NEEDED.get(command, [])
        try:
            outcome = cli(*command.split(), *(word.format(**known) if "{" in word else word for word in given))
            told = (outcome.code, seconds_hidden(outcome.out), outcome.err)
        except SystemExit as stop:
            raise AssertionError(f"the case is wrong usage: {given}") from stop
        outcomes.append((told, contents(folder)))
        shutil.rmtree(folder)
    assert outcomes[0] != outcomes[1], f"{option} of {command} changes nothing"
    assert 0 in (outcomes[0][0][0], outcomes[1][0][0]), f"neither way works: {outcomes}"


def test_the_comparison_finds_equal_what_is_equal(cli, places: dict[str, Path], tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    outcomes = []
    for _ in range(2):
        words = ("--eval", places["data"], "--report", tmp_path / "made" / "report")
        outcome = cli("deploy", places["checkpoint"], "--out", tmp_path / "made" / "out", *words)
        outcomes.append((outcome.code, seconds_hidden(outcome.out), outcome.err, contents(tmp_path / "made")))
        shutil.rmtree(tmp_path / "made")
    assert outcomes[0] == outcomes[1]


def seconds_hidden(text: str) -> str:
    """Output without measured times and sizes of memory."""
    text = "".join(line for line in text.splitlines(keepends=True) if not line.startswith(("Latency", "Peak memory")))
    return re.sub(r"\d+\.\d+|\d+(?= (ms|MB))", "#", text)


def contents(folder: Path) -> dict[str, str]:
    """What was made; of a report only what is not measured."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            if path.parent.name == "report":
                told = json.loads(content) if path.suffix == ".json" else {}
                written = re.findall(rb'<html lang="[^"]*"', content)
                content = repr(([told.get(key) for key in ("slices", "budget", "figures")], written)).encode()
            found[str(path.relative_to(folder))] = hashlib.sha256(content).hexdigest()
    return found
