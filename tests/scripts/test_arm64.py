"""The comparison with ARM64: what it refuses, where it is skipped, and that the committed result keeps its word."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import arm64
from roformer_edge.formats import FORMATS
from tests.conftest import ROOT

HERE = np.random.default_rng(5).normal(size=(475, 8)).astype(np.float32)


def test_the_committed_result_keeps_the_tolerance() -> None:
    path = ROOT / "benchmarks" / "results" / "arm64.json"
    if not path.exists():
        pytest.skip("no result is committed: run scripts/arm64.sh")
    found = json.loads(path.read_text("utf-8"))
    assert {(row["format"], row["recipe"]) for row in found["rows"]} == {
        (form, recipe) for form in FORMATS for recipe in arm64.TOLERANCE
    }
    for row in found["rows"]:
        assert (row["texts"], row["labels_that_differ"]) == (475, 0)
        assert 0 <= row["difference_in_deviations"] <= arm64.TOLERANCE[row["recipe"]] == row["allowed"]
    assert int(found["settings"]["emulator"].removeprefix("qemu-user ").partition(".")[0]) >= 10


def run_with(there: np.ndarray, processor: str, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare with an emulated processor that answers this."""

    def ask(python: list[str], bundle: Path, texts: list[str]) -> dict:
        assert len(texts) == 475
        emulated = python != [sys.executable]
        return {"logits": there if emulated else HERE, "processor": processor if emulated else "x86_64", "versions": {}}

    monkeypatch.setattr(arm64, "ask", ask)
    monkeypatch.setattr(arm64, "deploy", lambda folder, form, recipe: folder)
    monkeypatch.setattr(sys, "argv", ["arm64", "--emulated", "x y", "--emulator", "qemu-user 10", "--out", str(out)])
    arm64.main()


def test_equal_answers_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_with(HERE + 0.00001, "aarch64", tmp_path, monkeypatch)
    assert len(json.loads((tmp_path / "arm64.json").read_text("utf-8"))["rows"]) == len(FORMATS) * len(arm64.TOLERANCE)


def test_another_label_or_a_logit_far_off_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = HERE.argsort(axis=1)[7, -2:]
    swapped = HERE.copy()
    swapped[7, [first, second]] = swapped[7, [second, first]]
    with pytest.raises(SystemExit, match='"labels_that_differ": 1'):
        run_with(swapped, "aarch64", tmp_path, monkeypatch)
    with pytest.raises(SystemExit, match='"labels_that_differ": 0'):
        run_with(HERE * 1.2, "aarch64", tmp_path, monkeypatch)


def test_what_is_no_number_or_no_arm64_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = HERE.copy()
    broken[3, 3] = np.nan
    with pytest.raises(AssertionError):
        run_with(broken, "aarch64", tmp_path, monkeypatch)
    with pytest.raises(AssertionError, match="x86_64"):
        run_with(HERE, "x86_64", tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("system", "python", "reason"),
    [
        ("Darwin arm64", sys.executable, "is fetched for Linux on x86-64, and this is Darwin arm64"),
        ("Linux x86_64", "/nowhere/python", "/nowhere/python is not there"),
    ],
)
def test_it_is_skipped_with_its_reason_elsewhere(tmp_path: Path, system: str, python: str, reason: str) -> None:
    for name, said in {"uname": system, "apt-get": "", "dpkg": ""}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\necho {said}\n")
        (tmp_path / name).chmod(0o755)
    own = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "PYTHON": python}
    command = ["bash", str(ROOT / "scripts" / "arm64.sh")]
    done = subprocess.run(command, env=own, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert done.stderr.startswith("arm64: skipped: ")
    assert reason in done.stderr
