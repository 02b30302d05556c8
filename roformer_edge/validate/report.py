"""The result of a comparison as pure data, and the gate that a build stops on.

Units: shares and F1 lie in [0, 1]; drops are in percentage points, reference minus candidate, so a positive drop is a
loss; times are in milliseconds; sizes and memory are in bytes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from roformer_edge.errors import BudgetExceededError, ComparisonError
from roformer_edge.validate.json_values import from_json_values, to_json_values

SCHEMA_VERSION = 1
Effect = Literal["broke", "fixed", "moved", "drifted"]


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A confidence interval, ends included."""

    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class FileFact:
    """One file of an artifact: its path inside it, what it is for, its size in bytes."""

    path: str
    role: str
    bytes: int


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of one side apart from its answers.

    Attributes:
        engine: What computes, with its version, such as ``"onnxruntime 1.32.0"``.
        provider: Where it computes, such as ``"CPUExecutionProvider"``.
        recipe: The precision, such as ``"float32"`` or ``"int8-dynamic"``.
        threads: Threads of one computation, or ``None`` where unknown.
        files: What has to be shipped to get these answers; empty where there are no files.
        truncates: Whether texts that are longer than the model allows are cut, rather than refused.
    """

    engine: str
    provider: str
    recipe: str
    threads: int | None
    files: tuple[FileFact, ...]
    truncates: bool = False

    @property
    def bytes(self) -> int | None:
        """Size of all files together, or ``None`` where there are none."""
        return sum(file.bytes for file in self.files) if self.files else None

    @property
    def model_bytes(self) -> int | None:
        """Size of the weights or the graph alone, or ``None`` where no file holds them."""
        return sum(file.bytes for file in self.files if file.role == "model") or None


@dataclass(frozen=True, kw_only=True)
class ClassFacts:
    """One class: the number of examples whose gold label it is, and three figures in [0, 1]."""

    label: str
    support: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Largest resident memory of a process in bytes, or ``None``; ``note`` says how it was measured, or why not."""

    peak: int | None
    note: str


@dataclass(frozen=True, kw_only=True)
class Side:
    """One side of the comparison.

    Attributes:
        name: As the caller calls it, usually a path.
        facts: What it is.
        right: Number of examples answered with the gold label.
        accuracy, accuracy_interval: Share of right answers, with Wilson's interval.
        macro_f1, macro_f1_interval: Mean F1 over the classes that occur, with its bootstrap interval.
        classes: One row per label, in the order of the report's labels.
        memory: What a process needs to hold and run it.
    """

    name: str
    facts: Facts
    right: int
    accuracy: float
    accuracy_interval: Interval
    macro_f1: float
    macro_f1_interval: Interval
    classes: tuple[ClassFacts, ...]
    memory: Memory


@dataclass(frozen=True, kw_only=True)
class Drop:
    """What the candidate lost, in percentage points; paired bootstrap intervals.

    Attributes:
        points, interval: Accuracy lost.
        macro_f1_points, macro_f1_interval: Macro-F1 lost.
        p_value: Two-sided mid-p of McNemar's test on the changed verdicts; 1 where nothing changed.
        confidence, resamples, seed: Of all intervals in the report.
    """

    points: float
    interval: Interval
    macro_f1_points: float
    macro_f1_interval: Interval
    p_value: float
    confidence: float
    resamples: int
    seed: int


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How near the candidate stays to the reference, gold labels aside.

    Attributes:
        top1: Share of examples with the same answer.
        mean_difference, worst_difference: Absolute difference of one logit.
        spread: Standard deviation of the reference's logits: the scale of the differences.
        mean_cosine, worst_cosine: Of the logit vectors of one example.
    """

    top1: float
    mean_difference: float
    worst_difference: float
    spread: float
    mean_cosine: float
    worst_cosine: float


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """Counts between neighbouring edges; one edge more than counts."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How many examples share a gold label, a reference's answer and a candidate's answer (indices into labels)."""

    gold: int
    reference: int
    candidate: int
    count: int


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A label and its probability."""

    label: str
    score: float


@dataclass(frozen=True, kw_only=True)
class ChangedExample:
    """One example whose answer changed, or whose logits moved most.

    Attributes:
        number: Position in the data, from 1.
        effect: ``"broke"``: only the reference is right; ``"fixed"``: only the candidate is right; ``"moved"``: both
            are wrong, with different answers; ``"drifted"``: the same answer, but the logits moved most.
        difference: Largest absolute difference of its logits.
        text: At most 1,000 characters of it.
        margin: By how much the reference preferred its own answer to the candidate's, in logits; 0 if it is the same.
    """

    number: int
    effect: Effect
    text: str
    gold: str
    reference: Answer
    candidate: Answer
    difference: float
    margin: float


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Percentiles over texts of the time from text to logits, one text at a time, in milliseconds."""

    p50: float
    p90: float
    p99: float


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Both sides timed on the same texts, in turn.

    Attributes:
        reference, candidate: Percentiles over texts; of each text, the fastest of ``rounds`` runs.
        ratio: Median over texts of the candidate's time divided by the reference's.
        texts, rounds, warm_up: How many texts were timed how often, after how many untimed ones.
    """

    reference: Latency
    candidate: Latency
    ratio: float
    texts: int
    rounds: int
    warm_up: int


@dataclass(frozen=True, kw_only=True)
class Data:
    """The labelled data: its name, the number of examples, and the SHA-256 of its texts and label names."""

    name: str
    examples: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """When (UTC, ISO 8601) and with what the report was made, and the batch sizes of either side."""

    created: str
    version: str
    python: str
    numpy: str
    machine: str
    reference_batch_size: int
    batch_size: int


@dataclass(frozen=True, kw_only=True)
class Report:
    """Reference against candidate on one labelled data set.

    Attributes:
        labels: Class names in the reference's order; indices in the report count along it.
        outcomes: Everything that was answered, as counts; confusion matrices are sums of it.
        differences: Candidate's minus reference's logits, over all examples and classes.
        logit_sample: Pairs of (reference's, candidate's) logit, a sample spread over all.
        changes: The examples worth reading, worst first within each effect.
        budget: Largest drop allowed, in percentage points, or ``None`` where no budget was set.
    """

    schema_version: int
    task: str
    metric: str
    data: Data
    labels: tuple[str, ...]
    reference: Side
    candidate: Side
    drop: Drop
    agreement: Agreement
    timing: Timing | None
    outcomes: tuple[Outcome, ...]
    differences: Histogram
    logit_sample: tuple[tuple[float, float], ...]
    changes: tuple[ChangedExample, ...]
    budget: float | None
    provenance: Provenance

    @property
    def passed(self) -> bool | None:
        """Whether the drop is within the budget; ``None`` where no budget was set."""
        return None if self.budget is None else self.drop.points <= self.budget

    def count(self, *, reference_right: bool, candidate_right: bool) -> int:
        """Number of examples by who is right."""
        wanted = (reference_right, candidate_right)
        return sum(o.count for o in self.outcomes if (o.reference == o.gold, o.candidate == o.gold) == wanted)

    @property
    def disagreements(self) -> int:
        """Number of examples with different answers."""
        return sum(o.count for o in self.outcomes if o.reference != o.candidate)

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON values; tuples become lists."""
        return to_json_values(self)  # type: ignore[no-any-return]

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Report:
        """The inverse of :meth:`to_dict`, strict.

        Raises:
            ComparisonError: Not a report of this schema; the message names the place.
        """
        version = values.get("schema_version") if isinstance(values, Mapping) else None
        if version != SCHEMA_VERSION:
            raise ComparisonError(f"not a report of schema {SCHEMA_VERSION}: schema_version is {version!r}")
        return from_json_values(cls, values, "report")  # type: ignore[no-any-return]


def check_budget(report: Report, max_drop: float | None = None) -> None:
    """Stop where the candidate lost more than it may.

    The point estimate is what is gated; the confidence interval is reported beside it, in the error too, and tells
    how far a larger data set could move it.

    Args:
        report: What was measured.
        max_drop: Largest drop of the task's metric allowed, in percentage points; the report's own budget if ``None``.

    Raises:
        BudgetExceededError: The drop is larger; the message has both figures, the drop, its interval and the budget.
        ComparisonError: ``max_drop`` is not a finite number of at least 0.
    """
    budget = report.budget if max_drop is None else checked_budget(max_drop)
    drop = report.drop
    if budget is None or drop.points <= budget:
        return
    raise BudgetExceededError(
        f"{report.metric} dropped by {points_beside(drop.points, budget)} points, more than the {budget:g} allowed: "
        f"reference {100 * report.reference.accuracy:.2f} %, candidate {100 * report.candidate.accuracy:.2f} % "
        f"on {report.data.examples} examples ({100 * drop.confidence:g} % confidence interval of the drop "
        f"{drop.interval.low:.2f} to {drop.interval.high:.2f})"
    )


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


def points_beside(points: float, budget: float | None) -> str:
    """``points`` with two decimals, or with as many as it takes not to look equal to a budget that it exceeds."""
    for digits in (2, 3, 4, 6):
        text = f"{points:.{digits}f}"
        if budget is None or (float(text) > budget) == (points > budget):
            return text
    return repr(points)
