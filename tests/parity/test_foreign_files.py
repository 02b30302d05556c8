"""Files that transformers' TensorFlow and Flax models write, read by ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from torch_cases import TOLERANCE
from torch_fixtures import run_script

pytestmark = [pytest.mark.oracle, pytest.mark.slow]


@pytest.fixture(scope="module")
def report(frameworks_python: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("foreign")
    run_script(frameworks_python, "foreign_check.py", folder)
    return json.loads((folder / "foreign.json").read_text())


def test_every_file_of_every_class_gives_the_outputs_of_the_original(report: dict[str, Any]):
    differences = {name: value for name, value in report.items() if name != "damaged"}
    for file, classes in (("tf_model.h5", 6), ("model.safetensors", 6), ("flax_model.msgpack", 6)):
        assert sum(name.startswith(f"{file} of ") for name in differences) == classes
    assert differences.pop("a TensorFlow 1 checkpoint") == 0
    assert {name: value for name, value in differences.items() if not value <= TOLERANCE} == {}


@pytest.mark.parametrize("file", ["tf_model.h5", "flax_model.msgpack", "bert_model.ckpt.index"])
def test_a_truncated_file_is_one_line(report: dict[str, Any], file: str):
    message = report["damaged"][file]
    assert message.endswith(f"{file} is truncated or not what its name says; copy or download it again")
    assert "\n" not in message
