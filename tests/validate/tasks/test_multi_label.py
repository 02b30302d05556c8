"""Any number of labels at once: by hand, against scikit-learn, and what a line may hold."""

from __future__ import annotations

import numpy as np
import pytest

from roformer_edge.errors import ComparisonError, DatasetError
from roformer_edge.validate.data.examples import read_examples
from roformer_edge.validate.render.html import to_html
from roformer_edge.validate.render.markdown import to_markdown
from roformer_edge.validate.report import Report, check_budget
from roformer_edge.validate.runner import compare
from roformer_edge.validate.tasks import measure_of
from roformer_edge.validate.tasks.multi_label import NO_LABEL, MultiLabelDetail, MultiLabelMeasure
from tests.tiny_checkpoint import write_lines
from tests.validate.tables import UNTIMED, text_example, text_predictor
from tests.validate.tasks.oracle import ask_oracle, figures_of

LABELS = ("食", "住", "行")


def side(name, *rows, labels=LABELS):
    """A side that answers the texts 0, 1, 2 ... with these logits."""
    table = {str(number): np.float32(row) for number, row in enumerate(rows)}
    return text_predictor(name, table, labels=labels, problem_type="multi_label_classification")


def examples(*golds):
    return [text_example(str(number), gold) for number, gold in enumerate(golds)]


@pytest.fixture
def report() -> Report:
    golds = ("食",), ("食", "行"), (), ("住",)
    ours = side("a", (2, -1, -1), (1, -1, 1), (-1, -2, -3), (-1, 1, 1))
    theirs = side("b", (-1, -1, 2), (1, -1, -1), (-3, -1, -2), (1, -1, -1), labels=("行", "住", "食"))
    return compare(ours, theirs, examples(*golds), UNTIMED)


def test_figures_by_hand(report):
    # reference: 食 | 食 行 | - | 住 行; candidate: 食 | 行 | - | 行
    assert report.measure == "text-classification/multi-label"
    assert [figure.name for figure in report.figures] == ["micro-F1", "macro-F1", "subset accuracy"]
    micro, macro, subset = report.figures
    assert micro.reference == pytest.approx(2 * 4 / (4 + 5))
    assert micro.candidate == pytest.approx(2 * 2 / (4 + 3))
    assert macro.reference == pytest.approx((1 + 1 + 2 / 3) / 3)
    assert macro.candidate == pytest.approx((2 / 3 + 0 + 2 / 3) / 3)
    assert (subset.reference, subset.candidate, subset.drop) == (3 / 4, 2 / 4, 25.0)
    assert subset.paired.only_reference == 1
    assert micro.paired is None
    assert (report.agreement.equal, report.agreement.total) == (2, 4)
    assert [(row.number, row.effect) for row in report.changes] == [(4, "broke"), (2, "broke"), (3, "drifted")]
    assert [row.reference.text for row in report.changes] == ["住, 行", "食, 行", NO_LABEL]
    assert [row.reference.right for row in report.changes] == [False, True, True]
    check_budget(report, 32)


def test_detail_is_by_label_and_read_back(report):
    assert isinstance(report.detail, MultiLabelDetail)
    assert [row.support for row in report.detail.reference] == [2, 1, 1]
    assert [row.f1 for row in report.detail.candidate] == pytest.approx([2 / 3, 0, 2 / 3])
    assert Report.from_dict(report.to_dict()) == report
    for text in (to_html(report), to_markdown(report)):
        assert "Label by label" in text
        assert "subset accuracy" in text.lower()


@pytest.mark.oracle
def test_scores_equal_scikit_learn(oracle_python):
    random = np.random.default_rng(2)
    cases = []
    for labels, rows in ((2, 5), (3, 1), (6, 200), (20, 50)):
        gold = random.integers(0, 2, (rows, labels))
        predicted = np.where(random.random((rows, labels)) < 0.7, gold, 1 - gold)
        predicted[:, -1] = gold[:, -1] = 0  # a label that occurs nowhere
        cases.append({"kind": "multi", "gold": gold.tolist(), "predicted": predicted.tolist()})
    for case, expected in zip(cases, ask_oracle(oracle_python, "sklearn_oracle.py", cases), strict=True):
        gold, predicted = np.array(case["gold"]), np.array(case["predicted"])
        measure = MultiLabelMeasure([str(index) for index in range(gold.shape[1])])
        found = figures_of(np.concatenate([gold, predicted], axis=1), measure.metrics)
        assert found == pytest.approx({name: expected[name] for name in found}, abs=1e-12)
        assert [row.f1 for row in measure._scores(gold, predicted)] == pytest.approx(expected["f1"], abs=1e-12)


@pytest.mark.parametrize(
    ("value", "gold"),
    [
        (["行", "食"], ("食", "行")),
        ([], ()),
        ([2, "住"], ("住", "行")),
        (["2"], ("行",)),
        ([0, 1, 0], ("住",)),
        ([1.0, 0.0, 1.0], ("食", "行")),
        ([0, 1], ("食", "住")),
        ([0, 0, 0], ()),
    ],
)
def test_labels_are_names_indices_or_a_flag_for_each(tmp_path, value, gold):
    for key in ("labels", "label"):
        path = write_lines(tmp_path / "a.jsonl", [{"text": "x", key: value}])
        assert [row.gold for row in read_examples(path, MultiLabelMeasure(LABELS))] == [gold]


@pytest.mark.parametrize(
    ("labels", "value", "says"),
    [
        (LABELS, "食", "'labels' must be a list of labels, found a string"),
        (LABELS, ["食", "食"], "'labels' holds the label '食' twice"),
        (LABELS, ["玩"], "unknown label '玩'; the model has 3 labels"),
        (LABELS, [3], "label 3 is out of range"),
        (LABELS, [None], "number 1 of 'labels' must be a name or an index, found null"),
        (("a", "b"), [0, 1], "'labels' may be indices, or a 0 or 1 for every label"),
        (("a",), [0], "may be indices"),
    ],
)
def test_what_is_no_set_of_labels_is_refused(tmp_path, labels, value, says):
    path = write_lines(tmp_path / "a.jsonl", [{"text": "x", "labels": value}])
    with pytest.raises(DatasetError, match=says):
        list(read_examples(path, MultiLabelMeasure(labels)))


def test_a_label_is_chosen_above_a_probability_of_a_half():
    rows = MultiLabelMeasure(LABELS).statistics(
        examples(("住",)), np.float32([[0.01, 0.2, 0]]), np.float32([[0, 0, 0]])
    )
    assert rows.tolist() == [[0, 1, 0, 1, 1, 0]]


def test_labels_that_neither_side_has_are_refused():
    model = side("a", (1, 1, 1))
    with pytest.raises(ComparisonError, match="labels that a does not know: '玩'"):
        compare(model, model, examples(("食", "玩")), UNTIMED)


def test_the_measure_follows_the_problem_type():
    assert type(measure_of("text-classification", LABELS, "multi_label_classification")) is MultiLabelMeasure
