"""Hidden tokens: which are hidden, against the torch model, and what a line may hold."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from roformer_edge.errors import ComparisonError, DatasetError
from roformer_edge.validate.data.examples import read_examples
from roformer_edge.validate.tasks.fill_mask import HIDDEN_SHARE, MaskedTokenMeasure, draw_positions, filled
from tests.runtime.tiny_tasks import TOKENIZER, Real, real
from tests.tiny_checkpoint import write_lines
from tests.validate.tables import text_example

MASK = TOKENIZER.mask_token_id


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Real:
    return real("fill-mask", tmp_path_factory.mktemp("model"))


def ask(model, *inputs, batch_size=2, truncation=False):
    return MaskedTokenMeasure().ask(model.pipeline, list(inputs), batch_size=batch_size, truncation=truncation)


def test_masks_of_the_data_are_guessed_as_the_torch_model_guesses_them(model):
    inputs = {"text": "今天[MASK]气好，把[MASK]打开", "answers": ["天", "灯"]}
    (found,) = ask(model, inputs)
    ids = TOKENIZER.encode_text(inputs["text"]).ids
    logits = model.torch(ids).logits[0][[index for index, token in enumerate(ids) if token == MASK]]
    wanted = logits.log_softmax(-1)[[0, 1], TOKENIZER.convert_tokens_to_ids(inputs["answers"])]
    assert found.expected == ("天", "灯")
    assert found.log_probabilities == pytest.approx(wanted.tolist(), abs=1e-4)
    assert found.best == tuple(TOKENIZER.convert_ids_to_tokens(logits.argmax(-1).tolist()))
    assert [inputs["text"][start:end] for start, end in found.places] == ["[MASK]", "[MASK]"]


def test_tokens_of_a_plain_text_are_hidden_and_guessed(model):
    text = "今天天气好把客厅的灯打开现在几点今天我关灯好不好"
    (found,) = ask(model, {"text": text})
    encoding = TOKENIZER.encode_text(text)
    hidden = draw_positions(range(1, len(encoding.ids) - 1), text)
    assert len(hidden) == round(HIDDEN_SHARE * (len(encoding.ids) - 2)) > 1
    ids = [MASK if index in hidden else token for index, token in enumerate(encoding.ids)]
    logits = model.torch(ids).logits[0][hidden]
    wanted = logits.log_softmax(-1)[range(len(hidden)), [encoding.ids[index] for index in hidden]]
    assert found.log_probabilities == pytest.approx(wanted.tolist(), abs=1e-4)
    assert [text[start:end] for start, end in found.places] == list(found.expected)


def test_batches_change_nothing(model):
    inputs = [
        {"text": "今天天气好"},
        {"text": "把灯打开，现在几点？"},
        {"text": "好[MASK]", "answers": ["的"]},
        {"text": ""},
    ]
    single, batched = ask(model, *inputs, batch_size=1), ask(model, *inputs, batch_size=4)
    for one, other in zip(single, batched, strict=True):
        assert (one.expected, one.places) == (other.expected, other.places)
        assert one.log_probabilities == pytest.approx(other.log_probabilities, abs=1e-4)
    assert single[3].expected == ()


@given(st.integers(1, 200), st.text())
def test_what_is_hidden_depends_on_the_text_alone(number, text):
    known = range(3, 3 + number)
    chosen = draw_positions(known, text)
    assert chosen == draw_positions(known, text) == sorted(set(chosen))
    assert set(chosen) <= set(known)
    assert len(chosen) == max(1, round(HIDDEN_SHARE * number))


def test_other_texts_hide_other_places():
    assert len({tuple(draw_positions(range(100), str(number))) for number in range(20)}) == 20


def test_texts_are_filled_where_their_tokens_stand():
    shown = filled("今天[MASK]气[MASK]", [(2, 8), (9, 15)], ["天", "##好"], ["天", "坏"])
    assert shown.text == "今天天气好"
    assert [(shown.text[mark.start : mark.end], mark.right) for mark in shown.marks] == [("天", True), ("好", False)]
    assert filled("今天", [(1, 2)], ["晚上"]).text == "今晚上"


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ({"text": "今天[MASK]"}, '1 of [MASK] and no answer; give "answers", one for each'),
        ({"text": "今天[MASK]", "answers": ["好", "坏"]}, "1 of [MASK], and 2 in answers; give one for each"),
        ({"text": "今天", "answers": ["好"]}, "0 of [MASK], and 1 in answers"),
        ({"text": "今天[MASK]", "answers": ["鑫"]}, "the answer '鑫' is no token of the vocabulary; hide a token"),
        ({"text": "今天" * 50}, "52 tokens, the model takes 40; truncation=True cuts"),
    ],
)
def test_problems_are_found_without_the_model(model, inputs, says):
    problem = MaskedTokenMeasure().find_problem(TOKENIZER, 40, inputs, truncation=False)
    assert says in f"{problem.reason}; {problem.remedy}"
    with pytest.raises(ComparisonError) as caught:
        ask(model, inputs)
    assert says in str(caught.value)


def test_masks_behind_the_cut_are_lost(model):
    inputs = {"text": "今[MASK]" + "天" * 60 + "[MASK]", "answers": ["天", "好"]}
    (found,) = ask(model, inputs, truncation=True)
    assert found.expected == ("天",)


def test_lines_with_answers_and_without(tmp_path):
    rows = [
        {"text": "今天[MASK]", "answers": "好"},
        {"text": "[MASK]天[MASK]", "answer": ["今", "好"]},
        {"text": "今天", "label": "x"},
    ]
    examples = list(read_examples(write_lines(tmp_path / "a.jsonl", rows), MaskedTokenMeasure()))
    assert [example.inputs.get("answers") for example in examples] == [["好"], ["今", "好"], None]
    path = write_lines(tmp_path / "a.jsonl", [{"text": "[MASK]", "answers": [1]}])
    with pytest.raises(DatasetError, match=r"a\.jsonl:1: number 1 of 'answers' must be a string"):
        list(read_examples(path, MaskedTokenMeasure()))


def test_the_hidden_tokens_are_shown(model):
    example = text_example("今天天气好，现在几点？", None)
    (found,) = ask(model, example.inputs)
    shown = MaskedTokenMeasure().show(0, [example], [found], [found])
    assert shown.gold.text == "今天天气好，现在几点？"
    assert [mark.right for mark in shown.gold.marks] == [None] * len(found.expected)
    assert [mark.right for mark in shown.reference.marks] == [
        best == expected for best, expected in zip(found.best, found.expected, strict=True)
    ]


def test_pseudo_perplexity_is_that_of_the_torch_loss(model):
    inputs = {"text": "今天[MASK]气[MASK]", "answers": ["天", "好"]}
    (found,) = ask(model, inputs)
    ids = TOKENIZER.encode_text(inputs["text"]).ids
    labels = torch.tensor([TOKENIZER.convert_tokens_to_ids(token) for token in inputs["answers"]])
    logits = model.torch(ids).logits[0][[index for index, token in enumerate(ids) if token == MASK]]
    loss = torch.nn.functional.cross_entropy(logits, labels).item()
    assert -sum(found.log_probabilities) / 2 == pytest.approx(loss, abs=1e-4)
