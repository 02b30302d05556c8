"""Offsets, lists and tables are followed within the file only, wherever in it they stand."""

from __future__ import annotations

import io
import struct

import pytest

pytest.importorskip("ai_edge_litert", reason="the engine is not installed: pip install 'roformer-edge[tflite]'")

from ai_edge_litert import schema_py_generated as schema

from roformer_edge.runtime.backends import flatbuffer
from roformer_edge.runtime.backends.flatbuffer import SCHEMA, ElsewhereError, Flatbuffer, MalformedError
from tests.tflite_export import build_tiny

# table of ours -> that of the schema, where they are called otherwise
TABLES = {"Fused": ("AddOptions", "SubOptions"), "None": ()}


@pytest.fixture(scope="module")
def model() -> bytes:
    return build_tiny(recipe="int8-dynamic").to_bytes()


def read(content: bytes) -> Flatbuffer:
    return Flatbuffer(io.BytesIO(content))


def file_of(*fields: int, table: bytes = b"", size: int | None = None) -> bytes:
    """A file with a model's table of these offsets, and ``table`` for its content."""
    length = 4 + 2 * len(fields)
    vtable = struct.pack(f"<{2 + len(fields)}H", length, 4 + len(table) if size is None else size, *fields)
    vtable += bytes(-len(vtable) % 4)
    place = 8 + len(vtable)
    return struct.pack("<I", place) + b"TFL3" + vtable + struct.pack("<i", len(vtable)) + table


def test_the_tables_are_those_of_the_schema() -> None:
    for name, fields in SCHEMA.items():
        for theirs in TABLES.get(name, (name if hasattr(schema, name) else f"{name}Options",)):
            # the generated code has one function for each field, in their order; a union has two
            makers = [key for key in vars(schema) if key.startswith(f"{theirs}Add")]
            assert len(makers) == len([field for field in fields if field[0] != "unused"]), theirs


def test_a_model_is_read_as_others_read_it(model: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = schema.ModelT.InitFromPackedBuf(model)
    # what stands behind the part that is read at once is read in pieces
    for head in (1 << 22, 64):
        monkeypatch.setattr(flatbuffer, "_HEAD", head)
        file = read(model)
        ours = file.root()
        (graph,) = ours.subgraphs
        assert len(graph.operators) == len(theirs.subgraphs[0].operators)
        for one, other in zip(graph.operators, theirs.subgraphs[0].operators, strict=True):
            assert (one.code, one.options_type) == (other.opcodeIndex, other.builtinOptionsType)
            assert (one.inputs, one.outputs) == (tuple(other.inputs), tuple(other.outputs))
        for one, other in zip(graph.tensors, theirs.subgraphs[0].tensors, strict=True):
            assert (one.shape, one.type, one.buffer) == (tuple(other.shape), other.type, other.buffer)
            assert one.signature == (() if other.shapeSignature is None else tuple(other.shapeSignature))
            assert file.bytes_at(*one.name) == other.name
        for one, other in zip(ours.buffers, theirs.buffers, strict=True):
            assert (one.data is None) == (other.data is None)
            if one.data is not None:
                assert file.bytes_at(*one.data) == bytes(other.data)


def test_a_table_that_is_referred_to_twice_is_read_once(model: bytes) -> None:
    file = read(model)
    place = file.follow(0, file.unpack(struct.Struct("<I"), 0)[0])
    assert file.table("Model", place) is file.root()


@pytest.mark.parametrize("slots", [(8,), (9,), (30,)])
def test_parts_in_other_files_and_fields_that_nobody_knows(slots: tuple[int, ...]) -> None:
    fields = [4 if number in slots else 0 for number in range(max(slots) + 1)]
    with pytest.raises(ElsewhereError):
        read(file_of(*fields, table=bytes(4))).root()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "does not begin like one"),
        (b"abc", "does not begin like one"),
        (b"\xff" * 40, "does not begin like one"),
        (struct.pack("<I", 400) + b"TFL3" + bytes(40), "leads outside"),
        (struct.pack("<I", 10) + b"TFL3" + bytes(40), "between numbers"),
        (struct.pack("<I", 8) + b"TFL3" + struct.pack("<i", 100) + bytes(40), "behind its end"),
        (struct.pack("<I", 8) + b"TFL3" + struct.pack("<i", -400) + bytes(40), "behind its end"),
        (struct.pack("<I", 8) + b"TFL3" + struct.pack("<i", -12) + bytes(40), "list of a table's fields is damaged"),
        (file_of(4, table=bytes(4), size=6), "reaches over the end of its table"),
        (file_of(4, table=bytes(4), size=600), "behind its end"),
        (file_of(2, table=bytes(4)), "fields of a table overlap"),
        (file_of(4, 6, table=bytes(8)), "fields of a table overlap"),
        # lists of more elements than there are bytes, of names without an end, of tables that are none
        (file_of(0, 0, 0, 0, 4, table=struct.pack("<II", 4, 7)), "reaches over its end"),
        (file_of(0, 0, 0, 0, 4, table=struct.pack("<III", 4, 1, 0)), "leads outside"),
        (file_of(0, 0, 0, 4, table=struct.pack("<III", 4, 4, 2**32 - 1)), "behind its end"),
        (file_of(0, 0, 0, 4, table=struct.pack("<III", 4, 3, 2**32 - 1)), "a name has no end"),
        (file_of(0, 0, 0, 0, 0, 4, table=struct.pack("<II", 4, 2**30)), "reaches over its end"),
    ],
)
def test_what_leads_outside(content: bytes, reason: str) -> None:
    with pytest.raises(MalformedError, match=reason):
        read(content).root()


def test_what_models_of_ours_leave_out_must_be_left_out() -> None:
    used = "no model of ours does"
    file = read(file_of(0, 4, table=struct.pack("<III", 4, 1, 0)))  # an operator with a name of its own
    place = struct.unpack_from("<I", file_of(0, 4, table=bytes(12)))[0]
    with pytest.raises(MalformedError, match=used):
        file.table("OperatorCode", place)
    nothing = read(file_of(0, 4, table=struct.pack("<II", 4, 0)))
    assert nothing.table("OperatorCode", place).custom is None
    with pytest.raises(MalformedError, match=used):
        read(file_of(0, 4, table=b"\1\0\0\0")).table("FullyConnected", place)
    assert read(file_of(0, 4, table=bytes(4))).table("FullyConnected", place).weights_format == 0


def test_lists_are_no_longer_than_a_network_is() -> None:
    content = file_of(0, 4, table=struct.pack("<II", 4, 1 << 17) + bytes(4 << 17), size=8)
    with pytest.raises(MalformedError, match="longer than any"):
        read(content).root()
