"""Offsets into the original text: they slice back to what a token was made of, in both modes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roformer_edge.tokenizer import Encoding, Tokenizer, load_tokenizer
from roformer_edge.tokenizer.normalizers import BasicTokenizer, BertNormalizer
from roformer_edge.tokenizer.unicode_tables import UNICODE
from tests.tokenizer.conftest import CLASSES
from tests.tokenizer.sentences import SENTENCES

NORMALIZER = BertNormalizer(
    clean=True, ideographs=False, decompose=True, strip=True, lower=True, unicode=UNICODE, ascending=False
)
VOCAB = Path(__file__).parents[1] / "golden" / "vocab.txt"
TEXTS = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs"]),
        st.sampled_from("今天非常好北京大学研究生 ,.!，。\n\t\u3000"),
        st.sampled_from("abcxyzABCXYZ019éÉßςΣİ\u0301\u0323\u302e\u200b豈한글"),
    )
)


def slow_fold(text: str) -> str:
    split = BasicTokenizer(lower=True, strip=True, ideographs=True, never_split=frozenset(), unicode=UNICODE).split
    return "".join(part for part, _ in split(text))


def fast_fold(text: str) -> str:
    return NORMALIZER.normalize(text).replace(" ", "")


FOLDS: dict[str, Callable[[str], str]] = {"slow": slow_fold, "fast": fast_fold, "bert": fast_fold}


def check(text: str, encoding: Encoding, fold: Callable[[str], str], whole: Sequence[str] = ()) -> None:
    """Every token is in what its slice becomes, and what lies between the slices becomes nothing."""
    reached = 0
    for token, (start, end) in zip(encoding.tokens, encoding.offsets, strict=True):
        assert 0 <= start < end <= len(text)
        part = text[start:end]
        core = token.removeprefix("##")
        if part != core and part.lower() != core and token not in whole:
            folded = fold(part)
            assert token == "[UNK]" or core in folded or core == part.lower(), (text, token, part)
            # only one character can become several tokens
            assert token == "[UNK]" or len(core) == len(folded) or end - start == 1, (text, token, part)
        if start > reached:
            assert fold(text[reached:start]) == "", (text, token, text[reached:start])
        reached = max(reached, end)
    assert fold(text[reached:]) == ""


@pytest.mark.parametrize("text", SENTENCES)
def test_sentences(tokenizer: Tokenizer, mode: str, text: str):
    check(text, tokenizer(text, add_special_tokens=False).encodings[0], FOLDS[mode])


@pytest.mark.parametrize("mode", CLASSES)
def test_any_text(mode: str):
    tokenizer = CLASSES[mode](VOCAB)

    @settings(deadline=None, max_examples=400)
    @given(TEXTS)
    def run(text: str) -> None:
        check(text, tokenizer(text, add_special_tokens=False).encodings[0], FOLDS[mode])

    run()


@pytest.mark.parametrize(
    ("text", "offsets"),
    [
        ("café İn", {"slow": [(0, 1), (1, 2), (2, 3), (3, 4), (5, 6), (6, 7)], "fast": [(0, 4), (5, 6), (6, 7)]}),
        ("cafe\u0301", {"slow": [(0, 4)], "fast": [(0, 4)]}),
        (
            "今天\u3000[MASK] 北\u200b京",
            {"slow": [(0, 2), (3, 9), (10, 11), (11, 12), (12, 13)], "fast": [(0, 2), (3, 9), (10, 13)]},
        ),
        ("한", {"slow": [(0, 1)], "fast": [(0, 1), (0, 1), (0, 1)]}),
    ],
)
def test_literal_offsets(tokenizer: Tokenizer, mode: str, text: str, offsets: dict[str, list[tuple[int, int]]]):
    assert tokenizer(text, add_special_tokens=False).encodings[0].offsets == offsets[mode]


def test_reordered_marks_keep_their_places():
    # in canonical order, the mark of the lower class goes first
    text = "\u1100\u302e\u302a"
    normal = NORMALIZER.normalize(text)
    places = NORMALIZER.align(text, normal)
    assert [text[place] for place in places] == list(normal)
    assert normal == "\u1100\u302e"  # U+302A is a mark without width and goes with the accents
    text = "x\U0001d16d\U0001d165"
    normal = NORMALIZER.normalize(text)
    places = NORMALIZER.align(text, normal)
    assert (normal, list(places)) == ("x\U0001d165\U0001d16d", [0, 2, 1])


def test_pairs_and_windows(tokenizer: Tokenizer):
    texts = "今天天气非常好", "我们去公园"
    encoding = tokenizer.encode_text(*texts)
    for token, (start, end), text in zip(encoding.tokens, encoding.offsets, encoding.sequence_ids, strict=True):
        assert (start, end) == (0, 0) if text is None else texts[text][start:end] == token
    if not tokenizer.is_fast:
        return
    rows = tokenizer(*texts, truncation="only_first", max_length=8, stride=1, return_overflowing_tokens=True).encodings
    assert len(rows) > 1
    for row in rows:
        for token, (start, end), text in zip(row.tokens, row.offsets, row.sequence_ids, strict=True):
            assert (start, end) == (0, 0) if text is None else texts[text][start:end] == token


@pytest.mark.parametrize("side", ["left", "right"])
def test_truncated_and_padded(tokenizer: Tokenizer, side: str):
    tokenizer.truncation_side = tokenizer.padding_side = side
    texts = ["今天天气非常好，我们一起去公园", "你好"]
    batch = tokenizer(texts, truncation=True, max_length=6, padding=True, return_offsets_mapping=True)
    for text, row, mapping in zip(texts, batch.encodings, batch["offset_mapping"], strict=True):
        assert row.offsets == mapping
        for token, (start, end), special in zip(row.tokens, row.offsets, row.special_tokens_mask, strict=True):
            assert (start, end) == (0, 0) if special else text[start:end] == token


@pytest.mark.slow
def test_real_texts(any_mode: str, real_vocab: Path, real_texts: list[str]):
    tokenizer = load_tokenizer(real_vocab, mode=any_mode)
    for text in real_texts:
        check(text, tokenizer(text, add_special_tokens=False).encodings[0], FOLDS[any_mode])
