"""The one reader of what a task answers to."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roformer_edge.errors import DatasetError, OptionError, UnknownNameError
from roformer_edge.runtime.texts import join_words
from roformer_edge.tasks import TASKS
from roformer_edge.validate.data.fields import FieldNames
from roformer_edge.validate.data.inputs import read_inputs
from tests.tiny_checkpoint import write_lines


@pytest.fixture
def read(tmp_path):
    def read(task, *rows, fields=""):
        path = write_lines(tmp_path / "data.jsonl", list(rows))
        found = read_inputs(path, task, FieldNames.parse(fields) if fields else FieldNames())
        return [placed.inputs for placed in found]

    return read


def test_inputs_have_the_fields_of_their_task(read):
    choice = {"context": "春眠不觉晓", "choices": ["处处闻啼鸟", "夜来"], "label": 0, "id": 1}
    assert read("multiple-choice", choice, {"question": "?", "context": "c", "choices": ["a"], "note": "t"}) == [
        {"context": "春眠不觉晓", "choices": ["处处闻啼鸟", "夜来"]},
        {"context": "c", "choices": ["a"], "question": "?"},
    ]
    assert read("question-answering", {"question": "q", "context": "c"}) == [{"question": "q", "context": "c"}]
    assert read("fill-mask", {"text": "t", "label": 3}) == [{"text": "t"}]
    assert read("text-classification", {"text": "t", "text_pair": "p"}) == [{"text": "t", "text_pair": "p"}]


def test_an_unknown_task_is_refused_before_anything_is_read(tmp_path):
    with pytest.raises(UnknownNameError, match="unknown task 'translation'; choose one of: feature-extraction"):
        read_inputs(tmp_path / "nothing.jsonl", "translation")


def test_keys_of_clue_are_known(read):
    assert read("text-classification", {"sentence": "好", "label": "108"}) == [{"text": "好"}]
    pair = {"sentence1": "花呗怎么还款", "sentence2": "花呗还款方法", "label": "1"}
    assert read("text-classification", pair) == [{"text": "花呗怎么还款", "text_pair": "花呗还款方法"}]


def test_fields_may_be_named(read):
    row = {"premise": "甲", "hypothesis": "乙", "text": "丙"}
    assert read("text-classification", row, fields="text=premise, pair=hypothesis") == [
        {"text": "甲", "text_pair": "乙"}
    ]
    # what was said is all there is: the rest is a remark
    assert read("text-classification", row, fields="text=hypothesis") == [{"text": "乙"}]
    with pytest.raises(DatasetError, match="missing key 'satz'"):
        read("text-classification", row, fields="text=satz")


@pytest.mark.parametrize(
    ("task", "row", "says"),
    [
        ("text-classification", {"text": "a", "hypothesis": "b"}, "'hypothesis' looks like an input, and text-class"),
        ("text-classification", {"text": "a", "sentence2": "b", "text_pair": "c"}, "'sentence2' looks like an input"),
        (
            "text-classification",
            {"text": "a", "context": "b", "question": "c"},
            "'context', 'question' look like inputs",
        ),
        ("token-classification", {"text": "a", "text_pair": "b"}, "token-classification reads text; say which key"),
        ("fill-mask", {"text": "a", "sentence": "b"}, "'sentence' looks like an input"),
        ("text-classification", {"sentence": "a", "Sentence_2": "b"}, "'Sentence_2' looks like an input"),
        ("token-classification", {"tokens": ["a"], "text_pair": "b"}, "'text_pair' looks like an input"),
        ("question-answering", {"question": "a", "context": "b", "text": "c"}, "reads question, context"),
    ],
)
def test_an_input_that_nobody_reads_is_refused(read, task, row, says):
    with pytest.raises(DatasetError, match=says):
        read(task, row)


def test_an_input_that_nobody_reads_is_refused_where_other_fields_were_named(read):
    row = {"text": "a", "hypothesis": "b", "gold": "c"}
    with pytest.raises(DatasetError, match="'hypothesis' looks like an input"):
        read("text-classification", row, fields="label=gold")
    assert read("text-classification", row, fields="label=gold,text=text") == [{"text": "a"}]


def test_a_field_that_was_named_must_be_there(read, tmp_path):
    row = {"premise": "甲", "hypothesis": "乙"}
    with pytest.raises(DatasetError, match="missing key 'hypothese'; found 'premise', 'hypothesis'"):
        read("text-classification", row, fields="text=premise,pair=hypothese")
    path = tmp_path / "data.csv"
    path.write_text("a,b\n1,2\n3,\n", encoding="utf-8")
    found = [placed.inputs for placed in read_inputs(path, "text-classification", FieldNames.parse("text=a,pair=b"))]
    assert found == [{"text": "1", "text_pair": "2"}, {"text": "3"}]


@pytest.mark.parametrize("task", ["token-classification", "fill-mask", "text-generation"])
def test_a_field_that_the_task_does_not_read_is_refused(read, task):
    with pytest.raises(OptionError, match=f"fields must be of fields that {task} reads: text, found 'text_pair=b'"):
        read(task, {"a": "x", "b": "y"}, fields="text=a,pair=b")


@pytest.mark.parametrize("key", ["text_pair", "sentence2"])
def test_an_empty_cell_of_a_table_is_no_input(tmp_path, key):
    path = tmp_path / "data.tsv"
    path.write_text(f"text\t{key}\na\tb\na\t\n", encoding="utf-8")
    found = [placed.inputs for placed in read_inputs(path, "text-classification")]
    assert found == [{"text": "a", "text_pair": "b"}, {"text": "a"}]


@pytest.mark.parametrize("key", ["label", "id", "title", "author", "words", "entities", "acts", "genre"])
def test_remarks_are_ignored(read, key):
    assert read("text-classification", {"text": "a", key: "b"}) == [{"text": "a"}]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"context": "c"}, "missing key 'choices'"),
        ({"context": "c", "choices": []}, "'choices' must be a list of strings, found an empty list"),
        ({"context": "c", "choices": "ab"}, "'choices' must be a list of strings, found a string"),
        ({"context": "c", "choices": ["a", 3]}, "number 2 of 'choices' must be a string, found a number"),
        ({"context": "c", "choices": ["a", "b\0"]}, "number 2 of 'choices' holds a NUL"),
        ({"context": "c", "question": 1, "choices": ["a"]}, "'question' must be a string"),
    ],
)
def test_choices_that_are_none(read, row, message):
    with pytest.raises(DatasetError, match=message):
        read("multiple-choice", row)


def test_words_become_the_text_of_a_token_classifier(read):
    assert read("token-classification", {"tokens": ["今天", "EU", "rejects", "好"], "tags": ["O"] * 4}) == [
        {"text": "今天EU rejects好"}
    ]


def test_single_characters_stand_side_by_side():
    assert join_words(list("用iPhone7"))[0] == "用iPhone7"
    assert join_words(["iPhone", "7", "，", "好"]) == ("iPhone 7，好", [(0, 6), (7, 8), (8, 9), (9, 10)])


@given(st.lists(st.text(min_size=1, max_size=4), min_size=1, max_size=8))
def test_words_stand_at_their_places(words):
    text, places = join_words(words)
    assert [text[start:end] for start, end in places] == words


def test_every_task_reads_what_its_row_says(read):
    for task, row in TASKS.items():
        values = {name: ["a"] if name == "choices" else name for name in (*row.fields, *row.optional)}
        assert read(task, values) == [values], json.dumps(values)
