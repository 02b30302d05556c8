"""Choices: by hand, what a line may hold, and the choices as a reader sees them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from roformer_edge.errors import ComparisonError, DatasetError
from roformer_edge.validate.data.examples import Example, read_examples
from roformer_edge.validate.predictors import Predictor
from roformer_edge.validate.render.html import to_html
from roformer_edge.validate.report import Report
from roformer_edge.validate.runner import compare
from roformer_edge.validate.tasks.multiple_choice import ChoiceMeasure
from tests.tiny_checkpoint import write_lines
from tests.validate.tables import UNTIMED

OPTIONS = dataclasses.replace(UNTIMED, task="multiple-choice")
QUESTIONS = (
    Example(inputs={"context": "春眠不觉晓", "question": "下一句？", "choices": ["处处闻啼鸟", "千里共婵娟"]}, gold=0),
    Example(inputs={"context": "白日依山尽", "choices": ["夜来", "花落", "黄河入海流"]}, gold=2),
    Example(inputs={"context": "举头", "choices": ["望明月", "思故乡"]}, gold=0),
)


def side(name, *answers):
    table = {example.inputs["context"]: answer for example, answer in zip(QUESTIONS, answers, strict=True)}
    return Predictor(name=name, answer=lambda inputs, *, batch_size: [table[value["context"]] for value in inputs])


@pytest.fixture
def report() -> Report:
    ours = side("a", [0.9, 0.1], [0.1, 0.2, 0.7], [0.25, 0.75])
    theirs = side("b", [0.4, 0.6], [0.1, 0.2, 0.7], [0.5, 0.5])
    return compare(ours, theirs, QUESTIONS, OPTIONS)


def test_figures_by_hand(report):
    (accuracy,) = report.figures
    assert (accuracy.reference, accuracy.candidate, accuracy.drop) == (2 / 3, 2 / 3, 0)
    assert (accuracy.paired.only_reference, accuracy.paired.only_candidate) == (1, 1)
    assert (report.agreement.equal, report.agreement.total) == (1, 3)
    assert [(row.number, row.effect) for row in report.changes] == [(1, "broke"), (3, "fixed")]
    assert (report.changes[0].margin, report.changes[0].difference) == (pytest.approx(0.8), pytest.approx(0.5))
    rows = report.detail.positions
    assert [(row.questions, row.reference, row.candidate) for row in rows] == [(2, 0.5, 0.5), (0, 0, 0), (1, 1, 1)]
    assert [(row.reference_chose, row.candidate_chose) for row in rows] == [(1, 1), (1, 1), (1, 1)]
    assert Report.from_dict(report.to_dict()) == report


def test_choices_have_letters(report):
    first = report.changes[0]
    assert (first.gold.text, first.candidate.text) == ("A. 处处闻啼鸟", "B. 千里共婵娟")
    assert (first.candidate.right, first.candidate.score) == (False, 0.6)
    assert [(passage.name, passage.text) for passage in first.asked] == [
        ("context", "春眠不觉晓"),
        ("question", "下一句？"),
        ("A", "处处闻啼鸟"),
        ("B", "千里共婵娟"),
    ]
    assert "By the position of the right choice" in to_html(report)


@pytest.mark.parametrize(
    "answer", [[0.5, 0.5, 0.0], [[0.5, 0.5]], [0.5, float("nan")], 0.5], ids=["too many", "nested", "nan", "one"]
)
def test_answers_to_something_else_are_refused(answer):
    bad = Predictor(name="bad", answer=lambda inputs, *, batch_size: [answer] * len(inputs))
    with pytest.raises(ComparisonError, match="for the 2 choices of example 1"):
        compare(bad, bad, QUESTIONS[:1], OPTIONS)


def test_a_right_choice_that_is_none_is_refused():
    example = dataclasses.replace(QUESTIONS[0], gold=2)
    model = side("a", [0.9, 0.1], [0.1, 0.2, 0.7], [0.25, 0.75])
    with pytest.raises(ComparisonError, match="the right choice of example 1 is 2, which there is not"):
        compare(model, model, [example], OPTIONS)


@pytest.mark.parametrize(("label", "gold"), [(1, 1), ("1", 1), ("乙", 1), ("甲", 0)])
def test_the_right_choice_by_index_or_text(tmp_path, label, gold):
    path = write_lines(tmp_path / "a.jsonl", [{"context": "c", "choices": ["甲", "乙"], "label": label}])
    assert [row.gold for row in read_examples(path, ChoiceMeasure())] == [gold]


@pytest.mark.parametrize(
    ("choices", "label", "says"),
    [
        (["甲", "乙"], 2, "'label' is 2, and there are 2 choices, counted from 0"),
        (["甲", "乙"], -1, "'label' must be the index or the text of a choice, found a number"),
        (["甲", "乙"], "丙", "must be the index or the text of a choice, found '丙'"),
        (["甲", "甲"], "甲", "is '甲', which is the text of several choices; give its index"),
        (["甲", "乙"], None, "found null"),
        (["甲", "乙"], True, "found true or false"),
    ],
)
def test_what_is_no_choice_is_refused(tmp_path, choices, label, says):
    path = write_lines(tmp_path / "a.jsonl", [{"context": "c", "choices": choices, "label": label}])
    with pytest.raises(DatasetError, match=r"a\.jsonl:1: ") as caught:
        list(read_examples(path, ChoiceMeasure()))
    assert says in str(caught.value)


@pytest.mark.parametrize("name", ["tang_next_line", "xcopa_zh"])
def test_real_files_are_read_whole(shared_data, read_jsonl, name):
    for path in sorted((shared_data / "multiple_choice" / name).glob("*.jsonl")):
        for example, record in zip(read_examples(path, ChoiceMeasure()), read_jsonl(path), strict=True):
            assert example.gold == record["label"]
            assert dict(example.inputs) == {key: record[key] for key in ("context", "choices", "question")}


def test_probabilities_of_unequal_numbers_of_choices_are_compared():
    comparison = ChoiceMeasure().compare(
        QUESTIONS[:2], [np.array([0.5, 0.5]), np.array([1.0, 0, 0])], [np.array([0.25, 0.75]), np.array([1.0, 0, 0])]
    )
    assert comparison.same.tolist() == [False, True]
    assert comparison.difference.tolist() == [0.25, 0]
