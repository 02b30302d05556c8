"""Find out whether an ONNX model has parts in other files, which an engine would open wherever their paths lead.

A bundle has every byte in files that its manifest lists, so such a model is refused before an engine sees it. Only the
few fields that lead to tensors and operators are looked at; weights are stepped over.
"""

from __future__ import annotations

import io
from contextlib import closing
from pathlib import Path
from typing import IO

from roformer_edge.errors import BackendError, BundleIntegrityError

# message of ONNX -> number of a field -> the message in it: every way that leads to a tensor
_MESSAGES: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse tensor"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse tensor", 23: "sparse tensor"},
    "sparse tensor": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
_OPERATOR = 4  # of a node
# what a provider compiled before, in a file that an attribute names
_CONTEXT = b"EPContext"
# the deepest nesting that protobuf's own readers follow
_DEEPEST = 100
_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5
_WIDEST_VARINT = 63
_WINDOW = 4096


def refuse_outside_onnx(model: str | Path | bytes, complaint: str) -> None:
    """Make sure that an ONNX model needs no other file: for tensors, wherever they are, or for what a node stands for.

    Args:
        model: The path of the file, or its bytes.
        complaint: The beginning of the message where it is no model.

    Raises:
        BundleIntegrityError: Something lies elsewhere.
        BackendError: The file cannot be read, or is no ONNX model.
    """
    try:
        # read, not mapped: a mapping of a file that is shortened meanwhile would end the process
        with closing(io.BytesIO(model) if isinstance(model, bytes) else Path(model).open("rb", buffering=0)) as stream:
            source = _Source(stream)
            _check_message(source, "model", 0, source.size, 0)
    except OSError as error:
        raise BackendError(f"cannot read {model!s:.200}: {error.strerror or error}") from None
    except _MalformedError:
        raise BackendError(f"{complaint}: it is damaged, or no ONNX model") from None


class _MalformedError(Exception):
    """The bytes are not what the format allows."""


class _Source:
    """Bytes of a stream by their places, read in small windows."""

    def __init__(self, stream: IO[bytes] | io.RawIOBase) -> None:
        self._stream = stream
        self.size = stream.seek(0, io.SEEK_END)
        self._start = 0
        self._window = b""

    def __getitem__(self, place: int) -> int:
        at = place - self._start
        if not 0 <= at < len(self._window):
            if not 0 <= place < self.size:
                raise _MalformedError
            self._stream.seek(place)
            self._start, self._window = place, self._stream.read(_WINDOW) or b""
            at = 0
            if not self._window:
                raise _MalformedError
        return self._window[at]

    def varint(self, place: int) -> tuple[int, int]:
        """Return a number of protobuf and the place behind it."""
        at = place - self._start
        # most are one byte of what has been read; a model has thousands of them
        if 0 <= at < len(self._window) and self._window[at] < 0x80:
            return self._window[at], place + 1
        value = shift = 0
        while True:
            byte = self[place]
            value |= (byte & 0x7F) << shift
            place, shift = place + 1, shift + 7
            if byte < 0x80:
                return value, place
            if shift > _WIDEST_VARINT:
                raise _MalformedError


def _check_message(source: _Source, kind: str, place: int, end: int, depth: int) -> None:
    if depth > _DEEPEST or end > source.size:
        raise _MalformedError
    inside = _MESSAGES[kind]
    while place < end:
        tag, place = source.varint(place)
        field, wire = tag >> 3, tag & 7
        if not field:
            raise _MalformedError
        if wire == _LENGTH:
            length, place = source.varint(place)
            if kind == "tensor" and field == _EXTERNAL_DATA:
                _refuse("data of a tensor")
            named = kind == "node" and field == _OPERATOR and length == len(_CONTEXT)
            if named and bytes(source[place + step] for step in range(length)) == _CONTEXT:
                _refuse("what a provider compiled")
            if field in inside:
                _check_message(source, inside[field], place, place + length, depth + 1)
            place += length
        elif wire == _VARINT:
            value, place = source.varint(place)
            if kind == "tensor" and field == _DATA_LOCATION and value:
                _refuse("data of a tensor")
        elif wire in (_EIGHT_BYTES, _FOUR_BYTES):
            place += 8 if wire == _EIGHT_BYTES else 4
        else:
            raise _MalformedError
    # a field that reaches over the end of its message belongs to no message at all
    if place != end:
        raise _MalformedError


def _refuse(what: str) -> None:
    raise BundleIntegrityError(
        f"the model file says that {what} lies in another file, and a bundle reads nothing that its manifest does not "
        "list: make the model anew with everything in it"
    )
