"""Markdown: every text stays in its cell."""

from __future__ import annotations

import dataclasses
import itertools
import re

from roformer_edge.validate.render import RENDERERS


def test_hostile_text_stays_in_its_markdown_cell(hostile_report):
    text = RENDERERS["markdown"].render(hostile_report)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f<>\u202a-\u202e\ud800-\udfff]", text)
    for heading, rule, *rows in _tables(text):
        columns = _cells(heading)
        assert _cells(rule) == columns
        assert {_cells(row) for row in rows} <= {columns}
    bare = re.sub(r"\\.", "", text)
    assert "[d]" not in bare
    assert "![" not in bare
    assert "`" not in bare


def _tables(text: str) -> list[list[str]]:
    groups = itertools.groupby(text.split("\n"), key=lambda line: line.startswith("| "))
    return [list(lines) for is_table, lines in groups if is_table]


def _cells(row: str) -> int:
    return len(re.findall(r"(?<!\\)\|", row)) - 1


def test_listed_examples_stand_under_what_happened_to_them(small_report):
    text = RENDERERS["markdown"].render(small_report)
    for row in small_report.changes:
        if row.effect != "drifted":
            assert row.asked[0].text in text
    assert "## Worth reading" in text
    assert "## Worth reading" not in RENDERERS["markdown"].render(dataclasses.replace(small_report, changes=()))


def test_what_was_not_measured_has_no_heading(reports):
    assert "## Latency" not in RENDERERS["markdown"].render(reports["untimed"])
    assert "McNemar's test, mid-p: " in RENDERERS["markdown"].render(reports["small"])


def test_columns_of_numbers_are_aligned_right(small_report):
    text = RENDERERS["markdown"].render(small_report)
    rules = [table[1] for table in _tables(text)]
    assert len(rules) > 3
    assert all(re.fullmatch(r"\| (--- \| )+(---: \| )*---: \||\| (--- \| )+(---: )?\|", rule) for rule in rules), rules
