"""The result of a comparison as pure data, and the gate that a build stops on.

The common part is the same for every task: the data, both sides, the figures with their drops, agreement, slices,
timing, the examples worth reading. What is particular to a task stands in ``detail``.

Units: shares lie in [0, 1]; drops of figures in percent are in percentage points, others in the figure's own unit, and
a positive drop is a loss whichever direction is better; times are in milliseconds; sizes and memory are in bytes.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roformer_edge.errors import BudgetExceededError, ComparisonError, shown
from roformer_edge.records import parse_object, read_record, to_values
from roformer_edge.validate.baseline import AnsweredExample, Since
from roformer_edge.validate.calibration import Calibration
from roformer_edge.validate.changes import ChangedExample
from roformer_edge.validate.format import valued
from roformer_edge.validate.gates import GateResult, beside_limit, key_of
from roformer_edge.validate.metrics import Unit
from roformer_edge.validate.predictors import Facts
from roformer_edge.validate.statistics import PairedCounts
from roformer_edge.validate.tasks import MEASURES
from roformer_edge.validate.tasks.measure import Agreement, Detail, Effect

SCHEMA_VERSION = 4


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A confidence interval, ends included."""

    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One metric of both sides and what the candidate lost in it.

    Attributes:
        name: The name of the metric.
        unit: ``"percent"`` for shares in [0, 1] whose drop is in points, else ``"number"``.
        higher_is_better: Whether a larger value is a better one.
        reference, reference_interval, candidate, candidate_interval: The values.
        drop, drop_interval: What the candidate lost; paired bootstrap.
        paired: Who was right where, of metrics that count right answers; else ``None``.
    """

    name: str
    unit: Unit
    higher_is_better: bool
    reference: float
    reference_interval: Interval
    candidate: float
    candidate_interval: Interval
    drop: float
    drop_interval: Interval
    paired: PairedCounts | None

    @property
    def change(self) -> float:
        """Candidate minus reference, scaled as the drop is: negative where the value fell."""
        return -self.drop if self.higher_is_better else self.drop


@dataclass(frozen=True, kw_only=True)
class Uncertainty:
    """What holds for all intervals of a report: their confidence, and the resamples and seed of the bootstrap."""

    confidence: float
    resamples: int
    seed: int


@dataclass(frozen=True, kw_only=True)
class SliceFigure:
    """One metric on some of the examples; see :class:`Figure`."""

    name: str
    reference: float
    candidate: float
    drop: float


@dataclass(frozen=True, kw_only=True)
class Slice:
    """The figures on some of the examples.

    Attributes:
        by: What the data was cut by: ``"length"``, or a key of the data.
        name: The name of this part.
        examples: How many it holds.
        figures: One for each figure of the report, in its order.
    """

    by: str
    name: str
    examples: int
    figures: tuple[SliceFigure, ...]


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Largest resident memory of a process in bytes, or ``None``; ``note`` says how it was measured, or why not."""

    peak: int | None
    note: str


@dataclass(frozen=True, kw_only=True)
class Side:
    """One side of the comparison.

    Attributes:
        name: What the caller calls it, usually a path.
        facts: What it is.
        memory: What a process needs to hold and run it.
        batch_size: Inputs that it computed at once.
    """

    name: str
    facts: Facts
    memory: Memory
    batch_size: int


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Percentiles over inputs of the time from input to answer, one at a time, in milliseconds."""

    p50: float
    p90: float
    p99: float


@dataclass(frozen=True, kw_only=True)
class TimedInput:
    """The times of all runs of one input, in milliseconds, in the order in which they were taken."""

    reference: tuple[float, ...]
    candidate: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Both sides timed on the same inputs, in turn.

    Attributes:
        reference, candidate: Percentiles over inputs; of each input, the fastest of ``rounds`` runs.
        ratio: Median over inputs of the candidate's time divided by the reference's.
        inputs, rounds, warm_up: How many inputs were timed how often, after how many untimed ones.
        runs: Every time that was taken, of one input after the other, spread over the data.
    """

    reference: Latency
    candidate: Latency
    ratio: float
    inputs: int
    rounds: int
    warm_up: int
    runs: tuple[TimedInput, ...]


@dataclass(frozen=True, kw_only=True)
class Data:
    """The labelled data: its name, the number of examples, and the SHA-256 of its inputs and gold answers."""

    name: str
    examples: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class ReportProvenance:
    """When (UTC, ISO 8601) and with what the report was made."""

    created: str
    version: str
    python: str
    numpy: str
    machine: str


@dataclass(frozen=True, kw_only=True)
class EffectCount:
    """Number of examples of one effect in the data, listed or not."""

    effect: Effect
    count: int


@dataclass(frozen=True, kw_only=True)
class Choice:
    """How the candidate was chosen among what could have been made.

    Attributes:
        rule: What was measured, and by which rule was chosen, in sentences.
        head: Names of the columns.
        rows: What was measured of each, written out.
        figures: How many of the last columns are figures.
        left_out: Name and reason of what could not be measured.
    """

    rule: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    figures: int
    left_out: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True, repr=False)
class Report:
    """Reference against candidate on one labelled data set.

    Attributes:
        task: A name of ``tasks.TASKS``.
        measure: A key of ``validate.tasks.MEASURES``: the task, with its variant.
        noun: What one example is, such as ``"text"``.
        figures: What was measured; the first is the one whose drop is budgeted.
        uncertainty: The confidence and the bootstrap of all intervals.
        agreement: How many answers are the same on both sides.
        slices: The figures on parts of the data, where that was asked for.
        effects: How many examples changed in which way.
        changes: The examples worth reading, worst first within each effect.
        answers: Both sides' answers to all examples, in the order of the data.
        calibration: Whether probabilities say how often answers are right, where answers come with some.
        detail: What is particular to the task.
        budget: Largest drop of the first figure allowed, in points, or ``None`` where no budget was set.
        gates: What was asked of other figures, and whether it holds.
        since: What changed since an earlier report, where there is one.
        choice: How the candidate was chosen, where it was by measurement.
    """

    schema_version: int
    task: str
    measure: str
    noun: str
    data: Data
    reference: Side
    candidate: Side
    figures: tuple[Figure, ...]
    uncertainty: Uncertainty
    agreement: Agreement
    slices: tuple[Slice, ...]
    timing: Timing | None
    effects: tuple[EffectCount, ...]
    changes: tuple[ChangedExample, ...]
    answers: tuple[AnsweredExample, ...]
    calibration: Calibration | None
    detail: Detail
    budget: float | None
    gates: tuple[GateResult, ...]
    since: Since | None
    provenance: ReportProvenance
    choice: Choice | None = None

    @property
    def gated(self) -> Figure:
        """The figure whose drop is budgeted."""
        return self.figures[0]

    @property
    def within_budget(self) -> bool | None:
        """Whether the drop is within the budget; ``None`` where no budget was set."""
        return None if self.budget is None else self.gated.drop <= self.budget

    @property
    def all_gates(self) -> tuple[GateResult, ...]:
        """The budget, where there is one, as the gate that it is, and then the others."""
        if self.budget is None:
            return self.gates
        budget = GateResult(
            figure=f"{key_of(self.gated.name)} drop",
            operator="<=",
            limit=self.budget,
            unit="points" if self.gated.unit == "percent" else "",
            found=self.gated.drop,
            passed=self.gated.drop <= self.budget,
            note="",
        )
        return (budget, *self.gates)

    @property
    def passed(self) -> bool | None:
        """Whether the budget and all gates hold; ``None`` where there are none."""
        gates = self.all_gates
        return all(gate.passed for gate in gates) if gates else None

    def figure(self, name: str) -> Figure:
        """Return the figure of a name.

        Raises:
            KeyError: There is none.
        """
        return {figure.name: figure for figure in self.figures}[name]

    def effect_count(self, effect: Effect) -> int:
        """Return the number of examples that changed in this way, listed or not."""
        return next(row.count for row in self.effects if row.effect == effect)

    @property
    def changed_answers(self) -> int:
        """Number of examples with different answers."""
        return sum(row.count for row in self.effects if row.effect != "drifted")

    def __repr__(self) -> str:
        figure = self.gated
        return (
            f"Report(task={self.task!r}, {figure.name!r}: {figure.reference:.4g} -> {figure.candidate:.4g}, "
            f"drop={figure.drop:.4g}, passed={self.passed})"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON values; tuples become lists."""
        return to_values(self)  # type: ignore[no-any-return]

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Report:
        """Read what :meth:`to_dict` gave, strictly.

        Raises:
            ComparisonError: Not a report of this schema; the message names the place.
        """
        version = values.get("schema_version") if isinstance(values, Mapping) else None
        if version != SCHEMA_VERSION:
            raise ComparisonError(
                f"not a report of schema {SCHEMA_VERSION}: schema_version is {shown(repr(version), 40)}"
            )
        measure = values.get("measure")
        if measure not in MEASURES:
            raise ComparisonError(f"not a report: report.measure is {measure!r}, expected one of {', '.join(MEASURES)}")
        # the common part knows of a detail only that there is one
        common = read_record(cls, {**values, "detail": {}}, "report", ComparisonError)
        detail = read_record(MEASURES[measure].detail, values.get("detail"), "report.detail", ComparisonError)
        return dataclasses.replace(common, detail=detail)


def read_report(path: str | Path) -> Report:
    """Read the ``report.json`` that a comparison wrote.

    Raises:
        ComparisonError: It cannot be read, or is no report of this schema.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise ComparisonError(f"cannot read the report {path}: {error.strerror or error}") from None
    values = parse_object(data, str(path), ComparisonError)
    if "candidates" in values and "schema_version" not in values:
        raise ComparisonError(f"{path} is about several candidates; give the report of one, in its candidate-1 or so")
    if values.get("schema_version") in range(SCHEMA_VERSION):
        raise ComparisonError(
            f"{path} was written by an older version, as schema {values['schema_version']}; this one reads schema "
            f"{SCHEMA_VERSION}: measure again"
        )
    try:
        return Report.from_dict(values)
    except ComparisonError as error:
        raise ComparisonError(f"{path}: {error}") from None


def check_budget(report: Report, max_drop: float | None = None) -> None:
    """Stop where the candidate lost more than it may, or a gate does not hold.

    The point estimate is what is gated; the confidence interval is reported beside it, in the error too, and tells
    how far a larger data set could move it.

    Args:
        report: What was measured.
        max_drop: Largest drop of the first figure allowed, in percentage points; the report's own budget if ``None``.

    Raises:
        BudgetExceededError: The drop is larger; the message has both figures, the drop, its interval and the budget.
            Or a gate does not hold; the message has what was asked and what was found.
        ComparisonError: ``max_drop`` is not a finite number of at least 0.
    """
    budget = report.budget if max_drop is None else checked_budget(max_drop)
    figure = report.gated
    broken = [f"the gate {gate.text} is broken: {gate.answer}" for gate in report.gates if not gate.passed]
    if budget is not None and figure.drop > budget:
        broken.insert(
            0,
            f"{figure.name} dropped by {beside_limit(figure.drop, budget)} points, more than the {budget:g} allowed: "
            f"reference {valued(figure.reference, figure.unit)}, candidate {valued(figure.candidate, figure.unit)} "
            f"on {report.data.examples} examples ({100 * report.uncertainty.confidence:g} % confidence interval of the "
            f"drop {figure.drop_interval.low:.2f} to {figure.drop_interval.high:.2f})",
        )
    if broken:
        raise BudgetExceededError("; ".join(broken))


def checked_budget(max_drop: float) -> float:
    """Return ``max_drop`` if it can be a budget, in percentage points.

    Raises:
        ComparisonError: It is not a finite number of at least 0.
    """
    if not (math.isfinite(max_drop) and max_drop >= 0):
        raise ComparisonError(
            f"the largest drop allowed must be a finite number of points, 0 or more; found {max_drop}"
        )
    return float(max_drop)
