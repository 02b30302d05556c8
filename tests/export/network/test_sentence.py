"""Vectors of texts in every format: each pooling and each step is what the reference model computes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from roformer_edge.export.network.weights import Weights
from roformer_edge.export.onnx.emitter import build_graph
from roformer_edge.export.parity import torch_answers
from roformer_edge.models.torch.sentence import RoFormerSentenceModel
from roformer_edge.sentence import POOLINGS, SentenceHead, Step
from roformer_edge.tasks import get_task
from tests.numpy_format import NumpyModel
from tests.onnx_export import parity_of, recipe_options

FEATURES = get_task("feature-extraction")
HIDDEN = 48


def pooling(*names: str) -> Step:
    return Step(kind="pooling", inputs=HIDDEN, width=HIDDEN * len(names), poolings=names)


def dense(module: str, inputs: int, width: int, activation: str) -> Step:
    return Step(kind="dense", inputs=inputs, width=width, module=module, activation=activation)


HEADS = {
    **{name: (pooling(name),) for name in POOLINGS},
    "all": (pooling(*POOLINGS),),
    "twice": (pooling("lasttoken", "max", "lasttoken", "max"),),
    "first, dense, unit": (pooling("cls"), dense("a", HIDDEN, 7, "gelu"), Step(kind="normalize", inputs=7, width=7)),
    "states, norm, without bias": (
        dense("a", HIDDEN, HIDDEN, "relu"),
        pooling("mean"),
        Step(kind="layer_norm", inputs=HIDDEN, width=HIDDEN, module="n"),
        dense("b", HIDDEN, 5, "linear"),
    ),
}


def arrays_of(steps: tuple[Step, ...]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(4)
    arrays = {}
    for step in steps:
        if step.kind == "dense":
            arrays[f"{step.module}.weight"] = rng.normal(0, 0.3, (step.width, step.inputs)).astype(np.float32)
        if step.module in ("a", "n"):
            arrays[f"{step.module}.bias"] = rng.normal(0, 0.3, step.width).astype(np.float32)
        if step.kind == "layer_norm":
            arrays[f"{step.module}.weight"] = rng.normal(1, 0.3, step.width).astype(np.float32)
    return arrays


@pytest.fixture
def model(make_checkpoint, request):
    steps = HEADS[request.param]
    checkpoint = make_checkpoint(FEATURES)
    head = SentenceHead(asked=None, steps=steps)
    arrays = {**checkpoint.arrays, **arrays_of(steps)}
    task = FEATURES.pooled(head)
    answers = torch_answers(RoFormerSentenceModel.from_arrays(checkpoint.config, arrays, head), checkpoint.config, task)
    return Weights(config=checkpoint.config, arrays=arrays), task, answers


@pytest.mark.parametrize("model", HEADS, indirect=True)
@pytest.mark.parametrize("format", ["numpy", "onnx", "tflite"])
def test_parity(model, format):
    weights, task, answers = model
    if format == "numpy":
        artifact = NumpyModel(weights, task)
    elif format == "onnx":
        artifact = build_graph(weights, task, recipe_options("fp32"))
    else:
        pytest.importorskip("ai_edge_litert")
        from roformer_edge.export.tflite.model import build_model

        artifact = build_model(weights, task, recipe_options("fp32"))
    (output,) = artifact.signatures["default"].outputs
    assert (output.name, output.axes[1]) == ("sentence_embedding", str(task.sentence.width))
    parity = parity_of(artifact, answers, weights.config, task)
    assert min(parity.absolute_difference, parity.relative_difference) < 5e-6


@pytest.mark.parametrize("model", ["first, dense, unit"], indirect=True)
def test_the_last_layer_computes_one_state_where_one_is_read(model):
    weights, task, _ = model
    marks = NumpyModel(weights, task).run({"input_ids": np.ones((2, 6), np.int64),
                                           "attention_mask": np.ones((2, 6), np.int64),
                                           "token_type_ids": np.zeros((2, 6), np.int64)}).marks  # fmt: skip
    assert marks["layer.2.ffn.up"].shape == (2, 48)
    assert marks["layer.1.ffn.up"].shape == (2, 6, 48)


@pytest.mark.parametrize("steps", [(), (pooling("cls"), pooling("mean")), (dense("a", 3, 3, "tanh"),)])
def test_one_pooling_and_no_more(steps):
    from roformer_edge.errors import ConfigError

    with pytest.raises(ConfigError, match="made by one pooling"):
        SentenceHead(asked=None, steps=steps)


def test_a_wrong_pooling_is_found(make_checkpoint):
    from roformer_edge.errors import ParityError

    checkpoint = make_checkpoint(FEATURES)
    head = SentenceHead(asked="mean", steps=(pooling("mean"),))
    model = RoFormerSentenceModel.from_arrays(checkpoint.config, checkpoint.arrays, head)
    answers = torch_answers(model, checkpoint.config, FEATURES.pooled(head))
    other = dataclasses.replace(head, steps=(pooling("weightedmean"),))
    weights = Weights(config=checkpoint.config, arrays=checkpoint.arrays)
    with pytest.raises(ParityError, match="sentence_embedding"):
        parity_of(NumpyModel(weights, FEATURES.pooled(other)), answers, checkpoint.config, FEATURES.pooled(other))
