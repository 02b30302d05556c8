"""From texts to the outputs of the graph: encoding, packing, padding, and what the graph may not answer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roformer_edge.errors import (
    BackendError,
    TextError,
    TextTooLongError,
)
from roformer_edge.runtime.backends.onnxruntime import OnnxRuntimeSession
from roformer_edge.runtime.fake import FakeSession
from roformer_edge.runtime.inference import Limits, TextModel
from roformer_edge.runtime.pipelines.text_classification import TextClassifier
from roformer_edge.runtime.session import SessionOptions
from roformer_edge.signatures import TensorSpec
from roformer_edge.tasks import Task, get_task
from tests.runtime.tiny_tasks import TOKENIZER
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


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_logits_that_are_not_finite_are_an_error(value: float) -> None:
    with pytest.raises(BackendError, match="not finite"):
        fixed([0.0, value, 0.0, 0.0])("a")


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


def test_padding_is_cut_off_on_its_own_side() -> None:
    task = Task(
        name="x",
        model_class="X",
        inputs=get_task("multiple-choice").inputs,
        outputs=(TensorSpec(name="states", dtype="float32", axes=("batch", "sequence")),),
        tolerance=1,
        fields=("text",),
        pad_left=True,
    )
    session = FakeSession(
        lambda feeds: {"states": feeds["input_ids"][:, 0].astype(np.float32)}, fixed_signatures(task.signature, 16, 40)
    )
    model = TextModel(session, TOKENIZER, task, Limits(max_length=40, pad_id=0))
    encodings = [TOKENIZER.encode_text(text) for text in ("好", "今天天气好")]
    for encoding, outputs in zip(encodings, model.run(encodings, 2), strict=True):
        assert outputs["states"].tolist() == encoding.ids
    assert session.calls[0]["input_ids"].shape == (2, 1, 16)
