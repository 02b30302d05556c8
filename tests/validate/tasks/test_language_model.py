"""What both kinds of language model share."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from roformer_edge.errors import ComparisonError
from roformer_edge.validate.render.html import to_html
from roformer_edge.validate.report import Report
from roformer_edge.validate.runner import compare
from roformer_edge.validate.tasks.language_model import GuessedRow, TokenGuesses, guess, kind_of
from tests.validate.tables import UNTIMED, text_example, text_predictor


def guesses(expected, best, *probabilities):
    places = tuple((index, index + 1) for index in range(len(expected)))
    return TokenGuesses(tuple(expected), tuple(best), tuple(map(math.log, probabilities)), places)


@pytest.fixture(params=["fill-mask", "text-generation"])
def report(request) -> Report:
    ours = {"天气好": guesses("天气好", "天气好", 0.5, 0.25, 0.5), "灯亮": guesses("灯亮", "灯开", 0.5, 0.125)}
    theirs = {"天气好": guesses("天气好", "天上好", 0.5, 0.125, 0.5), "灯亮": guesses("灯亮", "灯关", 0.5, 0.25)}
    examples = [text_example("天气好", None), text_example("灯亮", None)]
    options = dataclasses.replace(UNTIMED, task=request.param)
    return compare(text_predictor("a", ours), text_predictor("b", theirs), examples, options)


def test_figures_by_hand(report):
    accuracy, perplexity = report.figures
    assert (accuracy.reference, accuracy.candidate, accuracy.drop) == (4 / 5, 3 / 5, 20)
    # bits: 1 + 2 + 1 and 1 + 3; 1 + 3 + 1 and 1 + 2
    assert perplexity.reference == pytest.approx(2 ** (8 / 5))
    assert perplexity.candidate == pytest.approx(2 ** (8 / 5))
    assert (perplexity.unit, perplexity.higher_is_better) == ("number", False)
    # of five tokens three are guessed alike
    assert (report.agreement.equal, report.agreement.total) == (3, 5)
    assert [(row.number, row.effect) for row in report.changes] == [(1, "broke"), (2, "moved")]
    assert report.changes[0].difference == pytest.approx(math.log(2))
    assert Report.from_dict(report.to_dict()) == report
    assert "By kind of token" in to_html(report)


def test_a_rising_perplexity_is_a_loss():
    ours, theirs = guesses("天", "天", 0.5), guesses("天", "天", 0.25)
    options = dataclasses.replace(UNTIMED, task="text-generation")
    sides = text_predictor("a", {"天": ours}), text_predictor("b", {"天": theirs})
    report = compare(*sides, [text_example("天", None)], options)
    assert report.figure("perplexity").drop == pytest.approx(2)
    assert report.figure("perplexity").change == pytest.approx(2)
    assert report.gated.drop == 0


def test_sides_that_cut_the_text_differently_are_refused():
    sides = (text_predictor("a", {"天气": guesses(("天", "气"), "天气", 1, 1)}),)
    sides += (text_predictor("b", {"天气": guesses(("天气",), ("天气",), 1)}),)
    with pytest.raises(ComparisonError, match=r"cut example 1 into different tokens.*: '天 气' and '天气'"):
        compare(*sides, [text_example("天气", None)], dataclasses.replace(UNTIMED, task="text-generation"))


def test_a_text_without_anything_to_guess_counts_for_nothing():
    table = {"": guesses("", ""), "天": guesses("天", "天", 0.5)}
    options = dataclasses.replace(UNTIMED, task="fill-mask")
    examples = [text_example("", None), text_example("天", None)]
    report = compare(text_predictor("a", table), text_predictor("b", table), examples, options)
    assert [figure.reference for figure in report.figures] == [1, pytest.approx(2)]
    empty = compare(text_predictor("a", table), text_predictor("b", table), examples[:1], options)
    assert [figure.reference for figure in empty.figures] == [0, 1]


@pytest.mark.parametrize(
    ("token", "kind"),
    [("天", "ideograph"), ("天气", "word"), ("##abc", "latin"), ("2018", "latin"), ("，", "mark"), ("[SEP]", "mark")],
)
def test_kinds_of_tokens(token, kind):
    assert kind_of(token) == kind


class Model:
    """A pipeline's model: one id a token, logits that are given."""

    class Tokenizer:
        def __len__(self):
            return 4

        def convert_ids_to_tokens(self, ids):
            return ["abcd"[index] for index in ids]

    def __init__(self, logits):
        self.tokenizer, self._logits = self.Tokenizer(), logits

    def run(self, rows, batch_size, pick, positions):
        return [pick(row, {"logits": self._logits[positions(row)]}) for row in rows]


def test_probabilities_are_among_the_tokens_that_there_are():
    random = np.random.default_rng(0)
    logits = random.normal(size=(40, 9)).astype(np.float32)  # ids 4 to 8 are no tokens
    logits[:, 6] = 100
    positions, expected = list(range(1, 40, 2)), [int(index) for index in random.integers(0, 4, 20)]
    row = GuessedRow(ids=[0] * 40, type_ids=[0] * 40, positions=positions, expected=expected, places=[(0, 1)] * 20)
    (found,) = guess(Model(logits), [row], 1)
    chances = np.exp(logits[positions, :4].astype(np.float64))
    chances /= chances.sum(axis=1, keepdims=True)
    assert found.log_probabilities == pytest.approx(np.log(chances[np.arange(20), expected]), abs=1e-6)
    assert found.best == tuple("abcd"[index] for index in chances.argmax(axis=1))
    assert found.expected == tuple("abcd"[index] for index in expected)
