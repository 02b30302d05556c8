"""What type checkers see: programs that are right pass, and each mistake is found in its line."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RIGHT, WRONG = (Path(__file__).with_name(name) for name in ("right.py", "wrong.py"))
needs_pyright = pytest.mark.skipif(find_spec("basedpyright") is None, reason="basedpyright is not installed")


def marked(path: Path) -> set[int]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return {number for number, line in enumerate(lines, 1) if line.endswith("# wrong")}


def lines_of_mypy(path: Path, folder: Path) -> set[int]:
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(folder / "cache"), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode in (0, 1), done.stderr
    errors = [line for line in done.stdout.splitlines() if ": error: " in line]
    places = [re.match(rf".*{path.name}:(\d+): error: ", line) for line in errors]
    assert None not in places, done.stdout
    return {int(place[1]) for place in places if place is not None}


def lines_of_pyright(path: Path, folder: Path) -> set[int]:
    """Check as pyright does in strict mode, and none of the rules that basedpyright adds."""
    config = {"include": [str(path)], "extraPaths": [str(ROOT)], "typeCheckingMode": "strict", "pythonVersion": "3.10"}
    (folder / "pyrightconfig.json").write_text(json.dumps(config), encoding="utf-8")
    command = [sys.executable, "-m", "basedpyright", "-p", str(folder), "--pythonpath", sys.executable, "--outputjson"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode in (0, 1), done.stderr
    report = json.loads(done.stdout)
    assert report["summary"]["filesAnalyzed"] == 1
    errors = [one for one in report["generalDiagnostics"] if one["severity"] == "error"]
    assert {Path(one["file"]) for one in errors} <= {path}
    return {one["range"]["start"]["line"] + 1 for one in errors}


CHECKERS = [pytest.param(lines_of_mypy, id="mypy"), pytest.param(lines_of_pyright, id="pyright", marks=needs_pyright)]


@pytest.mark.parametrize("lines_of", CHECKERS)
def test_a_program_that_is_right_passes(lines_of, tmp_path: Path) -> None:
    assert lines_of(RIGHT, tmp_path) == set()


@pytest.mark.parametrize("lines_of", CHECKERS)
def test_every_mistake_is_found_where_it_is(lines_of, tmp_path: Path) -> None:
    assert lines_of(WRONG, tmp_path) == marked(WRONG)
