"""Reading ``tf_model.h5``, as transformers' TensorFlow models write it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roformer_edge._extras import require
from roformer_edge.checkpoint.tensorflow_names import with_torch_names
from roformer_edge.checkpoint.weight_file import StoredTensor, WeightFile, damaged


def open_keras(path: Path) -> WeightFile:
    """Open an HDF5 file of Keras.

    Raises:
        CheckpointError: The file is damaged.
    """
    h5py = require("h5py", f"to read {path.name}")
    found: dict[str, Any] = {}
    try:
        file = h5py.File(path, "r")
        # a damaged name comes as bytes
        file.visititems(lambda name, item: found.update({str(name): item}) if isinstance(item, h5py.Dataset) else None)
    except (OSError, RuntimeError):
        raise damaged(path) from None
    variables = {
        name: StoredTensor(name=name, dtype=item.dtype.name, shape=tuple(item.shape), load=partial(_load, path, item))
        for name, item in found.items()
    }
    opened = with_torch_names(path, variables)
    return opened


def _load(path: Path, item: Any) -> NDArray[Any]:
    try:
        return np.asarray(item)
    except (OSError, RuntimeError, ValueError):
        raise damaged(path) from None
