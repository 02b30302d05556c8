from __future__ import annotations

import threading
import types
from collections import deque
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roformer_edge.errors import BackendError, OptionError, TextError, TextTooLongError
from roformer_edge.runtime.backends.onnxruntime import OnnxRuntimeSession
from roformer_edge.runtime.fake import FakeSession
from roformer_edge.runtime.inference import Limits
from roformer_edge.runtime.pipelines.text_classification import SCORES, Classification, TextClassifier
from roformer_edge.runtime.session import SessionOptions
from roformer_edge.tasks import get_task
from tests.tiny_runtime import LABELS, CharacterTokenizer, FixedSession, config, fixed_signatures, graph

TEXTS = ["把客厅的灯打开", "现在几点", "", "今天" * 20, "a", "关灯", "好" * 62] * 5
TASK = get_task("text-classification")
SIGNATURES = {"default": TASK.signature}


def fixed(*rows: list[float], **changes: object) -> TextClassifier:
    """A classifier whose graph always gives the same logits."""
    values = np.array(rows, np.float32)
    session = FakeSession(
        lambda feeds: {"logits": np.resize(values, (len(feeds["input_ids"]), values.shape[1]))},
        SIGNATURES,
    )
    return TextClassifier(session, CharacterTokenizer(), config(**changes))


@pytest.fixture(scope="module")
def classify() -> TextClassifier:
    """A real graph."""
    return TextClassifier(OnnxRuntimeSession(graph(), SessionOptions(threads=1)), CharacterTokenizer(), config())


def reference(text: str) -> list[float]:
    """Softmax of the graph's logits, by the book."""
    row = CharacterTokenizer().encode_text(text)
    session = OnnxRuntimeSession(graph())
    logits = session.run({"input_ids": np.array([row.ids])})["logits"][0].astype(float)
    powers = np.exp(logits)
    return list(powers / powers.sum())


def test_a_text_gives_its_most_probable_class(classify: TextClassifier) -> None:
    answer = classify("把客厅的灯打开")
    expected = reference("把客厅的灯打开")
    assert isinstance(answer, Classification)
    assert answer.label == LABELS[int(np.argmax(expected))]
    assert answer.score == pytest.approx(max(expected), abs=1e-6)


def test_top_k_lists_classes_best_first(classify: TextClassifier) -> None:
    answers = classify("现在几点", top_k=99)
    assert {answer.label for answer in answers} == set(LABELS)
    assert sum(answer.score for answer in answers) == pytest.approx(1)
    assert [answer.score for answer in answers] == sorted((answer.score for answer in answers), reverse=True)
    assert classify("现在几点", 2) == answers[:2]
    assert classify("现在几点", 1) == [classify("现在几点")]


@pytest.mark.parametrize("batch_size", [1, 2, 8, 100])
def test_a_list_gives_the_answers_of_its_texts_in_order(classify: TextClassifier, batch_size: int) -> None:
    answers = classify(TEXTS, batch_size=batch_size)
    assert isinstance(answers, list)
    single = [classify(text) for text in TEXTS]
    assert [answer.label for answer in answers] == [answer.label for answer in single]
    np.testing.assert_allclose([a.score for a in answers], [a.score for a in single], atol=1e-6)
    assert [len(answer) for answer in classify(TEXTS, top_k=2, batch_size=batch_size)] == [2] * len(TEXTS)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(
    texts=st.lists(st.text("开关灯几点abc", max_size=60), max_size=40),
    batch_size=st.integers(1, 9),
    lengths=st.sampled_from([(), (64,), (64, 8, 16), (16, 64)]),
    rows=st.sampled_from([None, 1, 3]),
)
def test_packing_and_padding_change_no_logits(
    classify: TextClassifier, texts: list[str], batch_size: int, lengths: tuple[int, ...], rows: int | None
) -> None:
    session = classify.model.session
    signatures = fixed_signatures(TASK.signature, *lengths, rows=rows) if lengths else session.signatures
    limits = Limits(max_length=64, token_budget=100)
    other = TextClassifier(FixedSession(session, signatures), CharacterTokenizer(), config(), limits=limits)
    assert other.model.lengths == tuple(sorted(lengths))
    logits = other.logits(texts, batch_size=batch_size)
    assert logits.shape == (len(texts), len(LABELS))
    assert logits.dtype == np.float32
    for row, text in zip(logits, texts, strict=True):
        ids = np.array([CharacterTokenizer().encode_text(text).ids])
        np.testing.assert_allclose(row, session.run({"input_ids": ids})["logits"][0], atol=1e-5)


def test_collections_of_other_kinds_give_lists(classify: TextClassifier) -> None:
    expected = classify(TEXTS[:3])
    for collection in (deque(TEXTS[:3]), np.array(TEXTS[:3]), dict.fromkeys(TEXTS[:3]).keys()):
        assert classify(collection) == expected
    assert classify([]) == []
    assert classify.logits([]).shape == (0, len(LABELS))
    assert classify.logits(iter(TEXTS[:3])).shape == (3, len(LABELS))


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


def test_a_pair_is_a_tuple(classify: TextClassifier) -> None:
    both = classify(("几点", "开灯"), top_k=4)
    assert both != classify(("开灯", "几点"), top_k=4)
    assert both != classify("几点开灯", top_k=4)
    assert classify([("几点", "开灯"), "几点"], top_k=4, batch_size=1)[0] == both
    with pytest.raises(TextError, match="second of the pair holds NUL"):
        classify(("a", "\0"))


@pytest.mark.parametrize("value", [None, 1, b"bytes", {"text": "a"}, ("a", "b", "c"), object()])
def test_what_is_no_text_is_refused(classify: TextClassifier, value: object) -> None:
    with pytest.raises(TextError, match=r"must be|found"):
        classify(value)


@pytest.mark.parametrize(
    ("text", "where"), [("a\0", "character 1"), ("\ud800", "character 0"), ("好\udfff", "character 1")]
)
def test_nul_and_surrogates_are_refused_before_the_tokenizer(text: str, where: str) -> None:
    tokenizer = CharacterTokenizer()
    session = FakeSession(lambda feeds: {}, SIGNATURES)
    classify = TextClassifier(session, tokenizer, config())
    for call in (lambda: classify(text), lambda: classify([text]), lambda: classify.logits([text])):
        with pytest.raises(TextError, match=where):
            call()
    assert tokenizer.calls == []
    assert session.calls == []


def test_a_text_that_is_too_long_is_refused_with_both_numbers(classify: TextClassifier) -> None:
    classify("好" * 62)
    with pytest.raises(TextTooLongError, match=r"the text has 65 tokens, .* takes 64 at most.*truncation=True"):
        classify("好" * 63)
    with pytest.raises(TextTooLongError, match="text 1 has 102 tokens"):
        classify(["a", "好" * 100])
    with pytest.raises(TextTooLongError, match="has 67 tokens"):
        classify(("好" * 32, "好" * 32))


def test_truncation_uses_the_beginning(classify: TextClassifier) -> None:
    assert classify("好" * 500, truncation=True) == classify("好" * 62)
    assert classify(["好" * 500, "a"], truncation=True)[0].label == classify("好" * 62).label
    assert classify("short", truncation=True) == classify("short")
    np.testing.assert_allclose(classify.logits(["好" * 500], truncation=True), classify.logits(["好" * 62]), rtol=1e-6)


@pytest.mark.parametrize(
    "changes", [{"top_k": 0}, {"top_k": -1}, {"top_k": 1.5}, {"batch_size": 0}, {"batch_size": "8"}]
)
def test_numbers_out_of_range(classify: TextClassifier, changes: dict) -> None:
    for texts in ("a", ["a"], iter(["a"])):
        with pytest.raises(OptionError, match=next(iter(changes))):
            classify(texts, **changes)


@pytest.mark.parametrize(
    ("problem_type", "labels", "logits", "expected"),
    [
        ("single_label_classification", 3, [0.0, 1.0, 0.0], [0.5761, 0.2119, 0.2119]),
        (None, 3, [0.0, 1.0, 0.0], [0.5761, 0.2119, 0.2119]),
        ("multi_label_classification", 3, [0.0, 2.0, -2.0], [0.8808, 0.5, 0.1192]),
        ("regression", 1, [3.25], [3.25]),
        ("regression", 2, [-1.5, 4.0], [4.0, -1.5]),
        (None, 1, [2.0], [0.8808]),
        ("single_label_classification", 2, [1e4, -1e4], [1.0, 0.0]),
        ("multi_label_classification", 2, [1e4, -1e4], [1.0, 0.0]),
    ],
)
def test_scores_follow_the_kind_of_problem(
    problem_type: str | None, labels: int, logits: list[float], expected: list[float]
) -> None:
    names = {index: f"class {index}" for index in range(labels)}
    classify = fixed(logits, problem_type=problem_type, id2label=names)
    answers = classify("a", top_k=labels)
    assert [answer.score for answer in answers] == pytest.approx(expected, abs=1e-4)
    assert answers[0].label == f"class {int(np.argmax(logits))}"
    assert classify("a") == answers[0]


def test_every_problem_type_of_the_config_has_scores() -> None:
    from roformer_edge.config import PROBLEM_TYPES

    assert set(SCORES) == set(PROBLEM_TYPES)


def test_ties_go_to_the_first_class() -> None:
    assert [answer.label for answer in fixed([1.0, 1.0, 1.0, 1.0])("a", top_k=4)] == list(LABELS)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_logits_that_are_not_finite_are_an_error(value: float) -> None:
    with pytest.raises(BackendError, match="not finite"):
        fixed([0.0, value, 0.0, 0.0])("a")


def test_another_number_of_logits_is_an_error() -> None:
    with pytest.raises(BackendError, match="there are 4 labels"):
        fixed([0.0, 1.0])("a")


def test_another_number_of_rows_is_an_error() -> None:
    session = FakeSession(lambda feeds: {"logits": np.zeros((1, 4), np.float32)}, SIGNATURES)
    with pytest.raises(BackendError, match="for a batch of 2"):
        TextClassifier(session, CharacterTokenizer(), config())(["a", "b"])


def test_a_graph_without_logits_is_an_error() -> None:
    session = FakeSession(lambda feeds: {"hidden": feeds["input_ids"].astype(np.float32)}, SIGNATURES)
    with pytest.raises(BackendError, match="gave hidden, and no logits"):
        TextClassifier(session, CharacterTokenizer(), config())("a")


def test_batches_are_bounded_in_texts_and_tokens() -> None:
    session = FakeSession(lambda feeds: {"logits": np.zeros((len(feeds["input_ids"]), 4), np.float32)}, SIGNATURES)
    limits = Limits(max_length=64, token_budget=200)
    TextClassifier(session, CharacterTokenizer(), config(), limits=limits)(TEXTS, batch_size=8)
    shapes = [call["input_ids"].shape for call in session.calls]
    assert sum(rows for rows, _ in shapes) == len(TEXTS)
    assert max(rows for rows, _ in shapes) == 8
    assert max(rows * width for rows, width in shapes) <= 200


def test_padding_is_the_models_own() -> None:
    session = FakeSession(lambda feeds: {"logits": np.zeros((len(feeds["input_ids"]), 4), np.float32)}, SIGNATURES)
    TextClassifier(session, CharacterTokenizer(), config(pad_token_id=9))(["a", "abc"])
    call = session.calls[0]
    assert call["input_ids"][0].tolist()[3:] == [9, 9]
    assert call["attention_mask"].tolist() == [[1, 1, 1, 0, 0], [1] * 5]


def test_what_the_session_reports_is_visible(classify: TextClassifier) -> None:
    assert classify.provider == "CPUExecutionProvider"
    assert classify.fallbacks == ()
    assert classify.max_length == 64
    assert classify.labels == LABELS
    assert classify.problem_type == "single_label_classification"


def test_a_closed_classifier_says_so() -> None:
    with TextClassifier(OnnxRuntimeSession(graph()), CharacterTokenizer(), config()) as classify:
        classify("a")
    with pytest.raises(BackendError, match="is closed"):
        classify("a")


def test_many_threads_may_use_one_classifier(classify: TextClassifier) -> None:
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
