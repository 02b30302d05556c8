"""Sentence vectors: their neighbours by a slow literal count, gold similarities, and what is refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roformer_edge.errors import ComparisonError, DatasetError
from roformer_edge.validate.data.examples import Example, read_examples
from roformer_edge.validate.data.fields import FieldNames
from roformer_edge.validate.predictors import Predictor
from roformer_edge.validate.render.html import to_html
from roformer_edge.validate.report import Report
from roformer_edge.validate.runner import compare
from roformer_edge.validate.tasks import feature_extraction
from roformer_edge.validate.tasks.feature_extraction import SentenceVectorMeasure, compare_neighbours
from tests.runtime.tiny_tasks import TOKENIZER, real
from tests.tiny_checkpoint import write_lines
from tests.validate.tables import UNTIMED

OPTIONS = dataclasses.replace(UNTIMED, task="feature-extraction")


def side(name, vectors):
    """A side that has a vector for every text."""

    def answer(inputs, *, batch_size):
        return [np.stack([np.float32(vectors[text]) for text in value.values()]) for value in inputs]

    return Predictor(name=name, answer=answer)


def cosine(a, b):
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def ranks(values):
    return np.argsort(np.argsort(values))


def literal(ours, theirs, nearest):
    """Recall, rank correlation and nearest neighbour of every text, pair by pair."""
    found = []
    for node in range(len(ours)):
        others = [other for other in range(len(ours)) if other != node]
        first = [cosine(ours[node], ours[other]) for other in others]
        second = [cosine(theirs[node], theirs[other]) for other in others]
        best = [{others[index] for index in np.argsort(values)[-nearest:]} for values in (first, second)]
        correlation = np.corrcoef(ranks(first), ranks(second))[0, 1]
        found.append((len(best[0] & best[1]) / nearest, correlation, np.argmax(first) == np.argmax(second)))
    return [np.array(column) for column in zip(*found, strict=True)]


@given(st.integers(4, 30), st.integers(0, 1000))
@settings(max_examples=30)
def test_neighbours_are_those_of_the_literal_count(texts, seed):
    random = np.random.default_rng(seed)
    ours = random.normal(size=(texts, 6))
    theirs = ours + random.normal(size=ours.shape) * 0.5
    near = compare_neighbours(ours.astype(np.float32), theirs.astype(np.float32))
    recall, correlation, same = literal(ours, theirs, min(10, texts - 1))
    assert near.recall == pytest.approx(recall)
    assert near.ranks == pytest.approx(correlation, abs=1e-3)
    assert np.array_equal(near.same_nearest, same)
    assert near.cosines == pytest.approx([cosine(a, b) for a, b in zip(ours, theirs, strict=True)], abs=1e-5)


def test_the_reference_is_its_own_standard():
    random = np.random.default_rng(0)
    vectors = random.normal(size=(50, 8)).astype(np.float32)
    vectors[10] = vectors[11] = vectors[12]  # of equal texts it does not matter which is found
    near = compare_neighbours(vectors, vectors)
    assert (near.recall.min(), near.ranks.min(), near.same_nearest.all()) == (1, pytest.approx(1), True)
    turned = vectors @ np.linalg.qr(random.normal(size=(8, 8)))[0].astype(np.float32)
    assert compare_neighbours(vectors, turned).recall.min() == 1
    alone = compare_neighbours(vectors[:1], vectors[1:2])
    assert (alone.recall[0], alone.ranks[0], alone.same_nearest[0]) == (1, 1, True)


def test_many_texts_are_compared_with_some_of_them(monkeypatch):
    monkeypatch.setattr(feature_extraction, "POOL", 5)
    vectors = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
    near = compare_neighbours(vectors, -vectors)
    assert len(near.recall) == 40
    assert near.ranks == pytest.approx(1)  # turned around, all similarities stay
    assert near.cosines == pytest.approx(-1)


TEXTS = ("甲", "乙", "丙", "丁")
OURS = {"甲": (1, 0), "乙": (0.9, 0.1), "丙": (0, 1), "丁": (0.1, 0.8)}
THEIRS = {"甲": (1, 0), "乙": (0.1, 0.9), "丙": (0, 1), "丁": (0.1, 0.8)}


@pytest.fixture
def report() -> Report:
    examples = [Example(inputs={"text": text}, gold=None) for text in TEXTS]
    return compare(side("a", OURS), side("b", THEIRS), examples, OPTIONS)


def test_figures_by_hand(report):
    similarity, recall, correlation = report.figures
    assert (similarity.reference, similarity.name) == (1, "cosine similarity")
    turned = cosine(np.array(OURS["乙"]), np.array(THEIRS["乙"]))
    assert similarity.candidate == pytest.approx((3 + turned) / 4)
    assert similarity.drop == pytest.approx(100 * (1 - turned) / 4)
    # of three others all three are neighbours
    assert recall.candidate == 1
    assert correlation.candidate < correlation.reference == 1
    # 甲 is now nearest to 丁, 乙 to 丙 or 丁; 丙 and 丁 had each other, and 乙 lies between them now
    assert report.agreement.noun == "nearest neighbour"
    assert {row.number for row in report.changes if row.effect == "broke"} >= {1, 2}
    first = report.changes[0]
    assert (first.asked[0].text, first.reference.text) == ("乙", "甲")
    assert first.difference == pytest.approx(1 - turned, abs=1e-6)
    assert Report.from_dict(report.to_dict()) == report
    assert "Another nearest neighbour" in to_html(report)


def test_gold_similarities_come_first():
    random = np.random.default_rng(3)
    vectors = {str(number): random.normal(size=4) for number in range(40)}
    examples = [
        Example(
            inputs={"text": str(number), "text_pair": str(number + 20)},
            gold=cosine(vectors[str(number)], vectors[str(number + 20)]) * 5,
        )
        for number in range(20)
    ]
    worse = {text: vector + random.normal(size=4) for text, vector in vectors.items()}
    report = compare(side("a", vectors), side("b", worse), examples, OPTIONS)
    assert report.gated.name == "Spearman"
    assert report.gated.reference == pytest.approx(1)
    similar = [cosine(worse[str(number)], worse[str(number + 20)]) for number in range(20)]
    wanted = np.corrcoef(ranks([example.gold for example in examples]), ranks(similar))[0, 1]
    assert report.gated.candidate == pytest.approx(wanted)
    assert [figure.name for figure in report.figures][1:] == [metric.name for metric in SentenceVectorMeasure.metrics]


def test_scores_of_some_examples_only_are_refused():
    examples = [Example(inputs={"text": "甲", "text_pair": "乙"}, gold=gold) for gold in (1.0, None)]
    with pytest.raises(ComparisonError, match="1 of 2 examples are pairs with a score"):
        compare(side("a", OURS), side("a", OURS), examples, OPTIONS)


def test_scores_are_read_of_pairs_only(tmp_path):
    def read(row, fields=""):
        path = write_lines(tmp_path / "a.jsonl", [row])
        (example,) = read_examples(path, SentenceVectorMeasure(), FieldNames.parse(fields) if fields else FieldNames())
        return example.gold

    assert read({"text": "x", "text_pair": "y", "score": 2.5}) == 2.5
    assert read({"text": "x", "score": 2.5}) is None
    assert read({"text": "x", "text_pair": "y", "label": "entailment"}) is None
    assert read({"text": "x", "text_pair": "y", "label": "1"}, "text=text,pair=text_pair,score=label") == 1
    with pytest.raises(DatasetError, match="'score' must be a finite number, found 'high'"):
        read({"text": "x", "text_pair": "y", "score": "high"})


@pytest.mark.parametrize("vector", [[[1.0, 2.0]], [1.0, np.nan], [1.0], 1.0], ids=["nested", "nan", "narrow", "number"])
def test_vectors_of_another_shape_are_refused(vector):
    bad = side("bad", {**OURS, "丁": vector})
    examples = [Example(inputs={"text": text}, gold=None) for text in TEXTS]
    with pytest.raises(ComparisonError, match=r"bad gave vectors .* example 4"):
        compare(side("a", OURS), bad, examples, OPTIONS)


def test_texts_and_pairs_are_read_one_by_one(tmp_path):
    model = real("feature-extraction", tmp_path)
    inputs = [{"text": "今天天气好"}, {"text": "好", "text_pair": "把灯打开"}]
    found = SentenceVectorMeasure().ask(model.pipeline, inputs, batch_size=2, truncation=False)
    assert [answer.shape for answer in found] == [(1, 32), (2, 32)]
    for text, vector in (("今天天气好", found[0][0]), ("好", found[1][0]), ("把灯打开", found[1][1])):
        states = model.torch(TOKENIZER.encode_text(text).ids).last_hidden_state[0]
        assert vector == pytest.approx(states.mean(0).numpy(), abs=1e-4)
    problem = SentenceVectorMeasure().find_problem(TOKENIZER, 5, inputs[1], truncation=False)
    assert problem is None
