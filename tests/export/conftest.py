"""Tiny real checkpoints of the shapes that change the graph."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from roformer_edge.checkpoint.loading import Checkpoint, load_checkpoint
from roformer_edge.config import RoFormerConfig
from roformer_edge.models.torch import heads
from roformer_edge.tasks import Task, get_task

TASK = get_task("text-classification")
SHAPES = {
    "plain": {},
    "values rotated": {"rotary_value": True},
    "narrow embeddings": {"embedding_size": 24},
    "relu and large epsilon": {"hidden_act": "relu", "layer_norm_eps": 1e-3},
    "one layer, one type": {"num_hidden_layers": 1, "type_vocab_size": 1, "rotary_value": True},
    "tanh gelu, three labels": {"hidden_act": "gelu_new", "id2label": {0: "否", 1: "是", 2: "不知道"}},
    "silu, one head": {"hidden_act": "silu", "num_attention_heads": 1},
    "RoFormerV2": {"norm_type": "rms_norm", "use_bias": False, "hidden_act": "relu"},
    "rms norms with biases": {"norm_type": "rms_norm"},
    "layer norms without biases": {"use_bias": False},
    "pruned heads": {"pruned_heads": {0: (1,), 2: (0, 3)}},
    "pruned heads, values rotated": {"pruned_heads": {0: (1, 2, 3), 1: (0,)}, "rotary_value": True},
}


@pytest.fixture
def make_checkpoint(tmp_path: Path) -> Callable[..., Checkpoint]:
    """Save a random model with the given config fields and open it as a checkpoint."""

    def make(task: Task = TASK, **fields: object) -> Checkpoint:
        settings = {
            "vocab_size": 120,
            "hidden_size": 48,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "intermediate_size": 80,
            "max_position_embeddings": 70,
            "is_decoder": task.causal,
            **fields,
        }
        torch.manual_seed(7)
        model = getattr(heads, task.model_class)(RoFormerConfig(**settings))
        for parameter in model.parameters():  # large enough for every part to matter
            torch.nn.init.normal_(parameter, std=0.25)
        folder = tmp_path / "checkpoint"
        model.save_pretrained(folder)
        return load_checkpoint(folder, task)

    return make


def reference_outputs(checkpoint: Checkpoint, feeds: dict[str, np.ndarray], task: Task) -> dict[str, np.ndarray]:
    """What the torch model answers, by output name."""
    model = getattr(heads, task.model_class).from_pretrained(checkpoint.source_directory)
    with torch.inference_mode():
        output = model(**{name: torch.from_numpy(array) for name, array in feeds.items()})
    return {spec.name: getattr(output, spec.name).numpy() for spec in task.outputs}


def reference_logits(checkpoint: Checkpoint, feeds: dict[str, np.ndarray]) -> np.ndarray:
    """What the torch text classifier answers."""
    return reference_outputs(checkpoint, feeds, TASK)["logits"]
