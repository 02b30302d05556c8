"""The report as data, and the gate."""

from __future__ import annotations

import copy
import dataclasses
import json

import pytest

from roformer_edge.errors import BudgetExceededError, ComparisonError
from roformer_edge.validate.report import Report, check_budget


def test_the_common_part_names_nothing_of_a_task(small_report):
    """What a reader of any task's JSON finds is the same everywhere; the task's own is in the detail."""
    common = json.dumps(
        {key: value for key, value in small_report.to_dict().items() if key not in ("detail", "changes", "answers")}
    )
    for word in ("label", "logit", "class", "token", "entit", "span"):
        assert word not in common.replace("text-classification", ""), word


def test_json_gives_the_same_report_back(small_report):
    assert Report.from_dict(json.loads(json.dumps(small_report.to_dict()))) == small_report
    bare = dataclasses.replace(small_report, timing=None, budget=None)
    assert Report.from_dict(json.loads(json.dumps(bare.to_dict()))) == bare


def test_a_report_is_shown_by_its_verdict(small_report):
    figure = small_report.gated
    assert repr(small_report) == (
        f"Report(task='text-classification', {figure.name!r}: {figure.reference:.4g} -> {figure.candidate:.4g}, "
        f"drop={figure.drop:.4g}, passed={small_report.passed})"
    )


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
        (("schema_version",), 2, "not a report of schema 4: schema_version is 2"),
        (("schema_version",), KeyError, "schema_version is None"),
        (("measure",), "ranking", "report.measure is 'ranking', expected one of feature-extraction"),
        (("figures", 0, "drop"), "12.5", r"report: figures\[0\]: drop must be a number, found '12.5'"),
        (("figures", 0, "drop"), float("nan"), r"report: figures\[0\]: drop must be a number, found nan"),
        (("uncertainty", "seed"), True, "report: uncertainty: seed must be a whole number, found true"),
        (("uncertainty", "sed"), 1, "report: uncertainty has the unknown key 'sed'"),
        (("agreement",), KeyError, "report lacks key 'agreement'"),
        (("detail",), KeyError, "report.detail must be an object, found null"),
        (("detail", "reference"), {}, "report.detail: reference must be a list, found an object"),
        (("detail", "reference", 0, "label"), 3, r"report.detail: reference\[0\]: label must be a string, found 3"),
        (("detail", "sample", 1), [1.0], r"report.detail: sample\[1\] must be a list of 2, found one of 1"),
        (("changes", 0, "effect"), "bent", r"report: changes\[0\]: effect must be .*, found 'bent'"),
        (("timing",), [], "report: timing must be an object, found a list"),
    ],
)
def test_a_damaged_report_is_refused_with_the_place(small_report, path, value, message):
    with pytest.raises(ComparisonError, match=message):
        Report.from_dict(damaged(small_report, path, value))


@pytest.mark.parametrize("values", [None, [], "report", 3])
def test_what_is_no_object_is_refused(values):
    with pytest.raises(ComparisonError, match="not a report of schema 4"):
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
    interval = small_report.gated.drop_interval
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
    gained = dataclasses.replace(small_report.gated, drop=-2.0)
    better = dataclasses.replace(small_report, figures=(gained, *small_report.figures[1:]))
    check_budget(better, 0)
    assert better.gated.change == 2


@pytest.mark.parametrize("budget", [-0.1, float("nan"), float("inf")])
def test_what_cannot_be_a_budget_is_refused(small_report, budget):
    with pytest.raises(ComparisonError, match="finite number of points, 0 or more"):
        check_budget(small_report, budget)
