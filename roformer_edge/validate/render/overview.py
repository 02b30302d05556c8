"""Several candidates against one reference, side by side: what stands above the reports of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from roformer_edge.validate.format import counted, moment
from roformer_edge.validate.language import translate
from roformer_edge.validate.render.summary import Headline, Verdict, headlines, verdict
from roformer_edge.validate.report import Report, Side


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A column.

    Attributes:
        title: Its number, in words.
        name: What the caller calls it.
        made: Recipe and engine.
        folder: Where its own report lies.
        verdict: On its loss.
    """

    title: str
    name: str
    made: str
    folder: str
    verdict: Verdict


@dataclass(frozen=True, kw_only=True)
class Row:
    """One figure of all sides.

    Attributes:
        label: The name of the figure.
        reference: The reference's value.
        cells: Each candidate's value and the change.
    """

    label: str
    reference: str
    cells: tuple[Headline, ...]


@dataclass(frozen=True, kw_only=True)
class Overview:
    """Everything that an overview says, in words.

    Attributes:
        title: What was compared with what.
        lede: On which data.
        reference: The reference, with its engine.
        candidates: The columns.
        rows: The figures that every report starts with.
    """

    title: str
    lede: str
    reference: str
    candidates: tuple[Candidate, ...]
    rows: tuple[Row, ...]


def folder_of(number: int) -> str:
    """Name the folder of a candidate's own report; numbers begin with 1."""
    return f"candidate-{number}"


def _made(side: Side) -> str:
    return translate("{recipe} on {engine}", recipe=translate(side.facts.recipe), engine=translate(side.facts.engine))


def overview(reports: Sequence[Report]) -> Overview:
    """Put reports side by side.

    Args:
        reports: Reports of one task, reference and data; see ``runner.compare_all``.
    """
    first = reports[0]
    columns = [headlines(report) for report in reports]
    return Overview(
        title=translate(
            "{candidate} against {reference}",
            candidate=counted(len(reports), "candidate"),
            reference=first.reference.name,
        ),
        lede=translate(", ").join(
            (
                counted(first.data.examples, "example"),
                translate(first.measure),
                first.data.name,
                moment(first.provenance.created),
            )
        ),
        reference=_made(first.reference),
        candidates=tuple(
            Candidate(
                title=translate("candidate {number}", number=number),
                name=report.candidate.name,
                made=_made(report.candidate),
                folder=folder_of(number),
                verdict=verdict(report),
            )
            for number, report in enumerate(reports, start=1)
        ),
        rows=tuple(
            Row(label=cells[0].label, reference=cells[0].reference, cells=cells) for cells in zip(*columns, strict=True)
        ),
    )
