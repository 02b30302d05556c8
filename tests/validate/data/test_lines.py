"""Files of lines: what is read, and what every kind of bad line says."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roformer_edge.errors import DatasetError
from roformer_edge.validate.data.examples import read_examples
from roformer_edge.validate.data.lines import read_lines
from roformer_edge.validate.tasks.text_classification import SingleLabelMeasure

LABELS = ("turn_on", "turn_off", "天气")


@pytest.fixture
def write(tmp_path):
    def write(content: bytes | str, name: str = "data.jsonl") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return path

    return write


def read_texts(path: Path | str) -> Iterator[str]:
    return (line.string("text") for line in read_lines(path))


def labelled(path: Path | str) -> list[tuple[str, str]]:
    return [(row.inputs["text"], row.gold) for row in read_examples(path, SingleLabelMeasure(LABELS))]


def test_names_and_indices_are_labels_and_other_keys_are_ignored(write):
    path = write('{"text": "开灯", "label": "turn_on", "id": 7}\n{"label": 2, "text": "下雨吗", "x": {"a": [1]}}\n')
    assert labelled(path) == [("开灯", "turn_on"), ("下雨吗", "天气")]


def test_texts_need_no_label(write):
    assert list(read_texts(write('{"text": "a", "label": "whatever"}\n{"text": ""}'))) == ["a", ""]


def test_layout_does_not_matter(write):
    path = write(b'\xef\xbb\xbf\r\n{"text": "a"}\r\n \t \n{"text":"b"}')
    assert list(read_texts(path)) == ["a", "b"]


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c"])
def test_only_a_line_feed_ends_a_line(write, separator):
    escaped = separator if ord(separator) > 0x1F else json.dumps(separator)[1:-1]
    path = write(f'{{"text": "前{escaped}后"}}\n{{"text": "b"}}\n')
    assert list(read_texts(path)) == [f"前{separator}后", "b"]


def test_a_pair_of_surrogate_escapes_is_one_character(write):
    assert list(read_texts(write(r'{"text": "\ud83d\ude00"}'))) == ["😀"]


BAD_LINES = {
    "malformed": ('{"text": "a", label}', "malformed JSON"),
    "cut short": ('{"text": "a"', "malformed JSON"),
    "two objects": ('{"text": "a", "label": 0} {}', "malformed JSON"),
    "a list": ('["a", "b"]', "must hold one JSON object, found a list"),
    "a string": ('"a"', "must hold one JSON object, found a string"),
    "null": ("null", "must hold one JSON object, found null"),
    "no text": ('{"txt": "a", "label": 0}', "missing key 'text'; found 'txt', 'label'"),
    "empty object": ("{}", "missing key 'text'; the object is empty"),
    "no label": ('{"text": "a"}', "missing key 'label'"),
    "text is a number": ('{"text": 5, "label": 0}', "'text' must be a string, found a number"),
    "text is null": ('{"text": null, "label": 0}', "'text' must be a string, found null"),
    "label is a list": ('{"text": "a", "label": ["turn_on"]}', "'label' must be a name or an index, found a list"),
    "label is true": ('{"text": "a", "label": true}', "'label' must be a name or an index, found true or false"),
    "label is 1.0": ('{"text": "a", "label": 1.0}', "'label' must be a name or an index, found a number"),
    "label is unknown": (
        '{"text": "a", "label": "turn on"}',
        "unknown label 'turn on'; the model has 3 labels: 'turn_on', 'turn_off', '天气'",
    ),
    "label is too large": ('{"text": "a", "label": 3}', "label 3 is out of range; the model has 3 labels"),
    "label is negative": ('{"text": "a", "label": -1}', "label -1 is out of range"),
    "doubled key": ('{"text": "a", "text": "b", "label": 0}', "the key 'text' stands twice"),
    "doubled key inside": ('{"text": "a", "label": 0, "x": {"k": 1, "k": 2}}', "the key 'k' stands twice"),
    "half a pair": (r'{"text": "ab\ud800", "label": 0}', "half of a surrogate pair, U+D800 at character 2"),
    "half a pair in the label": (r'{"text": "a", "label": "\udc00"}', r"unknown label '\udc00'"),
    "NUL": (r'{"text": "a\u0000b", "label": 0}', "NUL at character 1"),
    "deep": ("[" * 100_000, "cannot be parsed"),
    "endless number": ('{"text": "a", "label": ' + "9" * 5000 + "}", "cannot be parsed"),
    "not UTF-8": (b'{"text": "\xb4\xf2"}', "not UTF-8: byte 0xb4 at position 10"),
}


@pytest.mark.parametrize("case", BAD_LINES)
def test_a_bad_line_is_named_with_its_reason(write, case):
    line, reason = BAD_LINES[case]
    line = line if isinstance(line, bytes) else line.encode("utf-8")
    path = write(b'{"text": "good", "label": 0}\n\n' + line + b"\n")
    with pytest.raises(DatasetError) as caught:
        labelled(path)
    message = str(caught.value)
    assert message.startswith(f"{path}:3: ")
    assert reason in message
    assert "\n" not in message
    assert len(message) < 400 + len(str(path))


def test_a_long_list_of_labels_is_cut(write):
    path = write('{"text": "a", "label": "nope"}')
    with pytest.raises(DatasetError, match=r"the model has 1000 labels: 'l0', 'l1', .*'l7' and 992 more"):
        list(read_examples(path, SingleLabelMeasure([f"l{i}" for i in range(1000)])))


@pytest.mark.parametrize("content", [b"", b"\n\n  \n", b"\xef\xbb\xbf"])
def test_a_file_without_examples_is_an_error(write, content):
    with pytest.raises(DatasetError, match=r"data\.jsonl:\d+: no example"):
        labelled(write(content))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "gb18030"])
def test_other_encodings_are_refused_in_the_first_line(write, encoding):
    content = '{"text": "今天", "label": 0}\n'.encode(encoding)
    with pytest.raises(DatasetError, match=r"data\.jsonl:1: "):
        labelled(write(content))


def test_utf16_is_called_by_its_name(write):
    with pytest.raises(DatasetError, match="UTF-16; save it as UTF-8"):
        labelled(write('{"text": "a"}'.encode("utf-16")))


def test_a_file_that_cannot_be_opened(tmp_path):
    with pytest.raises(DatasetError, match=r"nothing\.jsonl: cannot be read: No such file"):
        labelled(tmp_path / "nothing.jsonl")
    with pytest.raises(DatasetError, match="cannot be read: Is a directory"):
        labelled(tmp_path)


def test_a_file_of_one_endless_line_is_not_read_whole(write, monkeypatch):
    monkeypatch.setattr("roformer_edge.validate.data.spans.MAX_LINE_BYTES", 1 << 20)
    with pytest.raises(DatasetError, match=":1: the line is longer than 1 MiB"):
        labelled(write(b" " * (2 << 20)))


def test_lines_before_a_bad_one_are_handed_out_first(write):
    examples = read_examples(write('{"text": "a", "label": 0}\nbad'), SingleLabelMeasure(LABELS))
    assert next(examples).gold == "turn_on"
    with pytest.raises(DatasetError, match=":2: "):
        next(examples)


def test_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO('{"text": "你好"}\nbad\n'.encode())))
    texts = read_texts("-")
    assert next(texts) == "你好"
    with pytest.raises(DatasetError, match="<standard input>:2: malformed JSON"):
        next(texts)


@given(
    st.lists(
        st.tuples(st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0")), st.integers(0, 2)),
        min_size=1,
    ),
    st.booleans(),
)
def test_what_json_writes_is_read_back(tmp_path_factory, rows, ascii_only):
    path = tmp_path_factory.mktemp("round") / "data.jsonl"
    lines = [json.dumps({"text": text, "label": LABELS[label]}, ensure_ascii=ascii_only) for text, label in rows]
    path.write_bytes(("\n".join(lines) + "\n").encode("utf-8"))
    assert labelled(path) == [(text, LABELS[label]) for text, label in rows]


def test_real_files_are_read_whole(shared_data, read_jsonl):
    for path in sorted((shared_data / "classification").glob("*/*.jsonl")):
        records = read_jsonl(path)
        labels = sorted({record["label"] for record in records})
        examples = list(read_examples(path, SingleLabelMeasure(labels)))
        assert [(e.inputs["text"], e.gold, e.id) for e in examples] == [
            (r["text"], r["label"], r["id"]) for r in records
        ]
        assert [e.line for e in examples] == list(range(1, len(records) + 1))


def rows_of(path: Path) -> list[tuple[int, dict]]:
    return [(line.number, dict(line.values)) for line in read_lines(path)]


def test_csv_has_a_header_and_quoted_cells_over_several_lines(write):
    path = write('\ufefftext,label\r\n"把灯\n打开, ""好""",turn_on\r\n\r\n关灯,1\r\n', "data.csv")
    assert rows_of(path) == [(2, {"text": '把灯\n打开, "好"', "label": "turn_on"}), (5, {"text": "关灯", "label": "1"})]
    assert labelled(path) == [('把灯\n打开, "好"', "turn_on"), ("关灯", "turn_off")]


def test_a_quotation_mark_in_tsv_is_a_character(write):
    path = write('label\ttext\nturn_on\t他说"好\n天气\t"下雨"吗\n', "data.TSV")
    assert labelled(path) == [('他说"好', "turn_on"), ('"下雨"吗', "天气")]


def test_plain_text_is_a_text_a_line(write):
    path = write("今天 \r\n\n  明天\u2028", "data.txt")
    assert list(read_texts(path)) == ["今天 ", "  明天\u2028"]
    assert [number for number, _ in rows_of(path)] == [1, 3]


BAD_TABLES = {
    "too few cells": ("text,label\na\n", ":2: 1 cell, and the header has 2: 'text', 'label'"),
    "too many cells": ("text,label\na,0\nb,0,c\n", ":3: 3 cells, and the header has 2"),
    "header twice": ("text,text\na,b\n", ":1: the header names 'text' twice"),
    "no rows": ("text,label\n\n", ":2: no example in the file; a header and a row an example is expected"),
    "open quote": ('text,label\n"a,0\n', ":2: malformed table"),
    "text behind a quote": ('text,label\n"a"b,0\n', ":2: malformed table"),
    "no text": ("txt,label\na,0\n", ":2: missing key 'text'; found 'txt', 'label'"),
    "not UTF-8": (b"text,label\na,0\n\xff,0\n", ":3: not UTF-8"),
    "label": ("text,label\na,0\nb,7\n", ":3: label '7' is out of range; the model has 3 labels"),
    "empty label": ("text,label\na,\n", ":2: unknown label ''"),
}


@pytest.mark.parametrize("case", BAD_TABLES)
def test_a_bad_table_is_named_with_line_and_reason(write, case):
    content, message = BAD_TABLES[case]
    path = write(content, "data.csv")
    with pytest.raises(DatasetError) as caught:
        labelled(path)
    assert str(caught.value).startswith(f"{path}{message}")


def test_numbers_and_lists_in_tables_are_read_from_their_cells(write):
    (line,) = read_lines(write('score,choices,label\n4.5,"[""a"", ""b""]",\n', "data.csv"))
    assert line.number_of("score") == 4.5
    assert line.strings("choices") == ["a", "b"]
    assert not line.holds("text_pair")
    assert not line.holds("label")


@pytest.mark.parametrize("value", ['"four"', "true", "null", '"nan"', "[1]", "1e999"])
def test_what_is_no_finite_number_is_refused(write, value):
    (line,) = read_lines(write(f'{{"score": {value}}}'))
    with pytest.raises(DatasetError, match="'score' must be a finite number"):
        line.number_of("score")
