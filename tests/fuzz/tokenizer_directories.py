"""Random tokenizer directories: honest ones of every kind with something spoilt in them."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

from roformer_edge.errors import RoFormerEdgeError
from roformer_edge.tokenizer import (
    BertTokenizer,
    RoFormerTokenizer,
    RoFormerTokenizerFast,
    from_settings,
    load_tokenizer,
)

TOKENS = [
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "今天", "天气", "今", "天", "气", "好", "a", "b", "##b", "ab")
]
TOKENS += ["c++", "é", "<s>", "[unused1]"]
TEXTS = ("今天天气好 ab [MASK] é\u0301", "<s><x> <y>\n[CLS]c++ \U0001fae8")
# what stands in the place of something else
ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 10**30, -(10**20), 1e308, float("nan"), "", "x", "[MASK]", "\ud800", "\u202e\x1b[0m",
    "长" * 5000, [], {}, [[]], [None], ["x", 3], {"": 0}, {"a": []}, {"content": "x"}, {"content": ["x"], "id": "y"},
    {"type": "BertNormalizer"}, {"type": []}, {"type": "Sequence", "normalizers": [{"type": "NFD"}] * 40},
    {"type": "Sequence", "pretokenizers": None}, {"type": "Split", "pattern": {"String": "x"}}, {"0": {"0": {"0": {}}}},
    ["BertTokenizer", None], "BertTokenizer", "RoFormerTokenizerFast", "PreTrainedTokenizerFast", "left",
)  # fmt: skip
NAMES = ("tokenizer_config.json", "tokenizer.json", "special_tokens_map.json", "added_tokens.json", "config.json")


def honest(folder: Path, number: int) -> None:
    """Write the files of one of several kinds of tokenizers."""
    folder.mkdir(parents=True)
    vocabulary = ("\n".join(TOKENS) + "\n").encode()
    (folder / "vocab.txt").write_bytes(vocabulary)
    kind = (RoFormerTokenizer, RoFormerTokenizerFast, BertTokenizer)[number % 3]
    tokenizer = kind(folder / "vocab.txt", additional_special_tokens=["<x>"], extra_special_tokens={"y_token": "<y>"})
    tokenizer.save_pretrained(folder)
    if number % 2:
        (folder / "tokenizer.json").write_text(json.dumps(whole(kind is RoFormerTokenizer)), "utf-8")
    if number % 5 == 0:
        (folder / "tokenizer_config.json").unlink()
    if number % 7 == 0 and number % 2:
        (folder / "vocab.txt").unlink()
    (folder / "config.json").write_text('{"model_type": "roformer", "tokenizer_class": "BertTokenizer"}', "utf-8")


def whole(words: bool) -> dict[str, Any]:
    """The content of a ``tokenizer.json``."""
    index = {token: at for at, token in enumerate(TOKENS)}
    flags = {"single_word": False, "lstrip": True, "rstrip": False, "normalized": False, "special": True}
    around = [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    return {
        "version": "1.0",
        "truncation": {"direction": "Left", "max_length": 3, "strategy": "LongestFirst", "stride": 0},
        "padding": None,
        "added_tokens": [{"id": 4, "content": "[MASK]", **flags}],
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": not words,
            "strip_accents": None,
            "lowercase": True,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": around,
            "pair": [*around, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]}},
        },
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": index,
        },
    }


class Spoiler(random.Random):
    """Spoils files, the same way for the same seed."""

    def value(self, value: Any, depth: int = 0) -> Any:
        """A value with something odd in it."""
        if isinstance(value, dict) and value and self.random() < 0.9:
            copy = dict(value)
            key = self.choice(list(copy))
            what = self.random()
            if what < 0.1:
                del copy[key]
            elif what < 0.2:
                copy[self.choice((key.upper(), "x", "type", "content", "id", "\ud800", "9" * 40))] = copy[key]
            else:
                copy[key] = self.value(copy[key], depth + 1)
            return copy
        if isinstance(value, list) and value and self.random() < 0.8:
            at = self.randrange(len(value))
            return [*value[:at], self.value(value[at], depth + 1), *value[at + self.randrange(2) :]]
        return self.choice(ODD)

    def file(self, path: Path) -> None:
        """Spoil one file."""
        what = self.random()
        if what < 0.05:
            path.unlink()
        elif what < 0.08:
            path.unlink()
            path.mkdir()
        elif what < 0.2:
            data = bytearray(path.read_bytes())
            for _ in range(self.randrange(1, 5)):
                if data:
                    data[self.randrange(len(data))] = self.randrange(256)
            path.write_bytes(bytes(data[: self.randrange(len(data) + 1)] if self.random() < 0.4 else data))
        elif what < 0.25:
            deep = "[" * self.choice((50, 900, 100_000))
            path.write_text(self.choice((deep, '{"a":' * 3000, "null", "3", '"x"', "", "\ufeff{}", "{} {}")), "utf-8")
        elif path.suffix == ".json":
            content = json.loads(path.read_text("utf-8"))
            for _ in range(self.choice((1, 1, 1, 2, 4))):
                content = self.value(content)
            path.write_text(json.dumps(content), "utf-8")
        else:
            lines = path.read_text("utf-8").split("\n")
            self.shuffle(lines)
            path.write_text("\n".join(lines[self.randrange(3) :] * self.choice((1, 1, 2))), "utf-8")


def outcome(seed: int, folder: Path) -> str:
    """Make, spoil, open and use one directory.

    Returns:
        ``"refused"`` where one of our errors said why, or ``"used"``; any other error is the caller's to see.
    """
    spoiler = Spoiler(seed)
    honest(folder, seed)
    try:
        files = [path for name in (*NAMES, "vocab.txt") if (path := folder / name).exists()]
        for path in spoiler.sample(files, spoiler.choice((1, 1, 2))):
            spoiler.file(path)
        complaint = _use(spoiler, folder)
    finally:
        shutil.rmtree(folder)
    if complaint is None:
        return "used"
    assert "\n" not in complaint, "an error is one line"
    assert len(complaint) < 1000, "an error shows no more of a file than it must"
    assert complaint.isprintable(), "what a file holds is shown escaped"
    return "refused"


def _use(spoiler: Spoiler, folder: Path) -> str | None:
    try:
        tokenizer = load_tokenizer(
            folder, mode=spoiler.choice(("auto", "auto", "auto", "slow", "fast", "bert", "plain"))
        )
        batch = tokenizer(list(TEXTS), return_offsets_mapping=True, return_special_tokens_mask=True)
        row = tokenizer.encode_text(*TEXTS)
        assert max(row.ids, default=0) < tokenizer.embedding_rows
        assert len(row.type_ids) == len(row.offsets) == len(row.tokens) == len(row.word_ids) == len(row.ids)
        tokenizer.decode(batch["input_ids"][0], skip_special_tokens=True)
        assert all(note.isprintable() and len(note) < 1000 for note in tokenizer.notes)
        restored = from_settings(json.loads(json.dumps(tokenizer.to_settings())), tokenizer.vocabulary_bytes)
        assert restored.encode_text(*TEXTS).ids == row.ids
        tokenizer.save_pretrained(folder / "saved")
    except RoFormerEdgeError as error:
        return str(error)
    return None
