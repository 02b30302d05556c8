"""One number a text: by hand, against scipy and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import ComparisonError, DatasetError
from roformer_edge.validate.data.examples import read_examples
from roformer_edge.validate.render.html import to_html
from roformer_edge.validate.report import Report, check_budget
from roformer_edge.validate.runner import compare
from roformer_edge.validate.tasks import measure_of_model
from roformer_edge.validate.tasks.regression import RegressionMeasure
from tests.tiny_checkpoint import write_lines
from tests.validate.tables import UNTIMED, text_example, text_predictor
from tests.validate.tasks.oracle import ask_oracle, figures_of


def side(name, *values, labels=("score",)):
    table = {str(number): np.float32([value]) for number, value in enumerate(values)}
    return text_predictor(name, table, labels=labels, problem_type="regression")


@pytest.fixture
def report() -> Report:
    golds = (1.0, 2.0, 3.0, 5.0)
    examples = [text_example(str(number), gold) for number, gold in enumerate(golds)]
    return compare(side("a", 1, 2, 3, 4), side("b", 1.01, 1, 3, 6, labels=("LABEL_0",)), examples, UNTIMED)


def test_figures_by_hand(report):
    pearson, spearman, error = report.figures
    assert report.measure == "text-classification/regression"
    assert pearson.reference == pytest.approx(np.corrcoef([1, 2, 3, 5], [1, 2, 3, 4])[0, 1])
    assert (spearman.reference, spearman.candidate) == (pytest.approx(1), pytest.approx(0.8))
    assert spearman.drop == pytest.approx(20)
    assert (error.unit, error.higher_is_better) == ("number", False)
    assert error.reference == pytest.approx(0.25)
    assert error.candidate == pytest.approx((0.01**2 + 1 + 0 + 1) / 4, rel=1e-6)
    assert error.drop == pytest.approx(error.candidate - error.reference)
    assert error.change == error.drop > 0
    # 0.01 and 0 are within a hundredth of the range of 4
    assert (report.agreement.equal, report.agreement.total) == (2, 4)
    assert [(row.number, row.effect) for row in report.changes] == [(2, "broke"), (4, "moved"), (1, "drifted")]
    assert report.changes[0].candidate.text == "1.000"


def test_the_page_shows_both_kinds_of_scatter_and_is_read_back(report):
    assert Report.from_dict(report.to_dict()) == report
    page = to_html(report)
    assert "Against the gold values" in page
    assert "How far the values moved" in page
    assert "Mean squared error (lower is better)" in page
    check_budget(report, 100)


@pytest.mark.oracle
def test_figures_equal_scipy_and_scikit_learn(oracle_python):
    random = np.random.default_rng(4)
    cases = []
    for rows in (3, 20, 500):
        gold = random.integers(0, 6, rows) / 2  # with many equal values
        predicted = gold + random.normal(0, 1, rows)
        cases.append({"kind": "regression", "gold": gold.tolist(), "predicted": np.round(predicted, 1).tolist()})
    for case, expected in zip(cases, ask_oracle(oracle_python, "sklearn_oracle.py", cases), strict=True):
        found = figures_of(np.stack([case["gold"], case["predicted"]], axis=1), RegressionMeasure.metrics)
        assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("row", "gold"), [({"score": 2.5}, 2.5), ({"label": "4"}, 4.0), ({"label": 1, "score": 0}, 0.0)]
)
def test_numbers_may_be_strings(tmp_path, row, gold):
    path = write_lines(tmp_path / "a.jsonl", [{"sentence1": "x", "sentence2": "y", **row}])
    (example,) = read_examples(path, RegressionMeasure())
    assert (example.gold, example.inputs) == (gold, {"text": "x", "text_pair": "y"})


def test_what_is_no_number_is_refused(tmp_path):
    path = write_lines(tmp_path / "a.jsonl", [{"text": "x", "label": "good"}])
    with pytest.raises(DatasetError, match=r"a\.jsonl:1: 'label' must be a finite number, found 'good'"):
        list(read_examples(path, RegressionMeasure()))


def test_several_outputs_are_refused():
    two = side("two", 1, labels=("a", "b"))
    with pytest.raises(ComparisonError, match="two has 2 outputs"):
        compare(two, two, [text_example("0", 1.0)], UNTIMED)


def test_one_output_is_a_regression_unless_the_config_says_otherwise():
    sizes = {
        "vocab_size": 8,
        "hidden_size": 8,
        "num_attention_heads": 2,
        "num_hidden_layers": 1,
        "intermediate_size": 8,
    }
    one = {"id2label": {0: "score"}}
    assert measure_of_model("text-classification", RoFormerConfig(**sizes, **one)).variant == "regression"
    several = RoFormerConfig(**sizes, **one, problem_type="multi_label_classification")
    assert measure_of_model("text-classification", several).variant == "multi-label"
    assert measure_of_model("text-classification", RoFormerConfig(**sizes)).variant == ""
