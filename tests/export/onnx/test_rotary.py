"""Pairs are rotated by their positions in ONNX, whoever counts these."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest

from roformer_edge.export.onnx.graph import GraphBuilder
from roformer_edge.export.onnx.rotary import rotate
from roformer_edge.signatures import POSITION_IDS, TensorSpec
from tests.export.rotation import ATTENTION, HALF, HEAD_SIZE, HEADS, TOKENS, rotated

X = np.random.default_rng(1).normal(size=(1, TOKENS, 2 * HEADS * HEAD_SIZE)).astype(np.float32)


@pytest.mark.parametrize("positions", [None, [4, 0, 15, 7, 7]], ids=["counted", "given"])
def test_every_head_is_rotated(positions: list[int] | None) -> None:
    graph = GraphBuilder()
    graph.output("y", rotate(graph, "x", ATTENTION, parts=2, given=positions is not None))
    width = str(X.shape[-1])
    inputs = [TensorSpec(name="x", dtype="float32", axes=("batch", "sequence", width))]
    feeds = {"x": X}
    if positions is not None:
        inputs.append(TensorSpec(name=POSITION_IDS, dtype="int64", axes=("batch", "sequence")))
        feeds[POSITION_IDS] = np.array([positions])
    y = TensorSpec(name="y", dtype="float32", axes=("batch", "sequence", width))
    found = ort.InferenceSession(graph.finish(inputs, [y]).to_bytes()).run(None, feeds)[0]
    heads = X[0].reshape(TOKENS, 2 * HEADS, 2, HALF)
    wanted = rotated(heads[:, :, 0], heads[:, :, 1], np.array(positions or range(TOKENS)))
    np.testing.assert_allclose(found[0].reshape(wanted.shape), wanted, atol=1e-6)


def test_a_position_that_there_is_not_is_an_error_and_no_memory_of_others() -> None:
    graph = GraphBuilder()
    graph.output("y", rotate(graph, "x", ATTENTION, parts=2, given=True))
    width = str(X.shape[-1])
    inputs = [
        TensorSpec(name="x", dtype="float32", axes=("batch", "sequence", width)),
        TensorSpec(name=POSITION_IDS, dtype="int64", axes=("batch", "sequence")),
    ]
    y = TensorSpec(name="y", dtype="float32", axes=("batch", "sequence", width))
    session = ort.InferenceSession(graph.finish(inputs, [y]).to_bytes())
    with pytest.raises(Exception, match="out of"):
        session.run(None, {"x": X, POSITION_IDS: np.array([[0, 1, 2, 3, 16]])})
