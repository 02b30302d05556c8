"""All answers as a table, CSV for spreadsheets: a row for each example.

A cell that a spreadsheet would take for a formula begins with an apostrophe, which it takes for "this is text". The
file is UTF-8 with a byte order mark, by which Excel knows that it is.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence

from roformer_edge.validate.baseline import AnsweredExample
from roformer_edge.validate.data.examples import Example
from roformer_edge.validate.report import Report

ENCODING = "utf-8-sig"
_FIRST = ("number", "line", "id")
MARK = ",".join(_FIRST)
# what spreadsheets begin a formula with, spaces before it and the wide forms of Chinese keyboards included
_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\r\n]")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?")


def to_csv(examples: Sequence[Example], reports: Sequence[Report]) -> str:
    """Render all answers; lines end as RFC 4180 wants it.

    Args:
        examples: The examples that all reports are on.
        reports: One report at least; of several each candidate has its own columns.
    """
    fields = list(dict.fromkeys(name for example in examples for name in example.inputs))
    names = ["candidate"] if len(reports) == 1 else [f"candidate-{number}" for number in range(1, len(reports) + 1)]
    head = [*_FIRST, *fields, "gold", "reference", "reference_score"]
    head += [f"{name}{end}" for name in names for end in ("", "_score", "_effect", "_difference")]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(map(_cell, head))
    for row, example in enumerate(examples):
        answers = [report.answers[row] for report in reports]
        first = answers[0]
        cells: list[object] = [first.number, first.line or "", _cell(first.id or "")]
        cells += [_cell(_written(example.inputs.get(name, ""))) for name in fields]
        cells += [_cell(first.gold), _cell(first.reference), _number(first.reference_score)]
        for answer in answers:
            effect = effect_of(answer)
            cells += [_cell(answer.candidate), _number(answer.candidate_score), effect, _number(answer.difference)]
        writer.writerow(cells)
    return out.getvalue()


def effect_of(answer: AnsweredExample) -> str:
    """Say what became of an answer: ``"same"``, ``"broke"``, ``"fixed"`` or ``"moved"``."""
    if answer.reference == answer.candidate:
        return "same"
    gap = answer.candidate_score - answer.reference_score
    return "broke" if gap < 0 else "fixed" if gap > 0 else "moved"


def _number(value: float) -> str:
    return f"{value:.10g}"


def _written(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _cell(text: str) -> str:
    """Make a text harmless: no formula, nothing that no encoder takes, no end of a string in its middle."""
    text = text.replace("\0", "␀").encode("utf-8", "backslashreplace").decode()
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text
