"""Gates on any figure of a report: what a build stops on, written in a line such as ``macro_f1 drop <= 0.5``.

    gate      = figure operator number [unit]
    figure    = what the table of the task holds: a metric, alone or with "drop"; agreement; latency p50 ...
    operator  = "<=" where less is better, ">=" where more is
    unit      = what it is counted in: points of drops in percent, %, ms, kB, MB, GB, or x for times the reference

A drop is what the candidate lost against the reference, and is positive for a loss whichever direction is better. What
is equal to its limit passes. A gate that the worse candidate would pass is refused, and so is a figure that the task
does not have, before any work.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from roformer_edge.errors import ComparisonError, OptionError, UnknownNameError, advice
from roformer_edge.validate.data.examples import Example
from roformer_edge.validate.metrics import Metric
from roformer_edge.validate.predictors import Predictor

if TYPE_CHECKING:
    from roformer_edge.validate.report import Report
    from roformer_edge.validate.tasks.measure import Measure

Operator = Literal["<=", ">="]
# both sides of a figure, in its base unit; ``None`` where it was not measured
Sides = tuple["float | None", "float | None"]

_GATE = re.compile(r"([^<>=]+?)\s*(<=|>=)\s*([+-]?[0-9]{1,15}(?:\.[0-9]{1,15})?)\s*([A-Za-z%]*)")
_EXAMPLES = 'such as "macro_f1 drop <= 0.5", "latency p50 <= 1.2x" or "size <= 20MB"'
# times the reference
TIMES = "x"
# unit -> what one of it is in the base unit of what is measured: shares, milliseconds, bytes, points
_UNITS: Mapping[str, float] = {"": 1, "points": 1, "ms": 1, "B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}
_BYTES = ("MB", "kB", "GB", TIMES)
PERCENTILES = ("p50", "p90", "p99")


@dataclass(frozen=True, kw_only=True)
class Gate:
    """A gate as it is written.

    Attributes:
        figure: What is measured, in words with single spaces; names are joined by underscores.
        operator: Which side of the limit is allowed; the limit itself is.
        limit: The limit, in ``unit``.
        unit: The unit as it was written; may be empty.
    """

    figure: str
    operator: Operator
    limit: float
    unit: str


@dataclass(frozen=True, kw_only=True)
class GateResult:
    """A gate and what was found.

    Attributes:
        figure, operator, limit, unit: See :class:`Gate`; the unit is written out.
        found: What was measured, in the unit; ``None`` where it could not be.
        passed: Whether it keeps to the limit; what could not be measured does not.
        note: Why it could not be measured; else empty.
    """

    figure: str
    operator: Operator
    limit: float
    unit: str
    found: float | None
    passed: bool
    note: str

    @property
    def text(self) -> str:
        """The gate as it may be written."""
        return f"{self.figure} {self.operator} {_with_unit(f'{self.limit:.15g}', self.unit)}"

    @property
    def answer(self) -> str:
        """What was found, with as many decimals as it takes to be on its own side of the limit."""
        if self.found is None:
            return self.note
        return _with_unit(beside_limit(self.found, self.limit), self.unit)


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What a gate can be on.

    Attributes:
        operator: The direction in which it is better.
        units: What its limit may be counted in; the first is the one that is meant where none is written.
        sides: Finds it in a report, reference and candidate.
        bare: Whether a number without a unit is understood.
        needs: What has to be measured for it: ``"latency"``, ``"memory"``, ``"size"``, or nothing more.
    """

    operator: Operator
    units: tuple[str, ...]
    sides: Callable[[Report], Sides]
    bare: bool = False
    needs: str = ""


def parse_gate(text: str) -> Gate:
    """Read a gate, as far as that can be done without knowing the task.

    Raises:
        OptionError: It is not written as a gate.
    """
    found = _GATE.fullmatch(text.strip()) if len(text) <= 200 else None
    if found is None:
        raise OptionError(option_name(), text, f"FIGURE <= NUMBER or FIGURE >= NUMBER, {_EXAMPLES}")
    figure, operator, limit, unit = found.groups()
    words = re.sub(r"-", "_", figure.lower()).split()
    last = [words.pop()] if len(words) > 1 and words[-1] in ("drop", "total", *PERCENTILES) else []
    return Gate(
        figure=" ".join(["_".join(words), *last]),
        operator="<=" if operator == "<=" else ">=",
        limit=float(limit),
        unit=unit,
    )


def option_name() -> str:
    """Name the option that gates are given by, where the user stands."""
    return advice(python="gates", command="--gate")


def key_of(name: str) -> str:
    """Write the name of a figure as gates do: ``macro-F1`` is ``macro_f1``."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower())


def subjects_of(metrics: Sequence[Metric], *, calibrated: bool = False) -> dict[str, Subject]:
    """List what gates can be on, by how it is written.

    Args:
        metrics: What the task's measure computes of the data at hand.
        calibrated: Whether the answers come with probabilities whose calibration is measured.
    """
    subjects: dict[str, Subject] = {}
    for metric in metrics:
        key, percent = key_of(metric.name), metric.unit == "percent"
        subjects[f"{key} drop"] = Subject(
            operator="<=", units=("points",) if percent else ("",), sides=_drop(metric.name), bare=True
        )
        subjects[key] = Subject(
            operator=">=" if metric.higher_is_better else "<=",
            units=("%", TIMES) if percent else ("", TIMES),
            sides=_value(metric.name),
            bare=not percent,
        )
    if calibrated:
        subjects["ece drop"] = Subject(operator="<=", units=("points",), sides=_ece_drop, bare=True)
        subjects["ece"] = Subject(operator="<=", units=("%", TIMES), sides=_ece)
    subjects["agreement"] = Subject(operator=">=", units=("%",), sides=lambda report: (None, report.agreement.share))
    for percentile in PERCENTILES:
        subjects[f"latency {percentile}"] = Subject(
            operator="<=", units=("ms", TIMES), sides=_latency(percentile), needs="latency"
        )
    subjects["size"] = Subject(
        operator="<=",
        units=_BYTES,
        sides=lambda report: (report.reference.facts.model_bytes, report.candidate.facts.model_bytes),
        needs="size",
    )
    subjects["size total"] = Subject(
        operator="<=",
        units=_BYTES,
        sides=lambda report: (report.reference.facts.bytes, report.candidate.facts.bytes),
        needs="size",
    )
    subjects["memory"] = Subject(
        operator="<=",
        units=_BYTES,
        sides=lambda report: (report.reference.memory.peak, report.candidate.memory.peak),
        needs="memory",
    )
    return subjects


def resolve_gates(
    gates: Sequence[str], measure: Measure[Any, Any], examples: Sequence[Example]
) -> tuple[tuple[Gate, Subject], ...]:
    """Find what each gate is on, in the figures that a measure computes of the examples at hand.

    Raises:
        OptionError, UnknownNameError: One cannot be judged; see :func:`checked_subject`.
    """
    if not gates:
        return ()
    subjects = subjects_of(measure.metrics_of(examples), calibrated=measure.calibrated)
    parsed = [parse_gate(text) for text in gates]
    return tuple((gate, checked_subject(gate, subjects, measure.name)) for gate in parsed)


def check_measurable(
    gates: Sequence[tuple[Gate, Subject]], reference: Predictor, candidate: Predictor, measured: Collection[str]
) -> None:
    """Refuse gates on what the sides do not have or what is not going to be measured.

    Args:
        gates: What :func:`resolve_gates` gave.
        reference, candidate: The sides.
        measured: What is going to be: of ``"latency"`` and ``"memory"``.

    Raises:
        ComparisonError: There is such a gate.
    """
    for gate, subject in gates:
        if subject.needs in ("latency", "memory") and subject.needs not in measured:
            raise ComparisonError(f"a gate on {gate.figure} needs {subject.needs} to be measured, and it is left out")
        for side in (candidate, *([reference] if gate.unit == TIMES else [])):
            if subject.needs == "size" and side.facts.model_bytes is None:
                raise ComparisonError(f"a gate on {gate.figure} needs files, and {side.name} has none")
            if subject.needs == "memory" and side.opening is None:
                why = "only a bundle or a checkpoint can be opened in a fresh process"
                raise ComparisonError(f"the memory of {side.name} cannot be measured: {why}")


def checked_subject(gate: Gate, subjects: Mapping[str, Subject], measure: str) -> Subject:
    """Find what a gate is on.

    Args:
        gate: The gate.
        subjects: What :func:`subjects_of` gave.
        measure: The name of the measure, for messages.

    Raises:
        UnknownNameError: The task has no such figure.
        OptionError: The wrong direction, a unit that the figure is not counted in, or a limit that nothing can keep.
    """
    if gate.figure not in subjects:
        raise UnknownNameError(f"figure for a gate on {measure}", gate.figure, subjects)
    subject = subjects[gate.figure]
    written = f"{gate.figure} {gate.operator} {gate.limit:g}{gate.unit}"
    if gate.operator != subject.operator:
        better = "less" if subject.operator == "<=" else "more"
        allowed = f"{gate.figure} {subject.operator} NUMBER, because {better} of it is better"
        raise OptionError(option_name(), written, allowed)
    if not (gate.unit in subject.units or (subject.bare and not gate.unit)):
        units = " or ".join(f"{_with_unit('NUMBER', unit)}" for unit in subject.units)
        raise OptionError(option_name(), written, f"{gate.figure} {subject.operator} {units}")
    if gate.limit < 0 and not gate.figure.endswith(" drop") and subject.operator == "<=":
        raise OptionError(option_name(), written, f"{gate.figure} <= a number of 0 or more")
    return subject


def judge(gate: Gate, subject: Subject, report: Report) -> GateResult:
    """Put a gate to a report."""
    unit = gate.unit or subject.units[0]
    reference, candidate = subject.sides(report)
    found = _in_unit(reference, candidate, unit)
    passed = found is not None and (found <= gate.limit if gate.operator == "<=" else found >= gate.limit)
    return GateResult(
        figure=gate.figure,
        operator=gate.operator,
        limit=gate.limit,
        unit=unit,
        found=found,
        passed=passed,
        note="" if found is not None else _missing(report, subject),
    )


def _in_unit(reference: float | None, candidate: float | None, unit: str) -> float | None:
    if candidate is None:
        return None
    if unit == TIMES:
        return candidate / reference if reference else None
    # 0.29 is 29 %, and 100 * 0.29 a little less
    return round(100 * candidate, 9) if unit == "%" else candidate / _UNITS[unit]


def _missing(report: Report, subject: Subject) -> str:
    if subject.needs == "memory":
        side = report.reference if report.candidate.memory.peak is not None else report.candidate
        return side.memory.note
    return "not measured: the reference has none of it" if not subject.needs else "not measured"


def beside_limit(value: float, limit: float | None) -> str:
    """Write ``value`` with two decimals, or with as many as it takes to stand on its own side of the limit."""
    for digits in (2, 3, 4, 6, 9):
        text = f"{value:.{digits}f}"
        if limit is None or (float(text) > limit, float(text) < limit) == (value > limit, value < limit):
            return text
    return repr(value)


def _with_unit(number: str, unit: str) -> str:
    return f"{number}{unit}" if unit == TIMES else f"{number} {unit}".rstrip()


def _drop(name: str) -> Callable[[Report], Sides]:
    return lambda report: (None, report.figure(name).drop)


def _value(name: str) -> Callable[[Report], Sides]:
    return lambda report: (report.figure(name).reference, report.figure(name).candidate)


def _ece(report: Report) -> Sides:
    found = report.calibration
    return (None, None) if found is None else (found.reference.ece, found.candidate.ece)


def _ece_drop(report: Report) -> Sides:
    found = report.calibration
    return None, None if found is None else 100 * (found.candidate.ece - found.reference.ece)


def _latency(percentile: str) -> Callable[[Report], Sides]:
    def sides(report: Report) -> Sides:
        timing = report.timing
        if timing is None:
            return None, None
        return getattr(timing.reference, percentile), getattr(timing.candidate, percentile)

    return sides
