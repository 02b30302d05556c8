"""Better beginnings than random numbers, for models that learn from a few thousand examples.

A large model brings from its pre-training what words mean and that equal words belong together. A small one that starts
from nothing would spend its minutes on learning that; here both are computed in seconds and put into the checkpoint
that the model is then loaded from, whatever its framework.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from roformer_edge.checkpoint.loading import load_architecture
from roformer_edge.checkpoint.names import WORD_EMBEDDINGS
from roformer_edge.checkpoint.saving import save_checkpoint


def look_for_equals(directory: Path, architecture: str, *, strength: float = 2.0, seed: int = 0) -> None:
    """Let the first layer attend from every token to its equals, near or far: queries and keys become the same.

    Only the slowly turning half of each head's pairs is used; the others forget within a few tokens what they compare.
    """
    checkpoint = load_architecture(directory, architecture)
    config, arrays = checkpoint.config, dict(checkpoint.arrays)
    hidden, head = config.hidden_size, config.head_size
    same = np.random.default_rng(seed).normal(0, strength / hidden**0.5, (hidden // head, head, hidden))
    same[:, : head // 2] = 0
    for name in ("query", "key"):
        arrays[f"roformer.encoder.layer.0.attention.self.{name}.weight"] = same.reshape(hidden, hidden).astype(
            "float32"
        )
    save_checkpoint(directory, config, architecture, arrays)


def embed_by_company(directory: Path, architecture: str, texts: Iterable[Sequence[int]], *, window: int = 8) -> None:
    """Embeddings of tokens that stand in the same company are alike: the leading eigenvectors of what they share.

    Args:
        directory: A checkpoint.
        architecture: Of its model, such as ``"RoFormerForMultipleChoice"``.
        texts: Token ids of the training texts, without what the tokenizer puts around.
        window: How many tokens apart two tokens keep each other company.
    """
    checkpoint = load_architecture(directory, architecture)
    arrays = dict(checkpoint.arrays)
    size, width = arrays[WORD_EMBEDDINGS].shape
    counts = np.zeros((size, size), dtype=np.float32)
    flat = np.concatenate([np.append(ids, np.zeros(window, dtype=np.int64)) for ids in texts]).astype(np.int64)
    for apart in range(1, window + 1):
        np.add.at(counts, (flat[:-apart], flat[apart:]), 1)
    counts[:5] = counts[:, :5] = 0  # padding and the other special tokens
    counts += counts.T
    often = counts.sum(1) + 1e-9
    smooth = often**0.75 / (often**0.75).sum()
    surprise = np.log(np.maximum(counts / np.outer(often, smooth), 1))  # positive pointwise mutual information
    values, vectors = np.linalg.eigh((surprise + surprise.T) / 2)
    leading = np.argsort(-np.abs(values))[:width]
    found = np.zeros((size, width))  # a vocabulary smaller than the width leaves the rest at nothing
    found[:, : len(leading)] = vectors[:, leading] * np.sqrt(np.abs(values[leading]))
    found *= 0.02 * width**0.5 / (np.linalg.norm(found, axis=1, keepdims=True) + 1e-9)
    known = often > 1
    arrays[WORD_EMBEDDINGS] = np.where(known[:, None], found, arrays[WORD_EMBEDDINGS]).astype(np.float32)
    save_checkpoint(directory, checkpoint.config, architecture, arrays)
