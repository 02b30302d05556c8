"""The report as Markdown, for pull requests and wikis."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from roformer_edge.validate.render.format import (
    as_markdown,
    counted,
    decimal,
    milliseconds,
    moment,
    signed,
    significant,
    size,
)
from roformer_edge.validate.render.summary import (
    EFFECTS,
    answer_changes,
    effect_total,
    headlines,
    interval_text,
    p_value,
    title,
    verdict,
)
from roformer_edge.validate.report import ChangedExample, Report, Side

_CHANGES_SHOWN = 15
_SIGNS = {"passed": "✓", "failed": "✗", "open": "–"}


def to_markdown(report: Report) -> str:
    """GitHub-flavoured Markdown with a final newline."""
    words = verdict(report)
    parts = [
        f"# {as_markdown(title(report))}",
        f"**{_SIGNS[words.state]} {words.title}.** {as_markdown(words.sentence)} {as_markdown(words.caution, 300)}",
        f"{counted(report.data.examples, 'example')}, {len(report.labels)} labels, {as_markdown(report.data.name)}, "
        f"{moment(report.provenance.created)}",
        _table(
            ("", "reference", "candidate", "change"),
            [(row.label, row.reference, row.candidate, as_markdown(row.remark)) for row in headlines(report)],
        ),
        *_answers(report),
        *_logits(report),
        *_latency(report),
        *_classes(report),
        *_changes(report),
        *_examples(report),
        *_provenance(report),
    ]
    return "\n\n".join(parts) + "\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: int = 3) -> str:
    """A table whose last ``numbers`` columns are aligned right; cells are escaped already."""
    rule = ["---"] * (len(head) - numbers) + ["---:"] * numbers
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *rows))


def _answers(report: Report) -> list[str]:
    def cell(reference_right: bool, candidate_right: bool) -> str:
        return f"{report.count(reference_right=reference_right, candidate_right=candidate_right):,}"

    ours, theirs, drop = report.reference, report.candidate, report.drop
    return [
        "## Right answers",
        _table(
            ("", "candidate right", "candidate wrong"),
            [
                ("reference right", cell(True, True), cell(True, False)),
                ("reference wrong", cell(False, True), cell(False, False)),
            ],
            numbers=2,
        ),
        f"{100 * drop.confidence:g} % intervals: accuracy of the reference {_interval(ours)}, of the candidate "
        f"{_interval(theirs)}; drop {decimal(drop.interval.low)} to {decimal(drop.interval.high)} points. "
        f"McNemar's test, mid-p: {p_value(report)}.",
    ]


def _interval(side: Side) -> str:
    return interval_text(side.accuracy_interval.low, side.accuracy_interval.high)


def _logits(report: Report) -> list[str]:
    agreement = report.agreement
    return [
        "## Logits",
        f"Difference {significant(agreement.mean_difference)} on average and "
        f"{significant(agreement.worst_difference)} at most, where the reference's logits have a standard deviation of "
        f"{significant(agreement.spread)}. Cosine {decimal(agreement.mean_cosine, 4)} on average, "
        f"{decimal(agreement.worst_cosine, 4)} at worst.",
    ]


def _latency(report: Report) -> list[str]:
    timing = report.timing
    if timing is None:
        return []
    sides = (("reference", timing.reference), ("candidate", timing.candidate))
    rows = [(who, *map(milliseconds, (times.p50, times.p90, times.p99))) for who, times in sides]
    return [
        "## Latency",
        _table(("", "median", "90th percentile", "99th percentile"), rows),
        f"One text at a time, {counted(timing.texts, 'text')}, the two sides in turn, the fastest of "
        f"{counted(timing.rounds, 'run')}; on the median text the candidate "
        f"takes {timing.ratio:.2f} times as long as the reference.",
    ]


def _classes(report: Report) -> list[str]:
    pairs = sorted(
        zip(report.reference.classes, report.candidate.classes, strict=True),
        key=lambda pair: (pair[1].f1 - pair[0].f1, pair[0].label),
    )
    rows = [
        (
            as_markdown(ours.label),
            f"{ours.support:,}",
            f"{100 * ours.f1:.1f}",
            f"{100 * theirs.f1:.1f}",
            signed(100 * (theirs.f1 - ours.f1), 1),
        )
        for ours, theirs in pairs
    ]
    return [
        "## F1 of each label, %",
        _table(("label", "examples", "reference", "candidate", "change"), rows, numbers=4),
    ]


def _changes(report: Report) -> list[str]:
    changes = answer_changes(report)
    if not changes:
        return []
    rows = [
        (as_markdown(row.reference), as_markdown(row.candidate), f"{row.count:,}", f"{row.broke:,}", f"{row.fixed:,}")
        for row in changes[:_CHANGES_SHOWN]
    ]
    head = ("reference", "candidate", "examples", "broken", "fixed")
    return ["## Changed answers", _table(head, rows, numbers=3)]


def _examples(report: Report) -> list[str]:
    parts = []
    for effect, heading in EFFECTS.items():
        rows = [_example(change) for change in report.changes if change.effect == effect]
        if rows and (effect != "drifted" or not report.disagreements):
            total = effect_total(report, effect)
            number = f"{total:,}" if total == len(rows) else f"{len(rows):,} of {total:,}"
            head = ("text", "gold", "reference", "candidate", "moved by")
            parts += [f"### {heading} ({number})", _table(head, rows, numbers=1)]
    return ["## Worth reading", *parts] if parts else []


def _example(change: ChangedExample) -> tuple[str, ...]:
    return (
        as_markdown(change.text),
        as_markdown(change.gold),
        f"{as_markdown(change.reference.label)} ({100 * change.reference.score:.1f} %)",
        f"{as_markdown(change.candidate.label)} ({100 * change.candidate.score:.1f} %)",
        significant(change.difference),
    )


def _provenance(report: Report) -> list[str]:
    made, drop = report.provenance, report.drop
    sides = (
        ("reference", report.reference, made.reference_batch_size),
        ("candidate", report.candidate, made.batch_size),
    )
    lines = [
        f"- {who}: {as_markdown(side.facts.recipe)} on {as_markdown(side.facts.engine)}, "
        f"{as_markdown(side.facts.provider)}, batches of {batch}"
        f"{', long texts cut' if side.facts.truncates else ''}{_files(side)}"
        for who, side, batch in sides
    ]
    lines += [
        f"- peak memory: reference {as_markdown(report.reference.memory.note)}; candidate "
        f"{as_markdown(report.candidate.memory.note)}",
        f"- data: sha256 {report.data.sha256}",
        f"- intervals: Wilson for accuracy, paired bootstrap of {drop.resamples:,} resamples (seed {drop.seed}) "
        "for the rest",
        f"- made by roformer-edge {as_markdown(made.version)}, Python {as_markdown(made.python)}, numpy "
        f"{as_markdown(made.numpy)}, {as_markdown(made.machine)}",
    ]
    return ["## How this was measured", "\n".join(lines)]


def _files(side: Side) -> str:
    return "".join(f", {as_markdown(file.path)} {size(file.bytes)}" for file in side.facts.files)
