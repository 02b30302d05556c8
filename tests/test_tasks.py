"""The list of tasks: what a checkpoint is for, and what an example becomes at the tokenizer."""

from __future__ import annotations

import pytest

from roformer_edge.checkpoint.names import shapes_of
from roformer_edge.config import RoFormerConfig
from roformer_edge.scopes import scopes_of
from roformer_edge.tasks import TASKS, get_task, input_rows, task_of


@pytest.mark.parametrize(
    ("architectures", "task"),
    [
        (["RoFormerForMaskedLM"], "fill-mask"),
        (["TFRoFormerForQuestionAnswering"], "question-answering"),
        (["FlaxRoFormerForMultipleChoice"], "multiple-choice"),
        (["RoFormerForPreTraining", "RoFormerModel"], "feature-extraction"),
    ],
)
def test_a_class_names_its_task(architectures, task):
    assert task_of(architectures).name == task


@pytest.mark.parametrize("architectures", [[], ["BertForMaskedLM"], ["RoFormerForPreTraining"]])
def test_other_classes_name_none(architectures):
    assert task_of(architectures) is None


def test_rows_of_an_example():
    assert input_rows(get_task("fill-mask"), {"text": "a"}) == [("a", None)]
    assert input_rows(get_task("question-answering"), {"context": "c", "question": "q"}) == [("q", "c")]
    choices = {"context": "c", "question": "q", "choices": ["1", "2"]}
    assert input_rows(get_task("multiple-choice"), choices) == [("c", "q1"), ("c", "q2")]
    del choices["question"]
    assert input_rows(get_task("multiple-choice"), choices) == [("c", "1"), ("c", "2")]


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
@pytest.mark.parametrize("fields", [{}, {"norm_type": "rms_norm", "use_bias": False}, {"tie_word_embeddings": False}])
def test_scopes_hold_every_matrix_once(task, fields):
    """A tied table is in two scopes: rows are looked up, and multiplied by."""
    config = RoFormerConfig(
        vocab_size=30, embedding_size=6, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, **fields
    )
    matrices = {name for name, shape in shapes_of(config, task.model_class).items() if len(shape) == 2}
    held = [name for scope in scopes_of(config, task) for name in scope.weights]
    tied = config.tie_word_embeddings and task.name in ("fill-mask", "text-generation")
    assert set(held) == matrices
    assert len(held) == len(matrices) + tied
