"""Fields as they lie in a file, beside what protobuf's own library makes of them."""

from __future__ import annotations

import io

import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roformer_edge.protobuf import EIGHT_BYTES, FOUR_BYTES, LENGTH, VARINT, MalformedError, Source, field, varint


def source(content: bytes) -> Source:
    return Source(io.BytesIO(content))


@given(st.integers(0, 2**63 - 1), st.integers(0, 2**31 - 1), st.binary(max_size=300), st.floats(width=32))
def test_fields_are_those_that_the_library_wrote(number, short, data, value):
    message = onnx.TensorProto(dims=[number], data_type=short, raw_data=data)
    attribute = onnx.AttributeProto(name="a", f=value, t=message)
    content = attribute.SerializeToString(deterministic=True)
    found = {one.number: one for one in source(content).fields(0, len(content))}
    assert [found[n].wire for n in (1, 2, 5)] == [LENGTH, FOUR_BYTES, LENGTH]
    inner = source(content)
    parts = {one.number: one for one in inner.fields(found[5].content, found[5].end)}
    # a repeated number may be written alone or in one run of bytes
    assert (parts[1].value if parts[1].wire == VARINT else number) == number
    assert parts[2].value == short
    assert inner.read(parts[9].content, parts[9].end) == data
    # every byte belongs to one field
    assert b"".join(inner.read(one.start, one.end) for one in inner.fields(0, len(content))) == content


@given(st.integers(0, 2**64 - 1))
def test_a_number_is_read_as_it_was_written(value):
    content = varint(3 << 3 | VARINT) + varint(value)
    (one,) = source(content).fields(0, len(content))
    assert (one.number, one.value, one.end) == (3, value, len(content))


@given(st.lists(st.binary(max_size=200), max_size=4))
def test_what_is_written_is_what_the_library_reads(pieces):
    content = b"".join(field(9, pieces))
    assert onnx.TensorProto.FromString(content).raw_data == b"".join(pieces)
    assert onnx.TensorProto(raw_data=b"".join(pieces)).SerializeToString() == content


def test_large_fields_are_stepped_over():
    class Counting(io.BytesIO):
        taken = 0

        def read(self, size=-1):
            piece = super().read(size)
            Counting.taken += len(piece)
            return piece

    content = b"".join(field(9, [bytes(10_000_000)])) + varint(1 << 3) + varint(7)
    assert [one.value for one in Source(Counting(content)).fields(0, len(content))] == [0, 7]
    assert Counting.taken < 20_000


@pytest.mark.parametrize(
    "content",
    [
        b"\x0a\x05abc",  # cut short
        b"\x0b\x0c",  # a group, which nobody writes
        b"\x00\x01",  # no field has the number 0
        b"\x80" * 20,
        b"\x08",  # no content
        varint(1 << 3 | EIGHT_BYTES) + bytes(7),
        varint(1 << 3 | FOUR_BYTES) + bytes(3),
        # of these tags and this length protobuf takes the lower 32 bits, or nothing
        varint((1 << 3) + (1 << 32)) + b"\x01",
        b"\x88\x80\x80\x80\x80\x00\x01",
        varint(1 << 3 | LENGTH) + varint(1 << 32),
        varint(1 << 3 | LENGTH) + b"\x80\x80\x80\x80\x80\x00",
    ],
)
def test_what_is_no_message(content):
    with pytest.raises(MalformedError):
        list(source(content).fields(0, len(content)))
    with pytest.raises(MalformedError):
        source(b"abc").read(0, 4)
