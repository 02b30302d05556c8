from __future__ import annotations

import numpy as np
import pytest

from roformer_edge.errors import BackendError, OptionError, TextError
from roformer_edge.runtime.backends.onnxruntime import OnnxRuntimeSession
from roformer_edge.runtime.fake import FakeSession
from roformer_edge.runtime.pipelines.text_classification import SCORES, Classification, TextClassifier
from roformer_edge.runtime.session import SessionOptions
from roformer_edge.tasks import get_task
from tests.tiny_runtime import LABELS, CharacterTokenizer, config, graph

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


def test_a_pair_is_a_tuple(classify: TextClassifier) -> None:
    both = classify(("几点", "开灯"), top_k=4)
    assert both != classify(("开灯", "几点"), top_k=4)
    assert both != classify("几点开灯", top_k=4)
    assert classify([("几点", "开灯"), "几点"], top_k=4, batch_size=1)[0] == both
    with pytest.raises(TextError, match="second of the pair holds NUL"):
        classify(("a", "\0"))


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


def test_another_number_of_logits_is_an_error() -> None:
    with pytest.raises(BackendError, match="there are 4 labels"):
        fixed([0.0, 1.0])("a")


def test_what_the_session_reports_is_visible(classify: TextClassifier) -> None:
    assert classify.provider == "CPUExecutionProvider"
    assert classify.fallbacks == ()
    assert classify.max_length == 64
    assert classify.labels == LABELS
    assert classify.problem_type == "single_label_classification"


def test_a_threshold_gives_the_set_of_labels_over_it() -> None:
    classify = fixed([3.0, -1.0, 0.5, 0.0], problem_type="multi_label_classification")
    expected = [(LABELS[0], 3.0), (LABELS[2], 0.5)]
    answer = classify("好", threshold=0.5)
    assert [(one.label, one.score) for one in answer] == [
        (label, pytest.approx(1 / (1 + np.exp(-logit)))) for label, logit in expected
    ]
    assert [one.label for one in classify("好", threshold=0.5, top_k=1)] == [LABELS[0]]
    assert classify("好", threshold=0.99) == []
    assert [len(one) for one in classify(["好", "灯"], threshold=0.5)] == [2, 2]
    assert [len(one) for one in classify(iter(["好"]), threshold=0.0)] == [4]


def test_a_threshold_is_over_the_softmax_where_labels_exclude_each_other() -> None:
    classify = fixed([2.0, 1.0, 0.0, 0.0])
    assert [one.label for one in classify("好", threshold=0.2)] == [LABELS[0], LABELS[1]]


@pytest.mark.parametrize("threshold", [-0.1, 1.5, "0.5", float("nan")])
def test_a_threshold_that_no_score_is_over_is_refused(threshold: object) -> None:
    with pytest.raises(OptionError, match="threshold must be a number from 0 to 1"):
        fixed([1.0, 2.0])("好", threshold=threshold)


def test_a_regression_has_no_threshold() -> None:
    with pytest.raises(OptionError, match="left out for a regression"):
        fixed([1.0], problem_type="regression", id2label={0: "stars"})("好", threshold=0.5)
