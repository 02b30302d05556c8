"""Reading ``flax_model.msgpack``, as transformers' Flax models write it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roformer_edge._extras import require
from roformer_edge.checkpoint.tensorflow_names import with_torch_names
from roformer_edge.checkpoint.weight_file import StoredTensor, WeightFile, damaged, foreign_reader


def open_flax(path: Path) -> WeightFile:
    """Open the parameter tree of a Flax model; it is read whole.

    Raises:
        CheckpointError: The file is damaged.
    """
    serialization = require("flax.serialization", f"to read {path.name}")
    with foreign_reader(path):
        tree = serialization.msgpack_restore(path.read_bytes())
        if not isinstance(tree, Mapping):
            raise damaged(path)
        return with_torch_names(path, {name: _stored(name, leaf) for name, leaf in _leaves(tree, "")})


def _leaves(tree: Mapping[str, Any], path: str) -> Iterator[tuple[str, NDArray[Any]]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{path}{name}/")
        elif isinstance(value, np.ndarray):  # not the counters of a training state
            yield f"{path}{name}", value


def _stored(name: str, array: NDArray[Any]) -> StoredTensor:
    return StoredTensor(name=name, dtype=array.dtype.name, shape=array.shape, load=array.copy)
