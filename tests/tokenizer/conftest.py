"""Fixtures for the tests of the tokenizers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from roformer_edge.tokenizer import BertTokenizer, RoFormerTokenizer, RoFormerTokenizerFast, Tokenizer
from tests.tokenizer.oracle import Oracle

CLASSES = {"slow": RoFormerTokenizer, "fast": RoFormerTokenizerFast, "bert": BertTokenizer}


@pytest.fixture(scope="session")
def vocab_path() -> Path:
    """A small vocabulary that comes with the tests."""
    return Path(__file__).parents[1] / "golden" / "vocab.txt"


@pytest.fixture(params=["slow", "fast"])
def mode(request: pytest.FixtureRequest) -> str:
    """Each of the two modes that cut a text into the words of a dictionary."""
    return request.param


@pytest.fixture(params=CLASSES)
def any_mode(request: pytest.FixtureRequest) -> str:
    """Each of the modes that need no ``tokenizer.json``."""
    return request.param


@pytest.fixture
def tokenizer_class(mode: str) -> type[Tokenizer]:
    """The class of a mode."""
    return CLASSES[mode]


@pytest.fixture
def tokenizer(tokenizer_class: type[Tokenizer], vocab_path: Path) -> Tokenizer:
    """A tokenizer of each mode over the small vocabulary."""
    return tokenizer_class(vocab_path)


@pytest.fixture(scope="session")
def real_vocab(shared_data: Path) -> Path:
    """The directory of the real vocabulary of 50,000 tokens."""
    return shared_data / "vocab" / "roformer_chinese_base"


@pytest.fixture(scope="session")
def oracle(oracle_python: Path) -> Iterator[Oracle]:
    """A transformers 4.57.6 to ask."""
    oracle = Oracle(oracle_python)
    yield oracle
    oracle.close()


@pytest.fixture(scope="session")
def real_texts(shared_data: Path) -> list[str]:
    """Every text beside the project, each once."""
    texts: dict[str, None] = {}
    for path in sorted(shared_data.glob("*/*/*.jsonl")):
        for line in path.read_text(encoding="utf-8").split("\n"):
            example = json.loads(line) if line else {}
            found = [example[name] for name in ("text", "context", "question") if name in example]
            texts |= dict.fromkeys([*found, *example.get("choices", ())])
    return list(texts)


def directory(path: Path, vocab_path: Path, **files: object) -> Path:
    path.mkdir(exist_ok=True)
    (path / "vocab.txt").write_bytes(vocab_path.read_bytes())
    for name, content in files.items():
        (path / f"{name}.json").write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return path
