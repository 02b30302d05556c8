"""Random texts, options and added tokens, compared with transformers 4.57.6 live."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from roformer_edge.tokenizer import AddedToken, Tokenizer, load_tokenizer
from tests.tokenizer.conftest import CLASSES
from tests.tokenizer.oracle import Oracle, OracleError
from tests.tokenizer.sentences import SENTENCES

pytestmark = pytest.mark.oracle

OPTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"do_lower_case": False},
    {"strip_accents": False},
    {"strip_accents": True, "do_lower_case": False},
    {"tokenize_chinese_chars": False},
    {"do_basic_tokenize": False},
    {"split_special_tokens": True},
    {"never_split": ["Hello", "café", "[MASK]", "ab", "北京"]},
)
MARKS = "\u0300\u0301\u0323\u0328\u0345\u302e\u302f\U0001d165\U0001d16d\u0334\u05b0\u094d\u09bc\u1ab0\u08e4\u1df9\u0e38"
SPACES = " \n\t\r\u3000\xa0\u2028\x85\x0b\x1c\u200b\ufeff\0\ufffd\xad\u2009"
SPECIALS = ("[CLS]", "[SEP]", "[MASK]", "[PAD]", "[mask]", "[unused1]", "<S>", "[CLS", "[[MASK]]", "SEP]")
ODD = ("İ", "Σ", "ΑΣ", "ς", "ß", "ẞ", "ﬁ", "Å", "ǅ", "K", "é", "e\u0301", "c++", "C#", "AT&T", "T恤", "3.14", "γ射线")
RANGES = ((0x80, 0x600), (0x2000, 0x3400), (0xAC00, 0xD7A4), (0xF900, 0xFB00), (0x1F000, 0x1FB00), (0x2B820, 0x2CEB0))


class Source(random.Random):
    """Texts from the whole of Unicode, dense where tokenizers differ."""

    def characters(self, low: int, high: int, most: int) -> str:
        codes = [self.randrange(low, high) for _ in range(self.randrange(1, most))]
        return "".join(chr(code) for code in codes if not 0xD800 <= code < 0xE000)

    def piece(self) -> str:
        kind = self.randrange(10)
        if kind < 2:
            return self.characters(0x4E00, 0xA000, 6)
        if kind < 4:
            return self.characters(*self.choice(RANGES), 4)
        if kind == 4:
            return self.characters(0x20, 0x7F, 12)
        if kind == 5:
            return self.characters(0, 0x110000, 3)
        if kind == 6:
            return "".join(self.choices(MARKS, k=3))
        if kind == 7:
            return self.choice(SPACES)
        return self.choice((self.choice(SPECIALS), self.choice(ODD), self.choice("aB") * self.randrange(1, 140)))

    def text(self) -> str:
        return "".join(self.piece() for _ in range(self.randrange(9)))


def compare(oracle: Oracle, name: str, tokenizer: Tokenizer, texts: list[str]) -> None:
    """Ids are equal; in the bert mode offsets and words too."""
    options = {"return_offsets_mapping": True} if tokenizer.mode == "bert" else {}
    theirs = oracle.call(name, "__call__", texts, verbose=False, **options)
    ours = tokenizer(texts, **options)
    for column in theirs:
        for text, one, other in zip(texts, ours[column], theirs[column], strict=True):
            assert list(map(list, one) if column == "offset_mapping" else one) == other, (name, column, text)


def modes_and_options() -> list[tuple[str, dict[str, Any]]]:
    return [
        (mode, options)
        for mode in CLASSES
        for options in OPTIONS
        if mode != "bert" or not {"do_basic_tokenize", "never_split"} & options.keys()
    ]


@pytest.mark.parametrize(("mode", "options"), modes_and_options(), ids=str)
def test_random_texts(oracle: Oracle, real_vocab: Path, mode: str, options: dict[str, Any]):
    oracle.make("real", mode, real_vocab, **options)
    tokenizer = CLASSES[mode].from_pretrained(real_vocab, **options)
    source = Source(str(options))
    compare(oracle, "real", tokenizer, [*SENTENCES, *(source.text() for _ in range(800))])


@pytest.mark.slow
def test_every_character(oracle: Oracle, real_vocab: Path, any_mode: str):
    oracle.make("real", any_mode, real_vocab)
    tokenizer = CLASSES[any_mode].from_pretrained(real_vocab)
    every = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    # all that is assigned and a part of the rest, alone among letters and at the end of a word
    chosen = [
        character
        for place, character in enumerate(every)
        if place < 0x32000 or place % 997 == 0 or 0xE0000 <= ord(character) < 0xE0200
    ]
    texts = [
        " ".join(f"a{character}b {character}中{character}" for character in chosen[at : at + 64])
        for at in range(0, len(chosen), 64)
    ]
    compare(oracle, "real", tokenizer, texts)


def random_vocabulary(source: Source, path: Path) -> list[str]:
    alphabet = "abcABC012é中国人大北京学生活豈𠀀한글İΣσςß,.，。<>_+#&%γ射线"
    alphabet += f"\u1c89\u1c8a\ua7cb\u0264\U0001fae8{MARKS}\u200b\ue000 "
    words = ["".join(source.choices(alphabet, k=source.choice((1, 1, 1, 2, 3)))) for _ in range(150)]
    words += ["##" + "".join(source.choices(alphabet, k=source.choice((1, 1, 2)))) for _ in range(60)]
    words += [*source.sample(alphabet, 30), "北京", "北京大学", "学生", "c++", "γ射线"]
    words += ["[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"]
    source.shuffle(words)
    tokens = list(dict.fromkeys(words))
    path.write_text("\n".join(tokens) + "\n", "utf-8")
    return tokens


def test_random_vocabularies(oracle: Oracle, any_mode: str, tmp_path: Path):
    choices = [options for mode, options in modes_and_options() if mode == any_mode]
    for number in range(12):
        source = Source(number)
        tokens = random_vocabulary(source, tmp_path / "vocab.txt")
        options = source.choice(choices)
        oracle.make("own", any_mode, tmp_path, **options)
        tokenizer = CLASSES[any_mode].from_pretrained(tmp_path, **options)
        texts = ["".join(source.choice((source.choice(tokens), source.piece())) for _ in range(6)) for _ in range(150)]
        compare(oracle, "own", tokenizer, texts)
        ids = [source.randrange(len(tokens) + 3) for _ in range(40)]
        for skip in (False, True):
            ours = tokenizer.decode(ids, skip_special_tokens=skip)
            assert ours == oracle.call("own", "decode", ids, skip_special_tokens=skip)
        assert tokenizer.convert_ids_to_tokens(ids) == oracle.call("own", "convert_ids_to_tokens", ids)
        assert tokenizer.tokenize(texts[0]) == oracle.call("own", "tokenize", texts[0])


WORDS = ("今天", "天气", "非常", "好", "我们", "公园", "Python", "[MASK]", "。", "，", "hello", "café", "world")
CHOICES: dict[str, tuple[float, tuple[Any, ...]]] = {
    "padding": (0.5, (True, "longest", "max_length", False)),
    "truncation": (0.7, (True, "longest_first", "only_first", "only_second", False)),
    "max_length": (0.7, (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 32)),
    "stride": (0.4, (0, 1, 2, 3)),
    "pad_to_multiple_of": (0.3, (1, 2, 4, 8)),
    "padding_side": (0.3, ("left", "right")),
    "return_overflowing_tokens": (0.4, (True,)),
    "return_special_tokens_mask": (0.4, (True,)),
    "return_length": (0.3, (True,)),
    "add_special_tokens": (0.3, (False,)),
    "return_attention_mask": (0.2, (True, False)),
}


def test_calls(oracle: Oracle, real_vocab: Path, any_mode: str):
    mode = any_mode
    made: dict[str, Tokenizer] = {}
    for name, options in (
        ("plain", {}),
        ("left", {"truncation_side": "left", "padding_side": "left"}),
        ("short", {"model_max_length": 16}),
    ):
        oracle.make(name, mode, real_vocab, **options)
        made[name] = CLASSES[mode].from_pretrained(real_vocab, **options)
    source = Source("calls")

    def text() -> str:
        return "".join(source.choices(WORDS, k=source.choice((0, 1, 2, 3, 5, 8, 13))))

    answered = 0
    for _ in range(1200):
        name = source.choice(tuple(made))
        options = {key: source.choice(values) for key, (share, values) in CHOICES.items() if source.random() < share}
        if mode != "slow" and source.random() < 0.4:
            options["return_offsets_mapping"] = True
        count = source.randrange(4)
        texts: list[Any] = (
            [[text() for _ in range(count)] for _ in range(source.choice((1, 2)))] if count else [text(), text()]
        )
        try:
            theirs = oracle.call(name, "__call__", *texts, **options, verbose=False)
        except OracleError:
            continue
        answered += 1
        assert json.loads(json.dumps(made[name](*texts, **options))) == theirs, (name, texts, options)
    assert answered > 800


CONTENTS = ["今天", "天气", "北京", "ab", "AB", "Ab", "abc", "bc", "b", "cd", "é", "É", "e\u0301", "Σ", "。"]
CONTENTS += ["<x>", "<X>", "<x>y", "[M]", "[MASK]", "MASK", "量子", "量", "foo", "FOO", "foo_bar", "ＡＢ"]
BETWEEN = (
    "",
    " ",
    "  ",
    "\n",
    "\u3000",
    "，",
    "_",
    "a",
    "1",
    "é",
    "中",
    "\u0301",
    "-",
    "\u2028",
    "\x0b",
    "\x1c",
    "\x85",
)
FLAGS = ("single_word", "lstrip", "rstrip", "special", "normalized")


def random_token(source: Source) -> str | dict[str, Any]:
    content = source.choice([*CONTENTS, "a b", "\u3000", "中\n"])
    if source.random() < 0.3:
        return content
    return {"content": content, **{flag: source.random() < 0.6 for flag in FLAGS if source.random() < 0.35}}


@pytest.mark.parametrize("seed", range(4))
def test_added_tokens(oracle: Oracle, real_vocab: Path, any_mode: str, seed: int, tmp_path: Path):
    mode = any_mode
    source = Source(f"{mode} {seed}")
    kind = CLASSES[mode]
    for number in range(6):
        options = {"do_lower_case": source.random() < 0.7, "split_special_tokens": source.random() < 0.2}
        oracle.make("live", mode, real_vocab, **options)
        tokenizer = kind.from_pretrained(real_vocab, **options)
        for _ in range(source.randrange(1, 4)):
            tokens = [random_token(source) for _ in range(source.randrange(1, 4))]
            special = source.random() < 0.3
            theirs = [token if isinstance(token, str) else {"added_token": token} for token in tokens]
            ours = [token if isinstance(token, str) else AddedToken(**token) for token in tokens]
            assert tokenizer.add_tokens(ours, special) == oracle.call("live", "add_tokens", theirs, special)
        added = {str(index): token.to_dict() for index, token in tokenizer.added_tokens_decoder.items()}
        assert added == oracle.ask(use="live", get="added_tokens_decoder")
        assert tokenizer.all_special_ids == oracle.ask(use="live", get="all_special_ids")
        pool = [*CONTENTS, *(token.content for token in tokenizer.added_tokens_decoder.values())]
        texts = [
            "".join(source.choice(pool) + source.choice(BETWEEN) for _ in range(source.randrange(1, 8)))
            for _ in range(40)
        ]
        compare(oracle, "live", tokenizer, texts)
        # each loads what the other saved
        tokenizer.save_pretrained(tmp_path / f"ours{number}")
        oracle.call("live", "save_pretrained", str(tmp_path / f"theirs{number}"))
        for saved in (tmp_path / f"ours{number}", tmp_path / f"theirs{number}"):
            oracle.make("loaded", mode, saved)
            compare(oracle, "loaded", kind.from_pretrained(saved), texts)


def test_saved_by_transformers(oracle: Oracle, any_mode: str, vocab_path: Path, tmp_path: Path):
    mode = any_mode
    (tmp_path / "vocab.txt").write_bytes(vocab_path.read_bytes())
    oracle.make("small", mode, tmp_path, additional_special_tokens=["<S>", "<new>"], model_max_length=20)
    oracle.call("small", "save_pretrained", str(tmp_path / "saved"))
    # saving breaks the fast tokenizer of transformers
    oracle.make("small", mode, tmp_path / "saved")
    tokenizer = load_tokenizer(tmp_path / "saved")
    assert type(tokenizer) is CLASSES[mode]
    assert tokenizer.model_max_length == 20
    assert tokenizer.additional_special_tokens == ["<S>", "<new>"]
    compare(oracle, "small", tokenizer, [*SENTENCES, "好<S><new>"])
    assert (tmp_path / "saved" / "vocab.txt").read_bytes() == tokenizer.vocabulary_bytes
