from __future__ import annotations

import types

import numpy as np
import pytest
import torch

from roformer_edge.errors import ConfigError, OptionError, TextError, TextTooLongError, VocabularyError
from roformer_edge.runtime.pipelines.text_generation import Generated, TextGenerator
from tests.runtime.tiny_tasks import TOKENIZER, Feeds, Real, config, fake, real

PROMPTS = ["今天天气", "把灯", "", "abc 12", "我关灯，他开灯。我关灯，他开灯。", "好"]


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "values rotated"])
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Real:
    return real("text-generation", tmp_path_factory.mktemp("generation"), rotary_value=request.param)


def reference(built: Real, prompt: str, **options: object) -> list[int]:
    """What the torch model writes after a prompt, the end token left out."""
    ids = torch.tensor([TOKENIZER.encode_text(prompt).ids[:-1]])
    eos = TOKENIZER.sep_token_id
    found = built.model.generate(ids, eos_token_id=eos, **{"max_new_tokens": 12, **options})[0, ids.shape[1] :].tolist()
    return found[: found.index(eos)] if eos in found else found


@pytest.mark.parametrize("prompt", PROMPTS)
def test_greedy_continuations_are_those_of_torch(built: Real, prompt: str) -> None:
    answer = built.pipeline(prompt, max_new_tokens=12)
    assert isinstance(answer, Generated)
    assert list(answer.ids) == reference(built, prompt)
    assert answer.text == prompt + answer.new_text
    assert answer.ended == (len(answer.ids) < 12)
    penalised = built.pipeline(prompt, max_new_tokens=12, repetition_penalty=1.7)
    assert list(penalised.ids) == reference(built, prompt, repetition_penalty=1.7)


@pytest.mark.parametrize("batch_size", [1, 2, 8])
@pytest.mark.parametrize("options", [{}, {"do_sample": True, "seed": 3, "top_k": 9, "temperature": 2.0}])
def test_batches_continue_as_single_prompts_do(built: Real, batch_size: int, options: dict) -> None:
    answers = built.pipeline(PROMPTS * 2, batch_size=batch_size, max_new_tokens=8, **options)
    assert answers == [built.pipeline(prompt, max_new_tokens=8, **options) for prompt in PROMPTS] * 2


def test_a_seed_repeats_and_no_seed_does_not(built: Real) -> None:
    def write(seed: int | None) -> tuple[int, ...]:
        return built.pipeline("好", do_sample=True, temperature=5.0, seed=seed, max_new_tokens=20).ids

    assert write(1) == write(1)
    assert len({write(seed) for seed in range(6)} | {write(None) for _ in range(6)}) > 9


def counting(stop: int | None = None):
    """Every token is followed by the next one of the vocabulary, and ``stop`` by [SEP]."""

    def answer(feeds: Feeds) -> Feeds:
        ids = np.where(feeds["input_ids"] == stop, TOKENIZER.sep_token_id - 1, feeds["input_ids"])
        return {"logits": np.eye(len(TOKENIZER), dtype=np.float32)[(ids + 1) % len(TOKENIZER)]}

    return fake("text-generation", answer)


def test_the_prompt_is_encoded_without_the_end() -> None:
    generate, session = counting()
    generate("a", max_new_tokens=3)
    rows = [call["input_ids"].tolist() for call in session.calls]
    assert rows[0] == [TOKENIZER.encode_text("a").ids[:-1]]
    assert [len(row[0]) for row in rows] == [2, 3, 4]
    assert all(call["attention_mask"].all() and not call["token_type_ids"].any() for call in session.calls)


def test_stop_tokens_end_a_continuation_and_are_not_part_of_it() -> None:
    letter = TOKENIZER.convert_tokens_to_ids
    generate, session = counting(stop=letter("d"))
    answer = generate("a", max_new_tokens=50)
    assert (answer.new_text, answer.ended) == (" b c d", True)
    assert answer.ids == (letter("b"), letter("c"), letter("d"))
    assert len(session.calls) == 4
    assert generate("a", stop_token_ids=[letter("c")]).new_text == " b"
    assert generate("a", stop_token_ids=(), max_new_tokens=6).ids[3] == TOKENIZER.sep_token_id
    assert not generate("a", max_new_tokens=3).ended


def test_finished_rows_are_computed_no_more() -> None:
    letter = TOKENIZER.convert_tokens_to_ids
    generate, session = counting(stop=letter("f"))
    answers = generate(["a", "e"], max_new_tokens=9)
    assert [answer.new_text for answer in answers] == [" b c d e f", " f"]
    assert [len(call["input_ids"]) for call in session.calls] == [2, 2, 1, 1, 1, 1]


def test_the_models_length_is_the_end() -> None:
    generate, session = counting()
    answer = generate("好" * 37, max_new_tokens=50)
    assert max(call["input_ids"].shape[1] for call in session.calls) == 40
    assert len(answer.ids) == 40 - 38 + 1
    assert not answer.ended
    assert len(generate("好" * 39, max_new_tokens=50).ids) == 1
    with pytest.raises(TextTooLongError, match=r"the text has 41 tokens, .* takes 40 at most"):
        generate("好" * 40)


def test_the_continuation_is_written_as_the_script_is() -> None:
    generate, _ = fake("text-generation", lambda feeds: {"logits": logits[feeds["input_ids"]]})
    order = ["今天", "天气", "好", "，", "o", "##k", "a", "1", "我", "[SEP]"]
    ids = TOKENIZER.convert_tokens_to_ids(order)
    logits = np.zeros((len(TOKENIZER), len(TOKENIZER)), np.float32)
    for this, following in zip([TOKENIZER.cls_token_id, *ids], ids, strict=False):
        logits[this, following] = 1
    answer = generate("")
    assert answer.new_text == answer.text == "今天天气好，ok a 1我"
    assert answer.ended


def test_lists_iterators_and_bad_input(built: Real) -> None:
    answers = built.pipeline(iter(["好", 5]), max_new_tokens=2)
    assert isinstance(answers, types.GeneratorType)
    next(answers)
    with pytest.raises(TextError, match="text 1 must be a str, found int"):
        next(answers)
    with pytest.raises(TextError, match="found tuple"):
        built.pipeline(("今天", "几点"))
    assert built.pipeline([]) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("max_new_tokens", value) for value in (0, 1.5)],
        *[("temperature", value) for value in (0, -1, float("nan"), float("inf"), "1")],
        ("top_k", -1),
        *[("top_p", value) for value in (0, 1.1)],
        ("repetition_penalty", 0),
        *[("seed", value) for value in (-1, 1.5)],
        ("batch_size", 0),
    ],
)
def test_numbers_out_of_range(built: Real, name: str, value: object) -> None:
    for prompts in ("好", ["好"], iter(["好"])):
        with pytest.raises(OptionError, match=name):
            built.pipeline(prompts, **{name: value})


def test_a_tokenizer_without_a_separator_cannot_end(built: Real) -> None:
    tokenizer = types.SimpleNamespace(sep_token_id=None)
    with pytest.raises(VocabularyError, match="no separator token, which text-generation needs"):
        TextGenerator(built.pipeline.model.session, tokenizer, config())


@pytest.mark.parametrize("stops", [102, "。", ["。"], [1.0]])
def test_stop_tokens_that_are_no_ids_are_refused(stops: object) -> None:
    write, _ = fake("text-generation", counting(), is_decoder=True)
    with pytest.raises(OptionError, match="stop_token_ids must be a list of token ids"):
        write("好", stop_token_ids=stops)


def pieces(write: TextGenerator, prompt: str, **options: object) -> list[str]:
    return list(write.stream(prompt, **options))


@pytest.mark.parametrize(
    "options", [{}, {"do_sample": True, "seed": 3, "temperature": 3.0}, {"no_repeat_ngram_size": 1}]
)
def test_a_stream_gives_the_same_text_piece_by_piece(built: Real, options: dict) -> None:
    for prompt in PROMPTS:
        whole = built.pipeline(prompt, max_new_tokens=9, **options)
        found = pieces(built.pipeline, prompt, max_new_tokens=9, **options)
        assert "".join(found) == whole.new_text
        assert len(found) <= len(whole.ids)


def test_a_stream_computes_no_token_before_it_is_asked_for() -> None:
    letter = TOKENIZER.convert_tokens_to_ids
    write, session = counting(stop=letter("e"))
    stream = write.stream("a", max_new_tokens=9)
    assert not session.calls
    for count, expected in enumerate((" b", " c", " d", " e"), 1):
        assert next(stream) == expected
        assert len(session.calls) == count
    assert list(stream) == []
    assert pieces(write, "a", max_new_tokens=2) == [" b", " c"]
    assert pieces(write, "a", stop_token_ids=[letter("c")]) == [" b"]
    for bad in (5, ("a", "b"), ["a"]):
        with pytest.raises(TextError, match="must be a str"):
            write.stream(bad)
    with pytest.raises(OptionError, match="max_new_tokens"):
        write.stream("a", max_new_tokens=0)


def test_the_models_own_stop_tokens_are_obeyed() -> None:
    letter = TOKENIZER.convert_tokens_to_ids
    write, _ = fake("text-generation", follow, extra={"eos_token_id": [letter("c"), letter("f")]})
    assert write("a").new_text == " b"
    assert write("d").new_text == " e"
    assert write("a", stop_token_ids=[letter("e")]).new_text == " b c d"
    write, _ = fake("text-generation", follow, extra={"eos_token_id": letter("d")})
    assert write("a").new_text == " b c"
    for bad in ("c", [1.5], True):
        with pytest.raises(ConfigError, match="eos_token_id must be a token id or a list of them"):
            fake("text-generation", follow, extra={"eos_token_id": bad})


def follow(feeds: Feeds) -> Feeds:
    """Every token is followed by the next one of the vocabulary."""
    return {"logits": np.eye(len(TOKENIZER), dtype=np.float32)[(feeds["input_ids"] + 1) % len(TOKENIZER)]}


def test_several_continuations_of_a_prompt(built: Real) -> None:
    options = {"do_sample": True, "temperature": 4.0, "seed": 5, "max_new_tokens": 6}
    several = built.pipeline("今天", num_return_sequences=4, **options)
    assert len({one.ids for one in several}) > 2
    assert several[0] == built.pipeline("今天", **options)
    assert several == built.pipeline("今天", num_return_sequences=4, **options)
    lists = built.pipeline(["把灯", "今天"], num_return_sequences=4, batch_size=3, **options)
    assert [len(found) for found in lists] == [4, 4]
    assert lists[1] == several
    (alone,) = built.pipeline("今天", num_return_sequences=1, max_new_tokens=6)
    assert alone == built.pipeline("今天", max_new_tokens=6)


@pytest.mark.parametrize("early", [False, True, "never"])
def test_beams_do_not_depend_on_the_prompts_around_them(built: Real, early: bool | str) -> None:
    options = {"num_beams": 3, "num_return_sequences": 2, "max_new_tokens": 8, "early_stopping": early}
    alone = [built.pipeline(prompt, **options) for prompt in PROMPTS]
    for size in (1, 4, 50):
        for found, expected in zip(built.pipeline(PROMPTS, batch_size=size, **options), alone, strict=True):
            assert [one.ids for one in found] == [one.ids for one in expected]
            assert [one.score for one in found] == pytest.approx([one.score for one in expected], abs=1e-5)
    assert all(found[0].score >= found[1].score for found in alone)
    assert all(found[0].text == prompt + found[0].new_text for prompt, found in zip(PROMPTS, alone, strict=True))
    greedy = built.pipeline(PROMPTS, max_new_tokens=8)
    assert any(found[0].ids != one.ids for found, one in zip(alone, greedy, strict=True))


def test_beams_end_at_the_models_length(built: Real) -> None:
    (found,) = built.pipeline(["好" * 36], num_beams=3, max_new_tokens=50, stop_token_ids=())
    assert len(found.ids) == 40 - 37 + 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"num_beams": 2, "do_sample": True}, "do_sample must be False with num_beams"),
        ({"num_return_sequences": 2}, r"num_return_sequences must be at most num_beams \(1\) where nothing is drawn"),
        ({"num_beams": 2, "num_return_sequences": 3}, r"at most num_beams \(2\)"),
        ({"num_return_sequences": 0}, "num_return_sequences"),
        ({"num_beams": 0}, "num_beams"),
        ({"length_penalty": "1"}, "length_penalty"),
        ({"early_stopping": "soon"}, "early_stopping"),
        ({"no_repeat_ngram_size": -1}, "no_repeat_ngram_size"),
    ],
)
def test_options_of_beams_out_of_range(built: Real, options: dict, says: str) -> None:
    with pytest.raises(OptionError, match=says):
        built.pipeline("好", **options)
