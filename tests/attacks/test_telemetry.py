"""Nothing leaves the device, and nothing is written beside what was asked for."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import roformer_edge
from tests.tiny_checkpoint import labelled, write_checkpoint
from tests.tiny_runtime import write_runnable

ROOT = Path(roformer_edge.__file__).parents[1]


def written_by(program: str, folder: Path, *arguments: Path, **environment: str) -> list[str]:
    """What a fresh process leaves in fresh folders of its own, as on a machine that is no build server."""
    places = {name: folder / name.lower() for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "TMPDIR")}
    for place in places.values():
        place.mkdir(parents=True)
    # the engine keeps silent on build servers
    kept = {name: value for name, value in os.environ.items() if name not in ("CI", "ORT_DISABLE_TELEMETRY")}
    kept |= {name: str(place) for name, place in places.items()} | environment
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        env=kept,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return sorted(path.relative_to(folder).as_posix() for place in places.values() for path in place.rglob("*"))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_runnable(tmp_path_factory.mktemp("telemetry") / "intent")


LOAD = "import roformer_edge, time; roformer_edge.load({!r})('今天天气'); time.sleep(0.5)"
ENGINE = "import onnxruntime, time; onnxruntime.InferenceSession({!r}); time.sleep(0.5)"
# a parent that starts children, which import the engine themselves
COMMANDS = """
import sys
from roformer_edge.cli.main import main
checkpoint, data, out = sys.argv[1:]
for words in (
    ["deploy", checkpoint, "--out", out + "/int8", "--eval", data, "--report", out + "/report"],
    ["export", checkpoint, "--out", out + "/float.rfe"],
    ["quantize", out + "/float.rfe", "--out", out + "/static", "--recipe", "int8-static", "--calibration", data],
    ["deploy", checkpoint, "--format", "tflite", "--out", out + "/x.tflite"],
    ["bench", out + "/int8", "--lengths", "4", "--runs", "2", "--cold-starts", "1"],
    ["run", out + "/x.tflite", "今天"],
):
    code = main(words)
    assert code == 0, (words, code)
"""


def test_an_answer_writes_nothing(bundle, tmp_path):
    assert written_by(LOAD.format(str(bundle)), tmp_path) == []


def test_no_command_and_no_process_that_it_starts_writes_anything_beside_its_output(tmp_path):
    checkpoint, data = write_checkpoint(tmp_path / "checkpoint"), labelled(tmp_path / "dev.jsonl")
    (tmp_path / "out").mkdir()
    assert written_by(COMMANDS, tmp_path / "own", checkpoint, data, tmp_path / "out") == []


@pytest.mark.parametrize("package", ["roformer_edge.export.exporter", "benchmarks.process", "tests.conftest"])
def test_wherever_the_engine_is_imported_it_was_told_before(bundle, tmp_path, package):
    program = f"import {package}; " + ENGINE.format(str(bundle / "model.onnx"))
    assert written_by(program, tmp_path) == []


def test_the_engine_would_write_if_it_were_not_told(bundle, tmp_path):
    import onnxruntime

    if tuple(map(int, onnxruntime.__version__.split(".")[:2])) < (1, 29):
        pytest.skip("this onnxruntime has no telemetry")
    assert written_by(LOAD.format(str(bundle)), tmp_path, ORT_DISABLE_TELEMETRY="0") != []


def test_who_asks_for_it_is_obeyed():
    program = "import os, roformer_edge; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    for given, kept in ((None, "1"), ("0", "0")):
        environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
        environment |= {} if given is None else {"ORT_DISABLE_TELEMETRY": given}
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, cwd=ROOT, check=True
        )
        assert done.stdout.strip() == kept


def test_the_engine_is_imported_only_behind_what_tells_it():
    """The packages named here tell it in their ``__init__``; whatever else imports it would have to."""
    found = set()
    for folder in ("roformer_edge", "benchmarks", "examples", "scripts"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                if any(name.split(".")[0] in ("onnxruntime", "optimum") for name in names):
                    found.add(folder)
    assert found == {"roformer_edge", "benchmarks"}
