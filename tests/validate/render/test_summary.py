"""What every form says, in words."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import pytest

from roformer_edge.validate.predictors import FileFact
from roformer_edge.validate.render import RENDERERS
from roformer_edge.validate.render.html import to_html
from roformer_edge.validate.render.summary import (
    Headline,
    confused_pairs,
    headlines,
    p_value,
    slice_sections,
    verdict,
)
from roformer_edge.validate.render.terminal import summary_table
from roformer_edge.validate.report import Interval
from roformer_edge.validate.sections import Confusion
from tests.validate.render.reading import Page


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ("small", "Within the budget"),
        ("failed", "Over the budget"),
        ("no budget", "No budget set"),
        ("perfect", "Accuracy did not change"),
    ],
)
def test_every_form_states_the_verdict(reports, shape, words):
    report = reports[shape]
    assert words in Page(to_html(report)).text
    assert words in RENDERERS["markdown"].render(report)
    assert words in summary_table(report)


def gated(report, **changes):
    """The report with another first figure."""
    first, *others = report.figures
    return dataclasses.replace(report, figures=(dataclasses.replace(first, **changes), *others))


@pytest.mark.parametrize(
    ("drop", "interval", "budget", "state", "end"),
    [
        (0.4, (0.1, 0.5), 0.5, "passed", "all of it within the budget."),
        (0.4, (-0.2, 1.5), 0.5, "passed", "it reaches beyond the budget, so more data could still turn the verdict."),
        (0.7, (0.4, 1.5), 0.5, "failed", "it reaches into the budget, so more data could still turn the verdict."),
        (0.7, (0.6, 1.5), 0.5, "failed", "all of it over the budget."),
        (0.7, (0.6, 1.5), None, "open", "is 0.60 to 1.50 points."),
    ],
)
def test_the_caution_says_whether_more_data_could_turn_the_verdict(small_report, drop, interval, budget, state, end):
    low, high = interval
    report = dataclasses.replace(
        gated(small_report, drop=drop, drop_interval=Interval(low=low, high=high)), budget=budget
    )
    words = verdict(report)
    assert words.state == state
    assert words.caution.endswith(end)
    assert words.sentence.startswith(f"Accuracy dropped by {drop:g}")


def test_a_gain_is_no_drop(small_report):
    words = verdict(gated(small_report, drop=-12.5, reference=0.5, candidate=0.625))
    assert words.sentence.startswith("Accuracy rose by 12.5")
    assert words.state == "passed"


def test_where_nothing_changed_it_says_what_could_go_unseen(reports):
    report = reports["perfect"]
    assert verdict(report).caution == (
        f"No verdict changed. On {report.data.examples} examples, a drop of up to "
        f"{300 / report.data.examples:.2g} points could go unseen."
    )


def headline(report, label):
    return next(row for row in headlines(report) if row.label == label)


def test_sizes_and_times_say_how_many_times_and_which_way(small_report):
    def sized(side, count):
        files = (FileFact(path="model", role="model", bytes=count), FileFact(path="vocab", role="vocabulary", bytes=9))
        return dataclasses.replace(side, facts=dataclasses.replace(side.facts, files=files))

    for ours, theirs, change in (
        (4_000_000, 1_000_000, "4.00× smaller"),
        (1000, 2500, "2.50× larger"),
        (7, 7, "equal"),
    ):
        report = dataclasses.replace(
            small_report, reference=sized(small_report.reference, ours), candidate=sized(small_report.candidate, theirs)
        )
        assert headline(report, "Model size").change == change
    without = dataclasses.replace(small_report, timing=None)
    assert headline(without, "Latency, median").remark == "not measured"


def test_a_remark_is_the_change_and_its_note():
    for change, note, remark in (("2×", "all", "2× (all)"), ("–", "why", "why"), ("2×", "", "2×"), ("–", "", "–")):
        made = Headline(label="x", reference="1", candidate="2", change=change, note=note)
        assert made.remark == remark


def test_confused_pairs_are_the_most_frequent_on_either_side():
    confusion = Confusion(
        names=("a", "b", "c"), reference=((9, 2, 0), (0, 9, 1), (0, 0, 9)), candidate=((9, 0, 0), (5, 9, 1), (0, 2, 9))
    )
    assert confused_pairs(confusion, 3) == [("b", "a", 0, 5), ("c", "b", 0, 2), ("a", "b", 2, 0)]
    assert len(confused_pairs(confusion, 9)) == 4


def test_a_section_for_each_property_that_the_data_was_cut_by(reports):
    sections = slice_sections(reports["hostile"])
    assert [section.title for section in sections] == ["By key", "By length"]
    for section in sections:
        (block,) = section.blocks
        assert block.figure == "accuracy"
        assert sum(part.count for part in block.parts) == reports["hostile"].data.examples
        assert all(len(part.more) == len(block.columns) for part in block.parts)


@pytest.mark.parametrize(
    ("p", "words"), [(0.5, "0.5000"), (1e-4, "0.0001"), (9e-5, "below 0.0001"), (0, "below 0.0001")]
)
def test_a_p_value_is_never_written_as_zero(p, words):
    assert p_value(SimpleNamespace(p_value=p)) == words
