from __future__ import annotations

import numpy as np
import pytest
import torch

from roformer_edge.errors import BackendError, OptionError, TextError, TextTooLongError, VocabularyError
from roformer_edge.runtime.pipelines.base import OUTPUT_BUDGET
from roformer_edge.runtime.pipelines.fill_mask import Filled, FillMask
from roformer_edge.tokenizer import RoFormerTokenizer, Vocabulary
from tests.runtime.tiny_tasks import TOKENIZER, Feeds, Real, config, fake, real
from tests.tiny_runtime import vocabulary

MASKED = ["今天天气[MASK]", "[MASK]客厅的灯打开", "abc [MASK] 12", "我[MASK]灯，他[MASK]。", "[MASK]"]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Real:
    return real("fill-mask", tmp_path_factory.mktemp("fill"))


def expected(built: Real, text: str) -> torch.Tensor:
    """Probabilities ``[masks, vocabulary]``."""
    ids = TOKENIZER.encode_text(text).ids
    logits = built.torch(ids).logits[0].double()
    return logits[[place for place, token in enumerate(ids) if token == TOKENIZER.mask_token_id]].softmax(-1)


def test_a_mask_gives_tokens_best_first(built: Real) -> None:
    answers = built.pipeline("今天天气[MASK]")
    best = expected(built, "今天天气[MASK]")[0].topk(5)
    assert [answer.token_id for answer in answers] == best.indices.tolist()
    assert [answer.score for answer in answers] == pytest.approx(best.values.tolist(), abs=1e-5)
    for answer in answers:
        assert isinstance(answer, Filled)
        assert answer.token == TOKENIZER.convert_ids_to_tokens(answer.token_id)
        assert answer.text == "今天天气" + answer.token.removeprefix("##")
    assert built.pipeline("今天天气[MASK]", top_k=2) == answers[:2]
    assert len(built.pipeline("今天天气[MASK]", 10_000)) == len(TOKENIZER)


def test_several_masks_give_a_list_each_and_fill_their_own_place(built: Real) -> None:
    text = "我[MASK]灯，他[MASK]。"
    first, second = built.pipeline(text, top_k=1)
    scores = expected(built, text)
    assert [first[0].token_id, second[0].token_id] == scores.argmax(-1).tolist()
    assert first[0].text == f"我{first[0].token.removeprefix('##')}灯，他[MASK]。"
    assert second[0].text == f"我[MASK]灯，他{second[0].token.removeprefix('##')}。"


@pytest.mark.parametrize("batch_size", [2, 8])
def test_batches_answer_as_single_texts_do(built: Real, batch_size: int) -> None:
    def flat(answers: list) -> list[Filled]:
        return [answer for item in answers for answer in (item if isinstance(item, list) else [item])]

    for text, answers in zip(MASKED, built.pipeline(MASKED, batch_size=batch_size), strict=True):
        single = flat(built.pipeline(text))
        assert [answer.text for answer in flat(answers)] == [answer.text for answer in single]
        assert [a.score for a in flat(answers)] == pytest.approx([a.score for a in single], abs=1e-5)


def test_case_and_spaces_of_the_text_stay_as_they_are() -> None:
    def answer(feeds: Feeds) -> Feeds:
        return {"logits": np.eye(len(TOKENIZER), dtype=np.float32)[np.full_like(feeds["input_ids"], 7)]}

    fill, _ = fake("fill-mask", answer)
    assert fill("ABC  [MASK]  Def", top_k=1)[0].text == f"ABC  {TOKENIZER.convert_ids_to_tokens(7)}  Def"


@pytest.mark.parametrize("text", ["今天天气好", "", "[mask"])
def test_a_text_without_a_mask_is_refused(built: Real, text: str) -> None:
    with pytest.raises(TextError, match=r"the text holds no \[MASK\] and nothing else is filled") as caught:
        built.pipeline(text)
    assert "\n" not in str(caught.value)
    answers = built.pipeline(iter(["好[MASK]", text]))
    assert len(next(answers)) == 5
    with pytest.raises(TextError, match="text 1 holds no"):
        next(answers)


def test_other_bad_input(built: Real) -> None:
    with pytest.raises(TextError, match="the text must be a str, found tuple"):
        built.pipeline(("[MASK]", "好"))
    with pytest.raises(TextTooLongError):
        built.pipeline("好" * 60 + "[MASK]")
    with pytest.raises(TextError, match="or none before the cut"):
        built.pipeline("好" * 60 + "[MASK]", truncation=True)
    with pytest.raises(OptionError, match="top_k"):
        built.pipeline("[MASK]", top_k=0)


def test_a_tokenizer_without_a_mask_cannot_fill(built: Real) -> None:
    tokenizer = RoFormerTokenizer(Vocabulary(vocabulary()), mask_token=None)
    with pytest.raises(VocabularyError, match="no mask token, which fill-mask needs"):
        FillMask(built.pipeline.model.session, tokenizer, config())


def test_ids_that_no_token_has_are_left_out() -> None:
    size = len(TOKENIZER) + 9
    fill, _ = fake(
        "fill-mask",
        lambda feeds: {"logits": np.broadcast_to(np.arange(size, dtype=np.float32), (*feeds["input_ids"].shape, size))},
        vocab_size=size,
    )
    assert fill("[MASK]", top_k=1)[0].token_id == len(TOKENIZER) - 1


def test_only_the_masks_must_be_finite_and_are_kept() -> None:
    def answer(feeds: Feeds) -> Feeds:
        logits = np.full((*feeds["input_ids"].shape, len(TOKENIZER)), np.nan, np.float32)
        logits[feeds["input_ids"] == TOKENIZER.mask_token_id] = 0
        return {"logits": logits}

    fill, _ = fake("fill-mask", answer)
    assert fill("今天[MASK]", top_k=1)[0].score == pytest.approx(1 / len(TOKENIZER))
    broken, _ = fake("fill-mask", lambda feeds: {"logits": np.full((1, feeds["input_ids"].size, 90), np.inf)})
    with pytest.raises(BackendError, match="not finite"):
        broken("今天[MASK]")


def test_a_large_vocabulary_makes_small_batches() -> None:
    fill, session = fake(
        "fill-mask",
        lambda feeds: {"logits": np.zeros((*feeds["input_ids"].shape, len(TOKENIZER)), np.float32)},
        vocab_size=OUTPUT_BUDGET // 12,
    )
    fill(["[MASK]好"] * 9, batch_size=8)
    assert [call["input_ids"].shape for call in session.calls] == [(3, 4)] * 3
