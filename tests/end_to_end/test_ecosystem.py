"""Models of every task that optimum knows load through its classes, unchanged."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import torch

from roformer_edge.checkpoint.loading import load_checkpoint
from roformer_edge.config import RoFormerConfig
from roformer_edge.export.artifact import ExportOptions
from roformer_edge.models.torch import heads
from roformer_edge.quantize.presets import get_preset
from roformer_edge.quantize.recipe import get_recipe
from roformer_edge.tasks import TASKS, Task
from tests.onnx_export import export_onnx

SHARED_TASKS = [name for name in TASKS if name != "text-generation"]
CONFIG = RoFormerConfig(
    vocab_size=200,
    embedding_size=32,
    hidden_size=64,
    num_hidden_layers=2,
    num_attention_heads=4,
    intermediate_size=96,
    max_position_embeddings=64,
    initializer_range=0.2,
)


@pytest.fixture(scope="module")
def differences(oracle_python: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, list[float]]]:
    folder = tmp_path_factory.mktemp("ecosystem")
    for name in SHARED_TASKS:
        make(folder / name, TASKS[name])
    script = Path(__file__).with_name("optimum_outputs.py")
    done = subprocess.run([oracle_python, script, folder], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def make(folder: Path, task: Task) -> None:
    """A checkpoint with random weights, and its models by recipe."""
    torch.manual_seed(0)
    getattr(heads, task.model_class)(CONFIG).save_pretrained(folder)
    checkpoint = load_checkpoint(folder, task)
    for recipe in ("fp32", "int8-dynamic"):
        options = ExportOptions(recipe=get_recipe(recipe), preset=get_preset("x86"))
        (folder / recipe).mkdir()
        (folder / recipe / "model.onnx").write_bytes(export_onnx(checkpoint, task, options).artifact.to_bytes())
        (folder / recipe / "config.json").write_bytes((folder / "config.json").read_bytes())


@pytest.mark.parametrize("task", SHARED_TASKS)
def test_optimum_runs_our_models(differences, task):
    worst, spread = differences[task]["fp32"]
    assert worst < 1e-5
    assert spread > 0.01  # a model that says something
    worst, spread = differences[task]["int8-dynamic"]
    assert 1e-5 < worst < spread
