"""Answers: CMRC 2018's definitions, what a line may hold, and answers in their context."""

from __future__ import annotations

import dataclasses
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roformer_edge.errors import DatasetError
from roformer_edge.tokenizer import RoFormerTokenizer, Vocabulary
from roformer_edge.validate.data.examples import Example, read_examples
from roformer_edge.validate.render.html import to_html
from roformer_edge.validate.report import Report
from roformer_edge.validate.runner import compare
from roformer_edge.validate.tasks.question_answering import (
    AnswerMeasure,
    FoundAnswer,
    GoldAnswer,
    answer_f1,
    exact_match,
    longest_common_run,
    split_pieces,
)
from tests.tiny_checkpoint import write_lines
from tests.tiny_runtime import vocabulary
from tests.validate.tables import UNTIMED
from tests.validate.tasks.oracle import figures_of

# The definitions of CMRC 2018, written out once more: slow, literal, and sharing nothing with the package.
MARKS = ["-", ":", "_", "*", "^", "/", "\\", "~", "`", "+", "=", "，", "。", "：", "？", "！", "“", "”", "；", "’"]
MARKS += ["《", "》", "……", "·", "、", "「", "」", "（", "）", "－", "～", "『", "』"]


def literal_pieces(text: str) -> list[str]:
    segments, between = [], ""
    for character in text.lower().strip():
        if character in MARKS:
            continue
        if re.search("[\u4e00-\u9fa5]", character):
            if between != "":
                segments.extend(between.split())  # what nltk does to text without ASCII marks
                between = ""
            segments.append(character)
        else:
            between += character
    if between != "":
        segments.extend(between.split())
    return segments


def literal_run(first: list[str], second: list[str]) -> int:
    table = [[0] * (len(second) + 1) for _ in range(len(first) + 1)]
    longest = 0
    for i in range(len(first)):
        for j in range(len(second)):
            if first[i] == second[j]:
                table[i + 1][j + 1] = table[i][j] + 1
                longest = max(longest, table[i + 1][j + 1])
    return longest


def literal_f1(golds: list[str], found: str) -> float:
    scores = []
    for gold in golds:
        wanted, pieces = literal_pieces(gold), literal_pieces(found)
        length = literal_run(wanted, pieces)
        if length == 0:
            scores.append(0.0)
            continue
        precision, recall = length / len(pieces), length / len(wanted)
        scores.append(2 * precision * recall / (precision + recall))
    return max(scores)


def literal_exact(golds: list[str], found: str) -> bool:
    def bare(text: str) -> str:
        return "".join(character for character in text.lower().strip() if character not in MARKS)

    return any(bare(gold) == bare(found) for gold in golds)


ANSWER = st.text(alphabet="李白杜甫长安年 aB12　，。·《》-…", max_size=12)


@given(st.lists(ANSWER, min_size=1, max_size=3), ANSWER)
def test_figures_are_those_of_the_script(golds, found):
    assert answer_f1(found, golds) == pytest.approx(literal_f1(golds, found), abs=1e-12)
    assert exact_match(found, golds) == literal_exact(golds, found)
    assert split_pieces(found) == literal_pieces(found)


def test_figures_are_those_of_the_script_on_real_answers(shared_data, read_jsonl):
    rows = read_jsonl(shared_data / "qa" / "cmrc2018" / "dev.jsonl")[:300]
    measure, examples, answers, expected = AnswerMeasure(), [], [], []
    for number, row in enumerate(rows):
        golds = [gold["text"] for gold in row["answers"]]
        found = [golds[-1], row["context"][40:60], golds[0][1:] + "，", rows[number - 1]["answers"][0]["text"]][
            number % 4
        ]
        examples.append(Example(inputs={}, gold=tuple(GoldAnswer(text) for text in golds)))
        answers.append(FoundAnswer(found, 0, 1, 0.5))
        if all(text.isascii() is False and not re.search(r"[!-/:-@\[-`{-~]", text) for text in (*golds, found)):
            assert answer_f1(found, golds) == pytest.approx(literal_f1(golds, found), abs=1e-12)
        expected.append((answer_f1(found, golds), literal_exact(golds, found)))
    figures = figures_of(measure.statistics(examples, answers, answers), measure.metrics)
    assert figures["F1"] == pytest.approx(sum(f1 for f1, _ in expected) / 300)
    assert figures["exact match"] == sum(exact for _, exact in expected) / 300
    assert 0.2 < figures["exact match"] < figures["F1"] < 0.9


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("3.5%", ["3.5", "%"]),
        ("约1,000.5美元(a.b.)", ["约", "1,000.5", "美", "元", "(", "a.b", ".", ")"]),
        ("50-100元", ["50100", "元"]),
        ("New York, 2018", ["new", "york", ",", "2018"]),
        ("《战国无双3》", ["战", "国", "无", "双", "3"]),
        ("", []),
    ],
)
def test_pieces_of_what_is_no_ideograph(text, pieces):
    assert split_pieces(text) == pieces


def test_the_longest_run_is_of_neighbours():
    assert longest_common_run("abcd", "abxcd") == 2
    assert longest_common_run("", "a") == 0
    assert answer_f1("李白", ["杜甫", "诗人李白"]) == pytest.approx(2 * 1 * 0.5 / 1.5)


CONTEXT = "锣鼓经是大陆传统器乐及戏曲里面常用的打击乐记谱方法，以中文字的声音模拟敲击乐的声音。"
GOLDS = (GoldAnswer("大陆", 4), GoldAnswer("中国大陆"))


@pytest.fixture
def report() -> Report:
    def side(name, *spans):
        table = {
            str(number): FoundAnswer(CONTEXT[start:end], start, end, score)
            for number, (start, end, score) in enumerate(spans)
        }
        return text_side(name, table)

    examples = [
        Example(inputs={"question": str(number), "context": CONTEXT}, gold=GOLDS, line=number + 1)
        for number in range(3)
    ]
    ours, theirs = ((4, 6, 0.9), (4, 6, 0.8), (0, 2, 0.2)), ((4, 8, 0.5), (4, 6, 0.7), (12, 14, 0.3))
    return compare(
        side("a", *ours), side("b", *theirs), examples, dataclasses.replace(UNTIMED, task="question-answering")
    )


def text_side(name, table):
    from roformer_edge.validate.predictors import Predictor

    return Predictor(name=name, answer=lambda inputs, *, batch_size: [table[value["question"]] for value in inputs])


def test_figures_by_hand(report):
    f1, exact = report.figures
    assert (f1.reference, f1.candidate) == (pytest.approx(2 / 3), pytest.approx((2 * 2 / 6 + 1) / 3))
    assert (exact.reference, exact.candidate, exact.drop) == (2 / 3, 1 / 3, pytest.approx(100 / 3))
    assert exact.paired.only_reference == 1
    assert report.gated is f1
    assert (report.agreement.equal, report.agreement.total) == (1, 3)
    assert [(row.number, row.effect) for row in report.changes] == [(1, "broke"), (3, "moved"), (2, "drifted")]
    assert report.changes[0].margin == 0.9
    detail = report.detail
    assert {row.right: (row.reference, row.candidate) for row in detail.counts} == {
        "exactly": (2, 1),
        "partly": (0, 1),
        "not at all": (1, 1),
    }
    assert detail.moved == (1, 0, 1)
    assert Report.from_dict(report.to_dict()) == report


def test_answers_are_shown_in_their_context(report):
    first = report.changes[0]
    for shown, words in ((first.gold, "大陆"), (first.reference, "大陆"), (first.candidate, "大陆传统")):
        (mark,) = shown.marks
        assert shown.text[mark.start : mark.end] == words
    assert [first.reference.marks[0].right, first.candidate.marks[0].right] == [True, False]
    page = to_html(report)
    assert '<mark class="wrong">大陆传统</mark>' in page
    assert "Who was right" in page  # of exact matches
    assert [passage.name for passage in first.asked] == ["question", "context"]


def read(tmp_path, answers, context="abc"):
    path = write_lines(tmp_path / "a.jsonl", [{"question": "q", "context": context, "answers": answers}])
    return [row.gold for row in read_examples(path, AnswerMeasure())]


@pytest.mark.parametrize(
    ("answers", "gold"),
    [
        ([{"text": "b", "start": 1}, {"text": "bc", "answer_start": 1}], (("b", 1), ("bc", 1))),
        ({"text": ["b", "a"], "answer_start": [1, 0]}, (("b", 1), ("a", 0))),
        ({"text": ["b"]}, (("b", -1),)),
        (["b", "c"], (("b", -1), ("c", -1))),
        ("b", (("b", -1),)),
        ([{"text": "z"}], (("z", -1),)),
    ],
)
def test_answers_in_several_forms(tmp_path, answers, gold):
    assert read(tmp_path, answers) == [gold]


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ([], "'answers' must be a list of answers, found an empty list"),
        ({"text": []}, "holds no answer, and a question without one is not measured"),
        ({"text": ["a"], "answer_start": []}, "holds 1 texts and another number of starts"),
        ([{"text": "b", "start": 0}], "number 1 of 'answers' says 'b', and the context has 'a' at character 0"),
        ([{"text": "b", "start": "1"}], "the start of number 1 of 'answers' must be a whole number"),
        ([{"start": 1}], "must be a string, or an object with text and start"),
        ([3], "must be a string, or an object with text and start, found a number"),
        (None, "'answers' must be a list of answers, found null"),
    ],
)
def test_what_is_no_answer_is_refused(tmp_path, answers, says):
    with pytest.raises(DatasetError, match=r"a\.jsonl:1: ") as caught:
        read(tmp_path, answers)
    assert says in str(caught.value)


def test_problems_are_found_without_the_model():
    tokenizer, measure = RoFormerTokenizer(Vocabulary(vocabulary())), AnswerMeasure()

    def problem(question, context):
        return measure.find_problem(tokenizer, 12, {"question": question, "context": context}, truncation=False)

    assert problem("今天", "今天" * 50) is None  # read in windows
    assert problem("今天" * 12, "好").reason == "the question has 15 tokens, and the model takes 12 with the context"
    assert problem("今天", " ").reason == "the context has no tokens that could be an answer"


def test_real_files_are_read_whole(shared_data, read_jsonl):
    for path in sorted((shared_data / "qa" / "cmrc2018").glob("*.jsonl")):
        for example, record in zip(read_examples(path, AnswerMeasure()), read_jsonl(path), strict=True):
            assert [(gold.text, gold.start) for gold in example.gold] == [
                (gold["text"], gold["start"]) for gold in record["answers"]
            ]
