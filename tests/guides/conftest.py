"""Programs that run scripts for transformers in other interpreters, with its classes and with ours."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def run_program(python: Path, program: str, *arguments: str | Path) -> Any:
    """Run a program of this folder, and read the JSON of the last line that it prints."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(HERE))),
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    done = subprocess.run(
        [python, "-P", HERE / program, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="session")
def torch_guides(oracle_python: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Guide -> whose -> what it gave, of the six with PyTorch."""
    found = run_program(oracle_python, "torch_program.py", tmp_path_factory.mktemp("torch guides"))
    assert found["version"].startswith("4.57.")
    guides: dict[str, Any] = found["guides"]
    return guides


@pytest.fixture(scope="session")
def habits(oracle_python: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Whose -> habit -> what it gave."""
    found: dict[str, Any] = run_program(oracle_python, "habits_program.py", tmp_path_factory.mktemp("habits"))
    return found


@pytest.fixture(scope="session")
def flax_guides(frameworks_python: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Whose -> what the guides with Flax gave."""
    return _both(frameworks_python, tmp_path_factory.mktemp("flax guides"), "flax")


@pytest.fixture(scope="session")
def keras_guides(frameworks_python: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Whose -> what the guides with Keras gave."""
    return _both(frameworks_python, tmp_path_factory.mktemp("keras guides"), "keras")


def _both(python: Path, folder: Path, kind: str) -> dict[str, Any]:
    return {whose: run_program(python, "frameworks_program.py", folder, kind, whose) for whose in ("theirs", "ours")}
