"""Every answer as a whole text, from which two runs can be compared and a table be made."""

from __future__ import annotations

import numpy as np
import pytest

from roformer_edge.validate.data.examples import Example
from roformer_edge.validate.tasks import MEASURES
from roformer_edge.validate.tasks.language_model import TokenGuesses
from roformer_edge.validate.tasks.question_answering import FoundAnswer
from roformer_edge.validate.tasks.token_classification import GoldEntities, TaggedText

SPANS = (("PER", 0, 2), ("LOC", 3, 5))
TEXT = {"text": "李白在长安"}
GUESSES = TokenGuesses(
    expected=("李", "白"), best=("李", "##黑"), log_probabilities=(-1.0, -2.0), places=((0, 1), (1, 2))
)

# measure -> labels, inputs, gold, answer, what is written of the answer and of gold
CASES = {
    "text-classification": (("a", "b"), TEXT, "a", np.array([0.0, 1.0]), "b", "a"),
    "text-classification/multi-label": (("a", "b"), TEXT, ("a",), np.array([1.0, 2.0]), "a, b", "a"),
    "text-classification/regression": (("x",), TEXT, 0.5, np.array([0.123456]), "0.1235", "0.5"),
    "token-classification": (
        ("B-PER", "I-PER", "B-LOC", "I-LOC", "O"),
        TEXT,
        GoldEntities(entities=SPANS[:1], strict=SPANS[:1]),
        TaggedText(entities=SPANS[::-1]),
        "PER[0:2] 李白; LOC[3:5] 长安",
        "PER[0:2] 李白",
    ),
    "question-answering": (
        (),
        {"question": "谁", "context": "李白来了"},
        (("李白", 0), ("李白", -1), ("诗人", -1)),
        FoundAnswer("李", 0, 1, 0.5),
        "李",
        "李白 / 诗人",
    ),
    "multiple-choice": ((), {"context": "c", "choices": ["x", "y"]}, 0, np.array([0.2, 0.8]), "B. y", "A. x"),
    "fill-mask": ((), TEXT, None, GUESSES, "李 ##黑", "李 白"),
    "text-generation": ((), TEXT, None, GUESSES, "李 ##黑", "李 白"),
}


@pytest.mark.parametrize("name", CASES)
def test_an_answer_is_written_as_a_whole(name):
    labels, inputs, gold, answer, written, right = CASES[name]
    measure, examples = MEASURES[name](labels), [Example(inputs=inputs, gold=gold)]
    answers = np.array([answer]) if isinstance(answer, np.ndarray) else [answer]
    assert measure.written(examples, answers) == [written]
    assert measure.written_gold(examples, answers) == [right]


def test_of_vectors_the_nearest_other_text_is_written():
    measure = MEASURES["feature-extraction"]()
    examples = [Example(inputs={"text": text}, gold=None) for text in "甲乙丙"]
    vectors = [np.array([row], dtype=np.float32) for row in ((1.0, 0.0), (0.9, 0.1), (0.0, 1.0))]
    assert measure.written(examples, vectors) == ["乙", "甲", "乙"]
    assert measure.written_gold(examples, vectors) == ["", "", ""]
    pair = [Example(inputs={"text": "甲", "text_pair": "乙"}, gold=0.5)]
    assert measure.written(pair, [np.concatenate(vectors[:2])]) == ["乙 | 甲"]
    assert measure.written_gold(pair, vectors) == ["0.5"]
    assert measure.written(examples[:1], vectors[:1]) == ["–"]
    shown = measure.show(2, examples, vectors, vectors)
    assert shown.candidate.text == "乙"


def test_every_measure_has_its_case():
    assert {*CASES, "feature-extraction"} == set(MEASURES)
