"""Time grows with the length of a text and not with its square, whatever is repeated in it."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from time import process_time

import pytest

from roformer_edge.tokenizer import AddedToken, Tokenizer
from tests.tokenizer.conftest import CLASSES

SHORT = 30_000
# four times the length costs four times the time, were it the square sixteen times
BOUND = 9.0
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


def growth(tokenizer: Tokenizer, pattern: str, end: str) -> float:
    """How many times longer four times the length takes; the least of several trials, for other work disturbs."""
    seconds: dict[int, float] = {}
    tokenizer.encode_text(pattern * 10)
    for _ in range(5):
        for length in (SHORT, 4 * SHORT):
            text = pattern * (length // len(pattern)) + end
            start = process_time()
            tokenizer.encode_text(text)
            seconds[length] = min(seconds.get(length, 1e9), process_time() - start)
        if seconds[4 * SHORT] / seconds[SHORT] < BOUND:
            break
    return seconds[4 * SHORT] / seconds[SHORT]


@pytest.mark.parametrize("mode", CLASSES)
def test_special_tokens_with_another_at_the_end(vocab_path: Path, mode: str):
    assert growth(CLASSES[mode](vocab_path), "[MASK]", "[UNK]") < BOUND


@pytest.mark.slow
@pytest.mark.parametrize("pattern", PATTERNS)
def test_repeated_tokens(crowded: Tokenizer, pattern: str):
    contents = [*crowded.all_special_tokens[::3], *(token.content for token in TOKENS)]
    for content in contents:
        assert growth(crowded, pattern.format(content), "[UNK]") < BOUND, content


@pytest.mark.slow
def test_beginnings_of_tokens(crowded: Tokenizer):
    for pattern in ("[", "[M", "[MASK", "<", "<a", "a", "中", " ", "\n", "é", "[MASK][", "aaa ", "<a<ab"):
        assert growth(crowded, pattern, "[MASK]") < BOUND, pattern


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
        assert growth(tokenizer, pattern, "") < BOUND, pattern


def test_many_added_tokens(vocab_path: Path):
    for kind, special in product(CLASSES.values(), (True, False)):
        seconds = []
        for count in (4_000, 16_000):
            start = process_time()
            tokenizer = kind(vocab_path)
            tokenizer.add_tokens([f"<{number}>" for number in range(count)], special)
            assert tokenizer.tokenize(f"好<{count - 1}>") == ["好", f"<{count - 1}>"]
            seconds.append(process_time() - start)
        assert seconds[1] / seconds[0] < BOUND, kind
