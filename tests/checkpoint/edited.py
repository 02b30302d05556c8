from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from roformer_edge.checkpoint.loading import load_checkpoint
from roformer_edge.errors import CheckpointError
from roformer_edge.tasks import TASKS

TASK = TASKS["text-classification"]

WORDS = "roformer.embeddings.word_embeddings.weight"


def assert_refused(directory: Path, message: str, error: type[Exception] = CheckpointError, task=TASK) -> None:
    with pytest.raises(error, match=message) as caught:
        load_checkpoint(directory, task)
    assert "\n" not in str(caught.value)


def as_torch(arrays: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def rename(arrays: dict[str, np.ndarray], change: Callable[[str], str]) -> None:
    renamed = {change(name): array for name, array in arrays.items()}
    arrays.clear()
    arrays.update(renamed)
