"""The one list of tasks. Exporters, runtime, validation and the command line read a task's facts from here.

Adding a task is one row of ``TASKS``, one head in each model file, one pipeline and one dataset reader.
"""

from __future__ import annotations

from dataclasses import dataclass

from roformer_edge.errors import UnknownNameError


@dataclass(frozen=True, kw_only=True)
class TensorSpec:
    """A named tensor at the border of a graph.

    Attributes:
        name: The tensor's name in the graph.
        dtype: A numpy dtype name.
        axes: One name per axis; an axis with a decimal name is fixed to that size.
    """

    name: str
    dtype: str
    axes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is particular to one task.

    Attributes:
        name: The task's name, as in the Hugging Face pipelines.
        model_class: The Hugging Face architecture that answers it, as written in ``config.json``.
        inputs: The graph's inputs; the dtype is the widest one offered, exporters may narrow it.
        outputs: The graph's outputs.
        tolerance: Largest absolute difference of the outputs allowed between a float32 graph and its reference.
        metric: The name of the figure of merit whose drop is budgeted, in percent.
        fields: The keys of one JSON line that hold the input texts.
    """

    name: str
    model_class: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    tolerance: float
    metric: str
    fields: tuple[str, ...]


_TOKENS = ("batch", "sequence")
_ENCODER_INPUTS = (
    TensorSpec(name="input_ids", dtype="int64", axes=_TOKENS),
    TensorSpec(name="attention_mask", dtype="int64", axes=_TOKENS),
    TensorSpec(name="token_type_ids", dtype="int64", axes=_TOKENS),
)

TASKS: dict[str, Task] = {
    "text-classification": Task(
        name="text-classification",
        model_class="RoFormerForSequenceClassification",
        inputs=_ENCODER_INPUTS,
        outputs=(TensorSpec(name="logits", dtype="float32", axes=("batch", "labels")),),
        tolerance=1e-4,
        metric="accuracy",
        fields=("text",),
    ),
}


def get_task(name: str) -> Task:
    """Return the row of ``TASKS`` with this name.

    Raises:
        UnknownNameError: No such task; the message lists the tasks there are.
    """
    if name not in TASKS:
        raise UnknownNameError("task", name, TASKS)
    return TASKS[name]
