"""Reading ``model_state.pdparams`` of PaddleNLP: a pickle of numpy arrays; its unpickler makes nothing else."""

from __future__ import annotations

import io
import pickle
import pickletools
import re
from collections import OrderedDict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roformer_edge.checkpoint.weight_file import StoredTensor, WeightFile, damaged, foreign_reader
from roformer_edge.errors import CheckpointError, shown

# What PaddlePaddle puts beside the arrays: the names that its own graph gives them.
_GRAPH_NAMES = "StructuredToParameterName@@"
# How a path of PaddleNLP's RoFormer becomes Hugging Face's, in this order.
_RENAMED = (
    (r"(^|\.)embeddings\.layer_norm\.", r"\1embeddings.LayerNorm."),
    (r"(^|\.)encoder\.layers\.(\d+)\.", r"\1encoder.layer.\2."),
    (r"\.self_attn\.q_proj\.", ".attention.self.query."),
    (r"\.self_attn\.k_proj\.", ".attention.self.key."),
    (r"\.self_attn\.v_proj\.", ".attention.self.value."),
    (r"\.self_attn\.out_proj\.", ".attention.output.dense."),
    (r"\.norm1\.", ".attention.output.LayerNorm."),
    (r"\.linear1\.", ".intermediate.dense."),
    (r"\.linear2\.", ".output.dense."),
    (r"\.norm2\.", ".output.LayerNorm."),
    (r"^cls\.predictions\.transform\.(weight|bias)$", r"cls.predictions.transform.dense.\1"),
    (r"^cls\.predictions\.layer_norm\.", "cls.predictions.transform.LayerNorm."),
    (r"^cls\.predictions\.decoder_(weight|bias)$", r"cls.predictions.decoder.\1"),
)
# Matrices that are looked up by row, and stored as everywhere; linear layers are stored [in, out].
_TABLES = ("word_embeddings.weight", "token_type_embeddings.weight", "cls.predictions.decoder.weight")


def open_paddle(path: Path) -> WeightFile:
    """Open a state dict of PaddlePaddle; it is read whole.

    Raises:
        CheckpointError: The file is damaged, or a pickle of more than names and numpy arrays.
    """
    with foreign_reader(path):
        state = _load_file(path)
        if not isinstance(state, dict) or not all(isinstance(name, str) for name in state):
            raise CheckpointError(f"{path} must hold a mapping of names to arrays (a state dict)")
        if "UnpackBigParamInfor@@" in state:
            raise CheckpointError(
                f"{path} keeps arrays in pieces, as paddle.save does with protocol=2; save it again with protocol=4"
            )
        tensors = {}
        for name, value in state.items():
            if name == _GRAPH_NAMES:
                continue
            array = value[1] if isinstance(value, tuple) and len(value) == 2 else value
            if not isinstance(array, _Array) or not hasattr(array, "values"):
                raise CheckpointError(f"{path}: '{shown(name)}' is no array; expected the state dict of a model")
            renamed = _huggingface_name(name)
            tensors[renamed] = _stored(name, array.values, array.values.ndim == 2 and not renamed.endswith(_TABLES))
        return WeightFile(path, tensors)


def _load_file(path: Path) -> Any:
    data = path.read_bytes()
    # a place in the memo is a number of the file's own, and room is made up to there
    for opcode, argument, _ in pickletools.genops(data):
        if "PUT" in opcode.name and int(argument or 0) > len(data):
            raise damaged(path)
    try:
        return _ArrayUnpickler(io.BytesIO(data)).load()
    except _NotAnArrayError as error:
        raise CheckpointError(
            f"{path} was not opened: it is a pickle with {shown(error)}, which could run code; if you trust it, "
            "load it in PaddlePaddle and save its state_dict() with paddle.save"
        ) from None


def _huggingface_name(name: str) -> str:
    for pattern, replacement in _RENAMED:
        name = re.sub(pattern, replacement, name)
    return name


def _stored(name: str, array: NDArray[Any], transposed: bool) -> StoredTensor:
    bfloat16 = array.dtype == np.uint16  # numpy has no such type, and PaddlePaddle no weights of 16-bit integers
    return StoredTensor(
        name=name,
        dtype="bfloat16" if bfloat16 else array.dtype.name,
        shape=array.shape,
        load=partial(_widened, array) if bfloat16 else array.copy,
        transposed=transposed,
    )


def _widened(array: NDArray[Any]) -> NDArray[np.float32]:
    """Widen the bits of bfloat16, the upper half of a float32."""
    return (array.astype(np.uint32) << 16).view(np.float32)


class _NotAnArrayError(Exception):
    """A pickle names something that an array is not made of."""


class _ArrayUnpickler(pickle.Unpickler):
    """Builds dictionaries, tuples, strings, numbers and arrays, and calls nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        """Return one of the few callables that the pickle of an array names."""
        if (module, name) not in _CALLABLES:
            raise _NotAnArrayError(f"{module}.{name}")
        return _CALLABLES[module, name]

    def persistent_load(self, pid: Any) -> Any:
        """Refuse references to things outside the file."""
        raise _NotAnArrayError("references to other files")


class _Dtype:
    """Stands for ``numpy.dtype``, whose own state a file could damage memory with."""

    def __init__(self, code: str, align: bool = False, copy: bool = True) -> None:
        if not isinstance(code, str) or not re.fullmatch(r"[biuf]\d", code):
            raise _NotAnArrayError(f"numbers of type {code}")
        self.code, self.order = code, "="

    def __setstate__(self, state: Any) -> None:
        self.order = state[1]
        if self.order not in ("<", ">", "=", "|"):
            raise _NotAnArrayError(f"numbers in the order {self.order}")


class _Array:
    """Stands for ``numpy.ndarray``; made by :func:`_reconstruct` and filled by its state, as numpy's arrays are."""

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, columns_first, raw = state
        if not isinstance(dtype, _Dtype) or not isinstance(raw, bytes):
            raise _NotAnArrayError("an array of objects")
        flat = np.frombuffer(raw, np.dtype(dtype.order + dtype.code))
        self.values: NDArray[Any] = flat.reshape(shape, order="F" if columns_first else "C")


def _reconstruct(kind: object, shape: object, typecode: object) -> _Array:
    """Make the array that a pickle then fills; numpy always writes these very arguments."""
    if kind is not _Array or shape != (0,):
        raise _NotAnArrayError("an array that numpy did not write")
    return _Array()


def _as_bytes(text: str, encoding: str) -> bytes:
    """Make the bytes that pickles before protocol 3 wrote as text."""
    if encoding != "latin1":
        raise _NotAnArrayError(f"text in {encoding}")
    return text.encode("latin1")


_CALLABLES = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _as_bytes,
    ("collections", "OrderedDict"): OrderedDict,
    ("builtins", "tuple"): tuple,
    ("__builtin__", "tuple"): tuple,
}
