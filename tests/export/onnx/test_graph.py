"""The pieces of a graph, and the two ways to serialise it."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import numpy_helper

from roformer_edge.errors import ExportError
from roformer_edge.export.onnx.graph import IR_VERSION, OPSET, Graph, GraphBuilder
from roformer_edge.signatures import TensorSpec
from tests.export.conftest import TASK
from tests.onnx_export import float_graph

X = TensorSpec(name="x", dtype="float32", axes=("batch", "8"))
Y = TensorSpec(name="y", dtype="float32", axes=("batch", "3000"))
WEIGHT = np.random.default_rng(0).normal(size=(8, 3000)).astype(np.float32)
BIAS = np.arange(3000, dtype=np.float32)[:4]


def affine() -> Graph:
    """``relu(x @ weight)``; the weight is large, the constant small, and the product is marked."""
    graph = GraphBuilder()
    product = graph.node("MatMul", "layer", ["x", graph.tensor("layer/weight", WEIGHT)])
    graph.marks["product"] = product
    result = graph.node("Max", "layer", [product, graph.scalar("zero", 0, np.float32)])
    graph.output("y", result)
    return graph.finish([X], [Y])


def test_a_tensor_is_held_once():
    graph = GraphBuilder()
    assert graph.tensor("a", WEIGHT) == graph.tensor("a", WEIGHT + 1) == "a"
    assert graph.tensors["a"] is WEIGHT
    assert graph.ints(1, -1) == graph.ints(1, -1) != graph.ints(1)
    assert graph.tensors[graph.ints(1, -1)].tolist() == [1, -1]
    assert graph.tensors[graph.ints(1, -1)].dtype == np.int64
    assert graph.tensors[graph.scalar("epsilon", 0.5, np.float32)].shape == ()


def test_nodes_are_named_after_what_they_are_and_do():
    graph = GraphBuilder()
    assert graph.node("Add", "layer.0.residual", ["a", "b"]) == "layer.0.residual/Add"
    outputs = graph.nodes_with("Split", "layer.0.heads", ["c"], ("q", "k"), axis=-1)
    assert outputs == ("q", "k")
    assert [node.name for node in graph.nodes] == ["layer.0.residual/Add", "layer.0.heads/Split"]
    assert graph.has("k")
    assert graph.has("layer.0.residual/Add")
    assert not graph.has("a")


def test_an_output_has_its_name_wherever_it_is_used():
    graph = affine()
    assert [list(node.output) for node in graph.nodes] == [["layer/MatMul"], ["y"]]
    builder = GraphBuilder()
    hidden = builder.node("Relu", "hidden", ["x"])
    builder.marks["hidden"] = hidden
    builder.output("y", hidden)
    builder.node("Neg", "after", [hidden])
    renamed = builder.finish([X], [Y])
    assert [list(node.input) for node in renamed.nodes] == [["x"], ["y"]]
    assert renamed.marks == {"hidden": "y"}


def test_the_bytes_are_a_model_of_their_own():
    model = onnx.load_model_from_string(affine().to_bytes())
    onnx.checker.check_model(model, full_check=True)
    assert (model.ir_version, model.opset_import[0].version) == (IR_VERSION, OPSET)
    found = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    np.testing.assert_array_equal(found["layer/weight"], WEIGHT)
    axes = [dim.dim_param or dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim]
    assert axes == ["batch", 8]
    x = np.random.default_rng(1).normal(size=(2, 8)).astype(np.float32)
    (y,) = ort.InferenceSession(affine().to_bytes()).run(None, {"x": x})
    np.testing.assert_allclose(y, np.maximum(x @ WEIGHT, 0), rtol=1e-5)


def test_large_weights_stay_beside_the_model_that_a_session_gets():
    model, apart = affine().to_session(["layer/MatMul"])
    assert list(apart) == ["layer/weight"]
    assert np.shares_memory(apart["layer/weight"], WEIGHT)
    assert len(model) < WEIGHT.nbytes / 4
    parsed = onnx.load_model_from_string(model)
    assert [output.name for output in parsed.graph.output] == ["y", "layer/MatMul"]
    assert [tensor.name for tensor in parsed.graph.initializer] == ["const/zero"]
    fed = [(value.name, [dim.dim_value for dim in value.type.tensor_type.shape.dim]) for value in parsed.graph.input]
    assert fed[1:] == [("layer/weight", [*WEIGHT.shape])]


def test_the_pieces_are_what_protobuf_makes_of_the_whole():
    graph = affine()
    content = b"".join(graph.pieces())
    whole = onnx.load_model_from_string(content)
    # the library writes fields by their numbers; a description that moves the numbers behind it comes before them here
    written = whole.SerializeToString(deterministic=True)
    assert len(written) == len(content)
    for tensor in whole.graph.initializer:
        assert not tensor.doc_string.strip()
        tensor.ClearField("doc_string")
    written = whole.SerializeToString(deterministic=True)
    whole.graph.ClearField("initializer")
    whole.graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in graph.tensors.items())
    assert whole.SerializeToString(deterministic=True) == written
    assert any(isinstance(piece, memoryview) and np.shares_memory(piece, WEIGHT) for piece in graph.pieces())


def test_a_model_that_no_message_holds_is_refused_before_anything_is_written(monkeypatch):
    monkeypatch.setattr("roformer_edge.export.onnx.graph._MOST_BYTES", WEIGHT.nbytes)
    with pytest.raises(ExportError, match=r"the model takes [\d,]+ bytes, .* 2 GiB at most"):
        affine().pieces()


def test_the_graph_is_called_in_one_way():
    (signature,) = affine().signatures.values()
    assert (signature.inputs, signature.outputs) == ((X,), (Y,))


@pytest.mark.parametrize("way", ["to_bytes", "to_session"])
def test_same_checkpoint_gives_the_same_bytes(make_checkpoint, way):
    checkpoint = make_checkpoint()
    first, second = (getattr(float_graph(checkpoint, TASK), way)() for _ in range(2))
    assert (first == second) if way == "to_bytes" else (first[0] == second[0])


@pytest.mark.parametrize("rows", [1, 40, 1_000, 20_000, 300_000])
def test_numbers_lie_where_a_processor_reads_them_at_once(rows):
    """Whatever the sizes are written with: an engine may compute on the mapped file."""
    graph = GraphBuilder()
    random = np.random.default_rng(rows)
    for place, dtype in enumerate((np.int8, np.float32, np.uint8, np.float16, np.int64, np.float32, np.int32)):
        # odd numbers of bytes move everything behind them
        graph.tensor(f"{'n' * place}/weight", random.integers(0, 100, rows + place).astype(dtype))
    graph.output("y", graph.node("Neg", "layer", ["x"]))
    made = graph.finish([X], [Y])
    content = made.to_bytes()
    for name, array in made.tensors.items():
        tensor = next(one for one in onnx.load_model_from_string(content).graph.initializer if one.name == name)
        np.testing.assert_array_equal(numpy_helper.to_array(tensor), array)
        header = tensor.name.encode()
        assert content.index(array.tobytes(), content.index(header)) % array.itemsize == 0
