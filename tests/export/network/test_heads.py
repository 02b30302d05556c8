"""The network, said to an emitter that computes in numpy, is the reference model: in every task and shape."""

from __future__ import annotations

import numpy as np
import pytest

from roformer_edge.config import SUMMARIES
from roformer_edge.export.network.weights import Weights, half_split_order
from roformer_edge.export.parity import check_parity
from roformer_edge.tasks import TASKS, get_task
from tests.export.conftest import SHAPES
from tests.numpy_format import NumpyModel
from tests.onnx_export import reference_answers

COMPUTED = {name: fields for name, fields in SHAPES.items() if fields.get("hidden_act") != "tanh"}


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
@pytest.mark.parametrize("fields", COMPUTED.values(), ids=COMPUTED)
def test_the_network_is_the_reference_model(make_checkpoint, fields, task):
    checkpoint = make_checkpoint(task, **fields)
    model = NumpyModel(Weights(config=checkpoint.config, arrays=checkpoint.arrays), task)
    parity = check_parity(model, reference_answers(checkpoint, task), checkpoint.config, task)
    assert parity.absolute_difference < 2e-5


@pytest.mark.parametrize("summary", SUMMARIES)
def test_every_summary_of_multiple_choice(make_checkpoint, summary):
    task = get_task("multiple-choice")
    checkpoint = make_checkpoint(task, extra={"summary_type": summary})
    model = NumpyModel(Weights(config=checkpoint.config, arrays=checkpoint.arrays), task)
    assert check_parity(model, reference_answers(checkpoint, task), checkpoint.config, task).absolute_difference < 2e-5


def test_every_part_is_marked(make_checkpoint):
    task = get_task("text-classification")
    checkpoint = make_checkpoint(task)
    marks = NumpyModel(Weights(config=checkpoint.config, arrays=checkpoint.arrays), task).marks
    assert {"embeddings", "layer.0", "layer.1", "layer.2", "head.dense", "layer.0.ffn.up"} <= set(marks)


def test_half_split_order_keeps_heads_apart():
    assert half_split_order(2, 4).tolist() == [0, 2, 1, 3, 4, 6, 5, 7]
    assert np.array_equal(np.sort(half_split_order(3, 6)), np.arange(18))
