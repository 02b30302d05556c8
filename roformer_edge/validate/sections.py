"""What the page of a task shows, said without a form: every renderer draws these few kinds of evidence its own way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from roformer_edge.validate.calibration import Calibration
from roformer_edge.validate.differences import DifferenceHistogram
from roformer_edge.validate.excerpts import Excerpt


@dataclass(frozen=True, kw_only=True)
class Part:
    """A row of a :class:`Breakdown`: some of the examples, and what either side reached on them.

    Attributes:
        name: Which; data, and never to be printed raw.
        count: How many there are.
        reference, candidate: The figure of either side.
        more: Further figures, written out, one for each of the breakdown's ``columns``.
    """

    name: str
    count: int
    reference: float
    candidate: float
    more: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Breakdown:
    """One figure of both sides, part by part.

    Attributes:
        noun: What a part is, such as ``"label"``.
        counted: What ``count`` counts, such as ``"examples"``.
        figure: What ``reference`` and ``candidate`` are, such as ``"F1"``.
        unit: ``"percent"`` for shares in [0, 1], else ``"number"``.
        parts: The parts in the order in which they are shown.
        columns: Names of further columns.
        higher_is_better: Whether a larger figure is a better one.
    """

    kind: ClassVar[str] = "breakdown"
    noun: str
    counted: str
    figure: str
    unit: str = "percent"
    parts: tuple[Part, ...]
    columns: tuple[str, ...] = ()
    higher_is_better: bool = True

    def drop(self, part: Part) -> float:
        """Compute what the candidate lost on a part: in points of shares, positive for a loss."""
        lost = (part.reference - part.candidate) * (100 if self.unit == "percent" else 1)
        return lost if self.higher_is_better else -lost


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of cells.

    Attributes:
        head: Names of the columns.
        rows: Cells: strings and excerpts are data, whole numbers are counts.
        written: How many of the last columns hold numbers that are written out already.
    """

    kind: ClassVar[str] = "table"
    head: tuple[str, ...]
    rows: tuple[tuple[str | int | Excerpt, ...], ...]
    written: int = 0


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """Which gold answer got which answer, on either side.

    Attributes:
        names: The names of the answers.
        reference, candidate: Counts ``[gold][answer]``.
    """

    kind: ClassVar[str] = "confusion"
    names: tuple[str, ...]
    reference: tuple[tuple[int, ...], ...]
    candidate: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """A histogram of differences."""

    kind: ClassVar[str] = "distribution"
    histogram: DifferenceHistogram
    title: str
    caption: str


@dataclass(frozen=True, kw_only=True)
class Scatter:
    """Pairs (reference, candidate) as points."""

    kind: ClassVar[str] = "scatter"
    pairs: tuple[tuple[float, float], ...]
    title: str
    caption: str


@dataclass(frozen=True, kw_only=True)
class Curves:
    """Shares of right answers over the probabilities that they were given with, of both sides."""

    kind: ClassVar[str] = "curves"
    calibration: Calibration
    title: str
    caption: str


Block = Breakdown | Table | Confusion | Distribution | Scatter | Curves


@dataclass(frozen=True, kw_only=True)
class Section:
    """A heading, a sentence below it, and evidence.

    Attributes:
        title: The heading.
        lede: What to know before looking.
        blocks: The blocks in order.
    """

    title: str
    lede: str = ""
    blocks: Sequence[Block] = ()
