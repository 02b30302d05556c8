"""Reading ``pytorch_model.bin``, in the mode of ``torch.load`` that runs no code."""

from __future__ import annotations

import pickle
import warnings
import zipfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from roformer_edge._extras import require
from roformer_edge.checkpoint.weight_file import StoredTensor, WeightFile, damaged
from roformer_edge.errors import CheckpointError


def open_torch(path: Path) -> WeightFile:
    """Open a state dict, mapped into memory where its format allows.

    Raises:
        CheckpointError: The file is damaged, holds Python objects that could run code, or is no state dict.
    """
    torch = require("torch", f"to read {path.name}")
    try:
        # only the zip format can be mapped; the one before torch 1.6 is read whole
        with warnings.catch_warnings():  # what it warns of is refused below, in words of ours
            warnings.simplefilter("ignore")
            tensors = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except pickle.UnpicklingError:
        raise CheckpointError(
            f"{path} was not opened: it is damaged, or a pickle with Python objects other than tensors, which "
            "could run code; use a model.safetensors instead"
        ) from None
    except (RuntimeError, EOFError, OSError, ValueError, LookupError, TypeError, AttributeError):
        raise damaged(path) from None
    if not isinstance(tensors, Mapping) or not all(
        isinstance(name, str) and isinstance(tensor, torch.Tensor) for name, tensor in tensors.items()
    ):
        raise CheckpointError(f"{path} must hold a mapping of names to tensors (a state dict)")
    return WeightFile(path, {name: _stored(name, tensor) for name, tensor in tensors.items()})


def _stored(name: str, tensor: Any) -> StoredTensor:
    dtype = "sparse" if tensor.is_sparse else str(tensor.dtype).removeprefix("torch.")
    return StoredTensor(name=name, dtype=dtype, shape=tuple(tensor.shape), load=partial(_load, tensor))


def _load(tensor: Any) -> NDArray[Any]:
    array: NDArray[Any] = tensor.detach().float().numpy()
    return array
