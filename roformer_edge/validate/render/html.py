"""The report as one self-contained HTML page: no script, no request, and nothing unescaped.

The page itself is in ``templates/``, escaped by Jinja; what is computed for it is here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, wraps
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from roformer_edge.escape import JOINTS, clipped, visible
from roformer_edge.validate import format as formats
from roformer_edge.validate.changes import ChangedExample
from roformer_edge.validate.excerpts import Excerpt, Mark
from roformer_edge.validate.language import language_tag, translate, translate_stored
from roformer_edge.validate.render import svg
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
    verdict,
)
from roformer_edge.validate.report import Figure, Report
from roformer_edge.validate.sections import Breakdown
from roformer_edge.validate.tasks import MEASURES
from roformer_edge.validate.tasks.measure import Effect

MATRIX_NAMES = 12  # a matrix with more is shown as its most frequent pairs
PAIRS_SHOWN = 15
PARTS_SHOWN = 30  # of a breakdown; the rest is folded away
_SHADES = 5


def to_html(report: Report) -> str:
    """Render a whole page; every chart is inline SVG."""
    measure = MEASURES[report.measure]
    groups = [
        ExampleGroup(
            effect=effect,
            heading=translate(heading),
            number=shown_of(report, effect),
            rows=[row for row in report.changes if row.effect == effect],
        )
        for effect, heading in effect_headings(report).items()
    ]
    return (
        _environment()
        .get_template("report.html")
        .render(
            report=report,
            verdict=verdict(report),
            headlines=headlines(report),
            gates=gate_lines(report),
            since=report.since,
            sections=task_sections(report),
            groups=[group for group in groups if group.rows],
            layout=measure.layout,
            moved=translate(measure.moved),
            judged=judged(report),
        )
    )


def overview_html(reports: Sequence[Report]) -> str:
    """Render a page with several candidates side by side and links to the page of each."""
    return _environment().get_template("overview.html").render(overview=overview(reports))


@dataclass(frozen=True, kw_only=True)
class ExampleGroup:
    """The listed examples of one effect, under a heading with their number."""

    effect: Effect
    heading: str
    number: str
    rows: Sequence[ChangedExample]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("roformer_edge.validate.render"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        shown=lambda text, limit=400: visible(clipped(text, limit)),
        label_parts=lambda text: JOINTS.split(visible(clipped(text, 60))),
        capital=capital,
        size=formats.size,
        ms=formats.milliseconds,
        moment=formats.moment,
        significant=formats.significant,
        percent=formats.percent,
    )
    environment.globals.update(
        counted=formats.counted,
        valued=formats.valued,
        drop_of_part=formats.drop_of_part,
        interval_words=interval_words,
        p_value=p_value,
        confused_pairs=lambda confusion: confused_pairs(confusion, PAIRS_SHOWN),
        pieces=pieces,
        t=translate,
        stored=translate_stored,
        language_tag=language_tag,
        since_lines=since_lines,
        since_words=since_words,
        differences_words=differences_words,
        since_headings=SINCE_HEADINGS,
        shade=shade,
        figure_scale=figure_scale,
        breakdown_scale=breakdown_scale,
        tone=tone,
        matrix_names=MATRIX_NAMES,
        parts_shown=PARTS_SHOWN,
    )
    # the charts escape the few texts in them themselves
    environment.globals.update({chart.__name__: _markup(chart) for chart in svg.CHARTS})
    return environment


def _markup(draw: Callable[..., str]) -> Callable[..., Markup]:
    @wraps(draw)
    def drawn(*arguments: Any, **options: Any) -> Markup:
        return Markup(draw(*arguments, **options))

    return drawn


def pieces(excerpt: Excerpt, limit: int) -> list[tuple[str, Mark | None]]:
    """Cut the text of an excerpt into pieces, each with its mark or without one; at most ``limit`` characters of it."""
    found: list[tuple[str, Mark | None]] = []
    at = 0
    for mark in excerpt.marks:
        found += [(excerpt.text[at : mark.start], None), (excerpt.text[mark.start : mark.end], mark)]
        at = mark.end
    found.append((excerpt.text[at:], None))
    kept: list[tuple[str, Mark | None]] = []
    for text, marked in found:
        if text and limit > 0:
            kept.append((visible(clipped(text, limit)), marked))
            limit -= len(text)
    return kept


def shade(count: int, row: Sequence[int]) -> int:
    """Tell how dark a cell of a matrix is, from 0 to 5, by its share of its row."""
    return 0 if not count else 1 + min(_SHADES - 1, int(_SHADES * count / sum(row)))


def figure_scale(figures: Sequence[Figure], factor: float) -> svg.Scale:
    """Make one axis for some figures with their intervals, each value times ``factor``."""
    ends = [
        factor * value
        for figure in figures
        for interval in (figure.reference_interval, figure.candidate_interval)
        for value in (figure.reference, figure.candidate, interval.low, interval.high)
    ]
    return svg.Scale.around([*ends, *([100.0] if factor == 100 else [])], most=4)


def breakdown_scale(block: Breakdown) -> svg.Scale:
    """Make one axis for all parts of a breakdown."""
    factor = 100 if block.unit == "percent" else 1
    values = [factor * value for part in block.parts for value in (part.reference, part.candidate)]
    return svg.Scale.around([*values, *([90, 100] if factor == 100 else [])], most=4)


def tone(drop: float) -> str:
    """Name the class of a drop: a loss, a gain, or neither where it rounds to 0."""
    if f"{abs(drop):.1f}" == "0.0":
        return "dim"
    return "loss-text" if drop > 0 else "gain-text"
