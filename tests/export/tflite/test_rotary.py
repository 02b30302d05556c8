"""Pairs are rotated by their positions in TFLite."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert", reason="the engine is not installed: pip install 'roformer-edge[tflite]'")

from ai_edge_litert.interpreter import Interpreter

from roformer_edge.export.tflite.flatbuffer import Constants, Graph, write_model
from roformer_edge.export.tflite.rotary import rotate
from tests.export.rotation import ATTENTION, COSINES, HALF, HEADS, SINES, TOKENS, rotated


def test_every_head_is_rotated() -> None:
    first, second = np.random.default_rng(2).normal(size=(2, TOKENS, HEADS, HALF)).astype(np.float32)
    graph = Graph(name="default", constants=Constants())
    shape = (TOKENS, HEADS * HALF)
    halves = graph.input("even", shape, "float32"), graph.input("odd", shape, "float32")
    cosines, sines = (graph.constant(name, x[:TOKENS, None]) for name, x in (("cos", COSINES), ("sin", SINES)))
    graph.output("y", rotate(graph, ATTENTION, halves, cosines, sines))
    content = b"".join(write_model([graph], "a rotation"))
    feeds = {"even": first.reshape(shape), "odd": second.reshape(shape)}
    found = Interpreter(model_content=content).get_signature_runner("default")(**feeds)["y"]
    np.testing.assert_allclose(found, rotated(first, second, np.arange(TOKENS)).transpose(1, 0, 2), atol=1e-6)
