"""What the oracle environment is asked for, and how far our answers are from its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from roformer_edge.checkpoint.loading import Checkpoint
from roformer_edge.models.torch import heads

CLASSIFIER = "RoFormerForSequenceClassification"
TOLERANCE = 2e-5
CONFIGS: list[dict] = [
    {},
    {"num_labels": 4},
    {"num_labels": 1},
    {"label2id": {"a": 0, "b": 1}},
    {"label2id": {"a": 0, "b": 1, "c": 2}},
    {"label2id": {"a": 0, "b": 1, "c": 2}, "num_labels": 3},
    {"id2label": {"0": "x", "1": "y"}},
    {"id2label": {"1": "y", "0": "x", "2": "z"}, "num_labels": 2},
    {"id2label": {"0": "x"}, "num_labels": 3},
    {"id2label": {"0": "x", "1": "y"}, "label2id": {"a": 0}},
    {"id2label": {"0": "LABEL_0", "1": "LABEL_1"}, "label2id": {"负面": 0, "正面": 1}},
    {"id2label": {"0": "x", "1": "x", "2": "y"}},
    {"id2label": {"00": "x", "0": "y", "1": "z"}},
    {"id2label": None, "num_labels": 3, "label2id": {"q": 0}},
    {"id2label": {"0": "x", "1": "y"}, "label2id": None, "num_labels": None},
]


def difference(checkpoint: Checkpoint, case: Path, architecture: str = CLASSIFIER) -> float:
    """Largest absolute difference between our logits and those of the case."""
    model = getattr(heads, architecture).from_arrays(checkpoint.config, checkpoint.arrays)
    inputs = {name: torch.from_numpy(array) for name, array in np.load(case / "inputs.npz").items()}
    with torch.inference_mode():
        logits = model(**inputs).logits.numpy()
    expected = np.load(case / "logits.npy")
    assert logits.shape == expected.shape
    assert np.abs(expected).max() > 0.1
    return float(np.abs(logits - expected).max())
