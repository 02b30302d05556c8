"""The report as data, and the gate."""

from __future__ import annotations

import copy
import dataclasses
import json

import pytest

from roformer_edge.errors import BudgetExceededError, ComparisonError
from roformer_edge.validate.report import Report, check_budget, points_beside


def test_every_figure_of_the_small_report_by_hand(small_report):
    ours, theirs, drop = small_report.reference, small_report.candidate, small_report.drop
    assert (ours.right, ours.accuracy) == (5, 5 / 8)
    assert (theirs.right, theirs.accuracy) == (4, 4 / 8)
    assert drop.points == 12.5
    # turn_on: 2 of 3 right, one answer too many; turn_off: 1 of 2, two too many; weather: 2 of 3
    assert [row.f1 for row in ours.classes] == pytest.approx([2 / 3, 2 / 5, 4 / 5])
    assert [row.f1 for row in theirs.classes] == pytest.approx([4 / 5, 4 / 7, 0])
    assert [row.support for row in theirs.classes] == [3, 2, 3]
    assert theirs.classes[1].precision == pytest.approx(2 / 5)
    assert theirs.classes[1].recall == 1
    assert ours.macro_f1 == pytest.approx((2 / 3 + 2 / 5 + 4 / 5) / 3)
    assert drop.macro_f1_points == pytest.approx(100 * (ours.macro_f1 - theirs.macro_f1))
    assert small_report.agreement.top1 == 4 / 8
    assert small_report.agreement.worst_difference == 2.25
    assert small_report.disagreements == 4
    counts = {
        (a, b): small_report.count(reference_right=a, candidate_right=b) for a in (True, False) for b in (True, False)
    }
    assert counts == {(True, True): 3, (True, False): 2, (False, True): 1, (False, False): 2}
    # one won, two lost: 2 P(at most 1 of 3) - P(1 of 3)
    assert drop.p_value == pytest.approx(2 * 4 / 8 - 3 / 8)
    assert [(row.number, row.effect) for row in small_report.changes] == [
        (3, "broke"),
        (4, "broke"),
        (5, "fixed"),
        (6, "moved"),
        (1, "drifted"),
        (2, "drifted"),
    ]
    assert ours.facts.bytes == 20_061_233


def test_json_gives_the_same_report_back(small_report):
    assert Report.from_dict(json.loads(json.dumps(small_report.to_dict()))) == small_report
    bare = dataclasses.replace(small_report, timing=None, budget=None)
    assert Report.from_dict(json.loads(json.dumps(bare.to_dict()))) == bare


def damaged(report: Report, path: tuple, value: object) -> dict:
    values = copy.deepcopy(report.to_dict())
    place = values
    for key in path[:-1]:
        place = place[key]
    if value is KeyError:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return values


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("schema_version",), 2, "schema_version is 2"),
        (("schema_version",), KeyError, "schema_version is None"),
        (("drop", "points"), "12.5", "report.drop.points is '12.5', expected float"),
        (("drop", "points"), float("nan"), "report.drop.points is nan"),
        (("drop", "seed"), True, "report.drop.seed is True, expected int"),
        (("drop", "sed"), 1, "report.drop must hold exactly"),
        (("agreement",), KeyError, "report must hold exactly"),
        (("reference", "classes"), {}, "report.reference.classes is dict, expected a list"),
        (("reference", "classes", 0, "label"), 3, r"report.reference.classes\[0\].label is 3"),
        (("logit_sample", 1), [1.0], r"report.logit_sample\[1\] has 1 items, expected 2"),
        (("changes", 0, "effect"), "bent", r"report.changes\[0\].effect is 'bent'"),
        (("timing",), [], "report.timing must hold exactly"),
    ],
)
def test_a_damaged_report_is_refused_with_the_place(small_report, path, value, message):
    with pytest.raises(ComparisonError, match=message):
        Report.from_dict(damaged(small_report, path, value))


@pytest.mark.parametrize("values", [None, [], "report", 3])
def test_what_is_no_object_is_refused(values):
    with pytest.raises(ComparisonError, match="not a report of schema 1"):
        Report.from_dict(values)


@pytest.mark.parametrize("budget", [12.5, 12.6, 100])
def test_a_drop_within_the_budget_passes(small_report, budget):
    check_budget(small_report, budget)
    assert dataclasses.replace(small_report, budget=float(budget)).passed is True


@pytest.mark.parametrize("budget", [0, 0.5, 12.499999])
def test_a_drop_over_the_budget_stops(small_report, budget):
    with pytest.raises(BudgetExceededError) as caught:
        check_budget(small_report, budget)
    assert caught.value.exit_code == 3
    interval = small_report.drop.interval
    message = str(caught.value)
    for part in (
        "accuracy dropped by 12.5",
        f"more than the {budget:g} allowed",
        "reference 62.50 %",
        "candidate 50.00 %",
        "8 examples",
        f"95 % confidence interval of the drop {interval.low:.2f} to {interval.high:.2f}",
    ):
        assert part in message
    assert dataclasses.replace(small_report, budget=float(budget)).passed is False


def test_the_budget_of_the_report_holds_where_none_is_given(small_report):
    check_budget(small_report)
    check_budget(dataclasses.replace(small_report, budget=None))
    with pytest.raises(BudgetExceededError):
        check_budget(dataclasses.replace(small_report, budget=1.0))
    assert dataclasses.replace(small_report, budget=None).passed is None


def test_a_gain_is_within_any_budget(small_report):
    better = dataclasses.replace(small_report, drop=dataclasses.replace(small_report.drop, points=-2.0))
    check_budget(better, 0)


@pytest.mark.parametrize("budget", [-0.1, float("nan"), float("inf")])
def test_what_cannot_be_a_budget_is_refused(small_report, budget):
    with pytest.raises(ComparisonError, match="finite number of points, 0 or more"):
        check_budget(small_report, budget)


@pytest.mark.parametrize(
    ("points", "budget", "text"),
    [(0.5, 0.5, "0.50"), (0.504, 0.5, "0.504"), (0.50001, 0.5, "0.500010"), (0.5, None, "0.50"), (3, 0.5, "3.00")],
)
def test_points_never_look_equal_to_a_budget_that_they_exceed(points, budget, text):
    assert points_beside(points, budget) == text
