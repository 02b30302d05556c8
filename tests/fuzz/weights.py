"""A small checkpoint whose weights are spoilt in every format, and how one is opened."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from roformer_edge.checkpoint.loading import load_checkpoint
from roformer_edge.checkpoint.names import shapes_of
from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import RoFormerEdgeError
from roformer_edge.tasks import get_task
from tests.fuzz.mutation import Mutator
from tests.fuzz.outcome import SAME, USED, complaint_of

CONFIG = RoFormerConfig(
    vocab_size=40, embedding_size=12, hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
    intermediate_size=24, max_position_embeddings=32, id2label={0: "off", 1: "on", 2: "dim"},
)  # fmt: skip
ARCHITECTURE = "RoFormerForSequenceClassification"


@cache
def arrays() -> dict[str, np.ndarray]:
    """The weights, by the names of PyTorch."""
    generator = np.random.default_rng(7)
    shapes = shapes_of(CONFIG, ARCHITECTURE)
    return {name: generator.normal(0, 0.3, shape).astype(np.float32) for name, shape in shapes.items()}


def spoil_head(spoiler: Mutator, data: bytes) -> bytes:
    """Spoil a file of weights; mostly where it says what it holds, at its beginning or its end."""
    head = min(spoiler.choice((64, 4000, len(data))), len(data))
    where = spoiler.choice((0, len(data) - head))
    return data[:where] + spoiler.spoil_bytes(data[where : where + head]) + data[where + head :]


def open_whole(folder: Path) -> str:
    """Open a checkpoint and read every array of it."""
    try:
        checkpoint = load_checkpoint(folder, get_task("text-classification"))
        try:
            read = {name: checkpoint.arrays[name] for name in checkpoint.arrays}
        finally:
            checkpoint.close()
    except RoFormerEdgeError as error:
        return complaint_of(error)
    assert all(array.dtype == np.float32 and np.isfinite(array).all() for array in read.values())
    wanted = shapes_of(checkpoint.config, ARCHITECTURE)
    assert {name: array.shape for name, array in read.items() if name in wanted} == wanted
    return SAME if all(np.array_equal(read[name], array) for name, array in arrays().items() if name in read) else USED
