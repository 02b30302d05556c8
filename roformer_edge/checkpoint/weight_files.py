"""The weight files of a checkpoint directory, opened: names, shapes and arrays, whatever framework wrote them."""

from __future__ import annotations

import glob
import json
import pickle
import warnings
import zipfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from roformer_edge._extras import require
from roformer_edge.checkpoint.foreign_files import open_flax, open_keras, open_tensorflow1, torch_name
from roformer_edge.checkpoint.safetensors_file import SafetensorsFile
from roformer_edge.errors import CheckpointError

Array = NDArray[np.float32]

# What a directory may hold, best first. An index names the shards that share a checkpoint.
WEIGHT_FILES = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "tf_model.h5",
    "tf_model.h5.index.json",
    "flax_model.msgpack",
    "flax_model.msgpack.index.json",
    "*.ckpt*.index",
)
_OTHER_FORMATS = ("*.gguf", "*.onnx", "*.pt", "*.pth", "*.bin")


class Store(Protocol):
    """One opened weight file."""

    @property
    def path(self) -> Path:
        """The file."""

    def names(self) -> Collection[str]:
        """Names as torch would use them."""

    def shape(self, name: str) -> tuple[int, ...]:
        """Of the array that :meth:`read` gives."""

    def read(self, name: str) -> Array:
        """float32, matrices ``[out, in]``."""


class _SafetensorsStore(SafetensorsFile):
    """A safetensors file of torch, or of TensorFlow or Flax: those are known by their slashes and kernels."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._foreign = any("/" in name or name.endswith(".kernel") for name in self.entries)
        self._stored = {torch_name(name)[0] if self._foreign else name: name for name in self.entries}

    def names(self) -> Collection[str]:
        return self._stored.keys()

    def shape(self, name: str) -> tuple[int, ...]:
        shape = self.entries[self._stored[name]].shape
        return shape[::-1] if self._transposed(name) else shape

    def read(self, name: str) -> Array:
        array = super().read(self._stored[name])
        return np.ascontiguousarray(array.T) if self._transposed(name) else array

    def _transposed(self, name: str) -> bool:
        return self._foreign and torch_name(self._stored[name])[1]


class _PickleStore:
    """A ``pytorch_model.bin``, opened in the mode that runs no code and, where the file allows, mapped."""

    def __init__(self, path: Path) -> None:
        torch = require("torch", f"to read {path.name}")
        self.path = path
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
            raise CheckpointError(f"{path} is truncated or damaged; copy or download it again") from None
        if not isinstance(tensors, Mapping) or not all(
            isinstance(name, str) and isinstance(tensor, torch.Tensor) for name, tensor in tensors.items()
        ):
            raise CheckpointError(f"{path} must hold a mapping of names to tensors (a state dict)")
        self._tensors: Mapping[str, Any] = tensors

    def names(self) -> Collection[str]:
        return self._tensors.keys()

    def shape(self, name: str) -> tuple[int, ...]:
        return tuple(self._tensors[name].shape)

    def read(self, name: str) -> Array:
        tensor = self._tensors[name].detach()
        if not tensor.is_floating_point() or tensor.is_sparse:
            raise CheckpointError(f"{self.path}: tensor {name!r} is stored as {tensor.dtype}, expected floating point")
        array: Array = tensor.float().numpy()
        return array


def open_weights(directory: Path) -> tuple[tuple[Path, ...], list[Store]]:
    """Open the best weights that a directory holds.

    Returns:
        All files that belong to them, in reading order, and what they hold. Names are those that torch would use,
        but not yet canonical: see :func:`~roformer_edge.checkpoint.names.canonical_name`.

    Raises:
        CheckpointError: There is none, or one is damaged, truncated or unsafe to open.
        MissingDependencyError: The package that reads the format is not installed.
    """
    found = [path for pattern in WEIGHT_FILES for path in sorted(directory.glob(pattern)) if path.is_file()]
    if not found:
        others = sorted(path.name for pattern in _OTHER_FORMATS for path in directory.glob(pattern))
        raise CheckpointError(
            f"{directory} holds no weights: expected one of {', '.join(WEIGHT_FILES)}"
            + (f"; found {', '.join(others)}, which must be converted to model.safetensors first" if others else "")
        )
    path = found[0]
    if path.suffix == ".index":
        if len(found) > 1:
            raise CheckpointError(
                f"{directory} holds {len(found)} TensorFlow 1 checkpoints: {', '.join(file.name for file in found)}; "
                "keep one of them"
            )
        shards = sorted(directory.glob(f"{glob.escape(path.stem)}.data-*"))
        return (path, *shards), [open_tensorflow1(path)]
    openers: dict[str, Callable[[Path], Store]] = {
        ".safetensors": _SafetensorsStore,
        ".bin": _PickleStore,
        ".h5": open_keras,
        ".msgpack": open_flax,
    }
    files = _shards(path) if path.name.endswith(".index.json") else (path,)
    opener = openers[Path(path.name.removesuffix(".index.json")).suffix]
    return files, [opener(file) for file in files]


def _shards(index: Path) -> tuple[Path, ...]:
    """The files that an index names: existing, plain names beside it."""
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    except OSError as error:
        raise CheckpointError(f"cannot read {index}: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise CheckpointError(f"{index} must be a JSON object with a weight_map of tensor to file name") from None
    for name in names:
        if not isinstance(name, str) or name != Path(name).name or name in ("", ".", ".."):
            raise CheckpointError(f"{index} names the file {name!r}; shards must lie beside the index")
        if not (index.parent / name).is_file():
            raise CheckpointError(f"{index} names the file {name!r}, which is missing; download the checkpoint again")
    return tuple(index.parent / name for name in names)
