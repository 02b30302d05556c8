"""Calling a tokenizer: pairs, padding, truncation, overflow, tensors."""

from __future__ import annotations

import pytest

from roformer_edge.errors import TextError, UnknownNameError
from roformer_edge.tokenizer import Tokenizer

A, B = "明天音乐非常好", "我们去公园"  # 明天 音乐 非常 好 | 我们 去 公园


def row(tokenizer: Tokenizer, *tokens: str) -> list[int]:
    return tokenizer.convert_tokens_to_ids(list(tokens))


def test_one_text(tokenizer: Tokenizer):
    batch = tokenizer(A)
    assert batch == {
        "input_ids": row(tokenizer, "[CLS]", "明天", "音乐", "非常", "好", "[SEP]"),
        "token_type_ids": [0] * 6,
        "attention_mask": [1] * 6,
    }
    assert batch.input_ids is batch["input_ids"]
    assert batch.tokens() == ["[CLS]", "明天", "音乐", "非常", "好", "[SEP]"]
    with pytest.raises(AttributeError, match="no 'labels' in this batch; it holds input_ids"):
        _ = batch.labels


def test_pair(tokenizer: Tokenizer):
    batch = tokenizer(A, B, return_special_tokens_mask=True)
    assert batch.tokens() == ["[CLS]", "明天", "音乐", "非常", "好", "[SEP]", "我们", "去", "公园", "[SEP]"]
    assert batch["token_type_ids"] == [0] * 6 + [1] * 4
    assert batch["special_tokens_mask"] == [1, 0, 0, 0, 0, 1, 0, 0, 0, 1]
    assert batch.sequence_ids() == [None, 0, 0, 0, 0, None, 1, 1, 1, None]


@pytest.mark.parametrize("kind", [tuple, list])
def test_pairs_in_one_list(tokenizer: Tokenizer, kind: type):
    batch = tokenizer([kind((A, B)), kind((B, ""))], padding=True)
    assert batch == tokenizer([A, B], [B, ""], padding=True)
    with pytest.raises(TextError, match=r"number 1 of a list of pairs must be two texts, found \('a',\)"):
        tokenizer([(A, B), ("a",)])
    with pytest.raises(TextError, match="number 1 of a list of pairs must be two texts, found 'ab'"):
        tokenizer([(A, B), "ab"])


def test_an_empty_second_text(tokenizer: Tokenizer):
    # the fast tokenizer of transformers takes it for none, but not in a list
    assert len(tokenizer(A, "")["input_ids"]) == (6 if tokenizer.is_fast else 7)
    assert len(tokenizer([A], [""])["input_ids"][0]) == 7


def test_encode_text_is_the_plain_call(tokenizer: Tokenizer):
    for texts in ((A,), (A, B)):
        encoding = tokenizer.encode_text(*texts)
        batch = tokenizer(*texts)
        assert encoding.ids == batch["input_ids"]
        assert encoding.type_ids == batch["token_type_ids"]
        assert encoding.attention_mask == batch["attention_mask"]
    assert tokenizer.encode_text(A, max_length=4).ids == tokenizer(A, max_length=4)["input_ids"]
    assert len(tokenizer.encode_text(A, B, max_length=7)) == 7


def test_padding(tokenizer: Tokenizer):
    batch = tokenizer([A, B], padding=True)
    assert batch["input_ids"][1] == [*row(tokenizer, "[CLS]", "我们", "去", "公园", "[SEP]"), tokenizer.pad_token_id]
    assert batch["attention_mask"][1] == [1, 1, 1, 1, 1, 0]
    batch = tokenizer([A, B], padding="longest", pad_to_multiple_of=4, padding_side="left")
    assert [len(ids) for ids in batch["input_ids"]] == [8, 8]
    assert batch["attention_mask"] == [[0, 0, 1, 1, 1, 1, 1, 1], [0, 0, 0, 1, 1, 1, 1, 1]]
    batch = tokenizer(B, padding="max_length", max_length=9, return_special_tokens_mask=True)
    assert batch["special_tokens_mask"] == [1, 0, 0, 0, 1, 1, 1, 1, 1]
    assert batch.encodings[0].offsets[-1] == (0, 0)
    assert batch.tokens()[-1] == "[PAD]"
    tokenizer.model_max_length = 8
    assert len(tokenizer(B, padding="max_length")["input_ids"]) == 8


def test_no_limit_means_no_padding_and_no_truncation(tokenizer: Tokenizer):
    assert len(tokenizer(A, padding="max_length", truncation=True)["input_ids"]) == 6


@pytest.mark.parametrize(
    ("truncation", "expected"),
    [
        (True, [["明天", "音乐"], ["我们", "去"]]),
        ("longest_first", [["明天", "音乐"], ["我们", "去"]]),
        ("only_first", [["明天"], ["我们", "去", "公园"]]),
        ("only_second", [["明天", "音乐", "非常", "好"], []]),
        (False, [["明天", "音乐", "非常", "好"], ["我们", "去", "公园"]]),
    ],
)
def test_truncation(tokenizer: Tokenizer, truncation: bool | str, expected: list[list[str]]):
    if truncation == "only_second":
        with_room = {"max_length": 8, "expected": [expected[0], ["我们"]]}
    else:
        with_room = {"max_length": 7, "expected": expected}
    batch = tokenizer(A, B, truncation=truncation, max_length=with_room["max_length"])
    first, second = with_room["expected"]
    assert batch.tokens() == ["[CLS]", *first, "[SEP]", *second, "[SEP]"]


def test_truncation_from_the_left(tokenizer: Tokenizer):
    tokenizer.truncation_side = "left"
    assert tokenizer(A, truncation=True, max_length=4).tokens() == ["[CLS]", "非常", "好", "[SEP]"]


def test_max_length_alone_truncates(tokenizer: Tokenizer):
    assert len(tokenizer(A, max_length=3)["input_ids"]) == 3
    assert len(tokenizer(A, max_length=3, truncation=False)["input_ids"]) == 6


def test_overflow_of_a_batch(tokenizer: Tokenizer):
    options = {"max_length": 4, "truncation": True, "padding": True, "return_overflowing_tokens": True}
    batch = tokenizer([A, B], **options)
    if tokenizer.is_fast:
        assert batch["overflow_to_sample_mapping"] == [0, 0, 1, 1]
        assert {len(ids) for ids in batch["input_ids"]} == {4}
    else:
        assert batch["num_truncated_tokens"] == [2, 1]


def test_without_special_tokens(tokenizer: Tokenizer):
    batch = tokenizer(A, B, add_special_tokens=False)
    assert batch.tokens() == ["明天", "音乐", "非常", "好", "我们", "去", "公园"]
    # the slow tokenizer of transformers does not tell the texts apart then
    assert batch["token_type_ids"] == [0] * 4 + ([1] if tokenizer.is_fast else [0]) * 3


def test_what_is_returned(tokenizer: Tokenizer):
    batch = tokenizer(
        [A], return_token_type_ids=False, return_attention_mask=False, return_length=True, return_offsets_mapping=True
    )
    assert set(batch) == {"input_ids", "length", "offset_mapping"}
    assert batch["length"] == [6]
    assert batch["offset_mapping"] == [[(0, 0), (0, 2), (2, 4), (4, 6), (6, 7), (0, 0)]]
    tokenizer.model_input_names = ["input_ids"]
    assert set(tokenizer(A)) == {"input_ids"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"padding": "left"}, "unknown padding 'left'; choose one of: True, longest, max_length"),
        ({"truncation": "first"}, "unknown truncation 'first'"),
        ({"padding_side": "top"}, "unknown padding_side 'top'; choose one of: right, left"),
        ({"return_tensors": "mlx"}, "unknown return_tensors 'mlx'; choose one of: np, pt, tf, jax"),
    ],
)
def test_unknown_options(tokenizer: Tokenizer, options: dict[str, str], message: str):
    with pytest.raises(UnknownNameError, match=message):
        tokenizer(A, **options)


def test_texts_that_do_not_fit(tokenizer: Tokenizer):
    with pytest.raises(TextError, match="text holds 2 texts and text_pair 1"):
        tokenizer([A, B], [A])
    with pytest.raises(TextError, match="must both be texts, or both be lists"):
        tokenizer([A], B)
    with pytest.raises(TextError, match="must both be texts, or both be lists"):
        tokenizer(A, [B])
    with pytest.raises(TextError, match="a text must be a string, found int"):
        tokenizer([1])
    with pytest.raises(TextError, match="several a list of strings, found NoneType"):
        tokenizer(None)
    with pytest.raises(TextError, match=r"lone surrogate, U\+DC80, at character 2"):
        tokenizer("明天\udc80")
    with pytest.raises(TextError, match="lone surrogate"):
        tokenizer.encode_text("好", "\ud800")


def test_nul_is_a_character(tokenizer: Tokenizer):
    assert tokenizer.tokenize("好\0好") == ["好", "好"]


def test_the_same_by_other_names(tokenizer: Tokenizer):
    assert tokenizer.encode(A, B, max_length=6) == tokenizer(A, B, max_length=6)["input_ids"]
    assert tokenizer.encode_plus(A, B) == tokenizer(A, B)
    assert tokenizer.batch_encode_plus([(A, B), (B, A)]) == tokenizer([A, B], [B, A])
    assert tokenizer.batch_encode_plus([A, B]) == tokenizer([A, B])
    assert tokenizer.tokenize(A, B, add_special_tokens=True) == tokenizer(A, B).tokens()
    assert tokenizer([]) == {"input_ids": [], "token_type_ids": [], "attention_mask": []}
