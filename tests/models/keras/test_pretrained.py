"""Checkpoints in Keras: saved and read back, heads begun anew, and what is refused."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.models.conftest import ARCHITECTURES, Frameworks


@pytest.fixture
def found(frameworks: Frameworks) -> dict[str, Any]:
    return frameworks.report["keras"]["pretrained"]


def test_what_is_saved_is_read_back(found: dict[str, Any]) -> None:
    assert found["saved"] == 0
    assert found["names"] is True


def test_a_new_head_keeps_the_encoder(found: dict[str, Any]) -> None:
    assert found["encoder kept"] == 0
    assert found["labels"] == 5
    message = "CheckpointError: .* has no head for RoFormerForSequenceClassification.*new_head=True"
    assert re.match(message, found["no head"], re.DOTALL), found["no head"]


def test_unknown_fields_of_the_config_are_refused(found: dict[str, Any]) -> None:
    assert found["unknown field"].startswith("UnknownNameError: unknown config field 'hidden_drop'; choose one of: ")


@pytest.fixture(scope="module")
def serving(frameworks_python: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    command = [
        frameworks_python,
        "-P",
        Path(__file__).with_name("serving_program.py"),
        tmp_path_factory.mktemp("serving"),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    report: dict[str, dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return report


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_keras_file_and_a_serving_graph_answer_alike(serving: dict[str, dict[str, Any]], architecture: str) -> None:
    found = serving[f"TF{architecture}"]
    assert found["class"]
    assert found["named"]
    assert found["loaded"] == 0
    assert found["served"] < 1e-5


def test_a_keras_file_is_read_where_the_class_was_never_made(serving: dict[str, dict[str, Any]]) -> None:
    assert serving["fresh"]["class"] == "TFRoFormerForMultipleChoice"
