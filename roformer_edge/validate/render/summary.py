"""What every rendering says, in words: the verdict, the headline figures, what changed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from roformer_edge.validate.render.format import counted, decimal, milliseconds, percent, signed, significant, size
from roformer_edge.validate.report import Effect, Report, points_beside

# effect -> how a heading puts it
EFFECTS: dict[Effect, str] = {
    "broke": "Only the reference was right",
    "fixed": "Only the candidate was right",
    "moved": "Both wrong, in different ways",
    "drifted": "Same answer, logits moved most",
}


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The one thing to know.

    Attributes:
        state: For the colour and the sign.
        title: Two or three words.
        sentence: The drop, beside the budget.
        caution: How far the data carry that, one sentence.
    """

    state: Literal["passed", "failed", "open"]
    title: str
    sentence: str
    caution: str


def verdict(report: Report) -> Verdict:
    """Put the verdict of the report into words."""
    metric, points = report.metric.capitalize(), report.drop.points
    moved = f"{metric} did not change"
    if points:
        verb = "dropped" if points > 0 else "rose"
        moved = f"{metric} {verb} by {points_beside(abs(points), report.budget if points > 0 else None)} points"
    if report.budget is None:
        return Verdict(state="open", title="No budget set", sentence=f"{moved}.", caution=_caution(report))
    return Verdict(
        state="passed" if report.passed else "failed",
        title="Within the budget" if report.passed else "Over the budget",
        sentence=f"{moved}; a drop of {report.budget:g} is allowed.",
        caution=_caution(report),
    )


def _caution(report: Report) -> str:
    interval, budget = report.drop.interval, report.budget
    examples = counted(report.data.examples, "example")
    if not effect_total(report, "broke") + effect_total(report, "fixed"):
        unseen = min(100.0, 300 / report.data.examples)  # the rule of three
        return f"No verdict changed. On {examples}, a drop of up to {significant(unseen, 2)} points could go unseen."
    span = (
        f"The {100 * report.drop.confidence:g} % interval of the drop on {examples} is "
        f"{decimal(interval.low)} to {decimal(interval.high)} points"
    )
    if budget is None:
        return f"{span}."
    if report.passed and interval.high > budget:
        return f"{span}: it reaches beyond the budget, so more data could still turn the verdict."
    if not report.passed and interval.low <= budget:
        return f"{span}: it reaches into the budget, so more data could still turn the verdict."
    return f"{span}: all of it {'within' if report.passed else 'over'} the budget."


@dataclass(frozen=True, kw_only=True)
class Headline:
    """One figure of both sides and how it changed, ``"–"`` where there is none; ``note`` adds to it or explains."""

    label: str
    reference: str
    candidate: str
    change: str
    note: str = ""

    @property
    def remark(self) -> str:
        """Change and note together."""
        known = self.change if self.change != "–" or not self.note else ""
        return f"{known} ({self.note})" if known and self.note else known or self.note


def headlines(report: Report) -> tuple[Headline, ...]:
    """The figures that every rendering starts with, most important first."""
    ours, theirs, drop = report.reference, report.candidate, report.drop
    return (
        Headline(
            label="Accuracy",
            reference=percent(ours.accuracy),
            candidate=percent(theirs.accuracy),
            change=f"{signed(-drop.points)} points",
        ),
        Headline(
            label="Macro-F1",
            reference=percent(ours.macro_f1),
            candidate=percent(theirs.macro_f1),
            change=f"{signed(-drop.macro_f1_points)} points",
        ),
        Headline(
            label="Same answer",
            reference="–",
            candidate=percent(report.agreement.top1),
            change=f"{report.disagreements:,} of {report.data.examples:,} differ",
        ),
        _size(report),
        _latency(report),
        _memory(report),
    )


def _size(report: Report) -> Headline:
    ours, theirs = report.reference.facts.model_bytes, report.candidate.facts.model_bytes
    whole = report.candidate.facts.bytes
    return Headline(
        label="Model size",
        reference="–" if ours is None else size(ours),
        candidate="–" if theirs is None else size(theirs),
        change=_times(ours, theirs, "smaller", "larger"),
        note="no files" if whole is None else f"all files {size(whole)}",
    )


def _latency(report: Report) -> Headline:
    if report.timing is None:
        return Headline(label="Latency, median", reference="–", candidate="–", change="–", note="not measured")
    ours, theirs = report.timing.reference.p50, report.timing.candidate.p50
    return Headline(
        label="Latency, median",
        reference=milliseconds(ours),
        candidate=milliseconds(theirs),
        change=_times(ours, theirs, "faster", "slower"),
    )


def _memory(report: Report) -> Headline:
    ours, theirs = report.reference.memory.peak, report.candidate.memory.peak
    return Headline(
        label="Peak memory",
        reference="–" if ours is None else size(ours),
        candidate="–" if theirs is None else size(theirs),
        change=_times(ours, theirs, "less", "more"),
        note="" if theirs is not None else report.candidate.memory.note,
    )


def _times(before: float | None, after: float | None, better: str, worse: str) -> str:
    if not before or not after:
        return "–"
    factor = max(before, after) / min(before, after)
    if f"{factor:.2f}" == "1.00":
        return "equal"
    return f"{factor:.2f}× {better if after < before else worse}"


@dataclass(frozen=True, kw_only=True)
class AnswerChange:
    """How often one answer of the reference became another of the candidate, and what that did."""

    reference: str
    candidate: str
    count: int
    broke: int
    fixed: int


def answer_changes(report: Report) -> tuple[AnswerChange, ...]:
    """All changes of answer, most frequent first."""
    total: Counter[tuple[int, int]] = Counter()
    broke: Counter[tuple[int, int]] = Counter()
    fixed: Counter[tuple[int, int]] = Counter()
    for outcome in report.outcomes:
        pair = (outcome.reference, outcome.candidate)
        if outcome.reference != outcome.candidate:
            total[pair] += outcome.count
            broke[pair] += outcome.count * (outcome.gold == outcome.reference)
            fixed[pair] += outcome.count * (outcome.gold == outcome.candidate)
    return tuple(
        AnswerChange(
            reference=report.labels[pair[0]],
            candidate=report.labels[pair[1]],
            count=count,
            broke=broke[pair],
            fixed=fixed[pair],
        )
        for pair, count in sorted(total.items(), key=lambda item: (-item[1], item[0]))
    )


def effect_total(report: Report, effect: Effect) -> int:
    """Number of examples with this effect in the data, listed or not; of drifted ones, those that are listed."""
    broke = report.count(reference_right=True, candidate_right=False)
    fixed = report.count(reference_right=False, candidate_right=True)
    if effect == "drifted":
        return sum(change.effect == effect for change in report.changes)
    return {"broke": broke, "fixed": fixed, "moved": report.disagreements - broke - fixed}[effect]


def p_value(report: Report) -> str:
    """McNemar's p, with four decimals."""
    return "below 0.0001" if report.drop.p_value < 1e-4 else f"{report.drop.p_value:.4f}"


def title(report: Report) -> str:
    """Candidate against reference, in words."""
    return f"{report.candidate.name} against {report.reference.name}"


def interval_text(low: float, high: float) -> str:
    """An interval of shares, in percent."""
    return f"{100 * low:.1f} to {100 * high:.1f} %"
