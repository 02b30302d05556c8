"""What calling a tokenizer gives: words, places and targets, by the names of transformers."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from roformer_edge.errors import TextError
from roformer_edge.tokenizer import load_tokenizer
from tests.tokenizer.conftest import CLASSES
from tests.tokenizer.oracle import Oracle, plain
from tests.tokenizer.test_oracle import Source

WORDS = [["明天", "音乐", "very", "", "好。"], ["我们", "去c++", "café"], ["[MASK]", "公园"]]

A, B = "明天音乐非常好", "我们去公园"


@pytest.mark.oracle
def test_words(oracle: Oracle, vocab_path: Path, any_mode: str, tmp_path: Path):
    (tmp_path / "vocab.txt").write_bytes(vocab_path.read_bytes())
    oracle.make("words", any_mode, tmp_path)
    tokenizer = CLASSES[any_mode](vocab_path)
    calls: list[tuple[list[Any], dict[str, Any]]] = [
        ([WORDS], {}),
        ([WORDS], {"padding": True, "truncation": True, "max_length": 6}),
        ([WORDS[0]], {}),
        ([WORDS[0], WORDS[1]], {}),
        ([WORDS, WORDS[::-1]], {"truncation": "longest_first", "max_length": 12}),
        ([WORDS], {"add_special_tokens": False, "return_special_tokens_mask": True}),
    ]
    for args, options in calls:
        theirs = oracle.call("words", "__call__", *args, is_split_into_words=True, verbose=False, **options)
        batch = tokenizer(*args, is_split_into_words=True, **options)
        assert plain(batch) == theirs, (args, options)
        if tokenizer.is_fast:
            count = len(args[0]) if isinstance(args[0][0], list) else 1
            ask = [[name, row] for row in range(count) for name in ("word_ids", "sequence_ids", "tokens")]
            theirs = oracle.ask(
                use="words", method="__call__", args=args, options={"is_split_into_words": True, **options}, ask=ask
            )
            assert [plain(getattr(batch, name)(row)) for name, row in ask] == theirs
    with pytest.raises(TextError, match="with is_split_into_words a text must be a list of words, found str"):
        tokenizer("明天", is_split_into_words=True)


def test_labels_of_words(vocab_path: Path, any_mode: str):
    # what the guide to token classification does
    tokenizer = CLASSES[any_mode](vocab_path)
    batch = tokenizer([["明天", "c++", "好"], ["好"]], is_split_into_words=True)
    assert batch.word_ids(1) == [None, 0, None]
    pieces = batch.word_ids(0)
    assert (pieces[0], pieces[-1]) == (None, None)
    assert sorted({word for word in pieces if word is not None}) == [0, 1, 2]


@pytest.mark.oracle
@pytest.mark.parametrize("mode", ["fast", "bert"])
def test_places(oracle: Oracle, real_vocab: Path, mode: str):
    """From characters and words to tokens and back, in rows of one text and of two, padded on either side."""
    oracle.make("places", mode, real_vocab)
    tokenizer = load_tokenizer(real_vocab, mode=mode)
    source = Source(f"places {mode}")
    pieces = ("今天", "天气", "c++", "café", "hello world", " ", "，", "[MASK]", "é", "北京", "12", "\u3000", "x" * 3)
    for number in range(60):
        texts = ["".join(source.choices(pieces, k=source.randrange(1, 9))) for _ in range(source.choice((1, 2)))]
        options: dict[str, Any] = {
            "padding": "max_length",
            "max_length": 40,
            "padding_side": source.choice(("left", "right")),
        }
        if number % 3 == 0:
            options["add_special_tokens"] = False
        args: list[Any] = [[text] for text in texts] if number % 2 else list(texts)
        batch = tokenizer(*args, **options)
        size = len(batch.encodings[0])
        ask: list[list[Any]] = [["word_ids"], ["sequence_ids"], ["tokens"]]
        for text in range(len(texts)):
            ask += [["char_to_token", 0, at, text] for at in range(len(texts[text]) + 2)]
            ask += [["char_to_word", 0, at, text] for at in range(len(texts[text]))]
            words = {word for word, of in zip(batch.word_ids(), batch.sequence_ids(), strict=True) if of == text}
            ask += [[name, 0, word, text] for word in sorted(words) for name in ("word_to_tokens", "word_to_chars")]
            ask += [["word_to_tokens", 0, 99, text]]
        ask += [
            [name, 0, at] for at in range(size) for name in ("token_to_chars", "token_to_word", "token_to_sequence")
        ]
        theirs = oracle.ask(use="places", method="__call__", args=args, options=options, ask=ask)
        for (name, *arguments), their in zip(ask, theirs, strict=True):
            assert plain(getattr(batch, name)(*arguments)) == their, (name, arguments, texts)


def test_places_are_spans(vocab_path: Path):
    batch = CLASSES["fast"](vocab_path)(A, B)
    assert batch.n_sequences == 2
    assert batch.char_to_token(2) == 2
    assert batch.char_to_token(3, sequence_index=1) == 8
    assert (batch.token_to_chars(1).start, batch.token_to_chars(1).end) == (0, 2)
    assert batch.word_to_tokens(1) == (2, 3)
    assert batch.word_to_chars(0, sequence_index=1) == (0, 2)
    assert batch.token_to_chars(0) is None
    assert batch.token_to_sequence(-2) == 1
    assert batch.token_to_word(-2) == 2
    assert batch.char_to_word(99) is None
    assert batch.word_to_chars(99) is None


@pytest.mark.oracle
def test_targets(oracle: Oracle, vocab_path: Path, any_mode: str, tmp_path: Path):
    (tmp_path / "vocab.txt").write_bytes(vocab_path.read_bytes())
    oracle.make("targets", any_mode, tmp_path)
    tokenizer = CLASSES[any_mode](vocab_path)
    for options in (
        {"text": A, "text_target": B},
        {"text": [A, B], "text_target": [B, A], "padding": True},
        {"text_target": [B, A], "text_pair_target": [A, B], "truncation": True, "max_length": 8},
        {"text": A, "text_pair": B, "text_target": A, "return_tensors": "np"},
    ):
        assert plain(tokenizer(**options)) == oracle.call("targets", "__call__", verbose=False, **options), options
    with pytest.raises(TextError, match="a text must be a string"):
        tokenizer()


def test_a_batch_reads_like_that_of_transformers(vocab_path: Path, any_mode: str):
    batch = CLASSES[any_mode](vocab_path)([A, B], padding=True, verbose=False)
    assert batch.data["input_ids"] is batch["input_ids"] is batch.input_ids
    assert list(batch.keys()) == ["input_ids", "token_type_ids", "attention_mask"]
    assert batch[0].tokens == batch.tokens(0)
    assert [row.ids for row in batch[0:2]] == batch["input_ids"]
    assert batch.is_fast
    copy = pickle.loads(pickle.dumps(batch))
    assert copy == batch
    assert copy.word_ids(1) == batch.word_ids(1)
    assert copy.encodings[0].offsets == batch.encodings[0].offsets
    assert batch.convert_to_tensors("np")["input_ids"].shape == (2, batch["input_ids"].shape[1])
    single = CLASSES[any_mode](vocab_path)(B).convert_to_tensors("np", prepend_batch_axis=True)
    assert single["input_ids"].shape == (1, len(single.encodings[0]))
