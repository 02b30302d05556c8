"""Going on from kept keys and values is the same as computing all tokens anew, in every format."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert", reason="the engine is not installed: pip install 'roformer-edge[tflite]'")

from roformer_edge.errors import BackendError
from roformer_edge.export.artifact import Builder
from roformer_edge.export.onnx.emitter import build_graph
from roformer_edge.export.tflite.model import build_model
from roformer_edge.runtime.backends.litert import LiteRTSession
from roformer_edge.runtime.backends.onnxruntime import OnnxRuntimeSession
from tests.tflite_export import build_tiny

# format -> what builds it, what runs it, and how far a step may be from the whole
FORMATS = {"onnx": (build_graph, OnnxRuntimeSession, 1e-6), "tflite": (build_model, LiteRTSession, 0.0)}
SHAPES = {
    "plain": {},
    "values rotated": {"rotary_value": True},
    "one layer": {"num_hidden_layers": 1, "hidden_act": "relu"},
}
IDS = np.random.default_rng(0).integers(0, 40, (1, 12))


def session(name: str, recipe: str = "fp32", **fields: object):
    build, backend, _ = FORMATS[name]
    builder: Builder = build
    return backend(build_tiny("text-generation", recipe, build=builder, fields=fields).to_bytes())


def past(outputs: dict[str, np.ndarray], length: int | None = None) -> dict[str, np.ndarray]:
    kept = {name: array for name, array in outputs.items() if name.startswith("present.")}
    return {name.replace("present", "past_key_values"): array[:, :, :length] for name, array in kept.items()}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("recipe", ["fp32", "int8-dynamic"])
def test_steps_equal_the_whole(name: str, shape: str, recipe: str) -> None:
    if (name, recipe) == ("onnx", "int8-dynamic"):
        pytest.skip("there the range of an input is that of all its tokens, so a token alone is rounded otherwise")
    run, bound = session(name, recipe, **SHAPES[shape]).run, FORMATS[name][2]
    whole = run({"input_ids": IDS})["logits"]
    outputs = run({"input_ids": IDS[:, :5], "positions": np.array([[4]])})
    assert outputs["logits"].shape == (1, 1, 40)
    assert np.abs(outputs["logits"][:, 0] - whole[:, 4]).max() <= bound
    for place in range(5, 12):
        outputs = run({"input_ids": IDS[:, place : place + 1], **past(outputs)})
        assert np.abs(outputs["logits"][:, 0] - whole[:, place]).max() <= bound
        assert outputs["present.0.key"].shape == (1, 2, place + 1, 8)
    several = run({"input_ids": IDS[:, 6:], **past(outputs, 6)})["logits"]
    assert np.abs(several - whole[:, 6:]).max() <= max(bound, 1e-6)


@pytest.mark.parametrize("name", FORMATS)
def test_padding_between_the_cache_and_a_new_token_is_never_looked_at(name: str) -> None:
    run = session(name, rotary_value=True).run
    whole = run({"input_ids": IDS[:, :6]})["logits"][:, 5]
    padded, mask = IDS[:, :8].copy(), np.ones((1, 8), np.int64)
    padded[:, 5:], mask[:, 5:] = 7, 0
    outputs = run({"input_ids": padded, "attention_mask": mask})
    step = {"input_ids": IDS[:, 5:6], "position_ids": np.array([[5]])}
    mask = np.concatenate([mask, [[1]]], axis=1)
    found = run({**step, "attention_mask": mask, **past(outputs)})["logits"][:, 0]
    np.testing.assert_allclose(found, whole, atol=1e-5)
    assert np.abs(run({**step, **past(outputs)})["logits"][:, 0] - whole).max() > 1e-3


@pytest.mark.parametrize("name", FORMATS)
def test_positions_are_read_in_the_order_asked_for(name: str) -> None:
    run = session(name).run
    whole = run({"input_ids": IDS})["logits"]
    chosen = run({"input_ids": IDS, "positions": np.array([[7, 0, 7]])})["logits"]
    np.testing.assert_allclose(chosen, whole[:, [7, 0, 7]], atol=1e-6)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("wrong", [{"positions": np.array([[12]])}, {"position_ids": np.full((1, 12), 32)}])
def test_positions_that_are_not_there_are_an_error(name: str, wrong: dict) -> None:
    with pytest.raises(BackendError, match="could not run"):
        session(name).run({"input_ids": IDS, **wrong})


def test_a_model_for_fixed_lengths_keeps_nothing_and_computes_the_same() -> None:
    fixed = LiteRTSession(build_tiny("text-generation", lengths=(12,)).to_bytes())
    assert not fixed.signatures["default"].cached
    found = fixed.run({"input_ids": IDS})["logits"]
    np.testing.assert_allclose(found, session("tflite").run({"input_ids": IDS})["logits"], atol=1e-5)


def test_masks_are_filled_without_computing_what_is_not_read() -> None:
    model = build_tiny("fill-mask")
    run = LiteRTSession(model.to_bytes())
    assert run.signatures["default"].takes_positions
    whole = run.run({"input_ids": IDS})["logits"]
    found = run.run({"input_ids": IDS, "positions": np.array([[3, 9]])})["logits"]
    np.testing.assert_allclose(found, whole[:, [3, 9]], atol=1e-6)
