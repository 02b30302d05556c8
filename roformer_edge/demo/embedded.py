"""The files of the distribution ``roformer-edge-demo``, as paths that work from a wheel, a clone or an archive."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path

from roformer_edge._extras import require
from roformer_edge.temporary import scratch_folder

PACKAGE = "roformer_edge_demo"
PURPOSE = "for the embedded checkpoint and its evaluation set"
CHECKPOINT_FILES = ("config.json", "model.safetensors", "vocab.txt", "tokenizer_config.json", "README.md")


@contextmanager
def embedded_checkpoint() -> Iterator[Path]:
    """Open a directory with the embedded checkpoint; it may be gone once the context is left.

    Source: trained by ``examples/train_demo_checkpoint.py``; its README.md says on what, and how well it does.

    Raises:
        MissingDependencyError: ``roformer-edge-demo`` is not installed.
    """
    require(PACKAGE, PURPOSE)
    folder = files(PACKAGE) / "checkpoint"
    if isinstance(folder, Path):
        yield folder
        return
    # before Python 3.12 as_file takes files only, and an importer that reads an archive has no directories to give
    with scratch_folder() as copy:
        for name in CHECKPOINT_FILES:
            (copy / name).write_bytes((folder / name).read_bytes())
        yield copy


@contextmanager
def embedded_evaluation() -> Iterator[Path]:
    """Open the evaluation set: JSON Lines, eight sentences a label or more, written by hand.

    Raises:
        MissingDependencyError: ``roformer-edge-demo`` is not installed.
    """
    require(PACKAGE, PURPOSE)
    with as_file(files(PACKAGE) / "evaluation.jsonl") as path:
        yield path
