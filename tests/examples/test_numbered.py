"""The numbered examples, each run as its first lines say, in a folder of its own."""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file, save_file

import roformer_edge
from roformer_edge.demo.embedded import embedded_checkpoint, embedded_evaluation
from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.deploy.options import DeployOptions
from tests.conftest import ROOT

EXAMPLES = sorted((ROOT / "examples").glob("0*_*.py"))
TEXTS = ("把客厅的灯打开", "书房和卧室的窗帘都拉上")


def run(folder: Path, script: str, *arguments: str | Path, code: int = 0) -> str:
    """What a script of ``examples/`` prints."""
    command = [sys.executable, ROOT / "examples" / script, *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the examples stand, one after the other."""
    return tmp_path_factory.mktemp("journey")


@pytest.fixture(scope="module")
def deployed(folder: Path) -> str:
    """What the first example prints; its bundle is what the next ones read."""
    return run(folder, "01_deploy.py")


@pytest.fixture(scope="module")
def requests(folder: Path) -> Path:
    """A little of the data that the repository ships for training."""
    run(folder, "finetuning/shipped_data.py", "--out", folder / "requests", "--each", "12")
    return folder / "requests"


def test_deploy(deployed: str) -> None:
    assert "text-classification" in deployed
    assert re.search(rf"{TEXTS[0]} -> HassTurnOn \(\d+\.\d%\)", deployed)


def test_validate(deployed: str, folder: Path) -> None:
    assert "Accuracy" in run(folder, "02_validate.py").replace("accuracy", "Accuracy")
    assert (folder / "out" / "examples" / "report" / "report.html").is_file()


def test_validate_stops_a_build(deployed: str, folder: Path) -> None:
    with embedded_checkpoint() as source:
        shutil.copytree(source, folder / "worse")
    weights = load_file(folder / "worse" / "model.safetensors")
    weights["classifier.out_proj.weight"] = -weights["classifier.out_proj.weight"]
    save_file(weights, folder / "worse" / "model.safetensors")
    options = DeployOptions(task="text-classification", recipe="int8-dynamic")
    bundle = deploy_checkpoint(folder / "worse", folder / "worse-bundle", options).bundle
    run(folder, "02_validate.py", bundle, code=3)


def test_serve(deployed: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("fastapi", reason="fastapi is not installed; the extra dev has it")
    testclient = pytest.importorskip("fastapi.testclient", reason="httpx is not installed; the extra dev has it")
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    app = importlib.import_module("03_serve").app
    with testclient.TestClient(app) as client:
        answers = client.post("/classify", json={"texts": list(TEXTS), "top_k": 2}).json()
        assert [len(best) for best in answers] == [2, 2]
        assert answers[0][0]["label"] == "HassTurnOn"
        assert client.post("/classify", json={"texts": []}).status_code == 422
        too_long = client.post("/classify", json={"texts": ["灯" * 5000]})
        assert too_long.status_code == 422
        assert "512" in too_long.json()["detail"]


def test_search(folder: Path) -> None:
    with embedded_evaluation() as path:
        rows: list[dict[str, Any]] = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    labels = {row["text"]: row["label"] for row in rows}
    printed = run(folder, "04_search.py", "客厅太暗了，开灯").splitlines()
    cosines, found = zip(*(line.split() for line in printed[1:]), strict=True)
    assert len(found) == 3
    assert sorted(map(float, cosines), reverse=True) == [*map(float, cosines)]
    assert labels[found[0]] == "HassTurnOn"


@pytest.mark.slow
def test_entities(folder: Path, requests: Path) -> None:
    trained = ("--data", requests, "--out", folder / "tagger", "--epochs", "12")
    run(folder, "finetuning/torch_token_classification.py", *trained)
    printed = run(folder, "05_entities.py", folder / "tagger", *TEXTS)
    for text in TEXTS:
        assert text in printed
    entities = re.findall(r"^  (\d+)-(\d+)  (ROOM|DEVICE|CITY)  (\S+)  \(", printed, re.MULTILINE)
    assert entities
    for start, end, _, found in entities:
        assert found in (text[int(start) : int(end)] for text in TEXTS)


@pytest.mark.slow
def test_generate(folder: Path, requests: Path) -> None:
    run(folder, "finetuning/torch_causal_lm.py", "--data", requests, "--out", folder / "writer")
    printed = run(folder, "06_generate.py", folder / "writer", TEXTS[0][:4])
    lines = dict(re.findall(r"^(\w+): +(.*)$", printed, re.MULTILINE))
    assert lines.keys() == {"greedy", "beams", "drawn", "stream"}
    assert lines["greedy"].endswith(lines["stream"].replace("|", ""))


def test_phone(folder: Path) -> None:
    printed = run(folder, "07_phone.py")
    for name in ("intent.tflite", "intent.rfe"):
        file = folder / "out" / "examples" / "phone" / name
        assert f"{file.relative_to(folder)}: " in printed
        with roformer_edge.load(file) as classify:
            assert classify(TEXTS[0]).label == "HassTurnOn"


@pytest.mark.usefixtures("deployed")
def test_asyncio(folder: Path) -> None:
    *answers, total = run(folder, "08_asyncio.py").splitlines()
    assert total == "101 answers"
    assert answers[0].startswith(f"{TEXTS[0]} -> HassTurnOn (")
    assert len(answers) == 5
    assert "tokens, special tokens included, and the model takes 512" in answers[-1]


def test_they_are_numbered_short_and_listed() -> None:
    assert [path.name[:2] for path in EXAMPLES] == [f"{number:02}" for number in range(1, 9)]
    listed = (ROOT / "examples" / "README.md").read_text("utf-8")
    for path in EXAMPLES:
        lines = path.read_text("utf-8").splitlines()
        assert len(lines) < 40, path.name
        assert any(path.stem in line for line in lines[:8]), f"{path.name} does not say how it is run"
        assert f"[`{path.name}`]({path.name})" in listed
