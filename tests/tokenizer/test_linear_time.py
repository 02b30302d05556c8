"""Time grows with the length of a text and not with its square, whatever is repeated in it."""

from __future__ import annotations

import gc
from collections.abc import Callable
from itertools import product
from pathlib import Path
from time import process_time

import pytest

from roformer_edge.tokenizer import AddedToken, PreTrainedTokenizerFast, Tokenizer
from tests.tokenizer.conftest import CLASSES
from tests.tokenizer.test_golden import read

SHORT = 6_000
TIMES = 16
# 16 times the length costs 16 times the time, were it the square 256 times; a busy machine makes two or three of one
BOUND = 100.0
TOKENS = (
    AddedToken("<a>"),
    AddedToken("<ab>", lstrip=True, rstrip=True, normalized=False),
    AddedToken(" ", rstrip=True),
    AddedToken("\n", lstrip=True),
    AddedToken("aa", single_word=True),
    AddedToken("中中", special=True),
    AddedToken("éé", single_word=True, lstrip=True, rstrip=True),
)
# what is repeated; {} is a token
PATTERNS = ("{}", "{} ", "{}x", " \n{}", "{}中", "{}é")


@pytest.fixture(scope="module", params=CLASSES)
def crowded(request: pytest.FixtureRequest, vocab_path: Path) -> Tokenizer:
    """A tokenizer of every mode with many added tokens."""
    tokenizer = CLASSES[request.param](vocab_path)
    tokenizer.add_tokens(list(TOKENS))
    return tokenizer


def growth(work: Callable[[int], object], size: int = SHORT) -> float:
    """How many times longer ``TIMES`` the size takes; the least of several trials, for other work disturbs."""
    seconds: dict[int, float] = {}
    work(10)
    for _ in range(6):
        for count in (size, TIMES * size):
            gc.collect()
            gc.disable()  # its passes over everything that is alive are not the tokenizer's
            start = process_time()
            work(count)
            gc.enable()
            seconds[count] = min(seconds.get(count, 1e9), process_time() - start)
        if seconds[TIMES * size] / seconds[size] < BOUND:
            break
    return seconds[TIMES * size] / seconds[size]


def reading(tokenizer: Tokenizer, pattern: str, end: str) -> Callable[[int], object]:
    return lambda length: tokenizer.encode_text(pattern * (length // len(pattern) + 1) + end)


@pytest.mark.parametrize("mode", CLASSES)
def test_special_tokens_with_another_at_the_end(vocab_path: Path, mode: str):
    assert growth(reading(CLASSES[mode](vocab_path), "[MASK]", "[UNK]")) < BOUND


@pytest.mark.slow
@pytest.mark.parametrize("pattern", PATTERNS)
def test_repeated_tokens(crowded: Tokenizer, pattern: str):
    contents = [*crowded.all_special_tokens[::3], *(token.content for token in TOKENS)]
    for content in contents:
        assert growth(reading(crowded, pattern.format(content), "[UNK]")) < BOUND, content


@pytest.mark.slow
def test_beginnings_of_tokens(crowded: Tokenizer):
    for pattern in ("[", "[M", "[MASK", "<", "<a", "a", "中", " ", "\n", "é", "[MASK][", "aaa ", "<a<ab"):
        assert growth(reading(crowded, pattern, "[MASK]")) < BOUND, pattern


@pytest.mark.parametrize("mode", CLASSES)
def test_repeated_characters(vocab_path: Path, mode: str):
    tokenizer = CLASSES[mode](vocab_path)
    for pattern in (
        "a",
        "北京大学",
        "\u0301",
        "e\u0301\u0323",
        "\u1100\u1161",
        "İ",
        "\0",
        "9.",
        "\r\n",
        "\u302e\u302f",
    ):
        assert growth(reading(tokenizer, pattern, "")) < BOUND, pattern


def test_repeated_characters_with_the_steps_of_a_file(vocab_path: Path):
    described = {str(case["pipeline"]): case["pipeline"] for case in read("tokenizer.jsonl") if case["mode"] == "plain"}
    assert len(described) > 1
    for name, pipeline in described.items():
        tokenizer = PreTrainedTokenizerFast(vocab_path, pipeline=pipeline)
        for pattern in ("a", "北京大学", " ", "a ", "e\u0301", "9.", "\0", "[MASK]"):
            assert growth(reading(tokenizer, pattern, "[MASK]"), 2_000) < BOUND, (name, pattern)


@pytest.mark.parametrize("mode", CLASSES)
def test_long_pairs_cut_short(vocab_path: Path, mode: str):
    """What overflows of two texts are the windows of one times those of the other: nobody asked for them."""
    tokenizer = CLASSES[mode](vocab_path)
    for truncation in (True, "only_first", "longest_first"):

        def cut(length: int, truncation: object = truncation) -> None:
            second = "好" if truncation == "only_first" else "好 " * length
            row = tokenizer("今天" * length, second, truncation=truncation, max_length=8).encodings[0]
            assert len(row) == 8

        assert growth(cut) < BOUND, truncation


@pytest.mark.parametrize("mode", CLASSES)
def test_back_to_text(vocab_path: Path, mode: str):
    tokenizer = CLASSES[mode](vocab_path)
    for pattern in ("[MASK]", "今天", "a", "a ", "##", "\ufffd"):
        # what is read first is not what is measured
        ids = {size: tokenizer.encode_text(pattern * size).ids for size in (10, SHORT, TIMES * SHORT)}
        assert growth(lambda size, ids=ids: (tokenizer.decode(ids[size]), tokenizer.decode(ids[size], True))) < BOUND


def test_many_added_tokens(vocab_path: Path):
    for kind, special in product(CLASSES.values(), (True, False)):

        def add(count: int, kind: type[Tokenizer] = kind, special: bool = special) -> None:
            tokenizer = kind(vocab_path)
            tokenizer.add_tokens([f"<{number}>" for number in range(count)], special)
            assert tokenizer.tokenize(f"好<{count - 1}>") == ["好", f"<{count - 1}>"]

        assert growth(add, 3_000) < BOUND, (kind, special)
