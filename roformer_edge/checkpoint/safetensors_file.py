"""Reading and writing ``.safetensors`` files with numpy alone.

A tensor is read when it is asked for, alone: whoever goes through a model of any size holds one tensor at a time. (A
mapping of the file would be no smaller: its pages stay resident once they were touched.) bfloat16, which numpy lacks,
is widened here. The format (https://github.com/huggingface/safetensors): eight bytes with the little-endian length of a
JSON header, the header, then the tensors' bytes without gaps.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roformer_edge.errors import CheckpointError

MAX_HEADER_BYTES = 100_000_000

_ITEM_BYTES = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1, "BOOL": 1,
    "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U64": 8, "U32": 4, "U16": 2, "U8": 1,
}  # fmt: skip
_FLOATS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}


@dataclass(frozen=True, kw_only=True)
class TensorEntry:
    """Where one tensor lies in its file.

    Attributes:
        dtype: The format's name of the element type, such as ``"BF16"``.
        shape: Its dimensions.
        start: First byte, counted from the end of the header.
        stop: One past the last byte.
    """

    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int


class SafetensorsFile:
    """An opened file: its header is checked whole before any tensor is touched.

    Attributes:
        path: The file.
        entries: Every tensor by name, in the order of the bytes.

    Raises:
        CheckpointError: The file is truncated or its header is malformed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            size = path.stat().st_size
            with path.open("rb") as file:
                length = int.from_bytes(file.read(8), "little")
                if size < 8 or length > min(size - 8, MAX_HEADER_BYTES):
                    raise CheckpointError(
                        f"{path} is truncated or no safetensors file: it has {size} bytes and claims a header of "
                        f"{length}; copy or download it again"
                    )
                header = file.read(length)
        except OSError as error:
            raise CheckpointError(f"cannot read {path}: {error.strerror or error}") from None
        self._data_offset = 8 + length
        self.entries = self._parse(header, size - self._data_offset)

    def read(self, name: str) -> NDArray[np.float32]:
        """The tensor as a float32 array of its own, read from the file at each call.

        Raises:
            CheckpointError: The tensor holds no floating-point numbers of a known kind.
        """
        entry = self.entries[name]
        if entry.dtype not in _FLOATS:
            raise CheckpointError(
                f"{self.path}: tensor {name!r} is stored as {entry.dtype}; weights must be one of: "
                f"{', '.join(_FLOATS)} (a quantised checkpoint cannot be the source)"
            )
        kind, count = _FLOATS[entry.dtype], math.prod(entry.shape)
        try:
            stored = np.fromfile(self.path, kind, count, offset=self._data_offset + entry.start)
        except OSError as error:
            raise CheckpointError(f"cannot read {self.path}: {error.strerror or error}") from None
        if stored.size != count:
            raise CheckpointError(f"{self.path} became shorter while it was read: tensor {name!r} is not whole")
        stored = stored.reshape(entry.shape)
        if entry.dtype == "BF16":  # the upper half of a float32
            return (stored.astype(np.uint32) << 16).view(np.float32)
        return stored.astype(np.float32, copy=False)

    def _parse(self, header: bytes, data_bytes: int) -> dict[str, TensorEntry]:
        try:
            values = json.loads(header.decode("utf-8"), object_pairs_hook=_object_without_doubles)
        except (ValueError, RecursionError) as error:
            raise CheckpointError(f"{self.path}: the header is not valid JSON: {error}") from None
        if not isinstance(values, dict):
            raise CheckpointError(f"{self.path}: the header must be a JSON object")
        values.pop("__metadata__", None)
        entries = {name: self._entry(name, value) for name, value in values.items()}
        ordered = dict(sorted(entries.items(), key=lambda item: (item[1].start, item[1].stop)))
        end = 0
        for name, entry in ordered.items():
            if entry.start != end:
                raise CheckpointError(f"{self.path}: tensor {name!r} starts at byte {entry.start}, expected {end}")
            end = entry.stop
        if end != data_bytes:
            raise CheckpointError(
                f"{self.path} is truncated or damaged: its tensors need {end} bytes and it holds {data_bytes}; "
                "copy or download it again"
            )
        return ordered

    def _entry(self, name: str, value: Any) -> TensorEntry:
        try:
            dtype, shape, (start, stop) = value["dtype"], value["shape"], value["data_offsets"]
            whole = [*shape, start, stop]
            bytes_needed = math.prod(shape) * _ITEM_BYTES[dtype]
        except (KeyError, TypeError, ValueError):
            raise CheckpointError(f"{self.path}: the header's entry for tensor {name!r} is malformed") from None
        if any(type(number) is not int or number < 0 for number in whole) or stop - start != bytes_needed:
            raise CheckpointError(
                f"{self.path}: tensor {name!r} of type {dtype} and shape {shape} does not fill bytes {start} to {stop}"
            )
        return TensorEntry(dtype=dtype, shape=tuple(shape), start=start, stop=stop)


def write_safetensors(path: Path, arrays: Mapping[str, NDArray[np.float32]]) -> None:
    """Write float32 arrays, sorted by name, so that equal weights give equal bytes; replaces ``path`` in one step."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    names = sorted(arrays)
    for name in names:
        start, end = end, end + arrays[name].size * 4
        header[name] = {"dtype": "F32", "shape": list(arrays[name].shape), "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # tensors start aligned
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with partial.open("wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            for name in names:
                file.write(np.ascontiguousarray(arrays[name], dtype="<f4").data)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _object_without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a name occurs twice")
    return values
