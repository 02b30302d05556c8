"""Special and added tokens, ids, decoding."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest

from roformer_edge.errors import UnknownNameError, VocabularyError
from roformer_edge.tokenizer import AddedToken, Tokenizer, Vocabulary


def test_special_tokens(tokenizer: Tokenizer):
    assert tokenizer.all_special_tokens == ["[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"]
    assert tokenizer.all_special_ids == [2, 4, 0, 3, 5]
    assert (tokenizer.cls_token, tokenizer.cls_token_id) == ("[CLS]", 3)
    assert (tokenizer.bos_token, tokenizer.bos_token_id) == (None, None)
    assert tokenizer.special_tokens_map == {
        "unk_token": "[UNK]",
        "sep_token": "[SEP]",
        "pad_token": "[PAD]",
        "cls_token": "[CLS]",
        "mask_token": "[MASK]",
    }
    assert (
        tokenizer.pad_token_type_id,
        tokenizer.num_special_tokens_to_add(),
        tokenizer.num_special_tokens_to_add(True),
    ) == (
        0,
        2,
        3,
    )


def test_sizes(tokenizer: Tokenizer):
    assert tokenizer.vocab_size == len(tokenizer) == len(tokenizer.get_vocab()) == 241
    assert tokenizer.add_tokens(["新词", "好"]) == (2 if tokenizer.is_fast else 1)
    assert (tokenizer.vocab_size, len(tokenizer), tokenizer.get_vocab()["新词"]) == (241, 242, 241)
    assert bool(tokenizer)


def test_other_special_tokens(tokenizer_class: type[Tokenizer], vocab_path: Path):
    tokenizer = tokenizer_class(vocab_path, cls_token="<S>", mask_token=None, bos_token=None)
    assert tokenizer("好").tokens() == ["<S>", "好", "[SEP]"]
    assert tokenizer.tokenize("好[MASK]") != ["好", "[MASK]"]
    tokenizer.cls_token = "[CLS]"
    assert tokenizer("好").tokens() == ["[CLS]", "好", "[SEP]"]


@pytest.mark.parametrize("name", ["unk_token", "cls_token", "sep_token", "pad_token", "mask_token"])
def test_missing_special_tokens(tokenizer_class: type[Tokenizer], vocab_path: Path, name: str):
    with pytest.raises(VocabularyError, match=rf"{name} '<none>' is not among the 241 tokens"):
        tokenizer_class(vocab_path, **{name: "<none>"})
    tokens = [token for token in Vocabulary.from_file(vocab_path).tokens if token != f"[{name[:-6].upper()}]"]
    with pytest.raises(VocabularyError, match=name):
        tokenizer_class(Vocabulary.from_tokens(tokens))


def test_special_tokens_that_are_needed(tokenizer_class: type[Tokenizer], vocab_path: Path):
    with pytest.raises(VocabularyError, match="a tokenizer needs a pad_token"):
        tokenizer_class(vocab_path, pad_token=None)


def test_options_are_fixed(tokenizer: Tokenizer):
    with pytest.raises(AttributeError):
        tokenizer.do_lower_case = False


def test_ids_and_tokens(tokenizer: Tokenizer):
    assert tokenizer.convert_tokens_to_ids("好") == tokenizer.get_vocab()["好"]
    assert tokenizer.convert_tokens_to_ids(["好", "没有这个"]) == [tokenizer.get_vocab()["好"], 2]
    assert tokenizer.convert_ids_to_tokens(0) == "[PAD]"
    missing = None if tokenizer.is_fast else "[UNK]"
    assert tokenizer.convert_ids_to_tokens([0, 7, 999]) == ["[PAD]", "0", missing]
    assert tokenizer.convert_ids_to_tokens([0, 7, 3], skip_special_tokens=True) == ["0"]


def test_rows_around_ids(tokenizer: Tokenizer):
    assert tokenizer.build_inputs_with_special_tokens([8, 9]) == [3, 8, 9, 4]
    assert tokenizer.build_inputs_with_special_tokens([8], [9, 10]) == [3, 8, 4, 9, 10, 4]
    assert tokenizer.create_token_type_ids_from_sequences([8]) == [0, 0, 0]
    assert tokenizer.create_token_type_ids_from_sequences([8], [9, 10]) == [0, 0, 0, 1, 1, 1]
    assert tokenizer.get_special_tokens_mask([8]) == [1, 0, 1]
    assert tokenizer.get_special_tokens_mask([8], [9, 10]) == [1, 0, 1, 0, 0, 1]
    assert tokenizer.get_special_tokens_mask([3, 8, 5, 4], already_has_special_tokens=True) == [1, 0, 1, 1]


def test_decode(tokenizer: Tokenizer):
    ids = tokenizer("hello, I quantize!")["input_ids"]
    tidied = "hello, i [UNK]!" if "[UNK]" in tokenizer.convert_ids_to_tokens(ids) else "hello, i quantize!"
    spaced = tidied.replace(",", " ,").replace("!", " !")
    assert (
        tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=True) == f"[CLS] {tidied} [SEP]"
    )
    # the crate's decoder tidies always
    plain = tidied if tokenizer.is_fast else spaced
    assert tokenizer.decode(ids) == f"[CLS] {plain} [SEP]"
    assert tokenizer.batch_decode([ids, [3]]) == [f"[CLS] {plain} [SEP]", "[CLS]"]
    assert tokenizer.decode(3) == "[CLS]"
    assert tokenizer.decode([]) == ""


def test_decode_keeps_added_tokens_apart(tokenizer: Tokenizer):
    tokenizer.add_tokens(["##x"])
    ids = tokenizer.convert_tokens_to_ids(["a", "##b", "##x", "c"])
    assert tokenizer.decode(ids) == ("abx c" if tokenizer.is_fast else "ab ##x c")


def test_added_tokens(tokenizer: Tokenizer):
    assert tokenizer.tokenize("量子计算机") == ["量", "子", "计算机"]
    tokenizer.add_tokens(["量子", AddedToken("<E>", lstrip=True, special=True)])
    assert tokenizer.tokenize("好 <E>量子计算机<e>")[:4] == [
        "好",
        " <E>" if tokenizer.is_fast else "<E>",
        "量子",
        "计算机",
    ]
    assert tokenizer.added_tokens_encoder["量子"] == 241
    assert tokenizer.get_added_vocab() == tokenizer.added_tokens_encoder
    assert tokenizer.added_tokens_decoder[242].special
    assert tokenizer.decode([241, 242], skip_special_tokens=True) == "量子"


def test_single_words(tokenizer: Tokenizer):
    tokenizer.add_tokens([AddedToken("on", single_word=True)])
    index = tokenizer.convert_tokens_to_ids("on")
    assert index in tokenizer("x on y")["input_ids"]
    assert tokenizer.tokenize("xony") == tokenizer.tokenize("xon")[:1] + tokenizer.tokenize("xony")[1:]
    assert "on" not in tokenizer.tokenize("xony")


def test_case_of_added_tokens(tokenizer: Tokenizer):
    tokenizer.add_tokens(["QPS", AddedToken("RPS", normalized=False)])
    # a normalised token is found in any case, one that is not only as it was written; the slow mode lower-cases the
    # text around it first, so that capitals are never found there
    assert tokenizer.convert_tokens_to_ids("QPS" if tokenizer.is_fast else "qps") in tokenizer.encode("好 qpS")
    assert ("RPS" in tokenizer.tokenize("好 RPS")) == tokenizer.is_fast
    assert "RPS" not in tokenizer.tokenize("好 rps")


def test_add_special_tokens(tokenizer: Tokenizer):
    assert tokenizer.add_special_tokens({"bos_token": "<bos>", "additional_special_tokens": ["<a>", "<b>"]}) == 3
    assert tokenizer.bos_token_id == 241
    assert tokenizer.additional_special_tokens == ["<a>", "<b>"]
    assert tokenizer.additional_special_tokens_ids == [242, 243]
    assert tokenizer.tokenize("<A><a>好") == [*tokenizer.tokenize("<A>"), "<a>", "好"]
    tokenizer.add_special_tokens({"additional_special_tokens": ["<c>"]}, replace_additional_special_tokens=False)
    assert tokenizer.additional_special_tokens == ["<a>", "<b>", "<c>"]
    tokenizer.add_special_tokens({"additional_special_tokens": ["<d>"]})
    assert tokenizer.special_tokens_map["additional_special_tokens"] == ["<d>"]
    with pytest.raises(UnknownNameError, match="unknown special token 'end_token'; choose one of: bos_token"):
        tokenizer.add_special_tokens({"end_token": "x"})


def test_special_tokens_as_text(tokenizer: Tokenizer):
    assert tokenizer.tokenize("[MASK]") == ["[MASK]"]
    split = tokenizer("[MASK]", split_special_tokens=True).tokens()
    assert split[1] == "["
    tokenizer.split_special_tokens = True
    assert tokenizer("[MASK]").tokens() == split


def test_memo_does_not_outlive_what_it_depends_on(tokenizer: Tokenizer):
    before = tokenizer.tokenize("foobar foobar")
    tokenizer.add_tokens(["foobar"])
    assert tokenizer.tokenize("foobar foobar") == ["foobar", "foobar"] != before


def test_memo_is_bounded(tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("roformer_edge.tokenizer.base.MEMO_LIMIT", 50)
    words = [f"w{number}" for number in range(200)]
    ids = [tokenizer.encode(word) for word in words]
    assert len(tokenizer._memo) <= 50
    assert [tokenizer.encode(word) for word in words] == ids
    tokenizer.encode("x" * 5000)
    assert max(map(len, tokenizer._memo)) < 100


def test_copies_work(tokenizer: Tokenizer):
    text = "北京大学 café [MASK]"
    assert copy.deepcopy(tokenizer).encode(text) == tokenizer.encode(text)
    assert pickle.loads(pickle.dumps(tokenizer)).encode(text) == tokenizer.encode(text)


def test_repr(tokenizer: Tokenizer):
    assert repr(AddedToken("<a>", lstrip=True)).startswith("AddedToken('<a>', lstrip=True, normalized=True")
    assert "[CLS]" in repr(tokenizer("好").encodings[0])
