"""Values as labels: a number is never guessed into the wrong one."""

from __future__ import annotations

import pytest

from roformer_edge.errors import DatasetError
from roformer_edge.validate.data.labels import label_of
from roformer_edge.validate.data.lines import Line

LINE = Line(where="dev.jsonl:7", number=7, values={})
NAMES = ("story", "culture", "sports")
CODES = ("100", "101", "102")


@pytest.mark.parametrize(
    ("value", "known", "label"),
    [
        ("culture", NAMES, "culture"),
        (1, NAMES, "culture"),
        ("1", NAMES, "culture"),
        ("101", CODES, "101"),
        (101, CODES, "101"),
        ("0", ("0", "1"), "0"),
        (1, ("0", "1"), "1"),
        ("2", ("0", "1", "two"), "two"),
    ],
)
def test_a_name_goes_before_an_index(value, known, label):
    assert label_of(LINE, value, known, "'label'") == label


@pytest.mark.parametrize(
    ("value", "known", "says"),
    [
        ("108", NAMES, "label '108' is out of range; the model has 3 labels: 'story', 'culture', 'sports'"),
        (1, CODES, "unknown label 1; the model's labels are numbers themselves: 3 labels: '100'"),
        ("1", CODES, "unknown label '1'"),
        ("103", CODES, "unknown label '103'"),
        # counted from 0 by the data and from 1 by the model: every other line would be silently wrong
        (0, ("1", "2", "3"), "unknown label 0; the model's labels are numbers themselves"),
        (-1, NAMES, "label -1 is out of range"),
        ("-1", NAMES, "unknown label '-1'"),
        ("１", NAMES, "unknown label '１'"),
        (True, NAMES, "'label' must be a name or an index, found true or false"),
        (1.0, NAMES, "found a number"),
        (None, NAMES, "found null"),
        ("9" * 400, NAMES, "unknown label '999"),
    ],
)
def test_nothing_is_guessed(value, known, says):
    with pytest.raises(DatasetError) as caught:
        label_of(LINE, value, known, "'label'")
    assert str(caught.value).startswith("dev.jsonl:7: ")
    assert says in str(caught.value)
