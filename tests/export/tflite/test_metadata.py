"""TFLite's own metadata, read by its schema's field numbers and not by what wrote it."""

from __future__ import annotations

import struct

import pytest

pytest.importorskip("ai_edge_litert", reason="the engine is not installed: pip install 'roformer-edge[tflite]'")

from roformer_edge.tasks import TASKS
from tests.tflite_export import build_tiny, read


class Table:
    """A table of a flatbuffer: its vtable says where a field lies."""

    def __init__(self, data: bytes, place: int) -> None:
        self._data = data
        self._place = place
        self._fields = place - struct.unpack_from("<i", data, place)[0]

    def _at(self, number: int) -> int | None:
        size = struct.unpack_from("<H", self._data, self._fields)[0]
        if 4 + 2 * number >= size:
            return None
        offset = struct.unpack_from("<H", self._data, self._fields + 4 + 2 * number)[0]
        return self._place + offset if offset else None

    def _follow(self, place: int) -> int:
        return place + struct.unpack_from("<I", self._data, place)[0]

    def text(self, number: int) -> str:
        return self._text(self._follow(self._at(number)))

    def _text(self, start: int) -> str:
        length = struct.unpack_from("<I", self._data, start)[0]
        return self._data[start + 4 : start + 4 + length].decode()

    def byte(self, number: int) -> int:
        return self._data[self._at(number)]

    def _items(self, number: int) -> list[int]:
        place = self._at(number)
        if place is None:
            return []
        start = self._follow(place)
        count = struct.unpack_from("<I", self._data, start)[0]
        return [self._follow(start + 4 + 4 * index) for index in range(count)]

    def tables(self, number: int) -> list[Table]:
        return [Table(self._data, place) for place in self._items(number)]

    def texts(self, number: int) -> list[str]:
        return [self._text(place) for place in self._items(number)]


def metadata_of(content: bytes) -> Table:
    model = read(content)
    (entry,) = (model.Metadata(n) for n in range(model.MetadataLength()))
    assert entry.Name() == b"TFLITE_METADATA"
    blob = model.Buffers(entry.Buffer()).DataAsNumpy().tobytes()
    assert blob[4:8] == b"M001"
    return Table(blob, struct.unpack_from("<I", blob)[0])


@pytest.mark.parametrize("task", TASKS)
def test_every_tensor_is_named_and_described(task: str) -> None:
    model = build_tiny(task)
    found = metadata_of(model.to_bytes())
    assert found.text(0) == f"RoFormer, {task}"
    assert found.text(7) == "1.0.0"
    (graph,) = found.tables(3)
    assert graph.text(0) == "default"
    signature = model.signatures["default"]
    for number, specs in ((2, signature.inputs), (3, signature.outputs)):
        tensors = graph.tables(number)
        assert [tensor.text(0) for tensor in tensors] == [spec.name for spec in specs]
        assert [tuple(tensor.texts(2)) for tensor in tensors] == [spec.axes for spec in specs]
        assert all(len(tensor.text(1)) > 10 for tensor in tensors)


def files(tensor: Table) -> list[tuple[str, int]]:
    return [(file.text(0), file.byte(2)) for file in tensor.tables(6)]


def test_files_are_those_of_the_bundle() -> None:
    (graph,) = metadata_of(build_tiny().to_bytes()).tables(3)
    assert files(graph.tables(2)[0]) == [("vocab.txt", 5)]
    assert files(graph.tables(3)[0]) == [("labels.txt", 2)]
    (unlabelled,) = metadata_of(build_tiny("fill-mask").to_bytes()).tables(3)
    assert files(unlabelled.tables(3)[0]) == []


def test_every_signature_is_described() -> None:
    graphs = metadata_of(build_tiny(lengths=(4, 8)).to_bytes()).tables(3)
    assert [graph.text(0) for graph in graphs] == ["default", "length_4"]
    assert [graph.tables(2)[0].texts(2) for graph in graphs] == [["1", "8"], ["1", "4"]]
