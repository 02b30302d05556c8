"""One input, a collection or an iterator; on text classification, which adds least to what all tasks share."""

from __future__ import annotations

import threading
import types
from collections import deque
from collections.abc import Iterator

import numpy as np
import pytest

from roformer_edge.errors import BackendError, OptionError, TextError
from roformer_edge.runtime.backends.onnxruntime import OnnxRuntimeSession
from roformer_edge.runtime.fake import FakeSession
from roformer_edge.runtime.inference import Limits
from roformer_edge.runtime.pipelines.base import Part
from roformer_edge.runtime.pipelines.text_classification import TextClassifier
from roformer_edge.runtime.session import SessionOptions
from roformer_edge.tasks import get_task
from tests.tiny_runtime import LABELS, CharacterTokenizer, config, graph

TEXTS = ["把客厅的灯打开", "现在几点", "", "今天" * 20, "a", "关灯", "好" * 62] * 5


TASK = get_task("text-classification")


SIGNATURES = {"default": TASK.signature}


@pytest.fixture(scope="module")
def classify() -> TextClassifier:
    """A real graph."""
    return TextClassifier(OnnxRuntimeSession(graph(), SessionOptions(threads=1)), CharacterTokenizer(), config())


@pytest.mark.parametrize("batch_size", [1, 2, 8, 100])
def test_a_list_gives_the_answers_of_its_texts_in_order(classify: TextClassifier, batch_size: int) -> None:
    answers = classify(TEXTS, batch_size=batch_size)
    assert isinstance(answers, list)
    single = [classify(text) for text in TEXTS]
    assert [answer.label for answer in answers] == [answer.label for answer in single]
    np.testing.assert_allclose([a.score for a in answers], [a.score for a in single], atol=1e-6)
    assert [len(answer) for answer in classify(TEXTS, top_k=2, batch_size=batch_size)] == [2] * len(TEXTS)


def test_collections_of_other_kinds_give_lists(classify: TextClassifier) -> None:
    expected = classify(TEXTS[:3])
    for collection in (deque(TEXTS[:3]), np.array(TEXTS[:3]), dict.fromkeys(TEXTS[:3]).keys()):
        assert classify(collection) == expected
    assert classify([]) == []
    assert classify.logits([]).shape == (0, len(LABELS))
    assert classify.logits(iter(TEXTS[:3])).shape == (3, len(LABELS))


def test_a_part_of_a_list_is_counted_from_where_it_stands(classify: TextClassifier) -> None:
    answers = classify(Part(["好", "关\0灯"], 40))
    assert next(answers) == classify("好")
    with pytest.raises(TextError, match=r"^text 41 holds NUL"):
        next(answers)


@pytest.mark.parametrize(
    ("inputs", "several"),
    [
        ("好", False),
        (("好", "好"), False),
        (["好"], True),
        ([], True),
        ({"好"}, True),
        (b"a", False),
        ({}, False),
        (3, False),
    ],
)
def test_what_holds_several_inputs(inputs: object, several: bool) -> None:
    assert TextClassifier.holds_several(inputs, {}) == several


def test_an_iterator_gives_a_generator_that_reads_as_it_is_read(classify: TextClassifier) -> None:
    read: list[int] = []

    def stream() -> Iterator[str]:
        for number in range(10_000):
            read.append(number)
            yield TEXTS[number % len(TEXTS)]

    answers = classify(stream(), batch_size=2)
    assert isinstance(answers, types.GeneratorType)
    assert read == []
    first = next(answers)
    assert len(read) == 64
    assert first.label == classify(TEXTS[0]).label
    for _ in range(63):
        next(answers)
    assert len(read) == 64
    next(answers)
    assert len(read) == 128
    answers.close()


def test_with_batches_of_one_every_text_is_answered_before_the_next_is_read(classify: TextClassifier) -> None:
    read: list[str] = []

    def stream() -> Iterator[str]:
        for text in TEXTS:
            read.append(text)
            yield text

    for number, _ in enumerate(classify(stream(), batch_size=1), start=1):
        assert len(read) == number


def test_an_iterator_gives_what_a_list_gives(classify: TextClassifier) -> None:
    texts = [TEXTS[number % len(TEXTS)] for number in range(300)]
    assert list(classify(iter(texts), batch_size=2)) == classify(texts, batch_size=2)
    assert list(classify(iter(texts), 2, batch_size=2)) == classify(texts, 2, batch_size=2)


def test_texts_before_a_bad_one_are_answered(classify: TextClassifier) -> None:
    answers = classify(iter(["a", "b", "c\0", "d"]), batch_size=8)
    assert [next(answers).label, next(answers).label] == [classify("a").label, classify("b").label]
    with pytest.raises(TextError, match=r"text 2 holds NUL \(U\+0000\) at character 1"):
        next(answers)


def test_the_number_of_a_bad_text_counts_from_the_beginning(classify: TextClassifier) -> None:
    texts = ["a"] * 70 + [None]
    with pytest.raises(TextError, match="text 70 must be a str, found NoneType"):
        classify(texts, batch_size=2)


def test_texts_before_an_error_of_the_iterator_are_answered_first(classify: TextClassifier) -> None:
    def texts() -> Iterator[str]:
        yield from TEXTS[:3]
        raise OSError("the file is gone")

    answers = classify(texts(), batch_size=8)
    assert [next(answers) for _ in range(3)] == classify(TEXTS[:3])
    with pytest.raises(OSError, match="gone"):
        next(answers)


def test_a_pair_is_refused_where_the_model_knows_single_texts() -> None:
    session = FakeSession(lambda _: {"logits": np.zeros((1, 4), np.float32)}, SIGNATURES)
    classify = TextClassifier(session, CharacterTokenizer(), config(type_vocab_size=1))
    classify("a")
    with pytest.raises(TextError, match=r"text 0 is a pair, and the model was made for single texts"):
        classify([("a", "b")])


@pytest.mark.parametrize("value", [None, 1, b"bytes", {"text": "a"}, ("a", "b", "c"), object()])
def test_what_is_no_text_is_refused(classify: TextClassifier, value: object) -> None:
    with pytest.raises(TextError, match=r"must be|found"):
        classify(value)


@pytest.mark.parametrize(
    "changes", [{"top_k": 0}, {"top_k": -1}, {"top_k": 1.5}, {"batch_size": 0}, {"batch_size": "8"}]
)
def test_numbers_out_of_range(classify: TextClassifier, changes: dict) -> None:
    for texts in ("a", ["a"], iter(["a"])):
        with pytest.raises(OptionError, match=next(iter(changes))):
            classify(texts, **changes)


def test_a_closed_pipeline_says_so() -> None:
    with TextClassifier(OnnxRuntimeSession(graph()), CharacterTokenizer(), config()) as classify:
        classify("a")
    with pytest.raises(BackendError, match="is closed"):
        classify("a")


def test_many_threads_may_use_one_pipeline(classify: TextClassifier) -> None:
    expected = classify(TEXTS, batch_size=4)
    found: list[object] = []

    def work() -> None:
        found.extend(classify(TEXTS, batch_size=4) == expected for _ in range(10))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 40


@pytest.mark.parametrize(("asked", "rows"), [(None, [4, 3]), (1, [1] * 7), (5, [5, 2]), (99, [7])])
def test_as_many_inputs_are_computed_together_as_were_asked_for(asked: int | None, rows: list[int]) -> None:
    session = FakeSession(lambda feeds: {"logits": np.zeros((len(feeds["input_ids"]), 4), np.float32)}, SIGNATURES)
    limits = Limits(max_length=64, batch_size=4)
    answers = TextClassifier(session, CharacterTokenizer(), config(), limits=limits)(["a"] * 7, batch_size=asked)
    assert len(answers) == 7
    assert [len(call["input_ids"]) for call in session.calls] == rows
