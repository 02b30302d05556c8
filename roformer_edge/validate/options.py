"""Settings of a comparison."""

from __future__ import annotations

from dataclasses import dataclass

from roformer_edge.errors import ComparisonError
from roformer_edge.validate.gates import parse_gate
from roformer_edge.validate.report import Choice, Report, checked_budget


@dataclass(frozen=True, kw_only=True)
class CompareOptions:
    """Settings of a comparison.

    Attributes:
        task: A name of ``tasks.TASKS``.
        data_name: What the report calls the data, usually its path.
        max_drop: Budget in percentage points of the task's metric, or ``None`` for none.
        batch_size: Inputs the candidate computes at once. The scale of a dynamically quantised activation depends on
            everything in its batch, so 1, as on a device, is the honest default.
        reference_batch_size: Inputs the reference computes at once.
        confidence: The confidence of every interval.
        resamples: The resamples of the paired bootstrap.
        seed: The seed of everything that is drawn at random.
        timed: Inputs that both sides are timed on, spread over the data; 0 leaves timing out.
        timing_rounds: Times that each side answers each of them; the fastest counts, so that the percentiles tell of
            inputs, and not of what else the machine was doing.
        warm_up: Inputs answered before, untimed.
        watched: Inputs that a fresh process answers while its memory is watched; 0 leaves memory out.
        listed: Largest number of listed examples of each effect.
        slices: What to cut the data by: ``"length"``, or keys of the data.
        baseline: An earlier report on the same data, to compare the candidate with; see ``report.read_report``.
        choice: How the candidate was chosen, for the report to show.
        gates: What is asked of figures, such as ``"macro_f1 drop <= 0.5"``; see :mod:`~roformer_edge.validate.gates`.

    Raises:
        ComparisonError: A value is out of its range.
        OptionError: A gate is not written as one.
    """

    task: str
    data_name: str = "data"
    max_drop: float | None = None
    batch_size: int = 1
    reference_batch_size: int = 16
    confidence: float = 0.95
    resamples: int = 2000
    seed: int = 0
    timed: int = 100
    timing_rounds: int = 3
    warm_up: int = 5
    watched: int = 20
    listed: int = 20
    slices: tuple[str, ...] = ()
    gates: tuple[str, ...] = ()
    baseline: Report | None = None
    choice: Choice | None = None

    def __post_init__(self) -> None:
        for name in ("batch_size", "reference_batch_size", "resamples", "timing_rounds"):
            if getattr(self, name) < 1:
                raise ComparisonError(f"{name} must be at least 1, found {getattr(self, name)}")
        for name in ("seed", "timed", "warm_up", "watched", "listed"):
            if getattr(self, name) < 0:
                raise ComparisonError(f"{name} must be at least 0, found {getattr(self, name)}")
        if not 0 < self.confidence < 1:
            raise ComparisonError(f"confidence must lie between 0 and 1, found {self.confidence}")
        if self.max_drop is not None:
            checked_budget(self.max_drop)
        for gate in self.gates:
            parse_gate(gate)
