"""Weights that TensorFlow and Flax wrote: ``tf_model.h5``, ``flax_model.msgpack`` and TensorFlow 1 checkpoints.

Their paths differ from the canonical names in a handful of words, and their kernels are ``[in, out]``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from roformer_edge._extras import require
from roformer_edge.errors import CheckpointError

Array = NDArray[np.float32]

_ROOTS = {"bert": "roformer", "mlm___cls": "cls"}
_MODULES = {"embedding_hidden_mapping_in": "embeddings_project"}
_LEAVES = {
    "kernel": "weight", "gamma": "weight", "scale": "weight", "embedding": "weight", "embeddings": "weight",
    "weight": "weight", "beta": "bias", "bias": "bias", "output_bias": "bias",
}  # fmt: skip
_OPTIMIZER = re.compile(r"(^|/)(adam_[mv]|global_step|AdamWeightDecayOptimizer(_\d+)?|Adam|iterations)($|/)")


def torch_name(path: str) -> tuple[str, bool]:
    """The torch name of a variable, and whether its array must be transposed.

    >>> torch_name("roformer/tf_ro_former_model/roformer/encoder/layer_._0/attention/self/key/kernel:0")
    ('roformer.encoder.layer.0.attention.self.key.weight', True)
    """
    steps = path.removesuffix(":0").replace("layer_._", "layer/")
    parts = re.sub(r"/layer_(\d+)/", r"/layer/\1/", steps).replace(".", "/").split("/")
    owners = [index for index, part in enumerate(parts) if part.startswith("tf_ro_former")]
    parts = parts[owners[-1] + 1 :] if owners else parts
    parts[0] = _ROOTS.get(parts[0], parts[0])
    if "embedding_hidden_mapping_in" in parts:  # the original keeps the projection inside the encoder
        parts = [parts[0], *(_MODULES.get(part, part) for part in parts[1:] if part != "encoder")]
    leaf = parts[-1]
    if leaf in _LEAVES:
        return ".".join((*parts[:-1], _LEAVES[leaf])), leaf == "kernel"
    return ".".join((*parts, "weight")), False  # TensorFlow 1 names an embedding table itself


class Variable(Protocol):
    """Something with a shape that ``numpy.asarray`` reads."""

    @property
    def shape(self) -> tuple[int, ...]:
        """As stored."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> NDArray[Any]: ...


class ForeignStore:
    """An opened file: arrays by torch name, read when asked for."""

    def __init__(self, path: Path, variables: Mapping[str, Variable]) -> None:
        self.path = path
        self._variables = {
            torch_name(name)[0]: (variable, torch_name(name)[1])
            for name, variable in variables.items()
            if not _OPTIMIZER.search(name)
        }

    def names(self) -> Collection[str]:
        """Torch names."""
        return self._variables.keys()

    def shape(self, name: str) -> tuple[int, ...]:
        """Of the array that :meth:`read` gives."""
        variable, transposed = self._variables[name]
        return tuple(variable.shape[::-1] if transposed else variable.shape)

    def read(self, name: str) -> Array:
        """float32, matrices as torch stores them."""
        variable, transposed = self._variables[name]
        array = np.asarray(variable)
        if array.dtype.kind != "f" and array.dtype.name != "bfloat16":
            raise CheckpointError(f"{self.path}: tensor {name!r} is stored as {array.dtype}, expected floating point")
        return np.ascontiguousarray(array.T if transposed else array, dtype=np.float32)


def open_keras(path: Path) -> ForeignStore:
    """``tf_model.h5`` as transformers' TensorFlow models write it."""
    h5py = require("h5py", f"to read {path.name}")
    found: dict[str, Variable] = {}
    try:
        file = h5py.File(path, "r")
        # a damaged name comes as bytes
        file.visititems(lambda name, item: found.update({str(name): item}) if isinstance(item, h5py.Dataset) else None)
    except (OSError, RuntimeError):
        raise _damaged(path) from None
    return ForeignStore(path, found)


def open_flax(path: Path) -> ForeignStore:
    """``flax_model.msgpack`` as transformers' Flax models write it."""
    serialization = require("flax.serialization", f"to read {path.name}")
    try:
        tree = serialization.msgpack_restore(path.read_bytes())
    except (ValueError, TypeError, LookupError, OSError):
        raise _damaged(path) from None
    if not isinstance(tree, Mapping):
        raise _damaged(path)
    arrays: dict[str, Any] = {name: leaf for name, leaf in _leaves(tree, "") if isinstance(leaf, np.ndarray)}
    return ForeignStore(path, arrays)


@dataclass(frozen=True)
class _TensorFlow1Variable:
    """One variable of an opened checkpoint."""

    reader: Any
    path: Path
    name: str
    shape: tuple[int, ...]

    def __array__(self, dtype: Any = None, copy: Any = None) -> NDArray[Any]:
        errors = require("tensorflow", f"to read {self.path.name}").errors
        try:
            return np.asarray(self.reader.get_tensor(self.name), dtype=dtype)
        except errors.OpError:
            raise _damaged(self.path) from None


def open_tensorflow1(path: Path) -> ForeignStore:
    """A TensorFlow 1 checkpoint with the variable names of BERT; ``path`` is its ``.index`` file."""
    tensorflow = require("tensorflow", f"to read {path.name}")
    try:
        reader = tensorflow.train.load_checkpoint(str(path.with_suffix("")))
    except (tensorflow.errors.OpError, ValueError, RuntimeError):
        raise _damaged(path) from None
    shapes: dict[str, list[int]] = reader.get_variable_to_shape_map()
    return ForeignStore(
        path, {name: _TensorFlow1Variable(reader, path, name, tuple(shape)) for name, shape in shapes.items()}
    )


def _damaged(path: Path) -> CheckpointError:
    return CheckpointError(f"{path} is truncated or not what its name says; copy or download it again")


def _leaves(tree: Mapping[str, Any], path: str) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in tree.items():
        found += _leaves(value, f"{path}{name}/") if isinstance(value, Mapping) else [(f"{path}{name}", value)]
    return found
