"""What became better and what worse since an earlier report: figures, costs, and texts whose answer changed.

Only what was measured in the same way on the same data can be compared; whatever else differs is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from roformer_edge.errors import ComparisonError
from roformer_edge.validate.data.examples import Example, digest_of
from roformer_edge.validate.excerpts import Passage
from roformer_edge.validate.format import counted

if TYPE_CHECKING:
    from roformer_edge.validate.report import Report
    from roformer_edge.validate.tasks.measure import Measure

SinceEffect = Literal["broke", "fixed", "moved"]
SINCE_EFFECTS: tuple[SinceEffect, ...] = ("broke", "fixed", "moved")


@dataclass(frozen=True, kw_only=True)
class AnsweredExample:
    """Both sides' answers to one example, written out.

    Attributes:
        number: Position in the data, from 1.
        line: Number of its line in the file, or 0 where there is none.
        id: The data's own name of it, or ``None``.
        gold, reference, candidate: The right answer, and both sides'; data, and never to be printed raw.
        reference_score, candidate_score: How good they are, as the task's measure has it; larger is better.
        difference: How far the outputs behind the answers lie apart.
    """

    number: int
    line: int
    id: str | None
    gold: str
    reference: str
    candidate: str
    reference_score: float
    candidate_score: float
    difference: float


@dataclass(frozen=True, kw_only=True)
class SinceFigure:
    """One figure of the candidate, earlier and now.

    Attributes:
        name: What reports call it.
        unit: ``"percent"``, ``"number"``, ``"bytes"`` or ``"milliseconds"``.
        earlier, now: The values.
        drop: What was lost since: in points of figures in percent, else in the unit. Positive is a loss.
    """

    name: str
    unit: Literal["percent", "number", "bytes", "milliseconds"]
    earlier: float
    now: float
    drop: float


@dataclass(frozen=True, kw_only=True)
class SinceCount:
    """How many answers of the candidate changed in one way, listed or not."""

    effect: SinceEffect
    count: int


@dataclass(frozen=True, kw_only=True)
class SinceExample:
    """One example that the candidate answers otherwise than earlier.

    Attributes:
        number, line, id: See :class:`AnsweredExample`.
        effect: ``"broke"``: the answer is worse than it was; ``"fixed"``: it is better; ``"moved"``: as good or bad.
        asked: The texts of it.
        gold, earlier, now: The right answer and the candidate's.
    """

    number: int
    line: int
    id: str | None
    effect: SinceEffect
    asked: tuple[Passage, ...]
    gold: str
    earlier: str
    now: str


@dataclass(frozen=True, kw_only=True)
class Since:
    """What changed since an earlier report.

    Attributes:
        name, recipe: The candidate of that report.
        created: When that report was made (UTC, ISO 8601).
        differences: What else differs between the two measurements: what, earlier, now.
        figures: Figures and costs that both reports have.
        counts: How many answers changed in which way.
        changes: Texts whose answer changed, worse ones first.
    """

    name: str
    recipe: str
    created: str
    differences: tuple[tuple[str, str, str], ...]
    figures: tuple[SinceFigure, ...]
    counts: tuple[SinceCount, ...]
    changes: tuple[SinceExample, ...]

    def count(self, effect: SinceEffect) -> int:
        """Return the number of answers that changed in this way."""
        return next(row.count for row in self.counts if row.effect == effect)


def check_baseline(baseline: Report | None, measure: Measure[Any, Any], examples: Sequence[Example]) -> None:
    """Refuse an earlier report that this measurement cannot be compared with, before any work.

    Raises:
        ComparisonError: It is of another task, or of other data; the message says what differs.
    """
    if baseline is None:
        return
    if baseline.measure != measure.name:
        raise ComparisonError(f"the baseline is a report on {baseline.measure}, and {measure.name} is measured")
    digest, data = digest_of(examples), baseline.data
    if data.sha256 != digest:
        raise ComparisonError(
            f"the baseline was measured on other data: {data.name!r:.80}, {counted(data.examples, 'example')}, sha256 "
            f"{data.sha256[:12]}; this is {counted(len(examples), 'example')}, sha256 {digest[:12]}. Inputs, gold "
            "answers and their order must be the same"
        )
    if len(baseline.answers) != len(examples):
        raise ComparisonError(
            f"the baseline holds {len(baseline.answers)} answers to {len(examples)} examples: it was altered"
        )


def compare_with(
    baseline: Report, report: Report, examples: Sequence[Example], measure: Measure[Any, Any], limit: int
) -> Since:
    """Compare the candidate of a report with that of an earlier one on the same data.

    Args:
        baseline: The earlier report, which :func:`check_baseline` has let pass.
        report: The report of now.
        examples: The labelled examples of both.
        measure: The measure of both.
        limit: Largest number of listed examples of each effect.
    """
    effects = [_effect(before, after) for before, after in zip(baseline.answers, report.answers, strict=True)]
    changes = []
    for effect in SINCE_EFFECTS:
        rows = [row for row, found in enumerate(effects) if found == effect]
        gaps = {row: abs(baseline.answers[row].candidate_score - report.answers[row].candidate_score) for row in rows}
        for row in sorted(rows, key=lambda row: (-gaps[row], row))[:limit]:
            before, after = baseline.answers[row], report.answers[row]
            changes.append(
                SinceExample(
                    number=after.number,
                    line=after.line,
                    id=after.id,
                    effect=effect,
                    asked=measure.asked(examples[row]),
                    gold=after.gold,
                    earlier=before.candidate,
                    now=after.candidate,
                )
            )
    return Since(
        name=baseline.candidate.name,
        recipe=baseline.candidate.facts.recipe,
        created=baseline.provenance.created,
        differences=tuple(_differences(baseline, report)),
        figures=tuple(_figures(baseline, report)),
        counts=tuple(SinceCount(effect=effect, count=effects.count(effect)) for effect in SINCE_EFFECTS),
        changes=tuple(changes),
    )


def _effect(before: AnsweredExample, after: AnsweredExample) -> SinceEffect | None:
    if before.candidate == after.candidate:
        return None
    gap = after.candidate_score - before.candidate_score
    return "broke" if gap < 0 else "fixed" if gap > 0 else "moved"


def _figures(baseline: Report, report: Report) -> Iterator[SinceFigure]:
    earlier = {figure.name: figure for figure in baseline.figures}
    for figure in report.figures:
        if figure.name not in earlier:
            continue
        before, now = earlier[figure.name].candidate, figure.candidate
        lost = (before - now) * (100 if figure.unit == "percent" else 1)
        drop = lost if figure.higher_is_better else -lost
        yield SinceFigure(name=figure.name, unit=figure.unit, earlier=before, now=now, drop=drop)
    before, now = baseline.agreement.share, report.agreement.share
    yield SinceFigure(name="agreement", unit="percent", earlier=before, now=now, drop=100 * (before - now))
    for name, unit, find in _COSTS:
        old, new = find(baseline), find(report)
        if old is not None and new is not None:
            yield SinceFigure(name=name, unit=unit, earlier=float(old), now=float(new), drop=float(new - old))


# costs that both reports may have: less is better
_COSTS: tuple[tuple[str, Literal["bytes", "milliseconds"], Any], ...] = (
    ("model size", "bytes", lambda report: report.candidate.facts.model_bytes),
    ("latency, median", "milliseconds", lambda report: report.timing and report.timing.candidate.p50),
    ("peak memory", "bytes", lambda report: report.candidate.memory.peak),
)


def _differences(baseline: Report, report: Report) -> Iterator[tuple[str, str, str]]:
    """List what else differs between the two measurements."""
    for what, find in _CIRCUMSTANCES:
        before, now = str(find(baseline)), str(find(report))
        if before != now:
            yield what, before, now


# what may differ and not be the model's doing -> where a report says it
_CIRCUMSTANCES: tuple[tuple[str, Any], ...] = (
    ("reference", lambda report: report.reference.name),
    ("recipe of the reference", lambda report: report.reference.facts.recipe),
    ("engine of the reference", lambda report: report.reference.facts.engine),
    ("engine of the candidate", lambda report: report.candidate.facts.engine),
    ("where the candidate computes", lambda report: report.candidate.facts.provider),
    ("threads of the candidate", lambda report: report.candidate.facts.threads),
    ("inputs the candidate computes at once", lambda report: report.candidate.batch_size),
    ("whether long texts are cut", lambda report: report.candidate.facts.truncates),
    ("machine", lambda report: report.provenance.machine),
    ("version of roformer-edge", lambda report: report.provenance.version),
)
