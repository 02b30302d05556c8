"""An ONNX model whose weights an engine maps from the model file, instead of reading and copying them.

An engine parses a model as one message, which copies every weight, and then arranges most of them in memory of its own.
What a tensor may have in another file, it maps. So it is given the model without its large weights, of which is said
that they lie in another file: the model file itself, at the places where they have been all along.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from roformer_edge.errors import BackendError
from roformer_edge.protobuf import LENGTH, VARINT, Field, MalformedError, Pieces, Source, field, varint

# numbers of fields, in the messages of ONNX's onnx.proto
_GRAPH = 7  # of a model
_INITIALIZER = 5  # of a graph
_DIMS, _DATA_TYPE, _NAME, _RAW_DATA, _DOC_STRING, _EXTERNAL_DATA, _DATA_LOCATION = 1, 2, 8, 9, 12, 13, 14  # of a tensor
_KEY, _VALUE = 1, 2  # of an entry of its external data
_EXTERNAL = 1
# the fields of a tensor that has its numbers as raw bytes, and nothing else
_PLAIN = frozenset({_DIMS, _DATA_TYPE, _NAME, _RAW_DATA, _DOC_STRING})
# code of a type -> bytes of a number: a weight is mapped where it lies, and must lie where such a number may
_ALIGNMENT = {1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 16: 2, 21: 1, 22: 1}
# Up to this size a tensor stays in the model. Engines fold constants when they fuse nodes, and for what is smaller than
# some pages a mapping of its own gains nothing.
_LEAST_BYTES = 1 << 16


def without_weights(path: Path) -> bytes | None:
    """Copy a model but for its large weights, of which the copy says where in the file they are.

    Args:
        path: A model that has everything in itself: :func:`~.outside_data.refuse_outside_onnx` has looked at it.

    Returns:
        The copy, or ``None`` where the model has no large weight, or two of one name, of which the engine takes one.

    Raises:
        BackendError: The file cannot be read, or is no ONNX model.
    """
    try:
        with path.open("rb", buffering=0) as stream:
            source = Source(stream)
            names: list[bytes] = []
            moved: list[int] = []
            model = b"".join(_model(source, path.name.encode(), names, moved))
    except OSError as error:
        raise BackendError(f"cannot read {path!s:.200}: {error.strerror or error}") from None
    except MalformedError:
        raise BackendError(f"{path!s:.200} is damaged, or no ONNX model") from None
    return model if moved and len(names) == len({*names}) else None


def _model(source: Source, name: bytes, names: list[bytes], moved: list[int]) -> Iterator[bytes | memoryview]:
    for one in source.fields(0, source.size):
        if one.number == _GRAPH and one.wire == LENGTH:
            yield from field(_GRAPH, [b"".join(_graph(source, one, name, names, moved))])
        else:
            yield source.read(one.start, one.end)


def _graph(
    source: Source, graph: Field, name: bytes, names: list[bytes], moved: list[int]
) -> Iterator[bytes | memoryview]:
    for one in source.fields(graph.content, graph.end):
        if one.number == _INITIALIZER and one.wire == LENGTH:
            parts = list(source.fields(one.content, one.end))
            names += [source.read(part.content, part.end) for part in parts if part.number == _NAME]
            weight = _weight(parts)
            if weight is not None:
                moved.append(weight.content)
                kept = [source.read(part.start, part.end) for part in parts if part is not weight]
                yield from field(_INITIALIZER, [*kept, *_elsewhere(name, weight)])
                continue
        yield source.read(one.start, one.end)


def _weight(parts: list[Field]) -> Field | None:
    """Find the raw numbers of a tensor, if they are all it has, many, and where such numbers may lie."""
    raw = [part for part in parts if part.number == _RAW_DATA and part.wire == LENGTH]
    types = [part.value for part in parts if part.number == _DATA_TYPE and part.wire == VARINT]
    if len(raw) != 1 or len(types) != 1 or not _PLAIN.issuperset(part.number for part in parts):
        return None
    alignment = _ALIGNMENT.get(types[0])
    is_large = raw[0].end - raw[0].content >= _LEAST_BYTES
    return raw[0] if is_large and alignment is not None and raw[0].content % alignment == 0 else None


def _elsewhere(name: bytes, weight: Field) -> Pieces:
    """Say that the numbers of a tensor lie in this file, in the place of a field."""
    said = {b"location": name, b"offset": b"%d" % weight.content, b"length": b"%d" % (weight.end - weight.content)}
    pieces: Pieces = []
    for key, value in said.items():
        pieces += field(_EXTERNAL_DATA, [*field(_KEY, [key]), *field(_VALUE, [value])])
    return [*pieces, varint(_DATA_LOCATION << 3 | VARINT) + varint(_EXTERNAL)]
