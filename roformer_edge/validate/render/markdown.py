"""The report as Markdown, for pull requests and wikis."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from roformer_edge.escape import as_markdown, clipped
from roformer_edge.validate.changes import ChangedExample
from roformer_edge.validate.excerpts import Excerpt
from roformer_edge.validate.format import (
    counted,
    decimal,
    drop_of_part,
    milliseconds,
    moment,
    significant,
    size,
    valued,
)
from roformer_edge.validate.render.overview import overview
from roformer_edge.validate.render.summary import (
    SINCE_HEADINGS,
    capital,
    confused_pairs,
    differences_words,
    effect_headings,
    gate_lines,
    headlines,
    interval_words,
    judged,
    p_value,
    shown_of,
    since_lines,
    since_words,
    task_sections,
    title,
    verdict,
)
from roformer_edge.validate.report import Report, Side
from roformer_edge.validate.sections import Breakdown, Confusion, Curves, Distribution, Scatter, Section, Table

_SIGNS = {"passed": "✓", "failed": "✗", "open": "–"}
_MARKS = {True: "✓", False: "✗", None: ""}
_CONFUSED_SHOWN = 15


def to_markdown(report: Report) -> str:
    """Render GitHub-flavoured Markdown with a final newline."""
    words = verdict(report)
    parts = [
        f"# {as_markdown(title(report))}",
        f"**{_SIGNS[words.state]} {words.title}.** {as_markdown(words.sentence)} {as_markdown(words.caution, 300)}",
        f"{counted(report.data.examples, 'example')}, {as_markdown(report.measure)}, "
        f"{as_markdown(report.data.name)}, {moment(report.provenance.created)}",
        _table(
            ("", "reference", "candidate", "change"),
            [(row.label, row.reference, row.candidate, as_markdown(row.remark)) for row in headlines(report)],
        ),
        *_gates(report),
        *_since(report),
        *_figures(report),
        *(part for section in task_sections(report) for part in _section(section)),
        *_examples(report),
        *_latency(report),
        *_provenance(report),
    ]
    return "\n\n".join(parts) + "\n"


def overview_markdown(reports: Sequence[Report]) -> str:
    """Render several candidates side by side, with links to the report of each."""
    words = overview(reports)
    head = ("", "reference", *(column.title for column in words.candidates))
    rows = [
        (row.label, row.reference, *(_cell(cell.candidate, cell.remark) for cell in row.cells)) for row in words.rows
    ]
    rows.append(("Verdict", "–", *(f"{_SIGNS[one.verdict.state]} {one.verdict.title}" for one in words.candidates)))
    lines = [f"- reference: {as_markdown(words.reference)}"] + [
        f"- [{one.title}]({one.folder}/report.md): {as_markdown(one.name)}, {as_markdown(one.made)}. "
        f"{as_markdown(one.verdict.sentence)} {as_markdown(one.verdict.caution, 300)}"
        for one in words.candidates
    ]
    parts = [
        f"# {as_markdown(words.title)}",
        as_markdown(words.lede),
        _table(head, rows, numbers=len(head) - 1),
        "\n".join(lines),
    ]
    return "\n\n".join(parts) + "\n"


def _cell(value: str, remark: str) -> str:
    return f"{value} ({as_markdown(remark)})" if remark else value


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: int = 3) -> str:
    """Render a table whose last ``numbers`` columns are aligned right; cells are escaped already."""
    rule = ["---"] * (len(head) - numbers) + ["---:"] * numbers
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *rows))


def _gates(report: Report) -> list[str]:
    rows = [
        (f"{_MARKS[state == 'holds']} {state}", as_markdown(asked), as_markdown(found))
        for state, asked, found in gate_lines(report)
    ]
    return ["## Gates", _table(("", "gate", "found"), rows, numbers=1)] if rows else []


def _since(report: Report) -> list[str]:
    since = report.since
    if since is None:
        return []
    rows = [(row.name, row.earlier, row.now, row.drop, row.verdict) for row in since_lines(since)]
    parts = [
        "## Since the earlier report",
        as_markdown(since_words(since)),
        as_markdown(differences_words(since), 2000),
    ]
    parts.append(_table(("", "earlier", "now", "drop", ""), rows, numbers=4))
    for effect, heading in SINCE_HEADINGS.items():
        changed = [
            (
                f"{row.line or row.number}{f' ({as_markdown(row.id, 40)})' if row.id else ''}",
                " · ".join(as_markdown(clipped(passage.text, 200)) for passage in row.asked),
                *(as_markdown(text) for text in (row.gold, row.earlier, row.now)),
            )
            for row in since.changes
            if row.effect == effect
        ]
        if changed:
            head = ("line", "asked", "gold", "earlier", "now")
            parts += [f"### {heading}", _table(head, changed, numbers=0)]
    return [part for part in parts if part]


def _figures(report: Report) -> list[str]:
    rows = [
        (
            capital(figure.name),
            *(
                f"{valued(value, figure.unit)} ({interval_words(figure, interval.low, interval.high)})"
                for value, interval in (
                    (figure.reference, figure.reference_interval),
                    (figure.candidate, figure.candidate_interval),
                )
            ),
            f"{decimal(figure.drop)} ({decimal(figure.drop_interval.low)} to {decimal(figure.drop_interval.high)})",
        )
        for figure in report.figures
    ]
    parts = [
        "## Figures",
        _table(("", "reference", "candidate", "drop"), rows),
        f"In brackets: {100 * report.uncertainty.confidence:g} % intervals. A positive drop is a loss.",
    ]
    found = judged(report)
    if found is not None:
        figure, pairs = found
        square = [
            ("reference right", f"{pairs.both:,}", f"{pairs.only_reference:,}"),
            ("reference wrong", f"{pairs.only_candidate:,}", f"{pairs.neither:,}"),
        ]
        parts += [
            _table((f"{figure.name}", "candidate right", "candidate wrong"), square, numbers=2),
            f"McNemar's test, mid-p: {p_value(pairs)}.",
        ]
    return parts


def _section(section: Section) -> list[str]:
    parts = [f"## {section.title}", *([as_markdown(section.lede, 1000)] if section.lede else [])]
    return parts + [text for block in section.blocks if (text := _BLOCKS[block.kind](block))]


def _breakdown(block: Breakdown) -> str:
    def cell(value: float) -> str:
        return f"{100 * value:.1f}" if block.unit == "percent" else significant(value)

    unit = ", %" if block.unit == "percent" else ""
    rows = [
        (
            as_markdown(part.name),
            f"{part.count:,}",
            cell(part.reference),
            cell(part.candidate),
            drop_of_part(block.drop(part), block.unit),
            *part.more,
        )
        for part in block.parts
    ]
    head = (block.noun, block.counted, f"{block.figure}{unit}: reference", "candidate", "drop", *block.columns)
    return _table(tuple(map(as_markdown, head)), rows, numbers=len(head) - 1)


def _plain_table(block: Table) -> str:
    rows = [[f"{cell:,}" if isinstance(cell, int) else _excerpt(cell) for cell in row] for row in block.rows]
    numbers = sum(isinstance(cell, int) for cell in block.rows[0]) if block.rows else 0
    numbers += block.written
    return _table(block.head, rows, numbers=numbers)


def _confusion(block: Confusion) -> str:
    rows = [
        (as_markdown(gold), as_markdown(answer), f"{ours:,}", f"{theirs:,}")
        for gold, answer, ours, theirs in confused_pairs(block, _CONFUSED_SHOWN)
    ]
    return _table(("gold", "answer", "reference", "candidate"), rows, numbers=2)


def _nothing(_block: Distribution | Scatter | Curves) -> str:
    return ""


_BLOCKS: dict[str, Callable[[Any], str]] = {
    Breakdown.kind: _breakdown,
    Table.kind: _plain_table,
    Confusion.kind: _confusion,
    # charts, whose numbers stand in the sentence above them
    Distribution.kind: _nothing,
    Scatter.kind: _nothing,
    Curves.kind: _nothing,
}


def _excerpt(excerpt: Excerpt | str) -> str:
    if isinstance(excerpt, str):
        return as_markdown(excerpt)
    text, at = "", 0
    for mark in excerpt.marks:
        name = f"/{as_markdown(mark.name, 60)}" if mark.name else ""
        text += as_markdown(excerpt.text[at : mark.start])
        text += f"**{_MARKS[mark.right]}{as_markdown(excerpt.text[mark.start : mark.end])}{name}**"
        at = mark.end
    text += as_markdown(excerpt.text[at:])
    return text if excerpt.score is None else f"{text} ({100 * excerpt.score:.1f} %)"


def _examples(report: Report) -> list[str]:
    parts = []
    for effect, heading in effect_headings(report).items():
        rows = [_example(row) for row in report.changes if row.effect == effect]
        if rows and (effect != "drifted" or not report.changed_answers):
            head = ("line", "asked", "gold", "reference", "candidate", "moved by")
            parts += [f"### {heading} ({shown_of(report, effect)})", _table(head, rows, numbers=1)]
    return ["## Worth reading", *parts] if parts else []


def _example(row: ChangedExample) -> tuple[str, ...]:
    asked = " · ".join(as_markdown(clipped(passage.text, 200)) for passage in row.asked)
    place = f"{row.line or row.number}{f' ({as_markdown(row.id, 40)})' if row.id else ''}"
    answers = [_excerpt(answer) for answer in (row.gold, row.reference, row.candidate)]
    return (place, asked, *answers, significant(row.difference))


def _latency(report: Report) -> list[str]:
    timing = report.timing
    if timing is None:
        return []
    sides = (("reference", timing.reference), ("candidate", timing.candidate))
    rows = [(who, *map(milliseconds, (times.p50, times.p90, times.p99))) for who, times in sides]
    return [
        "## Latency",
        _table(("", "median", "90th percentile", "99th percentile"), rows),
        f"One input at a time, {counted(timing.inputs, 'input')}, the two sides in turn, the fastest of "
        f"{counted(timing.rounds, 'run')}; on the median input the candidate "
        f"takes {timing.ratio:.2f} times as long as the reference.",
    ]


def _provenance(report: Report) -> list[str]:
    made, uncertainty = report.provenance, report.uncertainty
    sides = (("reference", report.reference), ("candidate", report.candidate))
    lines = [
        f"- {who}: {as_markdown(side.facts.recipe)} on {as_markdown(side.facts.engine)}, "
        f"{as_markdown(side.facts.provider)}, batches of {side.batch_size}"
        f"{', long texts cut' if side.facts.truncates else ''}{_files(side)}"
        for who, side in sides
    ]
    lines += [
        f"- peak memory: reference {as_markdown(report.reference.memory.note)}; candidate "
        f"{as_markdown(report.candidate.memory.note)}",
        f"- data: sha256 {report.data.sha256}",
        f"- intervals: Wilson for shares of right answers, paired bootstrap of {uncertainty.resamples:,} resamples "
        f"(seed {uncertainty.seed}) for the rest",
        f"- made by roformer-edge {as_markdown(made.version)}, Python {as_markdown(made.python)}, numpy "
        f"{as_markdown(made.numpy)}, {as_markdown(made.machine)}",
    ]
    return ["## How this was measured", "\n".join(lines)]


def _files(side: Side) -> str:
    return "".join(f", {as_markdown(file.path)} {size(file.bytes)}" for file in side.facts.files)
