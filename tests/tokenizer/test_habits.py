"""Scripts written for the tokenizers of transformers 4.57: collators, words, places, targets, tensors."""

from __future__ import annotations

import json
import pickle
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from roformer_edge.errors import TextError
from roformer_edge.tokenizer import BatchEncoding, Tokenizer, from_settings, load_tokenizer
from tests.conftest import ROOT
from tests.tokenizer.conftest import CLASSES
from tests.tokenizer.oracle import Oracle, OracleError
from tests.tokenizer.test_oracle import Source

A, B = "明天音乐非常好", "我们去公园"
FRAMEWORKS_PYTHON = ROOT / ".venv-frameworks" / "bin" / "python"
WORDS = [["明天", "音乐", "very", "", "好。"], ["我们", "去c++", "café"], ["[MASK]", "公园"]]
ROWS = {"input_ids": [[2, 9, 3], [2, 3], [2, 9, 8, 7, 3]], "token_type_ids": [[0] * 3, [0] * 2, [0] * 5]}
PADS: tuple[dict[str, Any], ...] = (
    {},
    {"padding": "longest", "pad_to_multiple_of": 4},
    {"padding": "max_length", "max_length": 7},
    {"padding": "max_length"},
    {"padding": "max_length", "max_length": 3},
    {"padding": False},
    {"padding_side": "left"},
    {"return_attention_mask": False},
    {"return_tensors": "np"},
    {"padding": "max_length", "max_length": 8, "return_tensors": "np", "padding_side": "left"},
)


def plain(value: Any) -> Any:
    """What JSON makes of it."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value.tolist() if hasattr(value, "tolist") else value


@pytest.mark.oracle
@pytest.mark.parametrize("options", PADS, ids=str)
def test_pad(oracle: Oracle, vocab_path: Path, any_mode: str, options: dict[str, Any], tmp_path: Path):
    (tmp_path / "vocab.txt").write_bytes(vocab_path.read_bytes())
    for more in ({}, {"padding_side": "left", "model_max_length": 9}, {"model_input_names": ["input_ids"]}):
        oracle.make("pads", any_mode, tmp_path, **more)
        tokenizer = CLASSES[any_mode](vocab_path, **more)
        several = [dict(zip(ROWS, row, strict=True)) for row in zip(*ROWS.values(), strict=True)]
        masked = {**ROWS, "attention_mask": [[1] * len(row) for row in ROWS["input_ids"]]}
        special = {**ROWS, "special_tokens_mask": [[1, *[0] * (len(row) - 2), 1] for row in ROWS["input_ids"]]}
        labelled = {**ROWS, "label": [0, 1, 2]}
        for rows in (ROWS, several, masked, special, labelled, several[2], {"input_ids": []}, {"input_ids": [[], [2]]}):
            if rows is masked and "model_input_names" in more and "return_tensors" in options:
                # transformers leaves the mask as it is then, and makes arrays of arrays of it
                with pytest.raises(TextError, match="rows of different lengths do not make a tensor"):
                    tokenizer.pad(rows, **options)
                continue
            theirs = oracle.call("pads", "pad", rows, verbose=False, **options)
            ours = tokenizer.pad(rows, **options)
            assert isinstance(ours, BatchEncoding)
            assert plain(ours) == theirs, rows


def test_pad_keeps_the_kind_of_tensors(vocab_path: Path, any_mode: str):
    torch = pytest.importorskip("torch")
    tokenizer = CLASSES[any_mode](vocab_path)
    rows = [{"input_ids": [2, 9, 3], "labels": 1}, {"input_ids": [2, 3], "labels": 0}]
    for make in (torch.tensor, np.array):
        batch = tokenizer.pad([{key: make(value) for key, value in row.items()} for row in rows])
        assert type(batch["input_ids"]) is type(make([0]))
        assert batch["input_ids"].tolist() == [[2, 9, 3], [2, 3, 0]]
        assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 1, 0]]
        assert batch["labels"].tolist() == [1, 0]
    assert tokenizer.pad(rows, return_tensors="pt")["input_ids"].dtype == torch.int64
    # a column of numbers that are not whole keeps them
    mixed = tokenizer.pad([{"input_ids": [2], "score": 1}, {"input_ids": [3], "score": 0.5}], return_tensors="pt")
    assert mixed["score"].tolist() == [1.0, 0.5]


def test_rows_that_cannot_be_padded(vocab_path: Path):
    tokenizer = CLASSES["slow"](vocab_path)
    with pytest.raises(TextError, match="rows to be padded must hold input_ids, found 'labels'"):
        tokenizer.pad({"labels": [1]})
    with pytest.raises(TextError, match="must be equally many, found input_ids: 1, labels: 2"):
        tokenizer.pad({"input_ids": [[1]], "labels": [1, 2]})
    with pytest.raises(TextError, match="there are no rows to pad"):
        tokenizer.pad([])
    with pytest.raises(TextError, match="the texts of these rows are not known"):
        tokenizer.pad(ROWS).word_ids()
    assert tokenizer.pad(ROWS)[1:] == {key: value[1:] for key, value in tokenizer.pad(ROWS).items()}


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


@pytest.mark.oracle
def test_model_input_names(oracle: Oracle, vocab_path: Path, any_mode: str, tmp_path: Path):
    (tmp_path / "vocab.txt").write_bytes(vocab_path.read_bytes())
    names = ["input_ids", "attention_mask"]
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"model_input_names": names}), "utf-8")
    oracle.make("names", any_mode, tmp_path)
    tokenizer = CLASSES[any_mode].from_pretrained(tmp_path)
    for options in ({}, {"return_token_type_ids": True}, {"return_attention_mask": False}):
        assert plain(tokenizer(A, B, **options)) == oracle.call("names", "__call__", A, B, **options)
    # what the model is fed: transformers gives it no types, and it takes them for 0
    assert not tokenizer.uses_token_types
    assert set(tokenizer.encode_text(A, B).type_ids) == {0}
    assert set(tokenizer(A, B).encodings[0].type_ids) == {0}
    assert set(tokenizer(A, B, padding="max_length", max_length=20).encodings[0].type_ids) == {0}
    restored = from_settings(tokenizer.to_settings(), tokenizer.vocabulary_bytes)
    assert set(restored.encode_text(A, B).type_ids) == {0}
    assert set(CLASSES[any_mode](vocab_path).encode_text(A, B).type_ids) == {0, 1}


@pytest.mark.oracle
@pytest.mark.parametrize("side", ["left", "right"])
def test_cut_at_the_models_length(oracle: Oracle, vocab_path: Path, any_mode: str, side: str, tmp_path: Path):
    (tmp_path / "vocab.txt").write_bytes(vocab_path.read_bytes())
    config = {"model_max_length": 6, "truncation_side": side, "padding_side": side}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config), "utf-8")
    oracle.make("cut", any_mode, tmp_path)
    tokenizer = CLASSES[any_mode].from_pretrained(tmp_path)
    for args in ([A], [A, B], [[A, "好"]], [[A, "好"], [B, A]]):
        for options in (
            {"truncation": True},
            {"truncation": True, "padding": "max_length"},
            {"truncation": "only_first"},
        ):
            try:
                theirs = oracle.call("cut", "__call__", *args, verbose=False, **options)
            except OracleError:
                continue
            assert plain(tokenizer(*args, **options)) == theirs, (args, options)
    assert len(tokenizer(A, truncation=True)["input_ids"]) == 6


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


PROGRAM = """
import sys
import numpy
from roformer_edge.tokenizer import RoFormerTokenizerFast
tokenizer = RoFormerTokenizerFast(sys.argv[1])
for name in ("tf", "jax"):
    batch = tokenizer(["好", "明天好"], padding=True, return_tensors=name)
    ids = batch["input_ids"]
    package = type(ids).__module__.split(".")[0].removesuffix("lib")
    print(name, ids.shape, getattr(ids.dtype, "name", ids.dtype), package)
    padded = tokenizer.pad({"input_ids": [ids[0], ids[1]]})
    assert type(padded["input_ids"]) is type(ids), type(padded["input_ids"])
    assert numpy.array_equal(padded["input_ids"], ids)
"""


@pytest.mark.skipif(not FRAMEWORKS_PYTHON.exists(), reason="the environment with TensorFlow and Flax is not there")
def test_tensors_of_other_frameworks(vocab_path: Path):
    done = subprocess.run(
        [str(FRAMEWORKS_PYTHON), "-c", PROGRAM, str(vocab_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2:] == ["tf (2, 4) int32 tensorflow", "jax (2, 4) int32 jax"]


@pytest.mark.oracle
def test_collators_of_transformers(oracle_python: Path, vocab_path: Path):
    """Our tokenizers under the collators of transformers give what its own give."""
    script = Path(__file__).parent / "collators.py"
    done = subprocess.run(
        [str(oracle_python), str(script), str(vocab_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "equal: 15"


def test_options_are_named(vocab_path: Path):
    tokenizer: Tokenizer = CLASSES["slow"](vocab_path)
    with pytest.raises(TypeError, match="return_everything"):
        tokenizer(A, return_everything=True)
