"""The tokenizer of the web page gives this package's ids, in node."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from roformer_edge.tokenizer import UNICODE_PATH, WORDS_PATH, RoFormerTokenizer
from tests.android.test_tokenizer import GOLDEN, random_texts
from tests.tokenizer.conftest import real_texts, real_vocab
from tests.tokenizer.sentences import CODE_POINTS, SENTENCES
from tests.tokenizer.test_reference_cases import text_of

__all__ = ["real_texts", "real_vocab"]

PAGE = Path(__file__).parents[2] / "web_demo"
PROGRAM = """
import {{ readFileSync }} from "node:fs";
import {{ Tokenizer }} from {module};
const [settings, vocabulary, words, unicode, texts] = process.argv.slice(2).map((path) => readFileSync(path));
const own = (data) => data.buffer.slice(data.byteOffset, data.byteOffset + data.length);
const files = {{ vocabulary: own(vocabulary), words: own(words), unicode: own(unicode) }};
const tokenizer = new Tokenizer(JSON.parse(settings), files);
const tokens = (text) => {{
  try {{
    return tokenizer.tokens(text);
  }} catch (error) {{
    return error.message;
  }}
}};
const ids = JSON.parse(texts).map(tokens);
process.stdout.write(JSON.stringify(ids));
"""


@pytest.fixture(scope="module")
def node() -> str:
    found = shutil.which("node")
    if found is None:
        if os.environ.get("REQUIRE_WEB"):
            pytest.fail("REQUIRE_WEB is set, and there is no node")
        pytest.skip("there is no node")
    return found


def ask(node: str, folder: Path, tokenizer: RoFormerTokenizer, texts: list[str]) -> list[Any]:
    program = folder / "program.mjs"
    program.write_text(PROGRAM.format(module=json.dumps(str(PAGE / "tokenizer.js"))), "utf-8")
    settings = {**tokenizer.to_settings(), "model_max_length": 512}
    (folder / "settings.json").write_text(json.dumps(settings), "utf-8")
    (folder / "vocab.txt").write_bytes(tokenizer.vocabulary_bytes)
    (folder / "texts.json").write_text(json.dumps(texts), "utf-8")
    files = ("settings.json", "vocab.txt", WORDS_PATH, UNICODE_PATH, "texts.json")
    command = [node, "--no-warnings", program, *(folder / name for name in files)]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def compare(node: str, folder: Path, tokenizer: RoFormerTokenizer, texts: list[str]) -> None:
    for text, ids in zip(texts, ask(node, folder, tokenizer, texts), strict=True):
        assert ids == list(tokenizer.encode_text(text).ids)[1:-1], text


OPTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"do_lower_case": False},
    {"strip_accents": False},
    {"do_lower_case": False, "strip_accents": True},
    {"tokenize_chinese_chars": False},
)


@pytest.mark.parametrize("options", OPTIONS)
def test_golden_sentences_and_random_strings(node: str, tmp_path: Path, options: dict[str, Any]):
    tokenizer = RoFormerTokenizer(GOLDEN / "vocab.txt", **options)
    compare(node, tmp_path, tokenizer, [*SENTENCES, *CODE_POINTS, *random_texts(600, seed=5)])


def test_adversarial_and_real_lines(
    node: str, tmp_path: Path, real_vocab: Path, real_texts: list[str], read_jsonl: Callable[..., Any]
):
    cases = read_jsonl(real_vocab.parents[1] / "tokenizer" / "adversarial.jsonl")
    texts = [text_of(case) for case in cases if "error" not in case]
    lines = random.Random(3).sample(real_texts, 1_000)
    compare(node, tmp_path, RoFormerTokenizer(real_vocab / "vocab.txt"), [*texts, *lines])


def test_what_it_does_not_take(node: str, tmp_path: Path):
    tokenizer = RoFormerTokenizer(GOLDEN / "vocab.txt")
    (told,) = ask(node, tmp_path, tokenizer, ["a\ud800"])
    assert "lone surrogate" in told
    for options in ({"never_split": ["Hello"]}, {"do_basic_tokenize": False}, {"split_special_tokens": True}):
        with pytest.raises(AssertionError, match="slow mode as published"):
            ask(node, tmp_path, RoFormerTokenizer(GOLDEN / "vocab.txt", **options), [])
    tokenizer.add_tokens(["今天"])
    with pytest.raises(AssertionError, match="no added tokens but special ones"):
        ask(node, tmp_path, tokenizer, [])
