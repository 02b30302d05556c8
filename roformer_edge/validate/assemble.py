"""From what was measured to the report; pure computation."""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np

from roformer_edge._version import __version__
from roformer_edge.bundle.manifest import creation_time
from roformer_edge.validate.baseline import AnsweredExample, compare_with
from roformer_edge.validate.calibration import Calibration, reliability
from roformer_edge.validate.changes import changed_examples, find_effects
from roformer_edge.validate.data.examples import Example, digest_of
from roformer_edge.validate.gates import judge, resolve_gates
from roformer_edge.validate.metrics import Metric
from roformer_edge.validate.options import CompareOptions
from roformer_edge.validate.predictors import Predictor
from roformer_edge.validate.report import (
    SCHEMA_VERSION,
    Data,
    EffectCount,
    Figure,
    Interval,
    Memory,
    Report,
    ReportProvenance,
    Side,
    Slice,
    SliceFigure,
    Timing,
    Uncertainty,
)
from roformer_edge.validate.slices import cut_by
from roformer_edge.validate.statistics import (
    CountedRows,
    Ends,
    Spread,
    count_pairs,
    count_rows,
    estimate,
    paired_bootstrap,
    wilson_interval,
)
from roformer_edge.validate.tasks.measure import Comparison, Measure, StatisticRows


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Everything a report is computed from; pairs are (reference, candidate).

    Attributes:
        measure: The measure of the task.
        examples: The labelled examples.
        sides: Where names and facts come from.
        answers: The answers as the measure compares them.
        memory: The measured memory.
        timing: The measured times, or ``None``.
    """

    measure: Measure[Any, Any]
    examples: tuple[Example, ...]
    sides: tuple[Predictor, Predictor]
    answers: tuple[Sequence[Any], Sequence[Any]]
    memory: tuple[Memory, Memory]
    timing: Timing | None


def assemble_report(measured: Measured, options: CompareOptions) -> Report:
    """Compute every figure of the report."""
    measure, examples = measured.measure, measured.examples
    ours, theirs = measured.answers
    rows = measure.statistics(examples, ours, ours), measure.statistics(examples, theirs, ours)
    metrics = measure.metrics_of(examples)
    comparison = measure.compare(examples, ours, theirs)
    batch_sizes = (options.reference_batch_size, options.batch_size)
    reference, candidate = (
        Side(name=_without_folders(side.name), facts=side.facts, memory=memory, batch_size=batch_size)
        for side, memory, batch_size in zip(measured.sides, measured.memory, batch_sizes, strict=True)
    )
    report = Report(
        schema_version=SCHEMA_VERSION,
        task=measure.task,
        measure=measure.name,
        noun=measure.noun,
        data=Data(name=_without_folders(options.data_name), examples=len(examples), sha256=digest_of(examples)),
        reference=reference,
        candidate=candidate,
        figures=_figures(count_rows(*rows), metrics, options),
        uncertainty=Uncertainty(confidence=options.confidence, resamples=options.resamples, seed=options.seed),
        agreement=measure.agree(ours, theirs, comparison),
        slices=tuple(part for by in options.slices for part in _slices(by, examples, rows, metrics)),
        timing=measured.timing,
        effects=tuple(
            EffectCount(effect=effect, count=int(member.sum())) for effect, member in find_effects(comparison).items()
        ),
        changes=changed_examples(measure, examples, measured.answers, comparison, options.listed),
        answers=_answered(measured, comparison),
        calibration=_calibration(measured),
        detail=measure.make_detail(examples, ours, theirs, options.seed),
        budget=None if options.max_drop is None else float(options.max_drop),
        gates=(),
        since=None,
        provenance=_provenance(),
        choice=options.choice,
    )
    if options.baseline is not None:
        since = compare_with(options.baseline, report, examples, measure, options.listed)
        report = dataclasses.replace(report, since=since)
    gates = resolve_gates(options.gates, measure, examples)
    return dataclasses.replace(report, gates=tuple(judge(gate, subject, report) for gate, subject in gates))


def _answered(measured: Measured, comparison: Comparison) -> tuple[AnsweredExample, ...]:
    measure, examples = measured.measure, measured.examples
    ours, theirs = measured.answers
    columns = (measure.written_gold(examples, ours), measure.written(examples, ours), measure.written(examples, theirs))
    return tuple(
        AnsweredExample(
            number=row + 1,
            line=example.line,
            id=example.id,
            gold=_whole(gold),
            reference=_whole(first),
            candidate=_whole(second),
            reference_score=float(comparison.scores[0][row]),
            candidate_score=float(comparison.scores[1][row]),
            difference=float(comparison.difference[row]),
        )
        for row, (example, gold, first, second) in enumerate(zip(examples, *columns, strict=True))
    )


def _whole(text: str) -> str:
    # JSON can write half of a surrogate pair, which no report may hold
    return text.encode("utf-8", "backslashreplace").decode()


def _calibration(measured: Measured) -> Calibration | None:
    measure = measured.measure
    if not measure.calibrated:
        return None
    ours, theirs = (reliability(*measure.confidences(measured.examples, side)) for side in measured.answers)
    return Calibration(reference=ours, candidate=theirs)


def _without_folders(name: str) -> str:
    """Leave out where on this machine something lies: a report travels."""
    path = PurePath(name)
    return path.name if path.is_absolute() and path.name else name


def _figures(counted: CountedRows, metrics: Sequence[Metric], options: CompareOptions) -> tuple[Figure, ...]:
    spreads = paired_bootstrap(
        counted, metrics, resamples=options.resamples, confidence=options.confidence, seed=options.seed
    )
    return tuple(
        _figure(counted, metric, spread, options.confidence) for metric, spread in zip(metrics, spreads, strict=True)
    )


def _figure(counted: CountedRows, metric: Metric, spread: Spread, confidence: float) -> Figure:
    found = estimate(counted, metric)
    sides = spread.reference, spread.candidate
    pairs = None
    if metric.right_answers:
        pairs = count_pairs(counted, metric)
        right = pairs.both + pairs.only_reference, pairs.both + pairs.only_candidate
        sides = (
            wilson_interval(right[0], counted.examples, confidence),
            wilson_interval(right[1], counted.examples, confidence),
        )
    return Figure(
        name=metric.name,
        unit=metric.unit,
        higher_is_better=metric.higher_is_better,
        reference=found.reference,
        reference_interval=_interval(sides[0]),
        candidate=found.candidate,
        candidate_interval=_interval(sides[1]),
        drop=found.drop,
        drop_interval=_interval(spread.drop),
        paired=pairs,
    )


def _slices(
    by: str, examples: Sequence[Example], rows: tuple[StatisticRows, StatisticRows], metrics: Sequence[Metric]
) -> list[Slice]:
    slices = []
    for name, chosen in cut_by(examples, by):
        counted = count_rows(rows[0][chosen], rows[1][chosen])
        found = [(metric.name, estimate(counted, metric)) for metric in metrics]
        figures = tuple(
            SliceFigure(name=metric, reference=value.reference, candidate=value.candidate, drop=value.drop)
            for metric, value in found
        )
        slices.append(Slice(by=by, name=name, examples=len(chosen), figures=figures))
    return slices


def _interval(ends: Ends) -> Interval:
    return Interval(low=ends[0], high=ends[1])


def _provenance() -> ReportProvenance:
    return ReportProvenance(
        created=creation_time(),
        version=__version__,
        python=platform.python_version(),
        numpy=np.__version__,
        machine=f"{platform.system()} {platform.machine()}",
    )
