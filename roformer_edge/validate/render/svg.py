"""Charts as inline SVG, without a script and without a fixed width.

Positions along x are percentages of the width, so a chart fills whatever column it stands in while its text and
strokes keep their size. Colours come from the page's style sheet through classes: ``ref`` and ``cand`` for the two
sides, which also differ in shape (hollow and filled), so that no meaning hangs on colour alone.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from roformer_edge.escape import as_html
from roformer_edge.validate.calibration import Calibration
from roformer_edge.validate.differences import DifferenceHistogram
from roformer_edge.validate.format import MINUS, decimal, percent, significant
from roformer_edge.validate.language import translate


@dataclass(frozen=True, kw_only=True)
class Scale:
    """A linear axis with round ends.

    Attributes:
        low, high: The ends.
        ticks: Round values from end to end.
    """

    low: float
    high: float
    ticks: tuple[float, ...]

    @classmethod
    def around(cls, values: Iterable[float], *, most: int = 6) -> Scale:
        """Make the shortest axis with at most ``most`` round ticks that holds all ``values``."""
        values = list(values)
        low, high = min(values), max(values)
        if low == high:
            low, high = low - 1, high + 1
        for step in _round_steps((high - low) / most):
            first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
            if last - first < most:
                ticks = tuple(round(i * step, 12) for i in range(first, last + 1))
                return cls(low=ticks[0], high=ticks[-1], ticks=ticks)
        raise AssertionError("round steps grow without end")

    def at(self, value: float) -> float:
        """Return where ``value`` lies, in percent of the axis."""
        return 100 * (value - self.low) / (self.high - self.low)

    def label(self, value: float) -> str:
        """Write a tick's label, all with the same decimals."""
        step = self.ticks[1] - self.ticks[0]
        text = f"{abs(value):.{max(0, -math.floor(math.log10(step) + 1e-9))}f}"
        return f"{MINUS}{text}" if value < 0 else text


def _round_steps(at_least: float) -> Iterable[float]:
    start = math.floor(math.log10(at_least))
    for power in itertools.count(start):
        for digit in (1, 2, 5):
            if digit * 10.0**power >= at_least * 0.999:
                yield digit * 10.0**power


def figure(body: str, *, height: int, title: str, description: str, key: str, css: str = "") -> str:
    """Draw one chart with its accessible name; ``key`` makes its ids unique on the page."""
    return (
        f'<svg class="chart {css}" height="{height}" role="img" aria-labelledby="{key}-t {key}-d">'
        f'<title id="{key}-t">{as_html(title)}</title><desc id="{key}-d">{as_html(description, 1000)}</desc>'
        f"{body}</svg>"
    )


def track(body: str, height: int = 24) -> str:
    """Draw a chart one line high, inside a table whose cells say the same in numbers; hidden from screen readers."""
    return f'<svg class="chart" height="{height}" aria-hidden="true" focusable="false">{body}</svg>'


def _line(x1: float, y1: float, x2: float, y2: float, css: str) -> str:
    """Draw a line; x in percent, y in pixels."""
    return f'<line class="{css}" x1="{x1:.2f}%" y1="{y1:g}" x2="{x2:.2f}%" y2="{y2:g}"/>'


def _text(x: float, y: float, content: str, css: str = "tick") -> str:
    """Draw text that stays inside the chart: anchored at its start or end near the edges."""
    anchor = "start" if x < 6 else "end" if x > 94 else "middle"
    return f'<text class="{css}" x="{x:.2f}%" y="{y:g}" text-anchor="{anchor}">{as_html(content)}</text>'


def _dot(x: float, y: float, css: str, radius: float = 5) -> str:
    return f'<circle class="{css}" cx="{x:.2f}%" cy="{y:g}" r="{radius:g}"/>'


def drop_chart(points: float, low: float, high: float, budget: float | None, name: str) -> str:
    """Draw the drop of a figure with its interval on an axis, beside the budget."""
    room = 0.5 if budget is None else 1.2 * budget
    scale = Scale.around([-0.1 * room, points, low, high, room or 0.5], most=7)
    parts = [_line(scale.at(tick), 22, scale.at(tick), 54, "grid") for tick in scale.ticks]
    parts += [_text(scale.at(tick), 72, scale.label(tick)) for tick in scale.ticks]
    if budget is not None:
        parts.insert(0, f'<rect class="allowed" x="0" y="22" width="{scale.at(budget):.2f}%" height="32"/>')
        parts.append(_line(scale.at(budget), 16, scale.at(budget), 54, "budget"))
        parts.append(_text(scale.at(budget), 11, translate("budget {budget}", budget=f"{budget:g}"), "tick strong"))
    parts.append(_line(scale.at(0), 22, scale.at(0), 54, "zero"))
    parts.append(_line(scale.at(low), 38, scale.at(high), 38, "range verdict"))
    parts.append(_dot(scale.at(points), 38, "verdict", 7))
    return figure(
        "".join(parts),
        height=78,
        title=translate("Drop in {name}", name=name),
        description=translate(
            "Drop {drop}, interval {low} to {high}, {budget}.",
            drop=decimal(points),
            low=decimal(low),
            high=decimal(high),
            budget=translate("no budget") if budget is None else translate("budget {budget}", budget=f"{budget:g}"),
        ),
        key="drop",
    )


def _gridlines(scale: Scale) -> str:
    """Grid of one track, drawn beyond its edges so that the lines of neighbouring rows meet."""
    return "".join(_line(scale.at(tick), -10, scale.at(tick), 34, "grid") for tick in scale.ticks)


def interval_track(value: float, low: float, high: float, scale: Scale, side: str) -> str:
    """Draw a figure with its interval."""
    body = _gridlines(scale) + _line(scale.at(low), 12, scale.at(high), 12, f"range {side}")
    return track(body + _dot(scale.at(value), 12, side))


def dumbbell_track(reference: float, candidate: float, scale: Scale, *, higher_is_better: bool = True) -> str:
    """Draw two figures of one class, joined; the reference hollow, the candidate filled."""
    body = _gridlines(scale)
    direction = "loss" if (candidate < reference) == higher_is_better else "gain"
    if candidate != reference:
        body += _line(scale.at(reference), 12, scale.at(candidate), 12, f"join {direction}")
    return track(body + _dot(scale.at(reference), 12, "ref") + _dot(scale.at(candidate), 12, "cand", 4))


def axis_track(scale: Scale) -> str:
    """Draw the labels under a column of tracks."""
    return track("".join(_text(scale.at(tick), 13, scale.label(tick)) for tick in scale.ticks), 18)


def bar_track(parts: Sequence[tuple[float, str]], most: float) -> str:
    """Draw a horizontal bar of one or more parts (amount, class) on an axis from 0 to ``most``."""
    body, start = "", 0.0
    for amount, css in parts:
        width = 100 * amount / most if most else 0.0
        body += f'<rect class="{css}" x="{start:.2f}%" y="4" width="{max(width, 0.2):.2f}%" height="16" rx="2"/>'
        start += width
    return track(body)


def histogram_chart(histogram: DifferenceHistogram, title: str, key: str) -> str:
    """Draw counts as bars over a symmetric axis."""
    most, bins, height = max(histogram.counts), len(histogram.counts), 300
    bars = []
    for index, count in enumerate(histogram.counts):
        if count:
            tall = max(1.0, (height - 14) * count / most)
            bars.append(
                f'<rect class="cand" x="{100 * (index + 0.06) / bins:.2f}%" y="{height - tall:.1f}" '
                f'width="{88 / bins:.2f}%" height="{tall:.1f}"/>'
            )
    limit = histogram.edges[-1]
    scale = Scale.around([0.0, limit], most=4)
    inside = [tick for tick in scale.ticks if tick <= limit]
    ticks = sorted({-tick for tick in inside} | set(inside))
    axis = "".join(_text(50 + 50 * tick / limit, height + 18, scale.label(tick)) for tick in ticks)
    return figure(
        _line(50, 0, 50, height, "grid") + "".join(bars) + _line(0, height, 100, height, "zero") + axis,
        height=height + 24,
        title=title,
        description=translate(
            "{number} differences, the largest of {limit}; the fullest of {bins} bins holds {most}.",
            number=f"{sum(histogram.counts):,}",
            limit=significant(limit),
            bins=bins,
            most=f"{most:,}",
        ),
        key=key,
    )


def scatter_chart(pairs: Sequence[tuple[float, float]], title: str, key: str) -> str:
    """Draw the candidate's numbers over the reference's, in a square whose diagonal they are equal on."""
    scale = Scale.around(itertools.chain.from_iterable(pairs), most=6)
    parts = []
    for tick in scale.ticks:
        at, across = scale.at(tick), 100 - scale.at(tick)
        parts.append(f'<line class="grid" x1="{at:.2f}%" y1="0" x2="{at:.2f}%" y2="100%"/>')
        parts.append(f'<line class="grid" x1="0" y1="{across:.2f}%" x2="100%" y2="{across:.2f}%"/>')
    parts.append('<line class="diagonal" x1="0" y1="100%" x2="100%" y2="0"/>')
    parts += [
        f'<circle class="point" cx="{scale.at(x):.2f}%" cy="{100 - scale.at(y):.2f}%" r="2.5"/>' for x, y in pairs
    ]
    for tick in scale.ticks[1:-1]:
        at = scale.at(tick)
        parts.append(f'<text class="tick halo" x="{at:.2f}%" y="100%" dy="-5" text-anchor="middle">')
        parts.append(f"{scale.label(tick)}</text>")
        parts.append(f'<text class="tick halo" x="5" y="{100 - at:.2f}%" dy="4">{scale.label(tick)}</text>')
    return figure(
        "".join(parts),
        height=340,
        title=title,
        description=translate("{number} pairs; equal ones lie on the diagonal.", number=f"{len(pairs):,}"),
        key=key,
        css="square",
    )


def reliability_chart(calibration: Calibration, title: str, key: str) -> str:
    """Draw the share of right answers over their probability, both from 0 to 1, in a square with its diagonal."""
    parts = [_across(tick) for tick in (0.25, 0.5, 0.75)]
    parts.append('<line class="diagonal" x1="0" y1="100%" x2="100%" y2="0"/>')
    for css, side in (("ref", calibration.reference), ("cand", calibration.candidate)):
        places = [(100 * row.confidence, 100 - 100 * row.accuracy, row.count) for row in side.bins]
        for (x1, y1, _), (x2, y2, _) in itertools.pairwise(places):
            parts.append(f'<line class="curve {css}" x1="{x1:.2f}%" y1="{y1:.2f}%" x2="{x2:.2f}%" y2="{y2:.2f}%"/>')
        for x, y, count in places:
            radius = 2.5 + 4 * math.sqrt(count / side.answers)
            parts.append(f'<circle class="{css}" cx="{x:.2f}%" cy="{y:.2f}%" r="{radius:.1f}"/>')
    spoken = translate(
        "Expected calibration error: reference {reference}; candidate {candidate}.",
        reference=percent(calibration.reference.ece),
        candidate=percent(calibration.candidate.ece),
    )
    return figure(
        "".join(parts),
        height=340,
        title=title,
        description=spoken,
        key=key,
        css="square",
    )


def _across(tick: float) -> str:
    """Draw both grid lines of a share, with their labels."""
    at, text = 100 * tick, translate("{number} %", number=f"{100 * tick:g}")
    return (
        f'<line class="grid" x1="{at:g}%" y1="0" x2="{at:g}%" y2="100%"/>'
        f'<line class="grid" x1="0" y1="{100 - at:g}%" x2="100%" y2="{100 - at:g}%"/>'
        f'<text class="tick halo" x="{at:g}%" y="100%" dy="-5" text-anchor="middle">{text}</text>'
        f'<text class="tick halo" x="5" y="{100 - at:g}%" dy="4">{text}</text>'
    )


# what templates may draw
CHARTS = (
    drop_chart,
    interval_track,
    dumbbell_track,
    axis_track,
    bar_track,
    histogram_chart,
    scatter_chart,
    reliability_chart,
)
