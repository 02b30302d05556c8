"""A model reads nothing outside its own file, wherever in it a tensor says so."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from roformer_edge.bundle.pack import pack_directory
from roformer_edge.errors import BackendError, BundleIntegrityError, RoFormerEdgeError
from roformer_edge.runtime.backends.outside_data import refuse_outside_onnx
from roformer_edge.runtime.loading import load
from tests.tiny_runtime import graph, write_runnable

SECRET = np.arange(4000, dtype=np.float32)


def outside(tensor: TensorProto, location: str) -> TensorProto:
    """Say of a tensor that its data lie at ``location``."""
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    del tensor.external_data[:]
    tensor.external_data.add(key="location", value=location)
    return tensor


def embeddings(model: onnx.ModelProto, location: str) -> None:
    outside(model.graph.initializer[0], location)


def a_constant(location: str) -> onnx.NodeProto:
    value = numpy_helper.from_array(SECRET, "secret")
    return helper.make_node("Constant", [], ["constant"], value=outside(value, location))


def constant(model: onnx.ModelProto, location: str) -> None:
    model.graph.node.append(a_constant(location))


def list_of_tensors(model: onnx.ModelProto, location: str) -> None:
    attribute = onnx.AttributeProto(name="many", type=onnx.AttributeProto.TENSORS)
    attribute.tensors.append(outside(numpy_helper.from_array(SECRET, "secret"), location))
    model.graph.node[0].attribute.append(attribute)


def subgraph_initializer(model: onnx.ModelProto, location: str) -> None:
    inner = helper.make_graph([], "inner", [], [], [outside(numpy_helper.from_array(SECRET, "secret"), location)])
    model.graph.node.append(helper.make_node("If", ["condition"], ["x"], then_branch=inner, else_branch=inner))


def subgraph_in_subgraph(model: onnx.ModelProto, location: str) -> None:
    inner = helper.make_graph([a_constant(location)], "inner", [], [])
    outer = helper.make_graph([helper.make_node("If", ["c"], ["y"], then_branch=inner)], "outer", [], [])
    model.graph.node.append(helper.make_node("Loop", ["condition"], ["x"], body=outer))


def function_body(model: onnx.ModelProto, location: str) -> None:
    model.functions.append(
        helper.make_function("own", "F", [], ["constant"], [a_constant(location)], [helper.make_opsetid("", 17)])
    )


def default_of_function(model: onnx.ModelProto, location: str) -> None:
    function = helper.make_function("own", "F", [], ["x"], [], [helper.make_opsetid("", 17)])
    function.attribute_proto.append(
        helper.make_attribute("value", outside(numpy_helper.from_array(SECRET, "secret"), location))
    )
    model.functions.append(function)


def sparse(model: onnx.ModelProto, location: str) -> None:
    values = outside(numpy_helper.from_array(SECRET, "secret"), location)
    indices = numpy_helper.from_array(np.arange(4000, dtype=np.int64), "places")
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [8000]))


def training(model: onnx.ModelProto, location: str) -> None:
    model.training_info.add().algorithm.initializer.append(outside(numpy_helper.from_array(SECRET, "secret"), location))


WAYS = (
    embeddings, constant, list_of_tensors, subgraph_initializer, subgraph_in_subgraph, function_body,
    default_of_function, sparse, training,
)  # fmt: skip


def with_outside(way: Callable[[onnx.ModelProto, str], None], location: str) -> bytes:
    model = onnx.load_from_string(graph())
    way(model, location)
    return bytes(model.SerializeToString())


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret.bin"
    path.write_bytes(SECRET.tobytes())
    return path


@pytest.mark.parametrize("way", WAYS)
def test_wherever_the_tensor_is(way, tmp_path, secret):
    bundle = write_runnable(tmp_path / "intent", model=with_outside(way, "../secret.bin"))
    for place in (bundle, pack_directory(bundle, tmp_path / "x.rfe")):
        for verify in (True, False):
            with pytest.raises(BundleIntegrityError, match="in another file"):
                load(place, verify=verify)


@pytest.mark.parametrize("kind", ["absolute", "descriptor", "beside", "link", "memory", "missing", "listed"])
def test_wherever_it_leads(kind, tmp_path, secret):
    descriptor = os.open(secret, os.O_RDONLY)
    places = {"absolute": str(secret), "descriptor": f"/proc/self/fd/{descriptor}", "beside": "w.bin", "link": "l.bin"}
    places |= {"memory": "*/_ORT_MEM_ADDR_/*", "missing": "nowhere.bin", "listed": "vocab.txt"}
    bundle = write_runnable(tmp_path / "intent", model=with_outside(embeddings, places[kind]))
    (bundle / "w.bin").write_bytes(SECRET.tobytes())
    (bundle / "l.bin").symlink_to(secret)
    try:
        with pytest.raises(BundleIntegrityError, match="in another file"):
            load(bundle)
    finally:
        os.close(descriptor)


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


@pytest.mark.parametrize("outer", [0, 1 << 32])
@pytest.mark.parametrize("inner", [0, 1 << 32])
def test_tags_of_which_engines_read_the_lower_bits(outer, inner):
    tensor = number(1 << 3) + number(4) + number((13 << 3 | 2) + inner) + number(0)
    message = number((5 << 3 | 2) + outer) + number(len(tensor)) + tensor
    with pytest.raises(RoFormerEdgeError):
        refuse_outside_onnx(b"\x3a" + number(len(message)) + message, "no model")


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
            with pytest.raises(RoFormerEdgeError):
                refuse_outside_onnx(model, "no model")
    with pytest.raises(BackendError, match="cannot read"):
        refuse_outside_onnx(tmp_path / "nowhere", "no model")
    refuse_outside_onnx(whole, "no model")


def test_contexts_of_providers():
    model = onnx.load_from_string(graph())
    node = helper.make_node("EPContext", ["input_ids"], ["x"], ep_cache_context="../x.bin", embed_mode=0)
    inner = helper.make_graph([node], "inner", [], [])
    for one in (node, helper.make_node("If", ["condition"], ["x"], then_branch=inner)):
        copy = onnx.ModelProto()
        copy.CopyFrom(model)
        copy.graph.node.append(one)
        with pytest.raises(BundleIntegrityError, match="what a provider compiled lies in another file"):
            refuse_outside_onnx(copy.SerializeToString(), "no model")
