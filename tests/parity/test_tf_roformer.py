"""The Keras models against the torch original of transformers, in the environment that has TensorFlow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from torch_cases import TOLERANCE, cases
from torch_fixtures import run_script

from roformer_edge.models import torch_roformer

pytestmark = [
    pytest.mark.oracle,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:RoFormerForCausalLM sees the future"),
]
CASES = cases()


@pytest.fixture(scope="module")
def report(oracle: dict[str, Path], generated: Path, v2_folder: Path, frameworks_python: Path) -> dict[str, Any]:
    folder = next(iter(oracle.values())).parent
    run_script(frameworks_python, "tf_check.py", folder, generated, v2_folder, without=("torch", "jax", "flax"))
    return json.loads((folder / "tf.json").read_text())


@pytest.mark.parametrize("name", CASES)
def test_outputs_and_one_step_of_gradient_descent(report: dict[str, Any], name: str):
    checks = report[name]
    assert {"outputs", "head mask and embeddings"} <= checks.keys()
    assert ("gradient step" in checks) is (CASES[name]["architecture"] != "RoFormerModel")
    assert max(checks.values()) <= TOLERANCE, checks


@pytest.mark.parametrize("name", CASES)
def test_from_torch_to_tensorflow_and_back_every_byte_stays(
    report: dict[str, Any], oracle: dict[str, Path], name: str, tmp_path: Path
):
    model_class = getattr(torch_roformer, CASES[name]["architecture"])
    model_class.from_pretrained(oracle[name]).save_pretrained(tmp_path / "torch")
    model_class.from_pretrained(oracle[name] / "tf").save_pretrained(tmp_path / "back")
    for file in ("model.safetensors", "config.json"):
        folders = (tmp_path / "torch", oracle[name] / "tf", tmp_path / "back")
        assert len({(folder / file).read_bytes() for folder in folders}) == 1


@pytest.mark.parametrize("loss", ["own loss", "loss of Keras"])
def test_fit_learns(report: dict[str, Any], loss: str):
    losses = report["fit"][loss]
    assert len(losses) == 20
    assert losses[-1] < losses[0] / 2


def test_generated_tokens(report: dict[str, Any]):
    assert len(report["generation"]) == 10
    assert all(report["generation"])


def test_roformer_v2(report: dict[str, Any]):
    assert report["v2"] <= TOLERANCE
