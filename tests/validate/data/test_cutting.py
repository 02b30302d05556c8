"""Files in parts: read one behind the other they are what the whole file is, bad rows and line numbers included."""

from __future__ import annotations

import re
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roformer_edge.errors import DatasetError
from roformer_edge.validate.data.cutting import cut_file, raw_rows
from roformer_edge.validate.data.lines import read_lines

FILES = {
    "jsonl": b'\xef\xbb\xbf{"text": "a"}\n\n{"text": \n{"text": "b"}\r\n[1]\n{"text": "\xff"}\n{"text": "c"}',
    "txt": "一\n\n二\r\n三\n".encode() + b"\xb4\xf2\n" + "四".encode(),
    "csv": b'\xef\xbb\xbf\ntext,id\na,1\n"b\nb",2\n\n"say ""c""",3\nd\n"e"e,4\n\xff,5\n"f\n\xff,\n",6\n5" screen,7\n',
    "tsv": b'text\tid\n"a\t1\nb"\t2\nc\n\xff\t4\nd\t5\n',
}


def read(path: Path, form: str, **options: object) -> tuple[list[tuple[int, dict]], list[str]]:
    """The rows of a file, and what is wrong with the others."""
    errors: list[DatasetError] = []
    rows = [(row.number, dict(row.values)) for row in read_lines(path, form=form, skip=errors.append, **options)]
    return rows, [str(error) for error in errors]


def read_in_parts(path: Path, form: str, most: int) -> tuple[list[tuple[int, dict]], list[str]]:
    parts = [read(path, form, span=span) for span in cut_file(path, f".{form}", most)]
    return [*chain.from_iterable(rows for rows, _ in parts)], [*chain.from_iterable(errors for _, errors in parts)]


@pytest.mark.parametrize("most", [1, 2, 3, 100])
@pytest.mark.parametrize("form", FILES)
def test_the_parts_are_the_whole(tmp_path, form, most):
    path = tmp_path / f"data.{form}"
    path.write_bytes(FILES[form])
    rows, errors = read(path, form)
    assert len(rows) >= 3
    assert errors
    assert read_in_parts(path, form, most) == (rows, errors)


@given(
    cells=st.lists(st.text(st.sampled_from('a,"\n\r\t 一'), max_size=6), min_size=1, max_size=8),
    most=st.integers(1, 4),
    form=st.sampled_from(["csv", "tsv", "txt", "jsonl"]),
)
@settings(deadline=None)
def test_whatever_stands_in_a_file(tmp_path_factory, cells, most, form):
    path = tmp_path_factory.mktemp("cut") / "data"
    path.write_bytes("\n".join(["text,id", *cells]).encode())
    try:
        whole = read(path, form)
    except DatasetError as error:
        if "no example" in str(error):
            assert read_in_parts(path, form, most) == ([], [])
        else:
            with pytest.raises(DatasetError, match=re.escape(str(error))):
                read_in_parts(path, form, most)
    else:
        assert read_in_parts(path, form, most) == whole


def test_a_part_has_so_many_rows(tmp_path):
    path = tmp_path / "data.csv"
    path.write_bytes(FILES["csv"])
    spans = [*cut_file(path, ".csv", 4)]
    assert [(span.first, span.lines) for span in spans] == [(2, 5), (7, 6), (13, 1)]
    assert {span.header for span in spans} == {b"\ntext,id\n"}
    assert sum(span.size for span in spans) + spans[0].offset == len(FILES["csv"])


@pytest.mark.parametrize("content", [b"", b"text,id\n", b"\n\n"])
def test_a_table_without_rows_is_cut_into_nothing(tmp_path, content):
    path = tmp_path / "data.csv"
    path.write_bytes(content)
    assert [*cut_file(path, ".csv", 3)] == []


@pytest.mark.parametrize("form", ["txt", "csv"])
def test_a_file_whose_lines_end_elsewhere_is_refused(tmp_path, form):
    path = tmp_path / "data"
    path.write_bytes("text\n一\n".encode("utf-16"))
    with pytest.raises(DatasetError, match=":1: the file is UTF-16"):
        list(cut_file(path, f".{form}", 3))


def test_a_quotation_that_swallows_lines_is_refused_before_any_work(tmp_path):
    path = tmp_path / "data.csv"
    path.write_bytes(b'text\na\n"b\nc\n')
    with pytest.raises(DatasetError, match=":4: malformed table: unexpected end of data"):
        list(cut_file(path, ".csv", 1))


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(DatasetError, match="cannot be read: No such file"):
        list(cut_file(tmp_path / "nothing", ".txt", 3))


@pytest.mark.parametrize("most", [1, 2, 100])
@pytest.mark.parametrize(
    ("form", "raw"),
    [
        ("jsonl", {3: '{"text": ', 5: "[1]", 6: '{"text": "\\xff"}'}),
        ("txt", {5: "\\xb4\\xf2"}),
        ("csv", {8: "d", 9: '"e"e,4', 10: "\\xff,5", 12: '"f\n\\xff,\n",6'}),
        ("tsv", {4: "c", 5: "\\xff\t4"}),
    ],
)
def test_bad_rows_are_shown_as_they_stand(tmp_path, form, raw, most):
    path = tmp_path / "data"
    path.write_bytes(FILES[form])
    _, errors = read(path, form)
    numbers = {int(error.removeprefix(f"{path}:").partition(":")[0]) for error in errors}
    found = [raw_rows(path, f".{form}", span, numbers) for span in cut_file(path, f".{form}", most)]
    assert {number: row for rows in found for number, row in rows.items()} == raw
