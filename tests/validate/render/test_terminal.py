"""The table on a terminal: narrow, plain, and lined up."""

from __future__ import annotations

import re

import pytest

from roformer_edge.validate.render.terminal import COLUMNS, summary_table, width
from roformer_edge.validate.runner import compare
from tests.validate.render.shapes import SHAPES
from tests.validate.tables import UNTIMED, table_predictor, text_example


@pytest.mark.parametrize("shape", SHAPES)
def test_the_terminal_table_is_narrow_and_plain(reports, shape):
    table = summary_table(reports[shape])
    assert max(width(line) for line in table.split("\n")) <= COLUMNS
    assert table.endswith("\n")
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e\ud800-\udfff]", table)


def test_columns_line_up_with_chinese_labels():
    labels = ("天气", "turn_on")
    rows = {"一": (1.0, 0.0), "二": (1.0, 0.0), "三": (0.0, 1.0), "四": (0.0, 1.0)}
    worse = {"一": (0.0, 1.0), "二": (1.0, 0.0), "三": (1.0, 0.0), "四": (0.0, 1.0)}
    examples = [text_example(text, labels[int(logits[1])]) for text, logits in rows.items()]
    table = summary_table(
        compare(table_predictor("参考", labels, rows), table_predictor("b", labels, worse), examples, UNTIMED)
    )
    lines = [line for line in table.split("\n") if "points" in line and line.startswith(("天气", "turn_on"))]
    assert len(lines) == 2
    assert len({width(line[: line.index("100.0")]) for line in lines}) == 1


@pytest.mark.parametrize(
    ("text", "columns"),
    [("abc", 3), ("天气", 4), ("ｱ", 1), ("e\u0301", 1), ("👍", 2), ("\u200b", 0), ("", 0), ("Ａ", 2)],
)
def test_width_on_a_terminal(text, columns):
    assert width(text) == columns
