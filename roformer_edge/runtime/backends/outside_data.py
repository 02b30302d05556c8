"""Find out whether a model file reaches beyond itself: parts in other files, or operators that open files.

Both formats allow the former, and an engine would open such files wherever their paths lead. Operators beyond those of
the format do what their library does: TensorFlow, as an engine of TFLite, brings some that read and write any file. A
bundle has every byte in files that its manifest lists, so such a model is refused before an engine sees it. Only the
few fields that lead to tensors and operators are looked at; weights are stepped over.
"""

from __future__ import annotations

import io
from collections.abc import Callable
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
# of a TFLite model's table: version, operator_codes, subgraphs, description, buffers, metadata_buffer, metadata,
# signature_defs; behind them come external_buffer_groups, and whatever is invented next
_FIELDS_OF_TFLITE = 8
_OPERATOR_CODES = 1
# of an operator code: the number in one byte, the name of an operator that is not the format's, and the number at large
_SMALL_CODE, _CUSTOM_NAME, _CODE = 0, 1, 3
_CUSTOM = 32
# the format has some two hundred operators
_MOST_CODES = 1000
_WINDOW = 4096


def refuse_outside_onnx(model: str | Path | bytes, complaint: str) -> None:
    """Make sure that all tensors of an ONNX model lie in it, those of subgraphs, functions and attributes too, and that
    no node stands for a file.

    Args:
        model: The path of the file, or its bytes.
        complaint: The beginning of the message where it is no model.

    Raises:
        BundleIntegrityError: Something lies elsewhere.
        BackendError: The file cannot be read, or is no ONNX model.
    """
    _look(model, _check_onnx, f"{complaint}: it is damaged, or no ONNX model")


def refuse_outside_tflite(model: str | Path | bytes, complaint: str) -> None:
    """Make sure that all buffers of a TFLite model lie in it, and that all its operators are those of the format.

    Args:
        model: The path of the file, or its bytes.
        complaint: The beginning of the message where it is no model.

    Raises:
        BundleIntegrityError: Some are not.
        BackendError: The file cannot be read, or is no TFLite model.
    """
    _look(model, _check_tflite, f"{complaint}: it is damaged, or no TFLite model")


def _look(model: str | Path | bytes, check: Callable[[_Source], None], damaged: str) -> None:
    try:
        # read, not mapped: a mapping of a file that is shortened meanwhile would end the process
        with closing(io.BytesIO(model) if isinstance(model, bytes) else Path(model).open("rb", buffering=0)) as stream:
            check(_Source(stream))
    except OSError as error:
        raise BackendError(f"cannot read {model!s:.200}: {error.strerror or error}") from None
    except _MalformedError:
        raise BackendError(damaged) from None


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

    def number(self, place: int, width: int) -> int:
        """Return an unsigned little-endian number of so many bytes."""
        return sum(self[place + step] << (8 * step) for step in range(width))

    def read(self, place: int, width: int) -> bytes:
        """Return so many bytes."""
        return bytes(self[place + step] for step in range(width))

    def varint(self, place: int) -> tuple[int, int]:
        """Return a number of protobuf and the place behind it."""
        value = shift = 0
        while True:
            byte = self[place]
            value |= (byte & 0x7F) << shift
            place, shift = place + 1, shift + 7
            if byte < 0x80:
                return value, place
            if shift > _WIDEST_VARINT:
                raise _MalformedError


def _check_onnx(source: _Source) -> None:
    _check_message(source, "model", 0, source.size, 0)


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
            if kind == "node" and field == _OPERATOR and source.read(place, min(length, 20)) == _CONTEXT:
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


def _check_tflite(source: _Source) -> None:
    model = source.number(0, 4)
    fields, slots = _fields(source, model)
    for number in range(_FIELDS_OF_TFLITE, slots):
        if source.number(fields + 2 * number, 2):
            _refuse("what is in a buffer")
    codes = _value(source, model, _OPERATOR_CODES)
    if codes is None:
        return
    codes += source.number(codes, 4)
    count = source.number(codes, 4)
    if count > _MOST_CODES:
        raise _MalformedError
    for place in range(codes + 4, codes + 4 + 4 * count, 4):
        code = place + source.number(place, 4)
        small, large = _value(source, code, _SMALL_CODE), _value(source, code, _CODE)
        if (
            _value(source, code, _CUSTOM_NAME) is not None
            or (small is not None and source.number(small, 1) == _CUSTOM)
            or (large is not None and source.number(large, 4) == _CUSTOM)
        ):
            raise BundleIntegrityError(
                "the model file has a custom operator, which does what a library beside the engine does, and may read "
                "and write files: make the model anew of built-in operators"
            )


def _fields(source: _Source, table: int) -> tuple[int, int]:
    """Find the list of a table's fields in a flatbuffer, and how many it has room for."""
    # the way from a table to the list is signed, and the list comes before or after
    fields = (table - source.number(table, 4)) % (1 << 32)
    return fields + 4, (source.number(fields, 2) - 3) // 2


def _value(source: _Source, table: int, number: int) -> int | None:
    """Find the place of a field's value; ``None`` where the table is without it."""
    fields, slots = _fields(source, table)
    offset = source.number(fields + 2 * number, 2) if number < slots else 0
    return table + offset if offset else None


def _refuse(what: str) -> None:
    raise BundleIntegrityError(
        f"the model file says that {what} lies in another file, and a bundle reads nothing that its manifest does not "
        "list: make the model anew with everything in it"
    )
