"""Decoded lines and rows of tables: one that is bad does not move those behind it."""

from __future__ import annotations

import io

import pytest

from roformer_edge.errors import DatasetError
from roformer_edge.validate.data.lines import read_lines
from roformer_edge.validate.data.spans import DIALECTS, Span, Texts, table_rows


def rows_of(content: bytes) -> list[tuple[int, object]]:
    texts = Texts(io.BytesIO(content), "data.csv")
    return [
        (number, str(row) if isinstance(row, DatasetError) else row)
        for number, row in table_rows(texts, "data.csv", DIALECTS[".csv"])
    ]


def test_a_row_that_is_not_utf8_does_not_break_its_quotation():
    assert rows_of(b'a\n"b\n\xff\nb"\nc\n') == [
        (1, ["a"]),
        (2, "data.csv:3: not UTF-8: byte 0xff at position 0 (invalid start byte)"),
        (5, ["c"]),
    ]


def test_a_row_that_is_malformed_within_its_line_is_an_error_of_that_row():
    assert rows_of(b'a\n"b"b\nc\n') == [
        (1, ["a"]),
        (2, "data.csv:2: malformed table: ',' expected after '\"'"),
        (3, ["c"]),
    ]


def test_a_malformed_row_over_several_lines_ends_the_table():
    texts = Texts(io.BytesIO(b'a\n"b\nb"b\nc\n'), "data.csv")
    with pytest.raises(DatasetError, match=r"data\.csv:3: malformed table"):
        list(table_rows(texts, "data.csv", DIALECTS[".csv"]))


def test_the_rest_of_an_endless_line_is_no_line(tmp_path, monkeypatch):
    monkeypatch.setattr("roformer_edge.validate.data.spans.MAX_LINE_BYTES", 10)
    path = tmp_path / "data.txt"
    path.write_bytes(b"a\n" + b"b" * 35 + b"\nc\n")
    errors: list[DatasetError] = []
    rows = list(read_lines(path, skip=errors.append))
    assert [(row.number, row.values["text"]) for row in rows] == [(1, "a"), (3, "c")]
    assert [str(error).partition(": ")[0] for error in errors] == [f"{path}:2"]


def test_a_part_is_read_behind_its_header(tmp_path):
    path = tmp_path / "data.csv"
    path.write_bytes(b"text,id\na,1\nb,2\nc,3\n")
    span = Span(first=2, lines=1, offset=12, size=4, header=b"text,id\n")
    (row,) = read_lines(path, span=span)
    assert (row.number, row.where, row.values) == (3, f"{path}:3", {"text": "b", "id": "2"})
