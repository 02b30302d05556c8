"""What changed since an earlier report, and which reports cannot be compared with."""

from __future__ import annotations

import dataclasses
import json
import re

import pytest

from roformer_edge.errors import ComparisonError
from roformer_edge.validate.options import CompareOptions
from roformer_edge.validate.render import RENDERERS, write_report, write_reports
from roformer_edge.validate.render.terminal import COLUMNS, overview_table, summary_table, width
from roformer_edge.validate.report import Report, read_report
from roformer_edge.validate.runner import compare
from tests.validate.render.reading import Page
from tests.validate.tables import (
    LABELS,
    ROWS,
    UNTIMED,
    example_rows,
    example_sides,
    table_predictor,
    with_fixed_figures,
)


def later(baseline: Report, **options: object) -> Report:
    """The reference of ``ROWS`` in the place of the candidate: whatever the candidate lost is regained."""
    reference, candidate = example_sides()
    table = {text: logits for text, _, logits, _ in ROWS}
    mended = table_predictor("dist/mended", LABELS, table, candidate.facts)
    chosen = dataclasses.replace(UNTIMED, baseline=baseline, **options)
    return compare(reference, mended, example_rows(), chosen)


def test_figures_and_answers_that_changed_are_told(small_report):
    report = later(with_fixed_figures(small_report))
    since = report.since
    assert (since.name, since.recipe, since.created) == ("dist/intent", "int8-dynamic", "2026-01-31T23:59:59Z")
    figures = {figure.name: figure for figure in since.figures}
    accuracy = figures["accuracy"]
    assert (accuracy.earlier, accuracy.now, accuracy.drop) == (0.5, 0.625, -12.5)
    assert figures["agreement"].drop == -50
    assert figures["model size"].drop == 0
    # neither time nor memory was measured now
    assert "latency, median" not in figures
    assert {row.effect: row.count for row in since.counts} == {"broke": 1, "fixed": 2, "moved": 1}
    told = {(row.effect, row.line, row.id, row.gold, row.earlier, row.now) for row in since.changes}
    assert told == {
        ("broke", 11, "dev-4", "turn_off", "turn_off", "turn_on"),
        ("fixed", 7, "dev-2", "weather", "turn_off", "weather"),
        ("fixed", 9, "dev-3", "weather", "turn_off", "weather"),
        ("moved", 13, "dev-5", "turn_on", "weather", "turn_off"),
    }
    assert since.changes[0].asked[0].text == "把空调关了"
    assert Report.from_dict(json.loads(json.dumps(report.to_dict()))) == report


def test_less_is_better_of_perplexities_and_costs(small_report):
    report = with_fixed_figures(small_report)
    slower = dataclasses.replace(report.timing, candidate=dataclasses.replace(report.timing.candidate, p50=1.5))
    error = dataclasses.replace(report.figures[1], name="perplexity", unit="number", higher_is_better=False)
    earlier = dataclasses.replace(
        report,
        timing=slower,
        figures=(report.figures[0], dataclasses.replace(error, candidate=4.0)),
    )
    now = dataclasses.replace(report, figures=(report.figures[0], dataclasses.replace(error, candidate=5.5)))
    from roformer_edge.validate.baseline import compare_with
    from roformer_edge.validate.tasks import measure_of

    since = compare_with(earlier, now, example_rows(), measure_of("text-classification", LABELS), 20)
    drops = {figure.name: figure.drop for figure in since.figures}
    assert drops["perplexity"] == 1.5
    assert drops["latency, median"] == 0.5
    assert not since.changes


def test_every_form_says_it(small_report):
    report = later(with_fixed_figures(small_report))
    page, table = Page(RENDERERS["html"].render(report)), summary_table(report)
    for text in (page.text, RENDERERS["markdown"].render(report)):
        for words in ("Since the earlier report", "Answers that became better", "Other answers, as good or bad"):
            assert words in text
        assert "4 answers changed: 1 worse, 2 better, 1 neither" in text
    assert "把空调关了" in page.text
    assert re.search(r"Accuracy +50.00 % +62.50 % +-12.50 points +better", table)
    assert re.search(r"Model size +5.10 MB +5.10 MB +0 B +equal", table)
    several = overview_table([report, report])
    assert several.count("Since dist/intent") == 2
    assert max(width(line) for line in (table + several).split("\n")) <= COLUMNS


def test_what_else_differs_is_said_aloud(small_report):
    baseline = with_fixed_figures(small_report)
    side = dataclasses.replace(baseline.candidate.facts, engine="onnxruntime 1.20.0", threads=4)
    baseline = dataclasses.replace(
        baseline,
        reference=dataclasses.replace(baseline.reference, name="other"),
        candidate=dataclasses.replace(baseline.candidate, facts=side),
    )
    report = later(baseline)
    assert ("reference", "other", "checkpoint") in report.since.differences
    assert ("engine of the candidate", "onnxruntime 1.20.0", "onnxruntime 1.32.0") in report.since.differences
    assert ("threads of the candidate", "4", "1") in report.since.differences
    assert "reference: other, now checkpoint" in " ".join(summary_table(report).split())


def test_other_data_and_other_tasks_are_refused_before_any_side_answers(small_report):
    def never(inputs, *, batch_size):
        raise AssertionError("work has begun")

    sides = [dataclasses.replace(side, answer=never) for side in example_sides()]
    options = dataclasses.replace(UNTIMED, baseline=small_report)
    with pytest.raises(ComparisonError, match=r"other data: .dev.jsonl., 8 examples, sha256 \w{12}; this is 7 ex"):
        compare(*sides, example_rows()[:7], options)
    with pytest.raises(ComparisonError, match="other data"):
        compare(*sides, example_rows()[::-1], options)
    altered = dataclasses.replace(small_report, answers=small_report.answers[1:])
    with pytest.raises(ComparisonError, match="holds 7 answers to 8 examples: it was altered"):
        compare(*sides, example_rows(), dataclasses.replace(UNTIMED, baseline=altered))
    stranger = dataclasses.replace(small_report, task="fill-mask", measure="fill-mask")
    with pytest.raises(ComparisonError, match="a report on fill-mask, and text-classification is measured"):
        compare(*sides, example_rows(), dataclasses.replace(UNTIMED, baseline=stranger))


def test_what_is_no_report_of_one_candidate_is_refused(small_report, tmp_path):
    path = tmp_path / "old.json"
    with pytest.raises(ComparisonError, match=r"cannot read the report .*old.json: No such file"):
        read_report(path)
    for text, says in (
        ("{", "is not valid JSON"),
        ("[]", "must hold a JSON object"),
        ("{}", "not a report of schema 4: schema_version is None"),
        ('{"schema_version": 2}', "written by an older version, as schema 2; this one reads schema 4: measure again"),
        ('{"schema_version": 4, "measure": "fill-mask"}', "old.json: report"),
    ):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ComparisonError, match=re.escape(says)):
            read_report(path)
    write_reports([small_report, small_report], tmp_path / "two", ["json"])
    with pytest.raises(ComparisonError, match="is about several candidates"):
        read_report(tmp_path / "two" / "report.json")
    (one,) = write_report(small_report, tmp_path / "one", ["json"])
    assert read_report(one) == small_report
    assert CompareOptions(task="text-classification", baseline=read_report(one)).baseline == small_report
