"""Activations, pruned heads and RoFormerV2 with a projection in Keras and Flax: the answers of the torch models."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from roformer_edge import config
from roformer_edge.models.torch.encoder import ACTIVATIONS
from roformer_edge.models.torch.heads import RoFormerForSequenceClassification

HERE = Path(__file__).parent
CASES: dict[str, dict[str, Any]] = {
    "pruned": {"pruned_heads": {0: (1,)}, "rotary_value": True},
    "v2 with projection": {"norm_type": "rms_norm", "use_bias": False},
    "rms norms with biases": {"norm_type": "rms_norm"},
    "layer norms without biases": {"use_bias": False},
    **{f"activation {name}": {"hidden_act": name} for name in ("quick_gelu", "laplace", "gelu_10")},
}


def test_every_function_is_there():
    assert ACTIVATIONS.keys() == set(config.ACTIVATIONS.values())


@pytest.fixture(scope="module")
def report(frameworks_python: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("frameworks")
    shape = config.RoFormerConfig(
        vocab_size=30, embedding_size=12, hidden_size=16, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=24, max_position_embeddings=32, initializer_range=0.4,
    )  # fmt: skip
    inputs = {
        "input_ids": np.arange(1, 15, dtype=np.int64).reshape(2, 7),
        "attention_mask": np.array([[1] * 7, [1] * 4 + [0] * 3]),
        "token_type_ids": np.array([[0] * 3 + [1] * 4] * 2),
    }
    for number, (name, changes) in enumerate(CASES.items()):
        torch.manual_seed(number)
        model = RoFormerForSequenceClassification(shape.replace(**changes)).eval()
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.dim() == 1:
                    parameter.add_(torch.randn_like(parameter) * 0.4)
            logits = model(**{key: torch.from_numpy(array) for key, array in inputs.items()}).logits.numpy()
        assert np.abs(logits).max() > 0.3
        model.save_pretrained(folder / name)
        np.savez(folder / name / "inputs.npz", **inputs)
        np.save(folder / name / "logits.npy", logits)
    points = np.linspace(-12, 12, 501, dtype=np.float32)
    values = {name: function(torch.from_numpy(points)).numpy() for name, function in ACTIVATIONS.items()}
    np.savez(folder / "activations.npz", points=points, **values)
    environment = {**os.environ, "PYTHONPATH": str(HERE.parents[1]), "CUDA_VISIBLE_DEVICES": ""}
    # -P: beside the script lie folders that are called like the frameworks
    command = [frameworks_python, "-P", HERE / "frameworks_check.py", folder]
    done = subprocess.run(command, check=False, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", CASES)
def test_the_same_answers(report, name):
    assert max(report[name]) < 2e-5


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_same_functions(report, name):
    assert report["activations"][name] < 5e-6
