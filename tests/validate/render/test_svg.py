"""Charts: nothing outside the frame, every value where its axis says."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roformer_edge.validate.render.html import to_html
from roformer_edge.validate.render.svg import (
    Scale,
    bar_track,
    drop_chart,
    dumbbell_track,
    reliability_chart,
    scatter_chart,
)
from tests.validate.render.reading import Page
from tests.validate.render.shapes import SHAPES


@pytest.mark.parametrize("shape", SHAPES)
def test_nothing_is_drawn_outside_its_chart(reports, shape):
    page = Page(to_html(reports[shape]))
    places = [
        float(value[:-1])
        for tag, attributes in page.elements
        for name, value in attributes.items()
        if name in ("x", "x1", "x2", "cx", "width") and value.endswith("%") and tag != "svg"
    ]
    assert len(places) > 10
    assert min(places) >= 0
    assert max(places) <= 100
    assert not re.search(r"\b(nan|inf)\b", to_html(reports[shape]))


@given(st.lists(st.integers(-(10**6), 10**6).map(lambda n: n / 100), min_size=1, max_size=6), st.integers(3, 8))
def test_an_axis_holds_its_values_between_few_round_ends(values, most):
    scale = Scale.around(values, most=most)
    assert len(scale.ticks) <= most
    assert (scale.ticks[0], scale.ticks[-1]) == (scale.low, scale.high)
    room = 1e-6 * (scale.high - scale.low)
    assert scale.low - room <= min(values) <= max(values) <= scale.high + room
    assert (scale.at(scale.low), scale.at(scale.high)) == (0, 100)
    steps = np.diff(scale.ticks)
    np.testing.assert_allclose(steps, steps[0], rtol=1e-6)


@pytest.mark.parametrize(
    ("values", "ticks", "labels"),
    [
        ([0, 100], (0, 20, 40, 60, 80, 100), ["0", "20", "40", "60", "80", "100"]),
        ([-0.1, 0.3], (-0.1, 0, 0.1, 0.2, 0.3), ["−0.1", "0.0", "0.1", "0.2", "0.3"]),
        ([5, 5], (4, 4.5, 5, 5.5, 6), ["4.0", "4.5", "5.0", "5.5", "6.0"]),
    ],
)
def test_ticks_are_round_and_labelled_alike(values, ticks, labels):
    scale = Scale.around(values)
    assert scale.ticks == pytest.approx(ticks)
    assert [scale.label(tick) for tick in scale.ticks] == labels


def places(chart: str, css: str, name: str) -> list[float]:
    """Where elements of a class lie, in percent."""
    tags = re.findall(rf'<[^>]*class="{css}"[^>]*>', chart)
    return [float(re.search(rf' {name}="([\d.]+)%"', tag)[1]) for tag in tags]


def test_a_drop_lies_where_its_axis_says():
    chart = drop_chart(1.0, 0.5, 1.5, 2.0, "accuracy")
    at = {name: places(chart, css, key)[0] for name, css, key in (("zero", "zero", "x1"), ("budget", "budget", "x1"))}
    (dot,) = places(chart, "verdict", "cx")
    assert dot == pytest.approx((at["zero"] + at["budget"]) / 2, abs=0.02)
    (low,), (high,) = places(chart, "range verdict", "x1"), places(chart, "range verdict", "x2")
    assert dot == pytest.approx((low + high) / 2, abs=0.02)
    assert "budget 2" in chart
    assert not places(drop_chart(1.0, 0.5, 1.5, None, "accuracy"), "budget", "x1")


@pytest.mark.parametrize(
    ("reference", "candidate", "better", "css"),
    [(0.5, 0.4, True, "loss"), (0.4, 0.5, True, "gain"), (0.5, 0.4, False, "gain"), (0.4, 0.5, False, "loss")],
)
def test_a_loss_is_one_whatever_direction_is_better(reference, candidate, better, css):
    scale = Scale.around([0, 1])
    chart = dumbbell_track(reference, candidate, scale, higher_is_better=better)
    assert places(chart, f"join {css}", "x1") == [pytest.approx(100 * reference, abs=0.01)]
    assert places(chart, "cand", "cx") == [pytest.approx(100 * candidate, abs=0.01)]
    assert "join" not in dumbbell_track(0.5, 0.5, scale)


def test_parts_of_a_bar_stand_one_after_the_other():
    chart = bar_track([(1, "both"), (2, "lost"), (0, "won")], 4)
    assert [places(chart, css, "x")[0] for css in ("both", "lost", "won")] == [0, 25, 75]
    assert [places(chart, css, "width")[0] for css in ("both", "lost", "won")] == [25, 50, 0.2]
    assert bar_track([(0, "both")], 0)


def test_equal_pairs_lie_on_the_diagonal():
    chart = scatter_chart([(0.0, 0.0), (0.5, 0.5), (1.0, 0.25)], "scores", "s")
    across, up = places(chart, "point", "cx"), places(chart, "point", "cy")
    assert across[0] + up[0] == across[1] + up[1] == 100
    assert across[2] + up[2] > 100  # below it


def test_names_of_charts_are_escaped():
    assert "<b>" not in scatter_chart([(0, 1)], "<b>", "s")
    assert "&lt;b&gt;" in drop_chart(0, 0, 0, None, "<b>")


def test_a_reliability_curve_joins_the_bins_of_each_side(small_report):
    drawn = reliability_chart(small_report.calibration, "Reliability <&>", "k")
    for css, side in (("ref", small_report.calibration.reference), ("cand", small_report.calibration.candidate)):
        dots = re.findall(rf'<circle class="{css}" cx="([\d.]+)%" cy="([\d.]+)%"', drawn)
        wanted = [(100 * row.confidence, 100 - 100 * row.accuracy) for row in side.bins]
        assert [(float(x), float(y)) for x, y in dots] == [pytest.approx(pair, abs=0.01) for pair in wanted]
        assert drawn.count(f'class="curve {css}"') == len(wanted) - 1
    assert "Reliability &lt;&amp;&gt;" in drawn
