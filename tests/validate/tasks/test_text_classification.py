"""Choosing one label of several: the figures of schema 1 to the bit, scikit-learn's figures, and the evidence."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path

import numpy as np
import pytest

from roformer_edge.errors import ComparisonError
from roformer_edge.validate.options import CompareOptions
from roformer_edge.validate.predictors import Predictor
from roformer_edge.validate.runner import compare
from roformer_edge.validate.sections import Breakdown, Confusion
from roformer_edge.validate.tasks import MEASURES
from roformer_edge.validate.tasks.text_classification import (
    ClassificationDetail,
    SingleLabelMeasure,
    confusion_matrix,
    label_scores,
)
from tests.validate.tables import LABELS, UNTIMED, example_rows, example_sides, table_predictor, text_example
from tests.validate.tasks.oracle import ask_oracle, figures_of

# what the version with reports of schema 1 gave for the same answers, its own and those of the demo
SCHEMA_1 = json.loads(Path(__file__).with_name("schema1.json").read_text())


def indices(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def logits_at(answers: list[int], classes: int, shift: float) -> np.ndarray:
    """The largest logit at each answer, the others spread without a random generator."""
    rows, columns = np.arange(len(answers))[:, None], np.arange(classes)[None]
    values = np.sin(1.0 + 0.37 * rows + 1.71 * columns + shift)
    values[np.arange(len(answers)), answers] += 3
    return values.astype(np.float32)


@pytest.mark.parametrize("name", SCHEMA_1)
def test_figures_are_those_of_schema_1_to_the_bit(name):
    case = SCHEMA_1[name]
    old, classes = case["report"], case["classes"]
    labels = [f"label {index}" for index in range(classes)]
    texts = [f"text {row}" for row in range(len(case["gold"]))]
    sides = [
        table_predictor(side, labels, dict(zip(texts, logits_at(case[side], classes, shift), strict=True)))
        for side, shift in (("reference", 0.0), ("candidate", 0.01))
    ]
    examples = [text_example(text, labels[gold]) for text, gold in zip(texts, case["gold"], strict=True)]
    report = compare(
        *sides, examples, CompareOptions(task="text-classification", timed=0, watched=0, listed=3, max_drop=0.5)
    )
    new, detail = report.to_dict(), report.to_dict()["detail"]
    accuracy, macro_f1 = new["figures"]
    for side in ("reference", "candidate"):
        assert accuracy[side] == old[side]["accuracy"]
        assert accuracy[f"{side}_interval"] == old[side]["accuracy_interval"]
        assert macro_f1[side] == old[side]["macro_f1"]
        assert macro_f1[f"{side}_interval"] == old[side]["macro_f1_interval"]
        assert detail[side] == old[side]["classes"]
    assert accuracy["paired"]["both"] + accuracy["paired"]["only_reference"] == old["reference"]["right"]
    drop = old["drop"]
    assert (accuracy["drop"], accuracy["drop_interval"]) == (drop["points"], drop["interval"])
    assert (macro_f1["drop"], macro_f1["drop_interval"]) == (drop["macro_f1_points"], drop["macro_f1_interval"])
    assert accuracy["paired"]["p_value"] == drop["p_value"]
    assert report.agreement.share == old["agreement"]["top1"]
    distances = {key: old["agreement"][f"{key}_difference"] for key in ("mean", "worst")}
    distances |= {key: old["agreement"][key] for key in ("spread", "mean_cosine", "worst_cosine")}
    assert detail["distance"] == distances
    assert detail["differences"] == old["differences"]
    assert hashlib.sha256(json.dumps(detail["sample"]).encode()).hexdigest() == old["logit_sample"]
    assert detail["outcomes"] == old["outcomes"]
    assert new["data"] == old["data"]
    for row, before in zip(new["changes"], old["changes"], strict=True):
        for key in ("number", "effect", "difference", "margin"):
            assert row[key] == before[key]
        assert (row["asked"][0]["text"], row["gold"]["text"]) == (before["text"], before["gold"])
        for side in ("reference", "candidate"):
            assert row[side]["text"] == before[side]["label"]
            # a sum over one row, no longer over rows of an array: its last digit is another
            assert row[side]["score"] == pytest.approx(before[side]["score"], rel=1e-14)


def test_scores_by_hand():
    gold, predicted = indices(0, 0, 0, 1, 1, 2), indices(0, 0, 1, 1, 2, 1)
    confusion = confusion_matrix(gold, predicted, 4)
    assert confusion.tolist() == [[2, 1, 0, 0], [0, 1, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0]]
    scores = label_scores("abcd", confusion)
    assert [row.support for row in scores] == [3, 2, 1, 0]
    assert [row.precision for row in scores] == pytest.approx([1, 1 / 3, 0, 0])
    assert [row.recall for row in scores] == pytest.approx([2 / 3, 1 / 2, 0, 0])
    assert [row.f1 for row in scores] == pytest.approx([4 / 5, 2 / 5, 0, 0])
    # the fourth class occurs nowhere and does not count
    assert figures_of(np.stack([gold, predicted], axis=1), SingleLabelMeasure("abcd").metrics) == pytest.approx(
        {"accuracy": 0.5, "macro-F1": (4 / 5 + 2 / 5 + 0) / 3}
    )


@pytest.mark.oracle
def test_scores_equal_scikit_learn(oracle_python):
    random = np.random.default_rng(5)
    cases = []
    for classes, examples in ((2, 1), (2, 50), (5, 3), (25, 300), (7, 1000)):
        gold = random.integers(0, classes, examples)
        predicted = np.where(random.random(examples) < 0.7, gold, random.integers(0, classes, examples))
        cases.append({"kind": "single", "gold": gold.tolist(), "predicted": predicted.tolist(), "classes": classes})
    for case, expected in zip(cases, ask_oracle(oracle_python, "sklearn_oracle.py", cases), strict=True):
        gold, predicted, classes = indices(*case["gold"]), indices(*case["predicted"]), case["classes"]
        confusion = confusion_matrix(gold, predicted, classes)
        scores = label_scores([""] * classes, confusion)
        names = [str(index) for index in range(classes)]
        found = figures_of(np.stack([gold, predicted], axis=1), SingleLabelMeasure(names).metrics)
        assert confusion.tolist() == expected["confusion"]
        assert found["accuracy"] == pytest.approx(expected["accuracy"], abs=1e-12)
        assert found["macro-F1"] == pytest.approx(expected["macro_f1"], abs=1e-12)
        for name in ("precision", "recall", "f1", "support"):
            assert [getattr(row, name) for row in scores] == pytest.approx(expected[name], abs=1e-12)


def test_labels_are_aligned_by_name():
    reference, shuffled = example_sides()
    assert shuffled.labels != LABELS
    detail = compare(reference, shuffled, example_rows(), UNTIMED).detail
    assert isinstance(detail, ClassificationDetail)
    assert detail.labels == LABELS
    assert [row.f1 for row in detail.candidate] == pytest.approx([4 / 5, 4 / 7, 0])


def test_a_changed_answer_is_shown_with_its_probability():
    report = compare(*example_sides(), example_rows(), UNTIMED)
    first = report.changes[0]
    assert (first.gold.text, first.reference.text, first.candidate.text) == ("weather", "weather", "turn_off")
    assert (first.reference.right, first.candidate.right) == (True, False)
    assert first.reference.score == pytest.approx(math.exp(2) / (math.exp(2) + math.exp(-1) + 1))
    assert (first.margin, first.difference) == (2.0, 2.25)
    assert (first.line, first.id, first.number) == (7, "dev-2", 3)


def test_the_page_shows_labels_confusion_and_changes():
    report = compare(*example_sides(), example_rows(), UNTIMED)
    sections = {section.title: section for section in SingleLabelMeasure.sections(report)}
    (labels,) = sections["Label by label"].blocks
    assert isinstance(labels, Breakdown)
    assert [part.name for part in labels.parts] == ["weather", "turn_on", "turn_off"]  # the largest loss first
    assert labels.parts[0].more == ("100.0 → 0.0", "66.7 → 0.0")
    (confusion,) = sections["Confusion"].blocks
    assert isinstance(confusion, Confusion)
    assert confusion.names == LABELS
    assert confusion.candidate[2] == (0, 3, 0)
    assert sections["Changed answers"].blocks[0].rows[0] == ("weather", "turn_off", 2, 2, 0)


def test_labels_that_both_sides_never_answer_rightly_are_pointed_out():
    table = {"a": (0.0, 1.0, 0.0), "b": (0.0, 1.0, 0.0)}
    side = table_predictor("a", LABELS, table)
    report = compare(side, side, [text_example("a", "turn_on"), text_example("b", "turn_off")], UNTIMED)
    lede = SingleLabelMeasure.sections(report)[0].lede
    assert "F1 is 0 on both sides, never right on either, of: turn_on." in lede


def broken(labels, logits):
    return Predictor(name="broken", labels=labels, answer=lambda inputs, *, batch_size: list(logits(len(inputs))))


def test_different_labels_are_refused_with_their_names():
    reference, _ = example_sides()
    candidate = broken(("turn_on", "turn_off", "timer"), lambda n: np.zeros((n, 3)))
    with pytest.raises(ComparisonError, match="only the reference has 'weather'; only the candidate has 'timer'"):
        compare(reference, candidate, example_rows(), UNTIMED)
    fewer = broken(("turn_on", "turn_off"), lambda n: np.zeros((n, 2)))
    with pytest.raises(ComparisonError, match="only the reference has 'weather'; only the candidate has none"):
        compare(reference, fewer, example_rows(), UNTIMED)


def test_labels_that_share_a_name_are_refused():
    twins = broken(("a", "b", "a"), lambda n: np.zeros((n, 3)))
    with pytest.raises(ComparisonError, match="gives the same name to several labels: 'a'"):
        compare(twins, twins, [text_example("x", "a")], UNTIMED)


def test_a_single_label_is_no_choice():
    lone = broken(("score",), lambda n: np.zeros((n, 1)))
    with pytest.raises(ComparisonError, match="nothing to choose from"):
        compare(lone, lone, [text_example("x", "score")], UNTIMED)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_logits_that_are_not_finite_are_refused_with_the_example(value):
    def logits(count):
        answer = np.zeros((count, 3), dtype=np.float32)
        answer[5, 1] = value
        return answer

    with pytest.raises(ComparisonError, match="not finite for example 6"):
        compare(example_sides()[0], broken(LABELS, logits), example_rows(), UNTIMED)


@pytest.mark.parametrize("shape", [(8, 2), (8,), (8, 3, 1)])
def test_logits_of_another_shape_are_refused(shape):
    with pytest.raises(ComparisonError, match="for 8 texts and 3 labels"):
        compare(example_sides()[0], broken(LABELS, lambda _: np.zeros(shape)), example_rows(), UNTIMED)


def test_a_label_that_no_side_has_is_refused():
    examples = (*example_rows(), text_example("开灯", "play_music"))
    with pytest.raises(ComparisonError, match="labels that checkpoint does not know: 'play_music'"):
        compare(*example_sides(), examples, UNTIMED)


def test_the_measure_is_a_row():
    assert MEASURES["text-classification"] is SingleLabelMeasure
