"""Which examples are worth reading."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roformer_edge.validate.changes import changed_examples, find_effects
from roformer_edge.validate.tasks.measure import Comparison
from roformer_edge.validate.tasks.text_classification import SingleLabelMeasure
from tests.validate.tables import text_example
from tests.validate.test_differences import LOGITS


def changes(gold, ours, theirs, limit=10, texts=None):
    examples = [text_example(f"text {row}", "abc"[label]) for row, label in enumerate(gold)]
    measure, answers = SingleLabelMeasure("abc"), (np.float32(ours), np.float32(theirs))
    comparison = measure.compare(examples, *answers)
    return changed_examples(measure, examples, answers, comparison, limit)


def test_effects_scores_and_order():
    found = changes(
        gold=[0, 0, 0, 1, 2, 0],
        ours=[[2, 0, 0], [5, 0, 0], [3, 0, 0], [1, 0, 0], [1, 0, 0], [1, 0, 0]],
        theirs=[[0, 1, 0], [0, 1, 0], [2, 0, 0], [0, 1, 0], [0, 1, 0], [1, 0, 0]],
    )
    assert [(change.number, change.effect) for change in found] == [
        (2, "broke"),  # the reference was surer here
        (1, "broke"),
        (4, "fixed"),
        (5, "moved"),
        (3, "drifted"),
        # the sixth did not move at all
    ]
    first = found[0]
    assert (first.asked[0].text, first.gold.text) == ("text 1", "a")
    assert (first.reference.text, first.candidate.text) == ("a", "b")
    assert (first.margin, first.difference) == (5.0, 5.0)
    assert first.reference.score == pytest.approx(np.exp(5) / (np.exp(5) + 2))
    assert first.candidate.score == pytest.approx(np.e / (np.e + 2))


def test_an_endless_text_is_cut():
    examples = [text_example("长" * 5000, "a")]
    measure, answers = SingleLabelMeasure("ab"), (np.float32([[1, 0]]), np.float32([[0, 1]]))
    (change,) = changed_examples(measure, examples, answers, measure.compare(examples, *answers), 3)
    assert change.asked[0].text == "长" * 999 + "…"


def test_each_effect_is_cut_on_its_own():
    found = changes(
        gold=[0] * 6,
        ours=[[1, 0, 0]] * 4 + [[0, 1, 0]] * 2,
        theirs=[[0, 1, 0]] * 4 + [[1, 0, 0]] * 2,
        limit=1,
    )
    assert [change.effect for change in found] == ["broke", "fixed"]
    assert [change.number for change in found] == [1, 5]


@given(LOGITS, st.integers(0, 5))
def test_effects_are_exclusive_and_margins_never_negative(pair, limit):
    found = changes([0] * len(pair[0]), pair[0], pair[1], limit)
    assert len({change.number for change in found}) == len(found)
    for change in found:
        assert change.margin >= 0
        assert (change.reference.text != change.candidate.text) == (change.effect != "drifted")


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.booleans()), min_size=1))
def test_effects_of_graded_answers_follow_the_score_and_never_overlap(rows):
    ours, theirs, same = (np.array(column) for column in zip(*rows, strict=True))
    zeros = np.zeros(len(rows))
    effects = find_effects(Comparison(scores=(ours, theirs), same=same, difference=zeros + 1, margin=zeros))
    assert np.array_equal(sum(member.astype(int) for member in effects.values()), np.ones(len(rows)))
    assert np.array_equal(effects["broke"], ~same & (theirs < ours))
    assert np.array_equal(effects["drifted"], same)


def test_the_largest_loss_comes_first_whatever_the_margin():
    class Graded(SingleLabelMeasure):
        def compare(self, examples, reference, candidate):
            scores = np.array([1.0, 1.0, 1.0]), np.array([0.5, 0.1, 0.9])
            return Comparison(
                scores=scores, same=np.zeros(3, bool), difference=np.ones(3), margin=np.array([9.0, 0, 5])
            )

    measure = Graded("ab")
    examples = [text_example(str(row), "a") for row in range(3)]
    answers = np.eye(3, 2, dtype=np.float32), np.eye(3, 2, dtype=np.float32)
    listed = changed_examples(measure, examples, answers, measure.compare(examples, *answers), 5)
    assert [row.number for row in listed] == [2, 1, 3]
