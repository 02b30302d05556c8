"""The reference cases beside the project: adversarial texts, and calls with every option."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from roformer_edge.errors import TextError
from roformer_edge.tokenizer import load_tokenizer
from tests.tokenizer.oracle import Oracle
from tests.tokenizer.test_real_texts import is_news_to_python

SUFFIX = {"slow": "", "fast": "_fast"}


def long_text(expression: str) -> str:
    """The value of an expression of literals, ``*`` and ``+``."""

    def value(node: ast.expr) -> str | int:
        if isinstance(node, ast.BinOp):
            left, right = value(node.left), value(node.right)
            return left * right if isinstance(node.op, ast.Mult) else left + right
        return ast.literal_eval(node)

    return value(ast.parse(expression, mode="eval").body)


def text_of(case: dict) -> str:
    if case["name"] == "surrogate_pair_as_two":
        # JSON joins the two halves that the case is about
        (character,) = case["text"]
        halves = character.encode("utf-16-be")
        return chr(int.from_bytes(halves[:2], "big")) + chr(int.from_bytes(halves[2:], "big"))
    return case["text"] if "text" in case else long_text(case["text_expr"])


def test_adversarial(mode: str, shared_data: Path, real_vocab: Path, read_jsonl: Callable[[Path], list[dict]]):
    tokenizer, suffix = load_tokenizer(real_vocab, mode=mode), SUFFIX[mode]
    for case in read_jsonl(shared_data / "tokenizer" / "adversarial.jsonl"):
        text = text_of(case)
        if "error" + suffix in case:
            with pytest.raises(TextError, match="lone surrogate"):
                tokenizer(text)
            continue
        encoding = tokenizer(text, add_special_tokens=False).encodings[0]
        assert len(encoding.ids) == case["n_ids" + suffix], case["name"]
        if "ids" + suffix in case:
            assert encoding.ids == case["ids" + suffix], case["name"]
            assert encoding.tokens == case["tokens" + suffix], case["name"]
        assert hashlib.sha256(spelling(encoding.ids)).hexdigest() == case["ids_sha256" + suffix], case["name"]


@pytest.mark.oracle
def test_adversarial_in_the_bert_mode(
    oracle: Oracle, shared_data: Path, real_vocab: Path, read_jsonl: Callable[[Path], list[dict]]
):
    oracle.make("bert", "bert", real_vocab)
    oracle.make("bert slow", "bert_slow", real_vocab)
    tokenizer = load_tokenizer(real_vocab, mode="bert")
    compared = 0
    for case in read_jsonl(shared_data / "tokenizer" / "adversarial.jsonl"):
        text = text_of(case)
        if "error" in case:
            with pytest.raises(TextError, match="lone surrogate"):
                tokenizer(text)
            continue
        theirs = oracle.call("bert", "__call__", text, return_offsets_mapping=True, verbose=False)
        row = tokenizer.encode_text(text)
        assert row.ids == theirs["input_ids"], case["name"]
        assert list(map(list, row.offsets)) == theirs["offset_mapping"], case["name"]
        slow = oracle.call("bert slow", "__call__", text, verbose=False)["input_ids"]
        assert row.ids == slow or is_news_to_python(text), case["name"]
        compared += 1
    assert compared > 50


@pytest.mark.oracle
def test_what_a_char_checkpoint_sees(oracle: Oracle, real_vocab: Path):
    texts = ["4～5分", "￥228", "９８年", "2×2G", "今天天气非常好。", "iPhone15多少钱？", "T恤￥99.9", "Ａ股"]
    for mode in ("bert", "bert_slow"):
        oracle.make(mode, mode, real_vocab)
        assert load_tokenizer(real_vocab, mode="bert")(texts)["input_ids"] == oracle.ids(mode, texts)


def spelling(ids: list[int]) -> bytes:
    return ",".join(map(str, ids)).encode()


def test_calls(shared_data: Path, real_vocab: Path, read_jsonl: Callable[[Path], list[dict]]):
    tokenizer = load_tokenizer(real_vocab, mode="slow")
    for case in read_jsonl(shared_data / "tokenizer" / "api_cases.jsonl"):
        if "decode" in case:
            assert tokenizer.decode(case["decode"], **case["kw"]) == case["out"], case
            assert tokenizer.convert_ids_to_tokens(case["decode"]) == case["tokens"], case
        elif "error" in case:
            with pytest.raises(TextError) as caught:
                tokenizer(case["a"], case["b"], **case["kw"])
            assert case["error"] == f"ValueError: {caught.value}"
        else:
            assert dict(tokenizer(case["a"], case["b"], **case["kw"])) == case["out"], case
