"""The tokenizer of the Java core gives the ids and offsets of this package's, on everything."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from roformer_edge.tokenizer import UNICODE_PATH, WORDS_PATH, AddedToken, Tokenizer
from tests.android.conftest import LONG, Runner
from tests.tokenizer.conftest import CLASSES
from tests.tokenizer.test_reference_cases import text_of

GOLDEN = Path(__file__).parents[1] / "golden"
BARE = {"special": False}
ADDED = (
    AddedToken("<e>", lstrip=True, rstrip=True, normalized=False, special=True),
    AddedToken("QPS", single_word=True),
    AddedToken("今天"),
    AddedToken("É大", normalized=True),
    AddedToken("\u0301x", normalized=True, special=True),
)
OPTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"do_lower_case": False},
    {"strip_accents": False},
    {"do_lower_case": False, "strip_accents": True},
    {"tokenize_chinese_chars": False},
    {"split_special_tokens": True},
    {"do_basic_tokenize": False},
    {"never_split": ["Hello", "café", "c++", "[mask]"]},
)
SLOW_ONLY = {"do_basic_tokenize", "never_split"}


Tally = Callable[..., None]


def read(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (GOLDEN / name).read_text("utf-8").split("\n") if line]


class Port:
    """The tokenizer of the core with the settings of one of ours."""

    def __init__(self, java: Runner, folder: Path, tokenizer: Tokenizer) -> None:
        self._java = java
        self._settings = folder / "settings.json"
        self._vocabulary = folder / "vocab.txt"
        settings = {**tokenizer.to_settings(), "model_max_length": min(tokenizer.model_max_length, 512)}
        self._settings.write_text(json.dumps(settings), "utf-8")
        self._vocabulary.write_bytes(tokenizer.vocabulary_bytes)

    def ask(self, lines: list[dict[str, Any]]) -> list[Any]:
        return self._java.ask("tokenize", self._settings, self._vocabulary, WORDS_PATH, UNICODE_PATH, lines=lines)


def compare(port: Port, tokenizer: Tokenizer, texts: list[str]) -> int:
    """Compare ids and offsets of all texts; how many tokens there were."""
    tokens = 0
    for text, answer in zip(texts, port.ask([{"text": text, **BARE} for text in texts]), strict=True):
        assert "error" not in answer, (text, answer)
        (row,) = answer["rows"]
        ours = tokenizer(text, add_special_tokens=False).encodings[0] if text else None
        ids, offsets = (ours.ids, ours.offsets) if ours else ([], [])
        assert row["ids"] == ids, text
        assert list(zip(row["starts"], row["ends"], strict=True)) == offsets, text
        tokens += len(ids)
    return tokens


def random_texts(count: int, seed: int) -> list[str]:
    """Texts over all of Unicode, with words, special and added tokens and white space between."""
    draw = random.Random(seed)
    pools: tuple[tuple[int, int], ...] = (
        (0x20, 0x7E), (0, 0x24F), (0x300, 0x36F), (0x370, 0x1FFF), (0x2000, 0x206F), (0x2E80, 0x33FF), (0x4E00, 0x9FFF),
        (0xAC00, 0xD7A3), (0xF900, 0xFFFF), (0x10000, 0x1FFFF), (0x20000, 0x323AF), (0xE0000, 0xE01EF), (0, 0x10FFFF),
    )  # fmt: skip
    whole = ("[MASK]", "[CLS]", "[SEP]", "[mask]", "<e>", "<E>", "QPS", "qps", "今天", "É大", "é大", " ", "\t", "\r\n",
             "研究生", "café", "e\u0301", "c++", "\u3000", "\x1c", "##a", "Hello", "[unused1]", "ΑΣ", "İ")  # fmt: skip

    def piece() -> str:
        if draw.random() < 0.2:
            return draw.choice(whole)
        while True:
            code = draw.randint(*draw.choice(pools))
            if not 0xD800 <= code < 0xE000:
                return chr(code)

    return ["".join(piece() for _ in range(draw.randint(0, 40))) for _ in range(count)]


@pytest.mark.parametrize("mode", CLASSES)
def test_golden_rows(mode: str, java: Runner, tmp_path: Path):
    groups: dict[str, list[dict[str, Any]]] = {}
    for case in read("tokenizer.jsonl"):
        if case["mode"] == mode:
            groups.setdefault(json.dumps([case.get("options", {}), case.get("added", [])]), []).append(case)
    assert len(groups) > 5
    for key, cases in groups.items():
        options, added = json.loads(key)
        tokenizer = CLASSES[mode](GOLDEN / "vocab.txt", **options)
        tokenizer.add_tokens([AddedToken(**token) for token in added])
        lines = [
            {"text": case["text"], "pair": case["pair"]} if "pair" in case else {"text": case["text"], **BARE}
            for case in cases
        ]
        for case, answer in zip(cases, Port(java, tmp_path, tokenizer).ask(lines), strict=True):
            (row,) = answer["rows"]
            assert row["ids"] == case["ids"], case
            assert list(map(list, zip(row["starts"], row["ends"], strict=True))) == case["offsets"], case
            assert row["type_ids"] == case.get("type_ids", row["type_ids"]), case


def test_golden_words(java: Runner, tmp_path: Path):
    """Every word of the golden file is a token of the vocabulary: tokens are words."""
    cases = read("words.jsonl")
    words = {word for case in cases for word in case["words"] if not set(word) & {"\n", "\r"}}
    special = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
    (tmp_path / "words.txt").write_text(
        "".join(f"{word}\n" for word in (*special, *sorted(words - set(special)))), "utf-8"
    )
    tokenizer = CLASSES["slow"](tmp_path / "words.txt", do_lower_case=False, split_special_tokens=True)
    port = Port(java, tmp_path, tokenizer)
    lines = [{"text": case["text"], **BARE} for case in cases]
    ties = 0
    for case, answer in zip(cases, port.ask(lines), strict=True):
        (row,) = answer["rows"]
        found = [case["text"][start:end] for start, end in zip(row["starts"], row["ends"], strict=True)]
        assert found == [word for word in case["words"] if word in words], case
        ties += "看看" in found
    assert ties


def call(options: dict[str, Any]) -> dict[str, Any]:
    """The options of a call as the runner takes them."""
    truncation = options.get("truncation", False)
    names = {"max_length": "max_length", "stride": "stride", "pad_to_multiple_of": "multiple"}
    line = {new: options[old] for old, new in names.items() if old in options}
    if truncation:
        line["truncation"] = "longest_first" if truncation is True else truncation
    if options.get("padding"):
        line["padding"] = "longest" if options["padding"] is True else options["padding"]
    line["special"] = options.get("add_special_tokens", True)
    line["overflow"] = options.get("return_overflowing_tokens", False)
    for name, new in (("padding_side", "pad_left"), ("truncation_side", "truncate_left")):
        if name in options:
            line[new] = options[name] == "left"
    return line


def columns(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "input_ids": row["ids"],
        "token_type_ids": row["type_ids"],
        "attention_mask": row["mask"],
        "special_tokens_mask": list(map(int, row["special"])),
        "offsets": [list(span) for span in zip(row["starts"], row["ends"], strict=True)],
    }


@pytest.mark.parametrize("mode", CLASSES)
def test_golden_calls(mode: str, java: Runner, tmp_path: Path):
    cases = [case for case in read("calls.jsonl") if case["mode"] == mode]
    port = Port(java, tmp_path, CLASSES[mode](GOLDEN / "vocab.txt"))
    answers = port.ask([{"text": case["text"], "pair": case["pair"], **call(case["options"])} for case in cases])
    for case, answer in zip(cases, answers, strict=True):
        impossible = mode == "slow" and case["options"].get("return_overflowing_tokens") and case.get("error")
        if "error" in case and not impossible:
            # what the slow mode cannot say is which text an overflowing token is of; the core does not say it
            assert "error" in answer, case
            continue
        if impossible:
            continue
        assert [columns(row) for row in answer["rows"]] == case["rows"], case
        assert answer["dropped"] == case.get("overflowing_tokens", answer["dropped"]), case
        assert answer["surplus"] == case.get("num_truncated_tokens", answer["surplus"]), case


def test_reference_calls(
    java: Runner, tmp_path: Path, shared_data: Path, real_vocab: Path, read_jsonl: Callable[..., Any]
):
    cases = [case for case in read_jsonl(shared_data / "tokenizer" / "api_cases.jsonl") if "decode" not in case]
    port = Port(java, tmp_path, CLASSES["slow"](real_vocab / "vocab.txt"))
    answers = port.ask([{"text": case["a"], "pair": case["b"], **call(case["kw"])} for case in cases])
    assert len(cases) > 60
    for case, answer in zip(cases, answers, strict=True):
        if "error" in case:
            assert "error" in answer, case
        else:
            found = columns(answer["rows"][0])
            assert {name: found[name] for name in case["out"]} == case["out"], case


@pytest.mark.parametrize("mode", CLASSES)
def test_adversarial(
    mode: str, java: Runner, tmp_path: Path, real_vocab: Path, read_jsonl: Callable[..., Any], tally: Tally
):
    tokenizer = CLASSES[mode](real_vocab / "vocab.txt")
    cases = read_jsonl(real_vocab.parents[1] / "tokenizer" / "adversarial.jsonl")
    texts = [text_of(case) for case in cases if "error" not in case]
    tokens = compare(Port(java, tmp_path, tokenizer), tokenizer, texts)
    assert tokens > 10_000
    tally("adversarial texts", mode, len(texts), tokens)


@pytest.mark.parametrize("mode", CLASSES)
def test_real_lines(mode: str, java: Runner, tmp_path: Path, real_vocab: Path, real_texts: list[str], tally: Tally):
    count = 20_000 if LONG else 1_000
    tokenizer = CLASSES[mode](real_vocab / "vocab.txt")
    texts = [text for text in random.Random(mode).sample(real_texts, 2 * count) if len(text) < 1000][:count]
    assert len(texts) == count
    tokens = compare(Port(java, tmp_path, tokenizer), tokenizer, texts)
    assert tokens > 5 * count
    tally("real lines", mode, count, tokens)


@pytest.mark.parametrize("mode", CLASSES)
def test_random_strings(mode: str, java: Runner, tmp_path: Path, vocab_path: Path, tally: Tally):
    """Strings over all of Unicode with special and added tokens inside, shared out among the options."""
    usable = [options for options in OPTIONS if mode == "slow" or not SLOW_ONLY & options.keys()]
    chosen = usable if LONG else usable[:1]
    texts = random_texts(20_000 if LONG else 600, seed=len(mode))
    share = -(-len(texts) // len(chosen))
    tokens = 0
    for number, options in enumerate(chosen):
        tokenizer = CLASSES[mode](vocab_path, **options)
        tokenizer.add_tokens(ADDED)
        tokens += compare(Port(java, tmp_path, tokenizer), tokenizer, texts[number * share : (number + 1) * share])
    assert tokens > len(texts)
    tally("random strings", mode, len(texts), tokens)


def block(tokenizer: Tokenizer, start: int, stop: int) -> tuple[str, int]:
    """The digest of ids and offsets of every code point of a block, by itself and in words, and how many tokens."""
    digest = hashlib.sha256()
    tokens = 0
    for code in range(start, stop):
        if 0xD800 <= code < 0xE000:
            continue
        for text in (chr(code), f"x{chr(code)}y", f"中{chr(code)} {chr(code)}"):
            row = tokenizer(text, add_special_tokens=False).encodings[0]
            line = "".join(f"{index} {begin} {end} " for index, (begin, end) in zip(row.ids, row.offsets, strict=True))
            digest.update(f"{line}\n".encode())
            tokens += len(row.ids)
    return digest.hexdigest(), tokens


@pytest.mark.parametrize("mode", CLASSES)
def test_every_code_point(mode: str, java: Runner, tmp_path: Path, vocab_path: Path, tally: Tally):
    """By itself, in a word, and twice beside an ideograph; the short form takes those with most peculiarities."""
    tokenizer = CLASSES[mode](vocab_path)
    starts = range(0, 0x110000 if LONG else 0x1400, 0x400)
    answers = Port(java, tmp_path, tokenizer).ask([{"from": start, "to": start + starts.step} for start in starts])
    total = 0
    for start, answer in zip(starts, answers, strict=True):
        digest, tokens = block(tokenizer, start, start + starts.step)
        assert answer == digest, f"from U+{start:04X}"
        total += tokens
    tally("texts of every code point", mode, 3 * (starts.stop - 0x800 * LONG), total)


# too short a form, a continuation alone, cut short, again too short, a surrogate, too large, not continued
BROKEN = (b"\xc0\x80", b"\x80", b"\xe4\xbd", b"\xe0\x9f\xbf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe4\xbd\xc0")


def test_a_vocabulary_is_utf_8(java: Runner, tmp_path: Path):
    tokenizer = CLASSES["slow"](GOLDEN / "vocab.txt")
    port = Port(java, tmp_path, tokenizer)
    # the first and the last of every length, as tokens of their own
    edges = "".join(
        f"{chr(code)}\n" for code in (0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFD, 0xFFFF, 0x10000, 0x10FFFF)
    )
    vocabulary = (
        b"\xef\xbb\xbf" + tokenizer.vocabulary_bytes.rstrip(b"\n").replace(b"\n", b"\r\n") + b"\r" + edges.encode()
    )
    (tmp_path / "vocab.txt").write_bytes(vocabulary)
    with_edges = CLASSES["slow"](tmp_path / "vocab.txt")
    texts = [f"{text}天" for text in edges.split()] + ["今天天气非常好"]
    assert compare(port, with_edges, texts) > len(texts)
    for broken in BROKEN:
        with pytest.raises(UnicodeDecodeError):
            broken.decode()
        (tmp_path / "vocab.txt").write_bytes(tokenizer.vocabulary_bytes + broken)
        told = java.run("tokenize", tmp_path / "settings.json", tmp_path / "vocab.txt", WORDS_PATH, UNICODE_PATH)
        assert told.returncode == 1, broken
        assert told.stderr == "error: the vocabulary is not UTF-8\n"


def test_a_pipeline_is_refused(java: Runner, tmp_path: Path):
    tokenizer = CLASSES["bert"](GOLDEN / "vocab.txt")
    settings = {**tokenizer.to_settings(), "model_max_length": 8, "pipeline": {"pre_tokenizer": {"type": "Whitespace"}}}
    for name, value in (("pipeline", settings["pipeline"]), ("mode", "plain")):
        path = tmp_path / "settings.json"
        path.write_text(json.dumps({**settings, "pipeline": None, name: value}), "utf-8")
        told = java.run("tokenize", path, GOLDEN / "vocab.txt", WORDS_PATH, UNICODE_PATH)
        assert told.returncode == 1
        assert told.stderr.startswith("error: ")
        assert told.stderr.count("\n") == 1
        assert "slow, fast" in told.stderr
