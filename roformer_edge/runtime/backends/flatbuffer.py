"""Read the description of a TFLite model, every offset and length of it compared with the bounds of the file.

Engines follow the offsets of a flatbuffer wherever they lead. Here they are followed first, by nothing but the standard
library, and anything that leads outside the file, or says something that no model of ours needs, is an error.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from functools import lru_cache, partial
from types import SimpleNamespace
from typing import IO, Any, NamedTuple, TypeAlias

_IDENTIFIER = b"TFL3"
# what flatbuffers can address
_MOST_BYTES = 2**31 - 1
# in a list of tables, and in one of whole numbers that is read: more than any description of a network has
_MOST_ELEMENTS = 1 << 16
# read at once: the description stands before the arrays in files of ours
_HEAD = 1 << 22

# a list that is checked and not read: the place of its first element, and how many there are
Span: TypeAlias = tuple[int, int]

_OFFSET, _WAY_BACK, _LENGTHS = struct.Struct("<I"), struct.Struct("<i"), struct.Struct("<HH")
# How fields are read. Scalars are formats of ``struct``; a name is a table of the schema, in brackets a list of such.
_BYTE, _SIGNED_BYTE, _INT, _INDEX, _LONG, _FLOAT = _SCALARS = "B", "b", "i", "I", "Q", "f"
_TEXT, _INTS, _BYTES, _WORDS, _LONGS = "TEXT", "INTS", "BYTES", "WORDS", "LONGS"
# a table that is read later, when it is known which one it is
_PLACE = "PLACE"
# what models of ours leave out and engines act upon: scalars that have to be 0, and what must not be there at all
_NO_BYTE, _NO_INT, _NO_LONG, _ABSENT, _ELSEWHERE = "NO B", "NO i", "NO Q", "ABSENT", "ELSEWHERE"

# table -> its fields in the order of their numbers: name, how it is read, value where it is left out
_Field: TypeAlias = tuple[str, str, Any]
_FUSED: _Field = ("activation", _SIGNED_BYTE, 0)
SCHEMA: dict[str, tuple[_Field, ...]] = {
    "Model": (
        ("version", _INDEX, 0),
        ("operator_codes", "[OperatorCode]", ()),
        ("subgraphs", "[SubGraph]", ()),
        ("description", _TEXT, None),
        ("buffers", "[Buffer]", ()),
        ("metadata_buffer", _INTS, ()),
        ("metadata", "[Metadata]", ()),
        ("signatures", "[SignatureDef]", ()),
        # groups of buffers in other files, and whatever is invented next
        ("external_buffer_groups", _ELSEWHERE, None),
        ("external_buffers", _ELSEWHERE, None),
    ),
    "OperatorCode": (("old_code", _SIGNED_BYTE, 0), ("custom", _ABSENT, None), ("version", _INT, 1), ("code", _INT, 0)),
    "SubGraph": (
        ("tensors", "[Tensor]", ()),
        ("inputs", _INTS, ()),
        ("outputs", _INTS, ()),
        ("operators", "[Operator]", ()),
        ("name", _TEXT, None),
        ("debug", _INT, -1),
    ),
    "Tensor": (
        ("shape", _INTS, ()),
        ("type", _SIGNED_BYTE, 0),
        ("buffer", _INDEX, 0),
        ("name", _TEXT, None),
        ("quantization", "QuantizationParameters", None),
        ("variable", _NO_BYTE, 0),
        ("sparsity", _ABSENT, None),
        ("signature", _INTS, ()),
        ("has_rank", _BYTE, 0),
        ("variant", _ABSENT, None),
        ("external_buffer", _ELSEWHERE, None),
    ),
    "QuantizationParameters": (
        ("low", _WORDS, None),
        ("high", _WORDS, None),
        ("scale", _WORDS, None),
        ("zero_point", _LONGS, None),
        ("details_type", _NO_BYTE, 0),
        ("details", _ABSENT, None),
        ("axis", _INT, 0),
    ),
    # an offset and a size that are no field of an array count from the start of the file
    "Buffer": (("data", _BYTES, None), ("offset", _LONG, 0), ("size", _LONG, 0)),
    "Operator": (
        ("code", _INDEX, 0),
        ("inputs", _INTS, ()),
        ("outputs", _INTS, ()),
        ("options_type", _BYTE, 0),
        ("options", _PLACE, None),
        ("custom_options", _ABSENT, None),
        ("custom_format", _BYTE, 0),
        ("mutating_inputs", _BYTES, None),
        ("intermediates", _ABSENT, None),
        ("large_offset", _NO_LONG, 0),
        ("large_size", _NO_LONG, 0),
        ("options_2_type", _NO_BYTE, 0),
        ("options_2", _ABSENT, None),
        ("debug", _INT, -1),
    ),
    "SignatureDef": (
        ("inputs", "[TensorMap]", ()),
        ("outputs", "[TensorMap]", ()),
        ("key", _TEXT, None),
        ("unused", _ABSENT, None),
        ("subgraph", _INDEX, 0),
    ),
    "TensorMap": (("name", _TEXT, None), ("tensor", _INDEX, 0)),
    "Metadata": (("name", _TEXT, None), ("buffer", _INDEX, 0)),
    # options of operators
    "None": (),
    "Fused": (_FUSED, ("pot_scale", _BYTE, 1)),
    "FullyConnected": (
        _FUSED,
        ("weights_format", _NO_BYTE, 0),
        ("keep_num_dims", _BYTE, 0),
        ("asymmetric_inputs", _BYTE, 0),
        ("bias_type", _NO_BYTE, 0),
        ("quant_spec", _ABSENT, None),
    ),
    "BatchMatMul": (("adj_x", _BYTE, 0), ("adj_y", _BYTE, 0), ("asymmetric_inputs", _BYTE, 0)),
    "Concatenation": (("axis", _INT, 0), _FUSED),
    "Split": (("parts", _INT, 0),),
    "Gather": (("axis", _INT, 0), ("batch_dims", _NO_INT, 0)),
    "Reducer": (("keep_dims", _BYTE, 0),),
    "Cumsum": (("exclusive", _BYTE, 0), ("reverse", _BYTE, 0)),
    "ArgMax": (("type", _SIGNED_BYTE, 0),),
    "Cast": (("from_type", _SIGNED_BYTE, 0), ("to_type", _SIGNED_BYTE, 0)),
    "Reshape": (("shape", _INTS, ()),),
    "StridedSlice": (
        ("begin_mask", _INT, 0),
        ("end_mask", _INT, 0),
        ("ellipsis_mask", _NO_INT, 0),
        ("new_axis_mask", _NO_INT, 0),
        ("shrink_axis_mask", _NO_INT, 0),
        ("offset", _NO_BYTE, 0),
    ),
    "Softmax": (("beta", _FLOAT, 0.0),),
    "Gelu": (("approximate", _BYTE, 0),),
    "LeakyRelu": (("alpha", _FLOAT, 0.0),),
}
DEFAULTS = {kind: {name: value for name, _, value in fields} for kind, fields in SCHEMA.items()}


class MalformedError(Exception):
    """The bytes are not what the format allows, or what a model of ours may say; the message tells what."""


class ElsewhereError(Exception):
    """A part of the model lies in another file."""


class Flatbuffer:
    """The tables of a flatbuffer, read where they stand. One that is referred to twice is read once.

    Args:
        stream: The file. It is read and not mapped, for reading a mapping of a file that was cut short meanwhile would
            end the process.

    Raises:
        MalformedError: It does not begin like a TFLite model, or is larger than one can be.
    """

    def __init__(self, stream: IO[bytes] | io.RawIOBase) -> None:
        self._stream = stream
        self.size = stream.seek(0, io.SEEK_END)
        stream.seek(0)
        self._head = stream.read(_HEAD) or b""
        self._layouts: dict[tuple[str, int], _Layout] = {}
        self._tables: dict[tuple[str, int], SimpleNamespace] = {}
        if self.size < 8 or self.size > _MOST_BYTES or self._head[4:8] != _IDENTIFIER:
            raise MalformedError("it does not begin like one")

    def root(self) -> SimpleNamespace:
        """Read the model's table, and all that it refers to but the content of arrays and the options of operators.

        Raises:
            MalformedError: Something is out of bounds.
            ElsewhereError: A part lies in another file.
        """
        return self.table("Model", self.follow(0, self.unpack(_OFFSET, 0)[0]))

    def table(self, kind: str, place: int) -> SimpleNamespace:
        """Read a table of ``SCHEMA`` at its place; attributes are its fields.

        Raises:
            MalformedError: Something is out of bounds.
            ElsewhereError: A part lies in another file.
        """
        found = self._tables.get((kind, place))
        if found is None:
            # the way from a table to the list of its fields is signed, and the list comes before or after
            fields_at = place - self.unpack(_WAY_BACK, place)[0]
            layout = self._layouts.get((kind, fields_at))
            if layout is None:
                layout = self._layouts[kind, fields_at] = self._layout(kind, fields_at)
            values = dict(DEFAULTS[kind])
            numbers = self.unpack(layout.form, place)
            for (name, read, offset), number in zip(layout.fields, numbers, strict=True):
                values[name] = number if read is None else read(self, place + offset, number)
            found = self._tables[kind, place] = SimpleNamespace(**values)
        return found

    def bytes_at(self, place: int, count: int) -> bytes:
        """Read so many bytes.

        Raises:
            MalformedError: They reach over the end of the file.
        """
        if not 0 <= place <= self.size - count:
            raise MalformedError("a part of it would lie behind its end")
        if place + count <= len(self._head):
            return self._head[place : place + count]
        self._stream.seek(place)
        found = self._stream.read(count) or b""
        if len(found) != count:
            raise MalformedError("it was cut short")
        return found

    def unpack(self, form: struct.Struct, place: int) -> tuple[Any, ...]:
        """Read numbers.

        Raises:
            MalformedError: They reach over the end of the file.
        """
        if 0 <= place <= len(self._head) - form.size:
            # the usual case, without a copy
            return form.unpack_from(self._head, place)
        return form.unpack(self.bytes_at(place, form.size))

    def follow(self, place: int, offset: int) -> int:
        """Tell where an offset that stands at ``place`` leads, which is forward.

        Raises:
            MalformedError: It is out of bounds.
        """
        found = place + offset
        if offset < 4 or found > self.size - 4 or found % 4:
            raise MalformedError("an offset leads outside it, or between numbers")
        return found

    def span(self, place: int, offset: int, width: int) -> Span:
        """Find the list that an offset leads to: where its elements begin, and how many there are.

        Raises:
            MalformedError: It is out of bounds.
        """
        start = self.follow(place, offset)
        count: int = self.unpack(_OFFSET, start)[0]
        if count * width > self.size - start - 4:
            raise MalformedError("a list reaches over its end")
        return start + 4, count

    def _layout(self, kind: str, place: int) -> _Layout:
        """Read the list of a table's fields."""
        length, size = self.unpack(_LENGTHS, place)
        if length < 4 or length % 2 or size < 4:
            raise MalformedError("the list of a table's fields is damaged")
        offsets = struct.unpack(f"<{length // 2 - 2}H", self.bytes_at(place + 4, length - 4))
        schema, form, end, fields = SCHEMA[kind], "<", 0, []
        for offset, number in sorted((offset, number) for number, offset in enumerate(offsets) if offset):
            if number >= len(schema) or schema[number][1] == _ELSEWHERE:
                raise ElsewhereError if kind == "Model" else MalformedError(f"a table {kind} has unknown fields")
            name, how, _ = schema[number]
            # the numbers of a table are read at once: those before this field are stepped over
            read, one = _reader(how)
            if offset < max(4, end):
                raise MalformedError("fields of a table overlap")
            form += f"{offset - end}x{one}"
            end = offset + struct.calcsize(f"<{one}")
            fields.append((name, read, offset))
        if end > size:
            raise MalformedError("a field reaches over the end of its table")
        return _Layout(struct.Struct(f"{form}{size - end}x"), fields)


# what reads a field: the file, the place of the field, and the number that stands there
_Read: TypeAlias = Callable[[Flatbuffer, int, int], Any]


class _Layout(NamedTuple):
    """Where the fields of a table are: its numbers, and of each its name, what reads on from it, and its place."""

    form: struct.Struct
    fields: list[tuple[str, _Read | None, int]]


def _reader(how: str) -> tuple[_Read | None, str]:
    """Find what reads a field on from the number that stands in its table, and the format of that number."""
    if how in _SCALARS:
        return None, how
    if how.startswith("NO "):
        return _zero, how.removeprefix("NO ")
    if how[0] == "[":
        return partial(_tables, kind=how[1:-1]), "I"
    return (partial(_table, kind=how) if how in SCHEMA else _READERS[how]), "I"


def _zero(file: Flatbuffer, place: int, number: int) -> int:
    if number:
        raise MalformedError("it uses a part of the format that no model of ours does")
    return 0


def _absent(file: Flatbuffer, place: int, number: int) -> None:
    # TensorFlow writes lists of nothing where ours write none
    _zero(file, place, file.unpack(_OFFSET, file.follow(place, number))[0])


def _text(file: Flatbuffer, place: int, number: int) -> Span:
    start, count = file.span(place, number, 1)
    if file.bytes_at(start + count, 1) != b"\0":
        raise MalformedError("a name has no end")
    return start, count


def _ints(file: Flatbuffer, place: int, number: int) -> tuple[int, ...]:
    start, count = file.span(place, number, 4)
    return file.unpack(_list_of_ints(_bounded(count)), start)


@lru_cache(maxsize=64)
def _list_of_ints(count: int) -> struct.Struct:
    return struct.Struct(f"<{count}i")


def _table(file: Flatbuffer, place: int, number: int, kind: str) -> SimpleNamespace:
    return file.table(kind, file.follow(place, number))


def _tables(file: Flatbuffer, place: int, number: int, kind: str) -> list[SimpleNamespace]:
    start, count = file.span(place, number, 4)
    offsets = struct.unpack(f"<{_bounded(count)}I", file.bytes_at(start, 4 * count))
    return [file.table(kind, file.follow(start + 4 * place, offset)) for place, offset in enumerate(offsets)]


def _bounded(count: int) -> int:
    if count > _MOST_ELEMENTS:
        raise MalformedError("a list is longer than any that describes a network")
    return count


_READERS: dict[str, _Read] = {
    _TEXT: _text,
    _INTS: _ints,
    _BYTES: partial(Flatbuffer.span, width=1),
    _WORDS: partial(Flatbuffer.span, width=4),
    _LONGS: partial(Flatbuffer.span, width=8),
    _ABSENT: _absent,
    _PLACE: Flatbuffer.follow,
}
