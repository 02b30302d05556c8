"""The TFLite graph computes what the torch model computes, in every task and shape of the architecture."""

from __future__ import annotations

import pytest

pytest.importorskip("ai_edge_litert", reason="the engine is not installed: pip install 'roformer-edge[tflite]'")

from roformer_edge.config import ACTIVATIONS, SUMMARIES
from roformer_edge.tasks import TASKS, get_task
from tests.export.conftest import SHAPES
from tests.onnx_export import parity_of, reference_answers
from tests.tflite_export import float_model


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
@pytest.mark.parametrize("fields", SHAPES.values(), ids=SHAPES)
def test_float_graph_equals_torch(make_checkpoint, fields, task):
    checkpoint = make_checkpoint(task, **fields)
    answers = reference_answers(checkpoint, task)
    parity = parity_of(float_model(checkpoint, task), answers, checkpoint.config, task)
    assert min(parity.absolute_difference, parity.relative_difference) < 1e-5
    # every layer is compared, and the outputs
    assert len(answers[0]) == 1 + checkpoint.config.num_hidden_layers + len(task.outputs)


@pytest.mark.parametrize("summary", SUMMARIES)
def test_every_summary_of_multiple_choice(make_checkpoint, summary):
    task = get_task("multiple-choice")
    checkpoint = make_checkpoint(task, extra={"summary_type": summary})
    answers = reference_answers(checkpoint, task)
    parity = parity_of(float_model(checkpoint, task), answers, checkpoint.config, task)
    assert min(parity.absolute_difference, parity.relative_difference) < 1e-5


@pytest.mark.parametrize("function", sorted(set(ACTIVATIONS.values())))
def test_every_activation(make_checkpoint, function):
    task = get_task("text-classification")
    name = next(name for name, is_function in ACTIVATIONS.items() if is_function == function)
    checkpoint = make_checkpoint(task, hidden_act=name)
    parity = parity_of(float_model(checkpoint, task), reference_answers(checkpoint, task), checkpoint.config, task)
    assert min(parity.absolute_difference, parity.relative_difference) < 1e-5
