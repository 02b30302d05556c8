"""Several candidates side by side: one table, one verdict each, and the report of each beside it."""

from __future__ import annotations

import dataclasses
import json

import pytest

from roformer_edge.validate.render import RENDERERS, write_reports
from roformer_edge.validate.render.terminal import COLUMNS, overview_table, summary_table, width
from roformer_edge.validate.report import Report
from roformer_edge.validate.runner import compare, compare_all
from tests.validate.render.reading import Page
from tests.validate.tables import UNTIMED, example_rows, example_sides

BUDGET = dataclasses.replace(UNTIMED, max_drop=1.0)


@pytest.fixture(scope="module")
def reports() -> tuple[Report, ...]:
    """The reference against a candidate that loses a text in eight, and against itself."""
    reference, candidate = example_sides()
    twin = dataclasses.replace(reference, name="twin <b>")
    return compare_all(reference, [candidate, twin], example_rows(), BUDGET)


def test_each_candidate_has_the_report_that_it_has_alone(reports) -> None:
    alone = compare(*example_sides(), example_rows(), BUDGET)
    assert reports[0] == dataclasses.replace(alone, provenance=reports[0].provenance)
    assert [report.passed for report in reports] == [False, True]


def test_the_reference_answers_once() -> None:
    asked = []
    reference, candidate = example_sides()

    def counting(inputs, *, batch_size):
        asked.extend(inputs)
        return reference.answer(inputs, batch_size=batch_size)

    compare_all(dataclasses.replace(reference, answer=counting), [candidate] * 3, example_rows(), UNTIMED)
    assert len(asked) == len(example_rows())


def test_files_of_each_and_of_all(reports, tmp_path) -> None:
    files = write_reports(reports, tmp_path / "report")
    assert [path.name for path in files] == [row.file_name for row in RENDERERS.values()]
    found = json.loads((tmp_path / "report" / "report.json").read_text())
    assert [one["passed"] for one in found["candidates"]] == [False, True]
    for one, report in zip(found["candidates"], reports, strict=True):
        whole = json.loads((tmp_path / "report" / one["report"]).read_text())
        assert whole == report.to_dict()
        assert one["figures"] == {figure.name: figure.candidate for figure in report.figures}
    for name in ("report.html", "report.md"):
        text = (tmp_path / "report" / name).read_text()
        for number in (1, 2):
            assert f"candidate-{number}/{name}" in text
            assert (tmp_path / "report" / f"candidate-{number}" / name).is_file()


def test_one_alone_is_written_as_before(reports, tmp_path) -> None:
    write_reports(reports[:1], tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(row.file_name for row in RENDERERS.values())
    assert json.loads((tmp_path / "report.json").read_text()) == reports[0].to_dict()
    assert overview_table(reports[:1]) == summary_table(reports[0])


@pytest.mark.parametrize("form", RENDERERS)
def test_every_form_names_both_and_escapes_them(reports, form) -> None:
    text = RENDERERS[form].overview(reports)
    shown = Page(text).text if form == "html" else text
    assert "twin" in shown
    if form != "json":
        assert "<b>" not in text
        assert "Over the budget" in shown
        assert "Within the budget" in shown


def test_the_table_fits_a_terminal(reports) -> None:
    table = overview_table(reports)
    assert all(width(line) <= COLUMNS for line in table.splitlines())
    head = next(line for line in table.splitlines() if line.lstrip().startswith("reference"))
    assert head.split() == ["reference", "candidate", "1", "candidate", "2"]
    accuracy = next(line for line in table.splitlines() if line.startswith("Accuracy"))
    figure = reports[0].gated
    shown = [f"{100 * value:.2f}" for value in (figure.reference, figure.candidate, figure.reference)]
    assert accuracy.replace("%", "").split()[1:] == shown
