"""A graph in memory answers as its bytes do, and tells what is inside."""

from __future__ import annotations

import dataclasses

import numpy as np
import onnxruntime as ort
import pytest

from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import BackendError
from roformer_edge.export.onnx.graph import GraphBuilder
from roformer_edge.export.onnx.session import GraphSession
from roformer_edge.export.parity import probe_feeds
from roformer_edge.signatures import TensorSpec
from roformer_edge.tasks import get_task
from tests.export.conftest import TASK
from tests.onnx_export import float_graph


def run_bytes(model: bytes, feeds: dict[str, np.ndarray]) -> np.ndarray:
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    return session.run(["logits"], feeds)[0]


def test_session_on_the_graph_equals_session_on_its_bytes(make_checkpoint):
    graph = float_graph(make_checkpoint(), TASK)
    feeds = next(probe_feeds(RoFormerConfig(vocab_size=120), TASK))
    inner = GraphSession(graph, ["layer.0"])(feeds)
    assert inner["layer.0"].shape == (*feeds["input_ids"].shape, 48)
    np.testing.assert_allclose(inner["logits"], run_bytes(graph.to_bytes(), feeds), atol=1e-6)


def test_marks_of_one_tensor_are_told_under_each_of_their_names(make_checkpoint):
    graph = float_graph(make_checkpoint(), TASK)
    assert graph.marks["embeddings"] == graph.marks["layer.0.attention.qkv"]
    marks = ["embeddings", "layer.0.attention.qkv", "layer.0.ffn.up"]
    found = graph.open(marks)(next(probe_feeds(RoFormerConfig(vocab_size=120), TASK)))
    assert list(found) == ["logits", *marks]
    np.testing.assert_array_equal(found["embeddings"], found["layer.0.attention.qkv"])
    assert not np.array_equal(found["embeddings"], found["layer.0.ffn.up"])


def test_ids_of_any_width_are_taken_and_what_is_no_input_is_left_out(make_checkpoint):
    session = GraphSession(float_graph(make_checkpoint(), TASK), threads=1)
    feeds = next(probe_feeds(RoFormerConfig(vocab_size=120), TASK))
    wanted = session(feeds)["logits"]
    narrow = {name: array.astype(np.int16) for name, array in feeds.items()}
    np.testing.assert_array_equal(session({**narrow, "labels": feeds["input_ids"]})["logits"], wanted)


def test_rows_of_texts_are_so_many_texts_of_one_choice(make_checkpoint):
    task = get_task("multiple-choice")
    session = GraphSession(float_graph(make_checkpoint(task), task))
    feeds = next(probe_feeds(RoFormerConfig(vocab_size=120), task))
    rows = {name: array.reshape(-1, array.shape[-1]) for name, array in feeds.items()}
    np.testing.assert_allclose(session(rows)["logits"].ravel(), session(feeds)["logits"].ravel(), atol=1e-6)


def test_a_graph_that_the_engine_refuses_is_one_error():
    spec = TensorSpec(name="x", dtype="float32", axes=("1",))
    builder = GraphBuilder()
    builder.output("y", builder.node("Teleport", "nowhere", ["x"]))
    graph = builder.finish([spec], [dataclasses.replace(spec, name="y")])
    with pytest.raises(BackendError, match=r"onnxruntime refuses the graph: .*Teleport"):
        GraphSession(graph)
