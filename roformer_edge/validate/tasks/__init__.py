"""How every task is measured: one table, one file a task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import ComparisonError
from roformer_edge.tasks import get_task
from roformer_edge.validate.tasks.feature_extraction import SentenceVectorMeasure
from roformer_edge.validate.tasks.fill_mask import MaskedTokenMeasure
from roformer_edge.validate.tasks.measure import Measure
from roformer_edge.validate.tasks.multi_label import MultiLabelMeasure
from roformer_edge.validate.tasks.multiple_choice import ChoiceMeasure
from roformer_edge.validate.tasks.question_answering import AnswerMeasure
from roformer_edge.validate.tasks.regression import RegressionMeasure
from roformer_edge.validate.tasks.text_classification import SingleLabelMeasure
from roformer_edge.validate.tasks.text_generation import NextTokenMeasure
from roformer_edge.validate.tasks.token_classification import EntityMeasure

_MEASURES: tuple[type[Measure[Any, Any]], ...] = (
    SentenceVectorMeasure,
    MaskedTokenMeasure,
    NextTokenMeasure,
    SingleLabelMeasure,
    MultiLabelMeasure,
    RegressionMeasure,
    EntityMeasure,
    AnswerMeasure,
    ChoiceMeasure,
)

# what a measure is called in reports -> its class
MEASURES: dict[str, type[Measure[Any, Any]]] = {row().name: row for row in _MEASURES}
# problem_type of config.json -> variant of a measure, where it is not the usual one
VARIANTS = {"multi_label_classification": "multi-label", "regression": "regression"}


def measure_of(task: str, labels: Sequence[str] = (), problem_type: str | None = None) -> Measure[Any, Any]:
    """Choose the measure of a model of a task.

    Args:
        task: A name of ``tasks.TASKS``.
        labels: Names of what the model chooses from, in the order of its outputs.
        problem_type: The kind of a text classifier, as in ``config.json``; ``None`` for one label of several.

    Raises:
        ComparisonError: What is lost in the task cannot be measured.
        UnknownNameError: No such task.
    """
    get_task(task)
    variant = VARIANTS.get(problem_type or "") if task == SingleLabelMeasure.task else None
    name = f"{task}/{variant}" if variant else task
    if name not in MEASURES:
        raise ComparisonError(f"what is lost in {name} cannot be measured; measured are: {', '.join(MEASURES)}")
    return MEASURES[name](labels)


def measure_of_model(task: str, config: RoFormerConfig) -> Measure[Any, Any]:
    """Tell how the model that a config describes is measured; see :func:`measure_of`."""
    labelled = get_task(task).labelled
    return measure_of(task, config.labels if labelled else (), problem_type_of(config) if labelled else None)


def problem_type_of(config: RoFormerConfig) -> str:
    """Tell what a classifier was trained for; where its config leaves it open, one output means a regression.

    This is what transformers trains such a model as.
    """
    return config.problem_type or ("regression" if config.num_labels == 1 else "single_label_classification")
