"""The report on a terminal: at most 100 columns, plain text, columns that line up with Chinese text too."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Sequence

from roformer_edge.escape import visible
from roformer_edge.validate.format import counted, drop_of_part, significant
from roformer_edge.validate.render.overview import overview
from roformer_edge.validate.render.summary import (
    capital,
    differences_words,
    figure_headline,
    gate_lines,
    headlines,
    since_lines,
    since_words,
    task_sections,
    title,
    verdict,
)
from roformer_edge.validate.report import Report
from roformer_edge.validate.sections import Breakdown, Part

COLUMNS = 100

_PARTS_SHOWN = 5
# unit -> the smallest drop that its digits show
_SEEN = {"percent": 0.05, "number": 0.0}
# terminals that speak no Unicode still print the table
_PLAIN = str.maketrans({"−": "-", "–": "-", "×": "x", "’": "'", "…": "~", "→": ">"})


def summary_table(report: Report) -> str:
    """Render the headline figures, the parts that lost most and the verdict; lines end in newlines, without colours."""
    words, examples = verdict(report), report.data.examples
    figures = [figure_headline(figure) for figure in report.figures]
    rows = [*figures, *(row for row in headlines(report) if row not in figures)]
    parts = [
        fit(title(report), COLUMNS),
        fit(f"{counted(examples, 'example')}, {report.data.name}", COLUMNS),
        "",
        *aligned(
            [("", "reference", "candidate", "change")]
            + [(fit(row.label, 34), row.reference, row.candidate, fit(row.remark, 40)) for row in rows],
            align="<>><",
        ),
        *(line for block in _breakdowns(report) for line in _losses(block)),
        "",
        *textwrap.wrap(f"{words.title}. {words.sentence}", COLUMNS),
        *textwrap.wrap(words.caution, COLUMNS),
        *_gates(report),
        *_since(report),
    ]
    return "".join(f"{line.rstrip()}\n" for line in parts).translate(_PLAIN)


def overview_table(reports: Sequence[Report]) -> str:
    """Render the headline figures and the verdicts of several candidates side by side; one alone with its losses."""
    if len(reports) == 1:
        return summary_table(reports[0])
    words = overview(reports)
    columns = words.candidates
    rows = [
        ("", "reference", *(column.title for column in columns)),
        *((fit(row.label, 34), row.reference, *(cell.candidate for cell in row.cells)) for row in words.rows),
    ]
    parts = [
        fit(words.title, COLUMNS),
        fit(words.lede, COLUMNS),
        "",
        *aligned(rows, align="<" + ">" * (len(columns) + 1)),
    ]
    for one in columns:
        text = f"{one.title}, {one.name}, {one.made}: {one.verdict.title}. {one.verdict.sentence} {one.verdict.caution}"
        parts += ["", *textwrap.wrap(visible(text), COLUMNS)]
    for one, report in zip(columns, reports, strict=True):
        parts += [f"{one.title}: {line}" for line in _gates(report)]
    for one, report in zip(columns, reports, strict=True):
        lines = _since(report)
        parts += [*lines[:1], f"{one.title}:", *lines[1:]] if lines else []
    return "".join(f"{line.rstrip()}\n" for line in parts).translate(_PLAIN)


def _gates(report: Report) -> list[str]:
    """Return one line for each gate."""
    return [f"gate {state}: {asked}; found {found}" for state, asked, found in gate_lines(report)]


def _since(report: Report) -> list[str]:
    """Return what became better and what worse since an earlier report."""
    since = report.since
    if since is None:
        return []
    rows = [("", "earlier", "now", "drop", "")]
    rows += [(fit(row.name, 34), row.earlier, row.now, row.drop, row.verdict) for row in since_lines(since)]
    words = [line for text in (since_words(since), differences_words(since)) for line in _wrapped(text)]
    return ["", *words, *aligned(rows, "<>>><")]


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(visible(text), COLUMNS)


def _breakdowns(report: Report) -> list[Breakdown]:
    blocks = [block for section in task_sections(report) for block in section.blocks]
    return [block for block in blocks if isinstance(block, Breakdown)]


def _losses(block: Breakdown) -> list[str]:
    """Return the parts that lost most."""
    losses = sorted(
        (part for part in block.parts if block.drop(part) > _SEEN[block.unit]),
        key=lambda part: (-block.drop(part), part.name),
    )[:_PARTS_SHOWN]
    if not losses:
        return []
    unit = ", %" if block.unit == "percent" else ""
    head = fit(capital(f"{block.figure} of what lost most, by {block.noun}{unit}"), 50)
    return [
        "",
        *aligned([(head, "reference", "candidate", "drop"), *(_loss(block, part) for part in losses)], "<>><"),
    ]


def _loss(block: Breakdown, part: Part) -> tuple[str, ...]:
    name, drop = fit(part.name, 40), drop_of_part(block.drop(part), block.unit)
    if block.unit == "percent":
        return name, f"{100 * part.reference:.1f}", f"{100 * part.candidate:.1f}", f"{drop} points"
    return name, significant(part.reference), significant(part.candidate), drop


def aligned(rows: Sequence[Sequence[str]], align: str) -> list[str]:
    """Align rows of cells as lines; ``align`` has ``<`` or ``>`` for each column."""
    widths = [max(width(row[column]) for row in rows) for column in range(len(align))]
    return ["   ".join(_padded(cell, w, a) for cell, w, a in zip(row, widths, align, strict=True)) for row in rows]


def width(text: str) -> int:
    """Columns that ``text`` takes on a terminal: two for East Asian wide characters, none for combining ones."""
    return sum(_columns(character) for character in text)


def fit(text: str, columns: int) -> str:
    """Make ``text`` harmless and cut it to ``columns`` on a terminal."""
    text, used = visible(text), 0
    if width(text) <= columns:
        return text
    for index, character in enumerate(text):
        used += _columns(character)
        if used > columns - 1:
            return text[:index] + "…"
    return text


def _columns(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _padded(cell: str, columns: int, align: str) -> str:
    space = " " * (columns - width(cell))
    return space + cell if align == ">" else cell + space
