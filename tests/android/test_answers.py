"""The Java core with Python's own engine gives Python's logits, and says in one line what is wrong."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from android_demo.tools import jdk as tools
from roformer_edge import load
from roformer_edge.bundle.pack import pack_directory
from tests.android.bundles import RECIPES
from tests.android.conftest import Runner

EVALUATION = Path(__file__).parents[2] / "roformer_edge_demo" / "evaluation.jsonl"
GOLDEN = Path(__file__).parents[1] / "golden" / "demo.jsonl"


@pytest.mark.parametrize("recipe", RECIPES)
def test_logits_are_equal_to_the_last_bit(recipe: str, java: Runner, library: Path, made: Callable[[str], Path]):
    texts = [json.loads(line)["text"] for line in EVALUATION.read_text("utf-8").splitlines()]
    bundle = made(recipe)
    answers = java.ask("outputs", library, bundle, lines=[{"text": text} for text in texts])
    ours = load(bundle, threads=1).logits(texts, batch_size=1)
    theirs = np.array([answer["logits"] for answer in answers], np.float32)
    assert theirs.shape == (475, 25)
    assert np.array_equal(theirs.view(np.int32), ours.view(np.int32))


def test_labels_and_logits_of_the_golden_file(java: Runner, library: Path, made: Callable[[str], Path]):
    cases = [json.loads(line) for line in GOLDEN.read_text("utf-8").splitlines()]
    lines = [{"text": case["text"]} for case in cases]
    for case, answer in zip(cases, java.ask("outputs", library, made("fp32"), lines=lines), strict=True):
        assert np.abs(np.array(answer["logits"]) - case["logits"]).max() < 1e-3, case
    for recipe, name in zip(RECIPES, ("label", "int8_label"), strict=True):
        answers = java.ask("run", library, made(recipe), "test", lines=lines)
        assert [answer[0]["label"] for answer in answers] == [case[name] for case in cases]


def test_an_archive_answers_like_the_directory(
    java: Runner, library: Path, made: Callable[[str], Path], tmp_path: Path
):
    archive = pack_directory(made("int8-dynamic"), tmp_path / "demo.rfe")
    lines = [{"text": "把客厅的灯打开", "top_k": 3}]
    first, second = (java.ask("run", library, path, lines=lines) for path in (archive, made("int8-dynamic")))
    assert first == second


def test_the_engine_of_tflite_compiles(java: Runner, tmp_path: Path):
    """Against signatures written from the library's documentation, which cannot be had here."""
    signatures = sorted((tools.DEMO / "engine-litert" / "src" / "signatures").rglob("*.java"))
    tools.compile_module(java.jdk, "engine-litert", tmp_path, 8, [java.classpath[0]], generated=signatures)


def test_the_example_of_the_page_compiles(java: Runner, tmp_path: Path) -> None:
    """With the engine that the comment names: the classes of the other one have to be fetched."""
    page = (tools.DEMO / "README.md").read_text("utf-8")
    (example,) = re.findall(r"^```java\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    other = example.replace("new OnnxEngine()", "new edge.roformer.litert.LiteRtEngine()")
    assert other != example
    source = tmp_path / "Example.java"
    source.write_text(other.replace("import edge.roformer.ort.OnnxEngine;\n", ""), "utf-8")
    signatures = sorted((tools.DEMO / "engine-litert" / "src" / "signatures").rglob("*.java"))
    tools.compile_module(java.jdk, "engine-litert", tmp_path, 8, [java.classpath[0]], generated=[*signatures, source])
    assert (tmp_path / "edge" / "roformer" / "litert" / "LiteRtEngine.class").exists()


def spoil(bundle: Path, name: str, change: Callable[[bytes], bytes]) -> None:
    path = bundle / name
    path.write_bytes(change(path.read_bytes()))


DAMAGE: dict[str, tuple[str, Callable[[bytes], bytes], str]] = {
    "one bit of the model": ("model.onnx", lambda data: data[:-9] + bytes([data[-9] ^ 1]) + data[-8:], "SHA-256"),
    "a vocabulary cut short": ("vocab.txt", lambda data: data[:-1], "cut short"),
    "a newer schema": ("manifest.json", lambda data: data.replace(b'_version": 2', b'_version": 3'), "update the app"),
    "no JSON": ("manifest.json", lambda data: data[:-3], "not valid JSON"),
    "a path outside": ("manifest.json", lambda data: data.replace(b'"vocab.txt"', b'"../ab.txt"'), "relative path"),
    "another label": ("manifest.json", lambda data: data.replace(b"HassTurnOn", b"HassTurnIn"), "other labels"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_damaged_bundle_is_told_in_one_line(
    case: str, java: Runner, library: Path, made: Callable[[str], Path], tmp_path: Path
):
    name, change, message = DAMAGE[case]
    bundle = Path(shutil.copytree(made("int8-dynamic"), tmp_path / "bundle"))
    spoil(bundle, name, change)
    told = java.run("run", library, bundle)
    assert told.returncode == 1
    assert told.stderr.startswith("error: ")
    assert told.stderr.count("\n") == 1
    assert message in told.stderr


def test_texts_and_engines_that_cannot_be_used(
    java: Runner, library: Path, made: Callable[[str], Path], tmp_path: Path
):
    bundle = made("int8-dynamic")
    lines = [{"text": "灯" * 600}, {"text": "a\ud800b"}, {"text": "a\0b"}, {"text": 3}, {}, {"text": "把灯打开"}]
    *refused, answered = java.ask("run", library, bundle, lines=lines)
    for answer, message in zip(
        refused, ("602 tokens", "lone surrogate", "NUL", "must be a text", "must be a text"), strict=True
    ):
        assert message in answer["error"]
    assert answered[0]["label"] == "HassTurnOn"
    told = java.run("run", tmp_path / "libonnxruntime.so", bundle)
    assert told.returncode == 1
    assert "there is no ONNX Runtime library" in told.stderr
    assert told.stderr.count("\n") == 1
