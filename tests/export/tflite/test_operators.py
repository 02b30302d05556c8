"""Operators give what numpy gives, of the shape that they say."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert", reason="the engine is not installed: pip install 'roformer-edge[tflite]'")

from ai_edge_litert.interpreter import Interpreter

from roformer_edge.export.tflite.flatbuffer import Constants, Graph, Tensor, write_model
from roformer_edge.export.tflite.operators import binary, reshape, transpose

X = np.random.default_rng(3).normal(size=(4, 1, 6)).astype(np.float32)
Y = np.random.default_rng(4).normal(size=(5, 1)).astype(np.float32)


def computed(emit: Callable[[Graph, Tensor], Tensor]) -> np.ndarray:
    graph = Graph(name="default", constants=Constants())
    y = emit(graph, graph.input("x", X.shape, "float32"))
    graph.output("y", y)
    content = b"".join(write_model([graph], "an operator"))
    found = Interpreter(model_content=content).get_signature_runner("default")(x=X)["y"]
    assert found.shape == y.shape
    return found


@pytest.mark.parametrize(("code", "of"), [("ADD", np.add), ("SUB", np.subtract), ("MUL", np.multiply)])
def test_axes_of_one_are_repeated(code: str, of: np.ufunc) -> None:
    found = computed(lambda graph, x: binary(graph, code, "y", x, graph.constant("other", Y)))
    np.testing.assert_allclose(found, of(X, Y), rtol=1e-6)


def test_another_shape() -> None:
    np.testing.assert_array_equal(computed(lambda graph, x: reshape(graph, x, "y", 2, 12)), X.reshape(2, 12))


def test_another_order_of_axes() -> None:
    np.testing.assert_array_equal(computed(lambda graph, x: transpose(graph, x, "y", 2, 0, 1)), X.transpose(2, 0, 1))
