"""The Flax models against the torch original of transformers, in the environment that has Flax."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from torch_cases import TOLERANCE, cases
from torch_fixtures import run_script

from roformer_edge.models import torch_roformer

pytestmark = [pytest.mark.oracle, pytest.mark.slow]
CASES = {
    name: case
    for name, case in cases().items()
    if not case["config"].get("is_decoder") and case["architecture"] != "RoFormerForCausalLM"
}


@pytest.fixture(scope="module")
def report(oracle: dict[str, Path], v2_folder: Path, frameworks_python: Path) -> dict[str, Any]:
    folder = next(iter(oracle.values())).parent
    run_script(frameworks_python, "flax_check.py", folder, v2_folder, without=("torch", "tensorflow", "keras"))
    return json.loads((folder / "flax.json").read_text())


@pytest.mark.parametrize("name", CASES)
def test_outputs_and_one_step_of_gradient_descent(report: dict[str, Any], name: str):
    checks = report[name]
    assert {"outputs", "head mask and embeddings"} <= checks.keys()
    assert ("gradient step" in checks) is (CASES[name]["architecture"] != "RoFormerModel")
    assert ("under jit" in checks) is name.endswith(", plain")
    assert max(checks.values()) <= TOLERANCE, checks


@pytest.mark.parametrize("name", CASES)
def test_from_torch_to_flax_and_back_every_byte_stays(
    report: dict[str, Any], oracle: dict[str, Path], name: str, tmp_path: Path
):
    model_class = getattr(torch_roformer, CASES[name]["architecture"])
    model_class.from_pretrained(oracle[name]).save_pretrained(tmp_path / "torch")
    model_class.from_pretrained(oracle[name] / "flax").save_pretrained(tmp_path / "back")
    for file in ("model.safetensors", "config.json"):
        found = {(tmp_path / folder / file).read_bytes() for folder in ("torch", "back")}
        assert len(found) == 1
    assert (tmp_path / "back" / "model.safetensors").read_bytes() == (
        oracle[name] / "flax" / "model.safetensors"
    ).read_bytes()


def test_roformer_v2(report: dict[str, Any]):
    assert report["v2"] <= TOLERANCE
