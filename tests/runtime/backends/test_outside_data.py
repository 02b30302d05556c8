"""Parts of a model in other files are found however they are spelled, and what is no model is one error."""

from __future__ import annotations

import pytest

from roformer_edge.errors import BackendError, BundleIntegrityError, RoformerEdgeError
from roformer_edge.runtime.backends.outside_data import refuse_outside_onnx, refuse_outside_tflite
from tests.tiny_runtime import graph


def number(value: int, width: int = 0) -> bytes:
    """A number as protobuf writes it, made longer than it need be up to ``width`` bytes."""
    digits = []
    while value or not digits or len(digits) < width:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    digits[-1] &= 0x7F
    return bytes(digits)


@pytest.mark.parametrize(
    "field",
    [
        number(14 << 3) + number(1),
        number(14 << 3, 5) + number(1, 9),
        # an enum is read from the lower 32 bits
        number(14 << 3) + number((1 << 32) + 1),
        number(13 << 3 | 2) + number(0),
    ],
)
def test_spellings_that_protobuf_reads_alike(field):
    tensor = number(1 << 3) + number(4) + field
    message = b"\x2a" + number(len(tensor), 4) + tensor
    with pytest.raises(BundleIntegrityError):
        refuse_outside_onnx(b"\x3a" + number(len(message)) + message, "no model")
    # of a graph that comes in two parts, the second counts too
    with pytest.raises(BundleIntegrityError):
        refuse_outside_onnx(graph() + b"\x3a" + number(len(message)) + message, "no model")


def test_what_is_no_model(tmp_path):
    whole = graph()
    ort_format = (24).to_bytes(4, "little") + b"ORTM" + bytes(100)
    deep = b""
    for tag in (b"\x32", b"\x2a", b"\x0a") * 200:  # a graph in an attribute of a node in a graph
        deep = tag + number(len(deep)) + deep
    deep = b"\x3a" + number(len(deep)) + deep
    for content in (whole[:-1], whole[: len(whole) // 2], ort_format, b"\xff" * 50, b"\x0b\x0c", b"\x80" * 20, deep):
        path = tmp_path / "model.onnx"
        path.write_bytes(content)
        for model in (content, path):
            with pytest.raises(RoformerEdgeError):
                refuse_outside_onnx(model, "no model")
    with pytest.raises(BackendError, match="cannot read"):
        refuse_outside_onnx(tmp_path / "nowhere", "no model")
    refuse_outside_onnx(whole, "no model")


def test_buffers_of_tflite(tmp_path):
    flatbuffers = pytest.importorskip("flatbuffers")

    def table(*slots: int) -> bytes:
        builder = flatbuffers.Builder()
        text = builder.CreateString("../secret.bin")
        builder.StartObject(max(slots) + 1)
        for slot in slots:
            builder.PrependUOffsetTRelativeSlot(slot, text, 0)
        builder.Finish(builder.EndObject(), file_identifier=b"TFL3")
        return bytes(builder.Output())

    refuse_outside_tflite(table(1, 2, 4, 7), "no model")
    for slots in ((8,), (2, 9), (1, 2, 3, 4, 5, 6, 7, 8, 9), (30,)):
        with pytest.raises(BundleIntegrityError, match="lie in another file"):
            refuse_outside_tflite(table(*slots), "no model")
    for content in (b"", b"abc", b"\xff" * 40, table(1)[:6]):
        with pytest.raises(BackendError, match="damaged"):
            refuse_outside_tflite(content, "no model")
