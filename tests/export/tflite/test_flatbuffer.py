"""The file is one that other readers understand, and its bytes are where engines want them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert", reason="the engine is not installed: pip install 'roformer-edge[tflite]'")

from ai_edge_litert.interpreter import Interpreter

from roformer_edge.errors import ExportError
from roformer_edge.export.tflite import flatbuffer
from roformer_edge.export.tflite.flatbuffer import (
    DYNAMIC_AXIS,
    Constant,
    Constants,
    Graph,
    Quantization,
    Tensor,
    write_model,
)
from tests.tflite_export import data, operators, read, tensors

TABLE = np.arange(35, dtype=np.float32).reshape(5, 7)


def look_up(name: str, constants: Constants, length: int = DYNAMIC_AXIS) -> Graph:
    """Rows of a table, plus one."""
    graph = Graph(name=name, constants=constants)
    ids = graph.input("ids", (length,), "int32")
    rows = graph.op("EMBEDDING_LOOKUP", "rows", [ids, graph.constant("table", TABLE)], (length, 7))
    graph.output("y", graph.op("ADD", "y", [rows, graph.scalar(1)], rows.shape))
    return graph


def written(*graphs: Graph, **options: object) -> bytes:
    return b"".join(write_model(graphs, "a test", **options))


def test_what_is_written_is_computed() -> None:
    content = written(look_up("default", Constants()))
    run = Interpreter(model_content=content).get_signature_runner("default")
    np.testing.assert_array_equal(run(ids=np.array([4, 0], np.int32))["y"], TABLE[[4, 0]] + 1)
    np.testing.assert_array_equal(run(ids=np.array([1], np.int32))["y"], TABLE[[1]] + 1)


def test_another_reader_finds_the_description_and_the_signatures() -> None:
    constants = Constants()
    model = read(written(look_up("default", constants), look_up("short", constants, 3)))
    assert model.Version() == 3
    assert model.Description() == b"a test"
    assert [model.SignatureDefs(n).SignatureKey() for n in range(2)] == [b"default", b"short"]
    assert [model.SignatureDefs(n).SubgraphIndex() for n in range(2)] == [0, 1]
    assert list(operators(model)) == [("EMBEDDING_LOOKUP", 1), ("ADD", 1)]
    assert tensors(model)["ids"].ShapeAsNumpy().tolist() == [1]
    assert tensors(model)["ids"].ShapeSignatureAsNumpy().tolist() == [-1]
    assert tensors(model, 1)["ids"].ShapeAsNumpy().tolist() == [3]
    assert tensors(model, 1)["ids"].ShapeSignatureIsNone()


def test_graphs_share_the_bytes_of_constants() -> None:
    constants = Constants()
    one = written(look_up("default", constants))
    model = read(two := written(look_up("default", constants), look_up("short", constants, 3)))
    assert tensors(model)["table"].Buffer() == tensors(model, 1)["table"].Buffer()
    assert len(two) - len(one) < TABLE.nbytes + 1000
    assert two.count(TABLE.tobytes()) == 1


def test_every_buffer_is_aligned_and_the_first_is_empty() -> None:
    graph = look_up("default", Constants())
    for size in (1, 2, 3, 17, 31):
        graph.constant(f"odd/{size}", np.full(size, 7, np.int8))
        odd = graph.constant(f"odd/{size}")
        graph.op("CAST", f"odd{size}", [odd], odd.shape)
    content = written(graph, metadata={"note": b"five!"})
    model = read(content)
    assert model.Buffers(0).DataLength() == 0
    for number in range(1, model.BuffersLength()):
        found = model.Buffers(number).DataAsNumpy()
        start = found.__array_interface__["data"][0] - np.frombuffer(content, np.uint8).__array_interface__["data"][0]
        assert start % 16 == 0
        assert found.size > 0
    assert data(model, tensors(model)["table"]).tobytes() == TABLE.tobytes()
    assert model.Metadata(0).Name() == b"note"
    assert model.Buffers(model.Metadata(0).Buffer()).DataAsNumpy().tobytes() == b"five!"


def test_operators_of_before_and_after_number_127_are_found_by_old_readers() -> None:
    graph = look_up("default", Constants())
    graph.op("GELU", "late", [graph.outputs["y"]], graph.outputs["y"].shape, approximate=True)
    model = read(written(graph))
    codes = {model.OperatorCodes(n).BuiltinCode(): model.OperatorCodes(n) for n in range(model.OperatorCodesLength())}
    assert {code: one.DeprecatedBuiltinCode() for code, one in codes.items()} == {0: 0, 7: 7, 150: 127}


def test_one_operator_in_two_versions_is_two() -> None:
    graph = look_up("default", Constants())
    graph.op("ADD", "again", [graph.outputs["y"], graph.scalar(1)], graph.outputs["y"].shape, version=3)
    assert [*operators(read(written(graph)))][1:] == [("ADD", 1), ("ADD", 3)]


def test_scales_are_written_once() -> None:
    scale = np.linspace(1, 2, 4096, dtype=np.float32)
    constants, graphs = Constants(), []
    for name in ("default", "other"):
        graph = look_up(name, constants)
        graph.constant(
            "weight",
            lambda: Constant(
                name="weight",
                array=np.zeros((4096, 1), np.int8),
                shape=(4096, 1),
                dtype="int8",
                quantization=Quantization(scale=scale),
            ),
        )
        weight = graph.constant("weight")
        graph.op("DEQUANTIZE", "weight", [weight], weight.shape, version=2)
        graphs.append(graph)
    content = written(*graphs)
    assert content.count(scale.tobytes()) == 1
    for number in range(2):
        found = tensors(read(content), number)["weight"].Quantization()
        assert found.ScaleAsNumpy().tobytes() == scale.tobytes()
        assert set(found.ZeroPointAsNumpy()) == {0}


def test_equal_zero_points_are_written_once() -> None:
    sizes = []
    for count in (1, 2, 3):
        graph = look_up("default", Constants())
        for number in range(count):
            name, scale = f"weight.{number}", np.full(4096, number + 1, np.float32)
            weight = graph.constant(
                name,
                lambda name=name, scale=scale: Constant(
                    name=name,
                    array=np.zeros((4096, 1), np.int8),
                    shape=(4096, 1),
                    dtype="int8",
                    quantization=Quantization(scale=scale),
                ),
            )
            graph.op("DEQUANTIZE", name, [weight], weight.shape, version=2)
        content = written(graph)
        found = tensors(read(content))[f"weight.{count - 1}"].Quantization()
        assert set(found.ScaleAsNumpy()) == {count}
        assert found.ZeroPointAsNumpy().tolist() == [0] * 4096
        sizes.append(len(content))
    # integers, scales and what describes them; with the zero points of each it would be 32,768 more
    assert all(after - before < 4096 * (1 + 4) + 1000 for before, after in itertools.pairwise(sizes))


def test_an_option_that_the_operator_has_not_is_no_option() -> None:
    graph = look_up("default", Constants())
    graph.op("SOFTMAX", "soft", [graph.outputs["y"]], (1,), gamma=1.0)
    with pytest.raises(ValueError, match="SoftmaxOptionsT has no field 'gamma'"):
        written(graph)
    graph = look_up("default", Constants())
    graph.op("RSQRT", "root", [graph.outputs["y"]], (1,), beta=1.0)
    with pytest.raises(ValueError, match="RSQRT has no options, found beta"):
        written(graph)


def test_a_file_that_no_reader_could_address_is_refused_before_it_is_written(monkeypatch) -> None:
    monkeypatch.setattr(flatbuffer, "MOST_BYTES", 500)
    with pytest.raises(ExportError, match="holds at most 500 bytes, and this one would have"):
        written(look_up("default", Constants()))


def test_inner_values_become_outputs_beside_the_others() -> None:
    graph = look_up("default", Constants())
    inner = graph.operators[0].outputs[0]
    assert isinstance(inner, Tensor)
    tapped = graph.with_outputs({"rows": inner})
    run = Interpreter(model_content=written(tapped)).get_signature_runner("default")
    found = run(ids=np.array([4, 0], np.int32))
    np.testing.assert_array_equal(found["rows"], TABLE[None, [4, 0]])
    assert list(graph.outputs) == ["y"]
