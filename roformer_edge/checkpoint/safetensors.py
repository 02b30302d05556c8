"""Reading and writing ``.safetensors`` files, through the library of that name."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roformer_edge._extras import require
from roformer_edge.checkpoint.tensorflow_names import torch_name
from roformer_edge.checkpoint.weight_file import Array, StoredTensor, WeightFile
from roformer_edge.errors import CheckpointError, shown

# the format's name of an element type -> numpy's
_DTYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}


def open_safetensors(path: Path) -> WeightFile:
    """Open a safetensors file of PyTorch, TensorFlow or Flax: the last two are known by their slashes and kernels.

    Raises:
        CheckpointError: The file cannot be read, is truncated, or its header is malformed.
    """
    safetensors = require("safetensors", f"to read {path.name}")
    try:
        # pread, not a mapping: of a mapped file every page that was read once stays in memory as long as it is open
        file = safetensors.safe_open(path, framework="numpy", backend="pread")
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or shown(error)}") from None
    except (safetensors.SafetensorError, ValueError) as error:
        raise CheckpointError(
            f"{path} is truncated or no safetensors file ({shown(error)}); copy or download it again"
        ) from None
    names = file.offset_keys()
    headers = {name: file.get_slice(name) for name in names}
    dtypes = {name: _DTYPES.get(header.get_dtype(), header.get_dtype()) for name, header in headers.items()}
    if "bfloat16" in dtypes.values():
        require("ml_dtypes", f"to read {path.name}, which holds bfloat16")  # makes the type known to numpy
    foreign = any("/" in name or name.endswith(".kernel") for name in names)
    tensors = {}
    for name in names:
        torch, transposed = torch_name(name) if foreign else (name, False)
        tensors[torch] = StoredTensor(
            name=name,
            dtype=dtypes[name],
            shape=tuple(headers[name].get_shape()),
            load=partial(_load, path, partial(file.get_tensor, name), safetensors.SafetensorError),
            transposed=transposed,
        )
    return WeightFile(path, tensors, close=lambda: file.__exit__(None, None, None))


def write_safetensors(path: Path, arrays: Mapping[str, Array]) -> None:
    """Write float32 arrays, so that equal weights give equal bytes; replace ``path`` in one step.

    Raises:
        CheckpointError: The file cannot be written.
    """
    safetensors = require("safetensors", f"to write {path.name}")
    numpy_format = require("safetensors.numpy", f"to write {path.name}")
    stored = {name: np.asarray(arrays[name], dtype=np.float32, order="C") for name in sorted(arrays)}
    partial_file = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        numpy_format.save_file(stored, partial_file, metadata={"format": "pt"})
        partial_file.replace(path)
    except safetensors.SafetensorError as error:
        raise CheckpointError(f"cannot write {path}: {shown(error)}") from None
    finally:
        partial_file.unlink(missing_ok=True)


def _load(path: Path, read: Callable[[], NDArray[Any]], error_type: type[Exception]) -> NDArray[Any]:
    try:
        return read()
    except (error_type, OSError, ValueError) as error:
        raise CheckpointError(f"{path} became unreadable while it was open: {shown(error)}") from None
