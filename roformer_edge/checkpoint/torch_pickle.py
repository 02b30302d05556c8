"""Reading ``pytorch_model.bin`` and the checkpoints of trainers, in the mode of ``torch.load`` that runs no code."""

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
from roformer_edge.checkpoint.weight_file import StoredTensor, WeightFile, foreign_reader
from roformer_edge.errors import CheckpointError, shown

# Where trainers keep the state dict among the states of optimizers and counters: Lightning, and what people write.
_NESTED = ("state_dict", "model_state_dict", "model", "module", "net")
_DEEPEST = 8


def open_torch(path: Path) -> WeightFile:
    """Open a state dict, mapped into memory where its format allows.

    Raises:
        CheckpointError: The file is damaged, holds Python objects that could run code, or is no state dict.
    """
    torch = require("torch", f"to read {path.name}")
    with foreign_reader(path):
        tensors = _load_file(path, torch)
        notes: list[str] = []
        state = _state_dict(tensors, torch.Tensor, notes)
        if state is None:
            raise CheckpointError(
                f"{path} must hold a mapping of names to tensors (a state dict), by itself or under one of: "
                f"{', '.join(_NESTED)}"
            )
        notes = [f"{path.name}: {note}" for note in notes]
        return WeightFile(path, {name: _stored(name, tensor) for name, tensor in state.items()}, notes=notes)


def _load_file(path: Path, torch: Any) -> Any:
    try:
        # only the zip format can be mapped; the one before torch 1.6 is read whole
        with warnings.catch_warnings():  # what it warns of is refused below, in words of ours
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except pickle.UnpicklingError:
        raise CheckpointError(
            f"{path} was not opened: it is damaged, or a pickle with Python objects other than tensors, which "
            "could run code; use a model.safetensors instead, or, if you trust it, load it with torch and save its "
            "state_dict() alone"
        ) from None


def _state_dict(content: Any, tensor_type: type, notes: list[str]) -> Mapping[str, Any] | None:
    """Find the state dict in what a program saved: the content itself, or what it holds under a usual name.

    Other weights beside the one that is taken, such as their average over training, are added to ``notes``.
    """

    def holds_weights(value: Any) -> bool:
        return (
            isinstance(value, Mapping) and bool(value) and all(isinstance(item, tensor_type) for item in value.values())
        )

    for _ in range(_DEEPEST):
        if not isinstance(content, Mapping) or not all(isinstance(name, str) for name in content):
            return None
        if holds_weights(content):
            return content
        nested = [name for name in _NESTED if isinstance(content.get(name), Mapping)]
        if not nested:
            return None
        beside = [name for name, value in content.items() if name != nested[0] and holds_weights(value)]
        notes += [f"the weights under '{nested[0]}' are used, and not those under '{shown(name)}'" for name in beside]
        content = content[nested[0]]
    return None


def _stored(name: str, tensor: Any) -> StoredTensor:
    dtype = str(tensor.dtype).removeprefix("torch.")
    if str(tensor.layout) != "torch.strided":
        dtype = "sparse"
    elif tensor.is_meta:
        dtype = "a shape without numbers (on the device 'meta')"
    return StoredTensor(name=name, dtype=dtype, shape=tuple(tensor.shape), load=partial(_load, tensor))


def _load(tensor: Any) -> NDArray[Any]:
    # a copy: whoever changes what was read does not change what is read next
    array: NDArray[Any] = tensor.detach().float().numpy().copy()
    return array
