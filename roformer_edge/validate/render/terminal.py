"""The report on a terminal: at most 100 columns, plain text, columns that line up with Chinese text too."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Sequence

from roformer_edge.validate.render.format import counted, signed, visible
from roformer_edge.validate.render.summary import headlines, title, verdict
from roformer_edge.validate.report import Report

COLUMNS = 100

_LABELS_SHOWN = 5
# terminals that speak no Unicode still print the table
_PLAIN = str.maketrans({"−": "-", "–": "-", "×": "x", "’": "'", "…": "~"})


def summary_table(report: Report) -> str:
    """The headline figures, the labels that lost most and the verdict; lines end in newlines, without colours."""
    words, examples = verdict(report), report.data.examples
    parts = [
        fit(title(report), COLUMNS),
        fit(f"{counted(examples, 'example')}, {report.data.name}", COLUMNS),
        "",
        *aligned(
            [("", "reference", "candidate", "change")]
            + [(row.label, row.reference, row.candidate, fit(row.remark, 40)) for row in headlines(report)],
            align="<>><",
        ),
        *_losses(report),
        "",
        *textwrap.wrap(f"{words.title}. {words.sentence}", COLUMNS),
        *textwrap.wrap(words.caution, COLUMNS),
    ]
    return "".join(f"{line.rstrip()}\n" for line in parts).translate(_PLAIN)


def _losses(report: Report) -> list[str]:
    """The labels whose F1 fell most."""
    pairs = zip(report.reference.classes, report.candidate.classes, strict=True)
    losses = sorted(
        ((theirs.f1 - ours.f1, ours.label, ours, theirs) for ours, theirs in pairs if theirs.f1 < ours.f1),
        key=lambda row: row[:2],
    )[:_LABELS_SHOWN]
    if not losses:
        return []
    rows = [
        (fit(label, 40), f"{100 * ours.f1:.1f}", f"{100 * theirs.f1:.1f}", f"{signed(100 * change, 1)} points")
        for change, label, ours, theirs in losses
    ]
    return ["", *aligned([("F1 of the labels that lost most, %", "reference", "candidate", "change"), *rows], "<>><")]


def aligned(rows: Sequence[Sequence[str]], align: str) -> list[str]:
    """Rows of cells as lines; ``align`` has ``<`` or ``>`` for each column."""
    widths = [max(width(row[column]) for row in rows) for column in range(len(align))]
    return ["   ".join(_padded(cell, w, a) for cell, w, a in zip(row, widths, align, strict=True)) for row in rows]


def width(text: str) -> int:
    """Columns that ``text`` takes on a terminal: two for East Asian wide characters, none for combining ones."""
    return sum(_columns(character) for character in text)


def fit(text: str, columns: int) -> str:
    """``text`` made harmless and cut to ``columns`` on a terminal."""
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
