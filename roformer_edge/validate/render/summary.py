"""What every rendering says, in words: the verdict, the headline figures, what changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from roformer_edge.validate.baseline import Since, SinceEffect
from roformer_edge.validate.calibration import BINS
from roformer_edge.validate.excerpts import Excerpt
from roformer_edge.validate.format import (
    both,
    counted,
    decimal,
    drop_in_unit,
    in_unit,
    milliseconds,
    moment,
    percent,
    significant,
    size,
    valued,
)
from roformer_edge.validate.gates import TIMES, GateResult, beside_limit
from roformer_edge.validate.language import translate, translate_stored
from roformer_edge.validate.report import Figure, Report, Slice
from roformer_edge.validate.sections import Breakdown, Confusion, Curves, Part, Section, Table
from roformer_edge.validate.slices import ABSENT, LENGTH
from roformer_edge.validate.statistics import PairedCounts
from roformer_edge.validate.tasks import MEASURES
from roformer_edge.validate.tasks.measure import Effect

_HEADED_FIGURES = 2
# how answers changed since an earlier report -> headings
SINCE_HEADINGS: Mapping[SinceEffect, str] = {
    "broke": "Answers that became worse",
    "fixed": "Answers that became better",
    "moved": "Other answers, as good or bad",
}
_SLICED_BESIDE = 2  # figures of a slice that stand beside the gated one


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The one thing to know.

    Attributes:
        state: The verdict that colour and sign follow.
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
    figure = report.gated
    name = capital(translate(figure.name))
    moved = translate("{name} did not change", name=name)
    if figure.drop:
        size_of_change = abs(figure.drop)
        amount = valued(size_of_change, figure.unit)
        if figure.unit == "percent":
            number = beside_limit(size_of_change, report.budget if figure.drop > 0 else None)
            amount = translate("{number} points", number=number)
        verb = "{name} dropped by {amount}" if figure.change < 0 else "{name} rose by {amount}"
        moved = translate(verb, name=name, amount=amount)
    sentence = translate("{moved}.", moved=moved)
    if report.budget is not None:
        sentence = translate("{moved}; a drop of {budget} is allowed.", moved=moved, budget=f"{report.budget:g}")
    gates = report.all_gates
    broken = [gate for gate in gates if not gate.passed]
    if not gates:
        title = translate("No budget set")
    elif not report.gates:
        title = translate("Over the budget") if broken else translate("Within the budget")
    else:
        title = translate("All gates hold")
        if broken:
            title = translate("{broken} of {gates} broken", broken=len(broken), gates=counted(len(gates), "gate"))
        told = " Broken: {asked}, found {found}."
        sentence += "".join(translate(told, asked=gate.text, found=_found(gate)) for gate in broken)
    return Verdict(
        state="open" if not gates else "failed" if broken else "passed",
        title=title,
        sentence=sentence,
        caution=_caution(report),
    )


def gate_lines(report: Report) -> list[tuple[str, str, str]]:
    """Put every gate into a line: whether it holds, what was asked, what was found; nothing of a budget alone."""
    if not report.gates:
        return []
    return [("holds" if gate.passed else "fails", gate.text, _found(gate)) for gate in report.all_gates]


def _found(gate: GateResult) -> str:
    """Say what was found, in the language of the page."""
    if gate.found is None:
        return translate_stored(gate.note)
    if gate.unit == TIMES:
        return gate.answer
    return translate(f"{{number}} {gate.unit}".rstrip(), number=beside_limit(gate.found, gate.limit))


def _caution(report: Report) -> str:
    figure, budget = report.gated, report.budget
    interval = figure.drop_interval
    examples = counted(report.data.examples, "example")
    if not report.effect_count("broke") + report.effect_count("fixed"):
        if figure.paired is None:
            return translate("No answer became better or worse on {examples}.", examples=examples)
        unseen = min(100.0, 300 / report.data.examples)  # the rule of three
        return translate(
            "No verdict changed. On {examples}, a drop of up to {points} points could go unseen.",
            examples=examples,
            points=significant(unseen, 2),
        )
    span = translate(
        "The {confidence} % interval of the drop on {examples} is {low} to {high} points",
        confidence=f"{100 * report.uncertainty.confidence:g}",
        examples=examples,
        low=decimal(interval.low),
        high=decimal(interval.high),
    )
    if budget is None:
        return translate("{span}.", span=span)
    if report.within_budget and interval.high > budget:
        end = "{span}: it reaches beyond the budget, so more data could still turn the verdict."
    elif not report.within_budget and interval.low <= budget:
        end = "{span}: it reaches into the budget, so more data could still turn the verdict."
    elif report.within_budget:
        end = "{span}: all of it within the budget."
    else:
        end = "{span}: all of it over the budget."
    return translate(end, span=span)


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
        both = translate("{value} ({note})", value=known, note=self.note)
        return both if known and self.note else known or self.note


def headlines(report: Report) -> tuple[Headline, ...]:
    """List the figures that every rendering starts with, most important first."""
    agreement = report.agreement
    return (
        *(figure_headline(figure) for figure in report.figures[:_HEADED_FIGURES]),
        Headline(
            label=translate(f"Same {agreement.noun}"),
            reference="–",
            candidate=percent(agreement.share),
            change=translate(
                "{number} of {total} differ",
                number=f"{agreement.total - agreement.equal:,}",
                total=f"{agreement.total:,}",
            ),
        ),
        _size(report),
        _latency(report),
        _memory(report),
    )


def figure_headline(figure: Figure) -> Headline:
    """Put a figure of both sides and its change into words."""
    return Headline(
        label=capital(translate(figure.name)),
        reference=valued(figure.reference, figure.unit),
        candidate=valued(figure.candidate, figure.unit),
        change=translate("drop {amount}", amount=drop_in_unit(figure.drop, figure.unit))
        if figure.drop
        else translate("no drop"),
    )


def _size(report: Report) -> Headline:
    ours, theirs = report.reference.facts.model_bytes, report.candidate.facts.model_bytes
    whole = report.candidate.facts.bytes
    return Headline(
        label=translate("Model size"),
        reference="–" if ours is None else size(ours),
        candidate="–" if theirs is None else size(theirs),
        change=_times(ours, theirs, "{factor}× smaller", "{factor}× larger"),
        note=translate("no files") if whole is None else translate("all files {size}", size=size(whole)),
    )


def _latency(report: Report) -> Headline:
    if report.timing is None:
        return Headline(
            label=translate("Latency, median"),
            reference="–",
            candidate="–",
            change="–",
            note=translate("not measured"),
        )
    ours, theirs = report.timing.reference.p50, report.timing.candidate.p50
    return Headline(
        label=translate("Latency, median"),
        reference=milliseconds(ours),
        candidate=milliseconds(theirs),
        change=_times(ours, theirs, "{factor}× faster", "{factor}× slower"),
    )


def _memory(report: Report) -> Headline:
    ours, theirs = report.reference.memory.peak, report.candidate.memory.peak
    return Headline(
        label=translate("Peak memory"),
        reference="–" if ours is None else size(ours),
        candidate="–" if theirs is None else size(theirs),
        change=_times(ours, theirs, "{factor}× less", "{factor}× more"),
        note="" if theirs is not None else translate_stored(report.candidate.memory.note),
    )


def _times(before: float | None, after: float | None, better: str, worse: str) -> str:
    if not before or not after:
        return "–"
    factor = max(before, after) / min(before, after)
    if f"{factor:.2f}" == "1.00":
        return translate("equal")
    return translate(better if after < before else worse, factor=f"{factor:.2f}")


@dataclass(frozen=True, kw_only=True)
class SinceLine:
    """One figure of the candidate, earlier and now, and what became of it: ``"better"``, ``"worse"`` or ``"equal"``."""

    name: str
    earlier: str
    now: str
    drop: str
    verdict: Literal["better", "worse", "equal"]


def since_lines(since: Since) -> list[SinceLine]:
    """Put every figure that an earlier report has, too, into a line."""
    return [
        SinceLine(
            name=capital(translate(figure.name)),
            earlier=in_unit(figure.earlier, figure.unit),
            now=in_unit(figure.now, figure.unit),
            drop=drop_in_unit(figure.drop, figure.unit),
            verdict="worse" if figure.drop > 0 else "better" if figure.drop < 0 else "equal",
        )
        for figure in since.figures
    ]


def since_words(since: Since) -> str:
    """Say what is compared with what, and how many answers changed."""
    head = translate(
        "Since {name} ({recipe}, {created}).",
        name=since.name,
        recipe=since.recipe,
        created=moment(since.created),
    )
    changed = sum(row.count for row in since.counts)
    if not changed:
        return head + translate(" No answer changed.")
    return head + translate(
        " {answers} changed: {worse} worse, {better} better, {neither} neither.",
        answers=counted(changed, "answer"),
        worse=f"{since.count('broke'):,}",
        better=f"{since.count('fixed'):,}",
        neither=f"{since.count('moved'):,}",
    )


def differences_words(since: Since) -> str:
    """Say what else differs between the two measurements; nothing where nothing does."""
    if not since.differences:
        return ""
    listed = translate("; ").join(
        translate("{what}: {before}, now {now}", what=translate(what), before=_word(before), now=_word(now))
        for what, before, now in since.differences
    )
    return translate("What else differs: {listed}.", listed=listed)


def _word(value: str) -> str:
    """Say a fact of a side, where it is a word of ours."""
    return translate(value)


def effect_headings(report: Report) -> Mapping[Effect, str]:
    """Tell how headings put each effect, in the order in which they are shown."""
    return MEASURES[report.measure].effects


def shown_of(report: Report, effect: Effect) -> str:
    """Tell how many examples of an effect are listed, and of how many; of drifted ones only the listed matter."""
    shown = sum(row.effect == effect for row in report.changes)
    total = shown if effect == "drifted" else report.effect_count(effect)
    if shown == total:
        return f"{total:,}"
    return translate("{shown} of {total}", shown=f"{shown:,}", total=f"{total:,}")


def task_sections(report: Report) -> Sequence[Section]:
    """List what is particular to the task, then the calibration, the slices, and what else could have been made."""
    return [
        *MEASURES[report.measure].sections(report),
        *calibration_sections(report),
        *slice_sections(report),
        *choice_sections(report),
    ]


def choice_sections(report: Report) -> list[Section]:
    """Show what the candidate was chosen among, where it was."""
    found = report.choice
    if found is None:
        return []
    blocks = [Table(head=tuple(map(translate, found.head)), rows=found.rows, written=found.figures)]
    if found.left_out:
        rows = tuple((name, Excerpt(text=reason)) for name, reason in found.left_out)
        blocks.append(Table(head=(translate("left out"), translate("reason")), rows=rows))
    return [Section(title=translate("Chosen by measurement"), lede=translate_stored(found.rule), blocks=blocks)]


def calibration_sections(report: Report) -> list[Section]:
    """Show whether probabilities say how often answers are right, where there are any."""
    found = report.calibration
    if found is None:
        return []
    sides = (("reference", found.reference), ("candidate", found.candidate))
    return [
        Section(
            title=translate("Calibration"),
            lede=translate(
                "Whether answers are right as often as their probability says. The expected calibration error (ECE) is "
                "the mean distance between the two, over {bins} bins of probability: 0 is best.",
                bins=BINS,
            ),
            blocks=(
                Table(
                    head=("", "ECE", translate("mean probability"), translate("right")),
                    rows=tuple(
                        (translate(who), percent(side.ece), percent(side.confidence), percent(side.accuracy))
                        for who, side in sides
                    ),
                    written=3,
                ),
                Curves(
                    calibration=found,
                    title=translate("Reliability of both sides"),
                    caption=translate(
                        "Share of right answers (up) over their probability (across), larger dots for more answers, "
                        "{number} of each side; below the diagonal a side is too sure",
                        number=f"{found.reference.answers:,}",
                    ),
                ),
            ),
        )
    ]


def slice_sections(report: Report) -> list[Section]:
    """Show the gated figure by slices, one section for each property that the data was cut by."""
    cuts: dict[str, list[Slice]] = {}
    for part in report.slices:
        cuts.setdefault(part.by, []).append(part)
    figure, others = report.gated, report.figures[1 : 1 + _SLICED_BESIDE]
    return [
        Section(
            title=translate("By {key}", key=_cut_name(by)),
            blocks=(
                Breakdown(
                    noun=_cut_name(by),
                    counted=translate("examples"),
                    figure=translate(figure.name),
                    unit=figure.unit,
                    higher_is_better=figure.higher_is_better,
                    columns=tuple(translate(other.name) for other in others),
                    parts=tuple(
                        Part(
                            name=_part_name(by, part.name),
                            count=part.examples,
                            reference=part.figures[0].reference,
                            candidate=part.figures[0].candidate,
                            more=tuple(
                                both(found.reference, found.candidate, other.unit)
                                for found, other in zip(part.figures[1:], others, strict=False)
                            ),
                        )
                        for part in parts
                    ),
                ),
            ),
        )
        for by, parts in cuts.items()
    ]


def _cut_name(by: str) -> str:
    """Name what the data was cut by: a word of ours, or a key of the data."""
    return translate(by) if by == LENGTH else by


def _part_name(by: str, name: str) -> str:
    """Name a part of the data: lengths and what lacks a key in words of ours, else a value of the data."""
    if by == LENGTH:
        return translate_stored(name)
    return translate(name) if name == ABSENT else name


def confused_pairs(confusion: Confusion, most: int) -> list[tuple[str, str, int, int]]:
    """Choose the pairs (gold, wrong answer, times by the reference, times by the candidate) that are most frequent."""
    pairs = [
        (gold, answer, confusion.reference[row][column], confusion.candidate[row][column])
        for row, gold in enumerate(confusion.names)
        for column, answer in enumerate(confusion.names)
        if row != column and (confusion.reference[row][column] or confusion.candidate[row][column])
    ]
    return sorted(pairs, key=lambda pair: (-max(pair[2:]), -pair[3], pair[:2]))[:most]


def title(report: Report) -> str:
    """Candidate against reference, in words."""
    return translate(
        "{candidate} against {reference}", candidate=report.candidate.name, reference=report.reference.name
    )


def interval_words(figure: Figure, low: float, high: float) -> str:
    """Write an interval of a figure, in its unit."""
    if figure.unit == "percent":
        return translate("{low} to {high} %", low=f"{100 * low:.1f}", high=f"{100 * high:.1f}")
    return translate("{low} to {high}", low=valued(low, figure.unit), high=valued(high, figure.unit))


def judged(report: Report) -> tuple[Figure, PairedCounts] | None:
    """Find the first figure that counts right answers, and who was right where; ``None`` where none does."""
    return next(((figure, figure.paired) for figure in report.figures if figure.paired is not None), None)


def p_value(pairs: PairedCounts) -> str:
    """Write McNemar's p, with four decimals."""
    return translate("below 0.0001") if pairs.p_value < 1e-4 else f"{pairs.p_value:.4f}"


def capital(name: str) -> str:
    """Write a name at the beginning of a sentence."""
    return name[:1].upper() + name[1:]
