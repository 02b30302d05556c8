"""What it takes to measure a task: the one interface that every file of this folder fills in.

A task says how a line of data is read, what a pipeline is asked, and which few numbers (a row of statistics) each
answered example contributes. Its metrics are functions of those rows; the figures, their bootstrap, their drops, the
slices and the budget follow from that alone and are the same code for every task.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from roformer_edge.errors import ComparisonError
from roformer_edge.tasks import Task, get_task, input_rows
from roformer_edge.validate.data.examples import Example
from roformer_edge.validate.data.inputs import Inputs, Problem, find_length_problem, inputs_of
from roformer_edge.validate.data.lines import Line
from roformer_edge.validate.excerpts import Excerpt, Passage, passages
from roformer_edge.validate.metrics import Metric
from roformer_edge.validate.predictors import Predictor
from roformer_edge.validate.sections import Section

if TYPE_CHECKING:
    from roformer_edge.validate.report import Report

Gold = TypeVar("Gold")
Answer = TypeVar("Answer")
Effect = Literal["broke", "fixed", "moved", "drifted"]
StatisticRows = NDArray[Any]
Floats = NDArray[np.float64]


# how headings put each effect, where an answer is right or wrong ...
RIGHT_OR_WRONG: Mapping[Effect, str] = {
    "broke": "Only the reference was right",
    "fixed": "Only the candidate was right",
    "moved": "Both wrong, in different ways",
    "drifted": "Same answer, outputs moved most",
}
# ... and where it is better or worse
BETTER_OR_WORSE: Mapping[Effect, str] = {
    "broke": "The candidate is worse",
    "fixed": "The candidate is better",
    "moved": "Different answers, equally good",
    "drifted": "Same answer, outputs moved most",
}


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Both sides' answers to every example beside each other; arrays ``[examples]``.

    Attributes:
        scores: How good the reference's and the candidate's answer are; larger is better.
        same: Whether both sides gave the same answer.
        difference: How far the outputs behind the answers lie apart.
        margin: The reference's preference for its own answer over the candidate's; 0 where they are the same.
    """

    scores: tuple[Floats, Floats]
    same: NDArray[np.bool_]
    difference: Floats
    margin: Floats


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How many answers are the same on both sides, gold answers aside.

    Attributes:
        equal: Number of them.
        total: Number of all answers.
        noun: What an answer is, such as ``"answer"`` or ``"next token"``.
    """

    equal: int
    total: int
    noun: str = "answer"

    @property
    def share(self) -> float:
        """Share of equal answers."""
        return self.equal / self.total if self.total else 1.0


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One example as a report lists it: the gold answer and both sides'."""

    gold: Excerpt
    reference: Excerpt
    candidate: Excerpt


@dataclass(frozen=True)
class Detail:
    """What a task keeps of a comparison besides its figures; every task has its own."""


class Measure(ABC, Generic[Gold, Answer]):
    """How one task is measured.

    Args:
        labels: Names of what the reference chooses from, in the order of its outputs.

    Attributes:
        task: A name of ``tasks.TASKS``.
        gold_fields: The fields of a line that hold the gold answer; none where the text itself is one.
        variant: Which of several ways to measure the task this is; empty for the usual one.
        detail: The class of the detail.
        metrics: What is computed, the one whose drop is budgeted first.
        noun: What one example is.
        moved: What ``Comparison.difference`` is, as a column's name.
        layout: How changed examples are listed: ``"table"`` for short answers, ``"stack"`` for marked texts.
        effects: How headings put the ways in which answers change, in the order in which they are shown.
        calibrated: Whether answers come with the probability that they are right, and are right or wrong.
    """

    task: ClassVar[str]
    gold_fields: ClassVar[tuple[str, ...]] = ()
    variant: ClassVar[str] = ""
    detail: ClassVar[type[Detail]]
    metrics: Sequence[Metric]
    noun: ClassVar[str] = "text"
    moved: ClassVar[str] = "Moved by"
    layout: ClassVar[Literal["table", "stack"]] = "table"
    effects: ClassVar[Mapping[Effect, str]] = BETTER_OR_WORSE
    calibrated: ClassVar[bool] = False

    def __init__(self, labels: Sequence[str] = ()) -> None:
        self.labels = tuple(labels)

    @property
    def name(self) -> str:
        """The measure's name in reports: that of the task, with the variant."""
        return f"{self.task}/{self.variant}" if self.variant else self.task

    @property
    def row(self) -> Task:
        """The task's row of the table of tasks."""
        return get_task(self.task)

    # reading

    def read(self, line: Line) -> tuple[Inputs, Gold]:
        """Read the inputs and the gold answer of one line.

        Raises:
            DatasetError: The line cannot be used.
        """
        return inputs_of(line, self.row), self.read_gold(line)

    @abstractmethod
    def read_gold(self, line: Line) -> Gold:
        """Read the gold answer of one line, made of what JSON can hold.

        Raises:
            DatasetError: The line has none that can be used.
        """

    def check_examples(self, reference: Predictor, examples: Sequence[Example]) -> None:
        """Refuse examples whose gold answer neither side can give.

        Raises:
            ComparisonError: There are such examples.
        """

    def check_sides(self, reference: Predictor, candidate: Predictor) -> None:
        """Refuse sides that do not answer the same question.

        Raises:
            ComparisonError: Their labels differ.
        """
        _check_labels(reference, candidate)

    def metrics_of(self, examples: Sequence[Example]) -> Sequence[Metric]:
        """Return the metrics that these examples allow.

        Raises:
            ComparisonError: Some of the examples allow others than the rest.
        """
        return self.metrics

    def find_problem(self, tokenizer: Any, limit: int, inputs: Inputs, *, truncation: bool) -> Problem | None:
        """Find what of an input a model could not take, without the model.

        Args:
            tokenizer: The tokenizer of the model.
            limit: The most tokens of one row.
            inputs: What would be asked.
            truncation: Whether long texts are cut.
        """
        if truncation:
            return None
        rows = [tokenizer.encode_text(*row) for row in input_rows(self.row, inputs)]
        return find_length_problem(max(rows, key=lambda row: len(row.ids)), self.row, limit)

    def method_of(self, pipeline: Any) -> str:
        """Say how a pipeline comes from outputs to answers, where there are several ways; else nothing."""
        return ""

    # asking

    @abstractmethod
    def ask(self, pipeline: Any, inputs: Sequence[Inputs], *, batch_size: int, truncation: bool) -> Sequence[Answer]:
        """Ask the pipeline of the task, and put its answers into the form that is compared."""

    def collect(self, side: Predictor, inputs: Sequence[Inputs], answers: Sequence[Any]) -> Sequence[Answer]:
        """Collect the answers of a side, checked, and with its labels in the order of ``labels``.

        Raises:
            ComparisonError: They are not answers to these inputs.
        """
        if len(answers) != len(inputs):
            raise ComparisonError(f"{side.name} gave {len(answers)} answers to {len(inputs)} inputs")
        return answers

    # judging

    @abstractmethod
    def statistics(
        self, examples: Sequence[Example], answers: Sequence[Answer], reference: Sequence[Answer]
    ) -> StatisticRows:
        """Compute the row of statistics ``[examples, columns]`` of every answer of one side.

        Args:
            examples: The examples with their gold answers.
            answers: The answers of the side at hand.
            reference: The answers of the reference, for tasks whose standard is the reference itself.
        """

    @abstractmethod
    def compare(
        self, examples: Sequence[Example], reference: Sequence[Answer], candidate: Sequence[Answer]
    ) -> Comparison:
        """Put both sides' answers beside each other."""

    def agree(self, reference: Sequence[Answer], candidate: Sequence[Answer], comparison: Comparison) -> Agreement:
        """Count how many answers are the same."""
        return Agreement(equal=int(comparison.same.sum()), total=len(comparison.same))

    def confidences(self, examples: Sequence[Example], answers: Sequence[Answer]) -> tuple[Floats, NDArray[np.bool_]]:
        """Tell the probability of every answer that can be right, and whether it is; only where ``calibrated``."""
        raise NotImplementedError(self.name)

    # showing

    @abstractmethod
    def written(self, examples: Sequence[Example], answers: Sequence[Answer]) -> list[str]:
        """Write the answers of one side as whole texts: equal texts are equal answers."""

    @abstractmethod
    def written_gold(self, examples: Sequence[Example], reference: Sequence[Answer]) -> list[str]:
        """Write the right answers in the same way; empty where there are none."""

    @abstractmethod
    def show(
        self, row: int, examples: Sequence[Example], reference: Sequence[Answer], candidate: Sequence[Answer]
    ) -> Shown:
        """Show the example at ``row`` as the report lists it."""

    def asked(self, example: Example) -> tuple[Passage, ...]:
        """Return the texts of an example that the report lists beside its answers."""
        return passages(example.inputs)

    @abstractmethod
    def make_detail(
        self, examples: Sequence[Example], reference: Sequence[Answer], candidate: Sequence[Answer], seed: int
    ) -> Detail:
        """Compute what the report keeps besides the figures."""

    @classmethod
    @abstractmethod
    def sections(cls, report: Report) -> Sequence[Section]:
        """Choose what the report's page shows of the detail, most important first."""


def _check_labels(reference: Predictor, candidate: Predictor) -> None:
    for side in (reference, candidate):
        if len(set(side.labels)) < len(side.labels):
            twice = sorted({label for label in side.labels if side.labels.count(label) > 1})
            raise ComparisonError(f"{side.name} gives the same name to several labels: {few(twice)}")
    lacking = [label for label in reference.labels if label not in candidate.labels]
    surplus = [label for label in candidate.labels if label not in reference.labels]
    if lacking or surplus:
        raise ComparisonError(
            f"reference {reference.name} and candidate {candidate.name} have different labels: "
            f"only the reference has {few(lacking)}; only the candidate has {few(surplus)}"
        )


def few(labels: Sequence[str]) -> str:
    """List the first of some labels, quoted, and how many there are beside them."""
    shown = ", ".join(repr(label) for label in labels[:8])
    return (shown if len(labels) <= 8 else f"{shown} and {len(labels) - 8} more") or "none"


def stack_outputs(side: Predictor, answers: Sequence[Any], width: int, columns: Sequence[int]) -> NDArray[np.float32]:
    """Stack the output vectors of a side as float32 ``[examples, width]``, its columns put in another order.

    Args:
        side: Whose they are.
        answers: One vector an example.
        width: Outputs of one example.
        columns: Which of the side's outputs stands at each place.

    Raises:
        ComparisonError: They have another shape, or are not finite.
    """
    outputs = np.asarray(answers, dtype=np.float32)
    if outputs.shape != (len(answers), width):
        raise ComparisonError(
            f"{side.name} returned logits of shape {outputs.shape} for {len(answers)} texts and {width} labels"
        )
    if not np.isfinite(outputs).all():
        row = int(np.flatnonzero(~np.isfinite(outputs).all(axis=1))[0])
        raise ComparisonError(f"{side.name} returned logits that are not finite for example {row + 1}")
    return np.ascontiguousarray(outputs[:, list(columns)])
