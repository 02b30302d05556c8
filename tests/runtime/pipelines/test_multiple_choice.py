from __future__ import annotations

import numpy as np
import pytest
import torch

from roformer_edge.errors import OptionError, TextError, TextTooLongError, UnsupportedModelError
from roformer_edge.runtime.pipelines.multiple_choice import Choice
from roformer_edge.tasks import get_task, input_rows
from tests.runtime.tiny_tasks import TOKENIZER, Feeds, Real, fake, real

ASKED = [
    ("今天天气好", "我？", ["把灯打开", "他关灯，我开灯", "不", "好"]),
    ("把客厅的灯打开", None, ["好", "不好好好好好"]),
    ("abc", "几点？", ["12", "现在几点", "a"]),
    ("", "", ["", "好"]),
]
# the summaries that left padding leaves alone, and those that it does not
SHAPES = {
    "last": {},
    "last token": {"extra": {"summary_type": "last_token"}},
    "first": {"extra": {"summary_type": "first"}},
    "mean": {"extra": {"summary_type": "mean"}},
    "values rotated": {"rotary_value": True},
}


@pytest.fixture(scope="module", params=SHAPES.values(), ids=SHAPES)
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Real:
    return real("multiple-choice", tmp_path_factory.mktemp("choices"), **request.param)


def rows_of(context: str, question: str | None, choices: list[str]) -> list[tuple[str, str]]:
    """What is encoded for each choice."""
    values = {"context": context, "question": question or "", "choices": choices}
    return input_rows(get_task("multiple-choice"), values)


def reference(built: Real, asked: tuple) -> list[float]:
    """Softmax over the choices, each computed by itself and without padding."""
    logits = []
    for first, second in rows_of(*asked):
        row = TOKENIZER.encode_text(first, second)
        logits.append(built.torch(row.ids, row.type_ids).logits[0, 0].double())
    return torch.stack(logits).softmax(-1).tolist()


@pytest.mark.parametrize("asked", ASKED)
def test_the_best_choice(built: Real, asked: tuple) -> None:
    scores = reference(built, asked)
    answer = built.pipeline(asked)
    assert isinstance(answer, Choice)
    assert answer.index == int(np.argmax(scores))
    assert answer.text == asked[2][answer.index]
    assert answer.score == pytest.approx(max(scores), abs=1e-4)
    everything = built.pipeline(asked, top_k=99)
    assert [choice.index for choice in everything] == np.argsort(scores)[::-1].tolist()
    assert sum(choice.score for choice in everything) == pytest.approx(1)
    assert built.pipeline(asked, 2) == everything[:2]


@pytest.mark.parametrize("batch_size", [1, 2, 8])
def test_batches_choose_as_single_questions_do(built: Real, batch_size: int) -> None:
    for asked, found in zip(ASKED * 3, built.pipeline(ASKED * 3, top_k=9, batch_size=batch_size), strict=True):
        scores = [choice.score for choice in sorted(found, key=lambda choice: choice.index)]
        assert scores == pytest.approx(reference(built, asked), abs=1e-4)


def counting(**changes: object):
    """The logit of a choice is its number of tokens."""

    def answer(feeds: Feeds) -> Feeds:
        return {"logits": feeds["attention_mask"].sum(axis=-1).astype(np.float32)}

    return fake("multiple-choice", answer, **changes)


def test_rows_have_an_axis_of_choices_and_padding_on_the_left() -> None:
    choose, session = counting(pad_token_id=9)
    assert choose(("我", "你", ["他", "他的灯好"])).index == 1
    (call,) = session.calls
    assert call["input_ids"].shape == (2, 1, 9)
    assert call["input_ids"][0, 0, :3].tolist() == [9] * 3
    assert call["attention_mask"][:, 0].tolist() == [[0] * 3 + [1] * 6, [1] * 9]
    row = TOKENIZER.encode_text(*rows_of("我", "你", ["他"])[0])
    assert call["input_ids"][0, 0, 3:].tolist() == row.ids
    assert call["token_type_ids"][0, 0].tolist() == [0] * 3 + row.type_ids


def test_nothing_is_padded_where_padding_changes_answers() -> None:
    choose, session = counting(rotary_value=True)
    choose([("我", None, ["他", "他的灯好", "你"])] * 2)
    assert sorted(call["input_ids"].shape for call in session.calls) == [(2, 1, 8), (4, 1, 5)]
    assert all(call["attention_mask"].all() for call in session.calls)
    with pytest.raises(UnsupportedModelError, match=r"padding changes .*to lengths of \(20, 40\); export it for any"):
        counting(rotary_value=True, lengths=(20, 40))
    choose, session = counting(lengths=(20, 40))
    assert choose.max_length == 40
    choose([("我", None, ["他", "他的灯好", "你"])] * 2)
    assert [call["input_ids"].shape for call in session.calls] == [(6, 1, 20)]


def test_a_line_of_data_is_an_input() -> None:
    choose, _ = counting()
    line = {"id": "7", "context": "我", "question": "你", "choices": ["他", "他的"], "label": 0}
    assert choose(line) == choose(("我", "你", ["他", "他的"]))
    del line["question"]
    assert choose([line]) == [choose(("我", None, ["他", "他的"]))]
    assert next(choose(iter([line]))) == choose(line)
    assert choose([]) == []


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("好", "what is asked must be a tuple of context, question and choices"),
        (("好", "好"), "the input must be a tuple of context, question, choices, or a dict .* found a tuple of 2"),
        (("好", None, "好"), "the choices of the input must be a list of one text or more, found '好'"),
        (("好", None, []), r"the choices of the input must be a list of one text or more, found \[\]"),
        (("好", None, ["好", 1]), "choice 1 of the input must be a str, found int"),
        ((None, None, ["好"]), "the context of the input must be a str, found NoneType"),
        (("好", 3, ["好"]), "the question of the input must be a str, found int"),
        ({"context": "好"}, "the choices of the input must be a list"),
        (("好", "\0", ["好"]), "the question of the input holds NUL"),
    ],
)
def test_what_is_no_question_is_refused(value: object, message: str) -> None:
    choose, session = counting()
    with pytest.raises(TextError, match=message):
        choose(value)
    answers = choose(iter([("我", None, ["你"]), value]))
    next(answers)
    with pytest.raises(TextError):
        next(answers)
    assert len(session.calls) == 1


def test_long_texts_and_numbers() -> None:
    choose, _ = counting()
    long = ("好" * 80, None, ["我", "你的"])
    with pytest.raises(TextTooLongError, match="choice 0 of the input has 84 tokens"):
        choose(long)
    assert choose(long, truncation=True, top_k=2)
    for name in ("top_k", "batch_size"):
        with pytest.raises(OptionError, match=name):
            choose(ASKED, **{name: 0})
