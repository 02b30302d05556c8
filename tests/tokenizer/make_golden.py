"""Makes ``tokenizer.jsonl`` and ``words.jsonl`` of ``tests/golden``, which every port of the tokenizer must equal.

    .venv-oracle/bin/python -m tests.tokenizer.make_golden

Ids, tokens and types are what transformers 4.57.6 gives, in the plain mode the library tokenizers 0.22, and words what
the Rust package rjieba gives. Offsets are theirs in the bert and plain modes; in the others, where transformers has
none or misses characters that were dropped, they are this package's own.
"""

import json
import sys
from pathlib import Path
from typing import Any

import rjieba
import tokenizers
from transformers import AddedToken, BertTokenizerFast, RoFormerTokenizer, RoFormerTokenizerFast

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import roformer_edge.tokenizer as ours
from tests.tokenizer.sentences import CODE_POINTS, SENTENCES

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
CLASSES = {
    "slow": (RoFormerTokenizer, ours.RoFormerTokenizer),
    "fast": (RoFormerTokenizerFast, ours.RoFormerTokenizerFast),
    "bert": (BertTokenizerFast, ours.BertTokenizer),
}
ADDED = (
    {"content": "<e>", "lstrip": True, "rstrip": True, "normalized": False, "single_word": False, "special": True},
    {"content": "QPS", "lstrip": False, "rstrip": False, "normalized": True, "single_word": True, "special": False},
    {"content": "今天", "lstrip": False, "rstrip": False, "normalized": True, "single_word": False, "special": False},
)
ADDED_TEXTS = ("好 <e> 好<E>", "qps QPS xQPSx 中QPS中 QPS,", "今天天气[MASK]今天", "<e><e>\u3000[SEP]  <e>")
OPTIONS: tuple[dict[str, Any], ...] = (
    {"do_lower_case": False},
    {"strip_accents": False},
    {"do_lower_case": False, "strip_accents": True},
    {"tokenize_chinese_chars": False},
    {"do_basic_tokenize": False},
    {"never_split": ["Hello", "café", "c++"]},
    {"split_special_tokens": True},
)
SLOW_ONLY = {"do_basic_tokenize", "never_split"}
PAIRS = (("今天天气非常好", "我们去公园。"), ("", "好"), ("Hello [MASK]", ""))
PIPELINES: tuple[dict[str, Any], ...] = (
    {"pre_tokenizer": {"type": "WhitespaceSplit"}, "model": "WordLevel"},
    {"pre_tokenizer": {"type": "Whitespace"}, "normalizer": {"type": "Lowercase"}, "model": "WordPiece"},
    {
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "WhitespaceSplit"},
                {"type": "Punctuation", "behavior": "MergedWithPrevious"},
                {"type": "Digits", "individual_digits": True},
            ],
        },
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "Lowercase"}]},
        "model": "WordPiece",
    },
    {"pre_tokenizer": {"type": "FixedLength", "length": 3}, "model": "WordPiece"},
    {
        "pre_tokenizer": {"type": "Split", "pattern": {"String": ""}, "behavior": "Isolated", "invert": False},
        "model": "WordLevel",
    },
)


def row(mode: str, text: str, ids: list[int], tokens: list[str], offsets: Any, **more: Any) -> dict[str, Any]:
    return {
        "mode": mode,
        **more,
        "text": text,
        "ids": ids,
        "tokens": tokens,
        "offsets": [list(span) for span in offsets],
    }


def of_class(mode: str, texts: tuple[str, ...], options: dict[str, Any], added: tuple[dict[str, Any], ...] = ()) -> Any:
    """The rows of one class with one set of options."""
    theirs, own = (kind(str(GOLDEN / "vocab.txt"), **options) for kind in CLASSES[mode])
    theirs.add_tokens([AddedToken(**token) for token in added])
    own.add_tokens([ours.AddedToken(**token) for token in added])
    more = {"options": options, **({"added": list(added)} if added else {})}
    for text in texts:
        batch = theirs(text, add_special_tokens=False, return_offsets_mapping=mode == "bert")
        mapping = (
            batch["offset_mapping"] if mode == "bert" else own(text, add_special_tokens=False).encodings[0].offsets
        )
        yield row(mode, text, batch["input_ids"], theirs.tokenize(text), mapping, **more)


def pairs(mode: str) -> Any:
    """Whole rows of pairs, special tokens and types included."""
    theirs, own = (kind(str(GOLDEN / "vocab.txt")) for kind in CLASSES[mode])
    for one, two in PAIRS:
        batch = theirs([one], [two])
        encoding = own([one], [two]).encodings[0]
        found = row(mode, one, batch["input_ids"][0], encoding.tokens, encoding.offsets, pair=two)
        yield {**found, "type_ids": batch["token_type_ids"][0]}


def of_pipeline(described: dict[str, Any]) -> Any:
    """The rows of what a ``tokenizer.json`` describes."""
    vocabulary = (GOLDEN / "vocab.txt").read_text("utf-8").split("\n")[:-1]
    model: dict[str, Any] = {"type": described["model"], "unk_token": "[UNK]"}
    if described["model"] == "WordPiece":
        model |= {"continuing_subword_prefix": "##", "max_input_chars_per_word": 100}
    steps = {"normalizer": None, "post_processor": None, "decoder": None, **described, "model": model}
    whole = {
        **steps,
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "model": {**model, "vocab": {token: at for at, token in enumerate(vocabulary)}},
    }
    crate = tokenizers.Tokenizer.from_str(json.dumps(whole))
    for text in SENTENCES:
        encoding = crate.encode(text)
        yield row("plain", text, encoding.ids, encoding.tokens, encoding.offsets, pipeline=steps)


def main() -> None:
    rows: list[dict[str, Any]] = []
    for mode in CLASSES:
        rows += of_class(mode, (*SENTENCES, *CODE_POINTS), {})
        rows += of_class(mode, ADDED_TEXTS, {}, ADDED)
        rows += pairs(mode)
        for options in OPTIONS:
            if mode == "slow" or not SLOW_ONLY & options.keys():
                rows += of_class(mode, SENTENCES, options)
    for described in PIPELINES:
        rows += of_pipeline(described)
    with (GOLDEN / "tokenizer.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(each, separators=(",", ":")) + "\n" for each in rows)
    with (GOLDEN / "words.jsonl").open("w", encoding="utf-8") as file:
        for text in (*SENTENCES, *CODE_POINTS):
            file.write(json.dumps({"text": text, "words": rjieba.cut(text, False)}) + "\n")


if __name__ == "__main__":
    main()
