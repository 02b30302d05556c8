from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roformer_edge.errors import OptionError, TextError, TextTooLongError
from roformer_edge.runtime.fake import FakeSession
from roformer_edge.runtime.inference import Limits
from roformer_edge.runtime.pipelines.question_answering import Answer, QuestionAnswerer, span_scores
from roformer_edge.tasks import get_task
from tests.runtime.tiny_tasks import TOKENIZER, Feeds, Real, config, fake, real

ASKED = [
    ("现在几点", "今天天气好，我把灯打开。"),
    ("几点？", "abc 今天 Good 12"),
    ("", "好"),
    ("我把灯打开", "他不关灯，我关灯。你好！"),
]
LONG = "今天天气好，我把客厅的灯打开。" * 12


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Real:
    return real("question-answering", tmp_path_factory.mktemp("answers"))


def reference(built: Real, question: str, context: str, longest: int = 30) -> list[tuple[float, int, int]]:
    """Every allowed span with its score, best first: by the book, pair by pair."""
    row = TOKENIZER.encode_text(question, context)
    output = built.torch(row.ids, row.type_ids)
    places = [0, *(place for place, text in enumerate(row.sequence_ids) if text == 1)]
    starts, ends = (
        logits[0].double()[places].softmax(-1)[1:].tolist() for logits in (output.start_logits, output.end_logits)
    )
    offsets = [row.offsets[place] for place in places[1:]]
    spans = [
        (starts[i] * ends[j], offsets[i][0], offsets[j][1])
        for i in range(len(starts))
        for j in range(i, min(i + longest, len(starts)))
    ]
    return sorted(spans, reverse=True)


def scripted(start: str, end: str, **options: object):
    """A graph that is sure that the answer begins with one token and ends with another, wherever they stand."""
    first, last = (TOKENIZER.convert_tokens_to_ids(token) for token in (start, end))

    def answer(feeds: Feeds) -> Feeds:
        ids = feeds["input_ids"]
        return {
            "start_logits": 20 * (ids == first).astype(np.float32),
            "end_logits": 20 * (ids == last).astype(np.float32),
        }

    return fake("question-answering", answer, **options)


@pytest.mark.parametrize(("question", "context"), ASKED)
@pytest.mark.parametrize("longest", [1, 3, 30])
def test_the_best_span_of_the_context(built: Real, question: str, context: str, longest: int) -> None:
    score, start, end = reference(built, question, context, longest)[0]
    answer = built.pipeline((question, context), max_answer_length=longest)
    assert isinstance(answer, Answer)
    assert (answer.start, answer.end, answer.text) == (start, end, context[start:end])
    assert answer.score == pytest.approx(score, rel=1e-3)


def test_top_k_lists_different_spans_best_first(built: Real) -> None:
    question, context = ASKED[0]
    answers = built.pipeline((question, context), top_k=7)
    expected = reference(built, question, context)[:7]
    assert [(answer.start, answer.end) for answer in answers] == [span[1:] for span in expected]
    assert [answer.score for answer in answers] == pytest.approx([span[0] for span in expected], rel=1e-3)
    everything = built.pipeline((question, context), top_k=10_000)
    assert len(everything) == len({(answer.start, answer.end) for answer in everything})
    assert sum(answer.score for answer in everything) <= 1


def test_all_ways_to_ask(built: Real) -> None:
    question, context = ASKED[0]
    answer = built.pipeline(question=question, context=context)
    assert built.pipeline((question, context)) == answer
    assert built.pipeline({"question": question, "context": context, "id": 7}) == answer
    assert built.pipeline([(question, context)]) == [answer]
    assert next(built.pipeline(iter([{"question": question, "context": context}]))) == answer
    assert built.pipeline(question=question, context=context, top_k=2)[0] == answer
    assert built.pipeline([]) == []


@pytest.mark.parametrize("batch_size", [1, 2, 8])
def test_batches_answer_as_single_questions_do(built: Real, batch_size: int) -> None:
    asked = [*ASKED, ("几点", LONG)] * 2
    for one, answer in zip(asked, built.pipeline(asked, batch_size=batch_size), strict=True):
        single = built.pipeline(one)
        assert (answer.start, answer.end) == (single.start, single.end)
        assert answer.score == pytest.approx(single.score, rel=1e-3)


def test_the_question_is_never_the_answer() -> None:
    ask, _ = scripted("灯", "开")
    assert ask(("我把灯打开", "他关灯，你开")).text == "灯，你开"


def test_an_end_before_the_start_and_a_span_too_long_are_no_answers() -> None:
    ask, _ = scripted("灯", "我")
    answers = ask(("几点", "我关灯"), top_k=100)
    assert sorted((answer.start, answer.end) for answer in answers) == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    ask, _ = scripted("我", "灯")
    assert ask(("几点", "我把他的灯关"), max_answer_length=5).text == "我把他的灯"
    assert ask(("几点", "我把他的灯关"), max_answer_length=4).text != "我把他的灯"


@pytest.mark.parametrize("stride", [0, 4, 1000])
@pytest.mark.parametrize("place", [0, 20, 43, 80])
def test_long_contexts_are_read_in_windows(stride: int, place: int) -> None:
    context = "好" * place + "我的灯" + "好" * (83 - place)
    ask, session = scripted("我", "灯")
    answer = ask(("几点", context), doc_stride=stride)
    if stride:
        assert (answer.start, answer.end, answer.text) == (place, place + 3, "我的灯")
    tokens = TOKENIZER.encode_text("几点", context)
    seen = sum(int((call["token_type_ids"].sum(axis=1) - 1).sum()) for call in session.calls)
    assert seen >= tokens.sequence_ids.count(1)
    for call in session.calls:
        assert call["input_ids"].shape[1] <= 40
        for row, mask in zip(call["input_ids"], call["attention_mask"], strict=True):
            kept = row[mask == 1]
            assert kept[:3].tolist() == TOKENIZER.encode_text("几点").ids
            assert kept[-1] == TOKENIZER.sep_token_id


def test_a_window_with_cls_as_its_answer_gives_way() -> None:
    def answer(feeds: Feeds) -> Feeds:
        ids = feeds["input_ids"]
        lamp = ids == TOKENIZER.convert_tokens_to_ids("灯")
        logits = np.zeros(ids.shape, np.float32)
        logits[:, 0] = np.where(lamp.any(axis=1), 0, 30)
        return {"start_logits": logits + 8 * lamp, "end_logits": logits + 8 * lamp}

    ask, _ = fake("question-answering", answer)
    answer = ask(("几点", "好" * 100 + "灯" + "好" * 100))
    assert (answer.start, answer.end) == (100, 101)
    assert answer.score > 0.9


def test_places_are_those_of_the_original_text() -> None:
    ask, _ = scripted("我", "灯")
    context = "  Ａ１\u3000今天　我 的\t灯 。"
    answer = ask(("几点", context))
    assert answer.text == context[answer.start : answer.end] == "我 的\t灯"


class Doubled:
    """A tokenizer that makes two tokens of every character of the context."""

    def encode_text(self, text: str, pair: str) -> SimpleNamespace:
        places = [(place, place + 1) for place in range(len(pair)) for _ in range(2)]
        return SimpleNamespace(
            ids=[2, 3, *range(10, 10 + len(places)), 3],
            type_ids=[0, 0, *[1] * (len(places) + 1)],
            offsets=[(0, 0), (0, 0), *places, (0, 0)],
            sequence_ids=[None, None, *[1] * len(places), None],
        )


def test_characters_that_are_several_tokens_make_one_answer() -> None:
    row = get_task("question-answering")
    session = FakeSession(
        lambda feeds: {name: (feeds["input_ids"] % 7).astype(np.float32) for name in ("start_logits", "end_logits")},
        {"default": row.signature},
    )
    answers = QuestionAnswerer(session, Doubled(), config())(("", "abc"), top_k=50)
    assert sorted((answer.start, answer.end) for answer in answers) == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=20), st.integers(1, 25))
def test_span_scores_are_those_of_all_pairs(pairs: list[tuple[float, float]], longest: int) -> None:
    starts, ends = (np.array(values) for values in zip(*pairs, strict=True))
    scores = span_scores(starts, ends, longest)
    assert scores.shape == (len(starts), longest)
    for i in range(len(starts)):
        for j in range(longest):
            assert scores[i, j] == (starts[i] * ends[i + j] if i + j < len(starts) else -1)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("好", r"what is asked must be a tuple of question and context, a dict with these keys, a list"),
        (("好",), "the input must be a tuple of question, context, or a dict with these keys, found a tuple of 1"),
        ({"question": "好"}, "the context of the input must be a str, found NoneType"),
        (("好", 5), "the context of the input must be a str, found int"),
        (("\0", "好"), "the question of the input holds NUL"),
        (("好", "  "), "the context of the input has no tokens that could be an answer"),
        (None, "found NoneType"),
    ],
)
def test_what_is_no_question_is_refused(built: Real, value: object, message: str) -> None:
    with pytest.raises(TextError, match=message) as caught:
        built.pipeline(value)
    assert "\n" not in str(caught.value)


def test_other_bad_input(built: Real) -> None:
    with pytest.raises(TextTooLongError, match=r"the question of the input has 102 tokens.* takes 40 at most"):
        built.pipeline(("好" * 100, "好"))
    with pytest.raises(TextError, match="not both"):
        built.pipeline(("好", "好"), question="好", context="好")
    answers = built.pipeline(iter([ASKED[0], ("好", "")]))
    next(answers)
    with pytest.raises(TextError, match="the context of input 1 has no tokens"):
        next(answers)
    for name, value in (("top_k", 0), ("max_answer_length", 0), ("doc_stride", -1), ("batch_size", 0)):
        with pytest.raises(OptionError, match=name):
            built.pipeline([ASKED[0]], **{name: value})


def test_the_budget_bounds_a_run() -> None:
    limits = Limits(max_length=40, token_budget=90)
    ask, session = scripted("我", "灯", limits=limits)
    ask([("几点", LONG)] * 3, batch_size=8)
    assert max(call["input_ids"].size for call in session.calls) <= 90
