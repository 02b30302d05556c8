"""What is told to logging: nothing before somebody can listen, nothing printed unless somebody does."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from roformer_edge.log import Logged
from roformer_edge.progress import SILENT
from roformer_edge.runtime.loading import load
from tests.tiny_runtime import write_runnable

ROOT = Path(__file__).resolve().parents[1]


def run(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, check=True)


def test_logging_is_not_imported_for_its_own_sake() -> None:
    program = "import sys; from roformer_edge.log import log; log('x', 'warning', 'y'); print('logging' in sys.modules)"
    assert run(program).stdout == "False\n"


def test_nothing_is_printed_by_default() -> None:
    done = run("import logging; from roformer_edge.log import log; log('runtime', 'warning', 'a %s', 'b')")
    assert done.stderr == ""


def test_a_program_that_listens_hears_the_tree(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    bundle = write_runnable(tmp_path / "intent")
    with caplog.at_level(logging.INFO, logger="roformer_edge"):
        # making the bundle loads it, which is heard where something made logging louder before
        caplog.clear()
        load(bundle, delegate=("npu", "cpu")).close()
        Logged("deploy", SILENT).stage("calibrate")
    found = [(record.name, record.levelname, record.getMessage()) for record in caplog.records]
    assert [(name, level) for name, level, _ in found] == [
        ("roformer_edge.runtime", "INFO"),
        ("roformer_edge.runtime", "WARNING"),
        ("roformer_edge.deploy", "INFO"),
    ]
    assert found[0][2].startswith(f"TextClassifier({str(bundle)!r}")
    assert "npu" in found[1][2]
    assert found[2][2] == "calibrate"


def test_a_logged_listener_passes_everything_on() -> None:
    heard: list[object] = []

    class Listener:
        def stage(self, name: str) -> None:
            heard.append(name)

        def step(self, done: int, total: int | None) -> None:
            heard.append((done, total))

    logged = Logged("bench", Listener())
    logged.stage("a")
    logged.step(1, None)
    assert heard == ["a", (1, None)]
