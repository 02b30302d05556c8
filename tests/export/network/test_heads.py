"""The network, said to an emitter that computes in numpy, is the reference model: in every task and shape."""

from __future__ import annotations

import pytest

from roformer_edge.config import SUMMARIES
from roformer_edge.export.network.weights import Weights
from roformer_edge.tasks import TASKS, get_task
from tests.export.conftest import SHAPES
from tests.numpy_format import NumpyModel
from tests.onnx_export import parity_of, reference_answers

COMPUTED = {name: fields for name, fields in SHAPES.items() if fields.get("hidden_act") != "tanh"}


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
@pytest.mark.parametrize("fields", COMPUTED.values(), ids=COMPUTED)
def test_the_network_is_the_reference_model(make_checkpoint, fields, task):
    checkpoint = make_checkpoint(task, **fields)
    model = NumpyModel(Weights(config=checkpoint.config, arrays=checkpoint.arrays), task)
    parity = parity_of(model, reference_answers(checkpoint, task), checkpoint.config, task)
    assert parity.absolute_difference < 2e-5


@pytest.mark.parametrize("summary", SUMMARIES)
def test_every_summary_of_multiple_choice(make_checkpoint, summary):
    task = get_task("multiple-choice")
    checkpoint = make_checkpoint(task, extra={"summary_type": summary})
    model = NumpyModel(Weights(config=checkpoint.config, arrays=checkpoint.arrays), task)
    assert parity_of(model, reference_answers(checkpoint, task), checkpoint.config, task).absolute_difference < 2e-5
