"""What a ``tokenizer.json`` describes: equal to the library tokenizers, or refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from roformer_edge.errors import TextError, VocabularyError
from roformer_edge.tokenizer import (
    BertTokenizer,
    PreTrainedTokenizerFast,
    RoFormerTokenizerFast,
    from_settings,
    load_tokenizer,
)
from roformer_edge.tokenizer.pre_tokenizers import BEHAVIORS
from roformer_edge.tokenizer.tokenizer_json import NORMALIZERS, PRE_TOKENIZERS
from tests.tokenizer.oracle import Oracle, OracleError
from tests.tokenizer.test_oracle import ODD, Source

ALPHABET = "abcABCéİΣß012½①中国人大北京한글豈,.，。-_+#<>"
STANDARD = {"type": "BertPreTokenizer"}


class Specs(Source):
    """Random contents of ``tokenizer.json`` out of the steps that are supported."""

    def flags(self, *names: str) -> dict[str, bool]:
        return {name: self.random() < 0.5 for name in names}

    def normalizer(self, depth: int = 0) -> dict[str, Any] | None:
        kind = self.choice((None, *NORMALIZERS)) if depth < 2 else self.choice(("Lowercase", "NFD"))
        if kind is None:
            return None
        more = {
            "BertNormalizer": lambda: {
                **self.flags("clean_text", "handle_chinese_chars", "lowercase"),
                "strip_accents": self.choice((None, True, False)),
            },
            "Sequence": lambda: {
                "normalizers": [self.normalizer(2) for _ in range(self.randrange(3))],
            },
        }.get(kind, dict)
        return {"type": kind, **more()}

    def pre_tokenizer(self, depth: int = 0) -> dict[str, Any] | None:
        kind = self.choice((None, *PRE_TOKENIZERS) if not depth else tuple(PRE_TOKENIZERS)[:-1])
        if kind is None:
            return None
        more = {
            "Punctuation": lambda: {"behavior": self.choice(tuple(BEHAVIORS))},
            "Digits": lambda: self.flags("individual_digits"),
            "CharDelimiterSplit": lambda: {"delimiter": self.choice("-a中 ")},
            "FixedLength": lambda: {"length": self.randrange(1, 5)},
            "Split": lambda: {
                "pattern": {"String": self.choice(("", "a", "ab", "-", " ", "中", "aa"))},
                "behavior": self.choice(tuple(BEHAVIORS)),
                **self.flags("invert"),
            },
            "Sequence": lambda: {"pretokenizers": [self.pre_tokenizer(1) for _ in range(self.randrange(4))]},
        }.get(kind, dict)
        return {"type": kind, **more()}

    def vocabulary(self) -> list[str]:
        tokens = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", *self.sample(ALPHABET, 25)]
        tokens += ["".join(self.choices(ALPHABET, k=self.choice((1, 2, 2, 3)))) for _ in range(90)]
        tokens += ["##" + "".join(self.choices(ALPHABET, k=self.choice((1, 1, 2)))) for _ in range(60)]
        return list(dict.fromkeys(tokens))

    def model(self, vocabulary: list[str]) -> dict[str, Any]:
        index = {token: place for place, token in enumerate(vocabulary)}
        if self.random() < 0.4:
            return {"type": "WordLevel", "vocab": index, "unk_token": "[UNK]"}
        longest = self.choice((1, 3, 100, 100, 1000))
        pieces = {"continuing_subword_prefix": "##", "max_input_chars_per_word": longest}
        return {"type": "WordPiece", "unk_token": self.choice(("[UNK]", "a")), **pieces, "vocab": index}

    def post_processor(self, vocabulary: list[str]) -> dict[str, Any] | None:
        kind = self.choice((None, "BertProcessing", "TemplateProcessing", "TemplateProcessing"))
        if kind is None:
            return None
        if kind == "BertProcessing":
            return {"type": kind, "sep": ["[SEP]", 2], "cls": ["[CLS]", 1]}
        names = self.sample(vocabulary, 2)
        special = {
            names[0]: {"id": names[0], "ids": [vocabulary.index(names[0])], "tokens": [names[0]]},
            "both": {"id": "both", "ids": [vocabulary.index(name) for name in names], "tokens": names},
        }

        def around(*texts: str) -> list[dict[str, Any]]:
            pieces: list[dict[str, Any]] = []
            for text in (*texts, ""):
                for name in self.choices(tuple(special), k=self.randrange(3)):
                    pieces.append({"SpecialToken": {"id": name, "type_id": self.randrange(2)}})
                if text:
                    pieces.append({"Sequence": {"id": text, "type_id": self.randrange(2)}})
            return pieces

        return {"type": kind, "single": around("A"), "pair": around("A", "B"), "special_tokens": special}

    def whole(self) -> dict[str, Any]:
        vocabulary = self.vocabulary()
        added = []
        contents = dict.fromkeys(
            self.choices(("[CLS]", "ab", "A B", "<x>", "é", "中", " ", "北京"), k=self.randrange(4))
        )
        for content in contents:
            at = vocabulary.index(content) if content in vocabulary else len(vocabulary) + len(added)
            flags = self.flags("single_word", "lstrip", "rstrip", "normalized", "special")
            added.append({"id": at, "content": content, **flags})
        return {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": added,
            "normalizer": self.normalizer(),
            "pre_tokenizer": self.pre_tokenizer(),
            "post_processor": self.post_processor(vocabulary),
            "decoder": self.choice((None, {"type": "WordPiece", "prefix": "##", "cleanup": self.random() < 0.5})),
            "model": self.model(vocabulary),
        }

    def line(self) -> str:
        pieces = (
            *ALPHABET,
            *ODD,
            "<x>",
            "[CLS]",
            "ab",
            "A B",
            " ",
            "  ",
            "\t",
            "\x1c",
            "\x85",
            "\u3000",
            "\u0301",
            "\u0327",
        )
        return "".join(
            self.choice(pieces) if self.random() < 0.9 else self.piece() for _ in range(self.randrange(1, 14))
        )


def write(folder: Path, whole: dict[str, Any], config: dict[str, Any] | None = None) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "tokenizer.json").write_text(json.dumps(whole), "utf-8")
    if config is not None:
        (folder / "tokenizer_config.json").write_text(json.dumps(config), "utf-8")
    return folder


def encoding_of(oracle: Oracle, texts: list[str]) -> dict[str, Any] | None:
    """What the library gives; None where it needs a token for unknown words and has none."""
    try:
        found: dict[str, Any] = oracle.call("crate", "encode", *texts)
    except OracleError as error:
        if "Missing [UNK] token" in str(error):
            return None
        raise
    return found


@pytest.mark.oracle
@pytest.mark.parametrize("seed", range(6))
def test_equals_the_library(oracle: Oracle, tmp_path: Path, seed: int):
    source = Specs(f"specs {seed}")
    for number in range(40):
        whole = source.whole()
        folder = write(tmp_path / str(number), whole)
        oracle.make("crate", "crate", folder / "tokenizer.json")
        tokenizer = load_tokenizer(folder, mode="plain")
        for _ in range(12):
            texts = [source.line() for _ in range(source.choice((1, 1, 2)))]
            if (theirs := encoding_of(oracle, texts)) is None:
                with pytest.raises(TextError, match="stands for such words"):
                    tokenizer.encode_text(*texts)
                continue
            row = tokenizer.encode_text(*texts)
            ours = {name: getattr(row, name) for name in theirs}
            ours["offsets"] = list(map(list, row.offsets))
            assert ours == theirs, (texts, whole)
        ids = [source.randrange(200) for _ in range(20)]
        for skip in (False, True):
            theirs = oracle.call("crate", "decode", ids, skip_special_tokens=skip)
            assert tokenizer.decode(ids, skip_special_tokens=skip) == theirs, whole


@pytest.mark.oracle
def test_words_given(oracle: Oracle, tmp_path: Path):
    source = Specs("words")
    for number in range(20):
        whole = source.whole()
        whole["model"]["unk_token"] = "[UNK]"
        folder = write(tmp_path / str(number), whole)
        oracle.make("crate", "crate", folder / "tokenizer.json")
        tokenizer = load_tokenizer(folder, mode="plain")
        for _ in range(6):
            words = [source.line() for _ in range(source.randrange(1, 5))]
            theirs = oracle.call("crate", "encode", words, is_pretokenized=True)
            row = tokenizer(words, is_split_into_words=True).encodings[0]
            assert (row.ids, row.word_ids) == (theirs["ids"], theirs["word_ids"])
            assert list(map(list, row.offsets)) == theirs["offsets"]


TOKENS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "天",
    "气",
    "天气",
    "a",
    "##b",
    "ab",
    "A",
    "<s>",
    "cafe",
    "E",
    "V",
]
TEXTS = ["天气 ab Aab <s> a", "[CLS]天气[MASK] é café", "E V QE", "a-b, a", "\U0001fae8 天"]


def plain_whole(**changes: Any) -> dict[str, Any]:
    """A ``tokenizer.json`` of words between white space."""
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": None,
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": {token: at for at, token in enumerate(TOKENS)}, "unk_token": "[UNK]"},
        **changes,
    }


def word_pieces(**changes: Any) -> dict[str, Any]:
    return {
        "type": "WordPiece",
        "unk_token": "[UNK]",
        "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100,
        "vocab": {token: at for at, token in enumerate(TOKENS)},
        **changes,
    }


BERT_NORMALIZER = {
    "type": "BertNormalizer",
    "clean_text": True,
    "handle_chinese_chars": True,
    "strip_accents": None,
    "lowercase": True,
}
BYTES = {"type": "BPE", "vocab": {chr(0x100 + at): at for at in range(261)}, "merges": []}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": BYTES, "pre_tokenizer": {"type": "ByteLevel"}}, "the model 'BPE' is not supported, only WordPiece"),
        ({"model": {"vocab": BYTES["vocab"], "merges": []}}, "the model 'BPE' is not supported"),
        ({"model": {"type": "Unigram", "vocab": [["a", 0.0]], "unk_id": 0}}, "the model 'Unigram' is not supported"),
        ({"model": word_pieces(continuing_subword_prefix="@@")}, "begin with '@@'; only '##' is supported"),
        ({"pre_tokenizer": {"type": "ByteLevel"}}, "the pre_tokenizer 'ByteLevel' is not one whose ids can be given"),
        ({"pre_tokenizer": {"type": "Metaspace", "replacement": "_"}}, "the pre_tokenizer 'Metaspace'"),
        (
            {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "UnicodeScripts"}]}},
            "the pre_tokenizer 'UnicodeScripts'",
        ),
        (
            {"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "a"}, "behavior": "Removed", "invert": False}},
            "tokenizer.json: the pre_tokenizer Split cuts by a regular expression",
        ),
        ({"normalizer": {"type": "NFKC"}}, "the normalizer 'NFKC' is not one whose ids can be given exactly"),
        ({"normalizer": {"type": "Replace", "pattern": {"String": "a"}, "content": "b"}}, "the normalizer 'Replace'"),
        ({"normalizer": {**BERT_NORMALIZER, "new": 1}}, "BertNormalizer: 'new' is not a field that can be followed"),
        ({"post_processor": {"type": "RobertaProcessing"}}, "the post_processor 'RobertaProcessing'"),
        (
            {"post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 99], "cls": ["[CLS]", 2]}},
            r"gives '\[SEP\]' the id 99, and there is no such id",
        ),
        ({"model": word_pieces(vocab={"a": 0, "b": 2})}, "the ids of the model's 2 tokens must be the whole numbers"),
        ({"model": word_pieces(vocab={"a": 0, "\n": 1})}, "token 1 holds a line break"),
    ],
    ids=str,
)
def test_refused_by_name(tmp_path: Path, changes: dict[str, Any], message: str):
    for config in (None, {"tokenizer_class": "PreTrainedTokenizerFast"}, {"tokenizer_class": "BertTokenizer"}):
        folder = write(tmp_path / "it", plain_whole(**changes), config)
        with pytest.raises(VocabularyError, match=message):
            load_tokenizer(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "the model 'WordLevel' is not what"),
        ({"model": word_pieces()}, "the pre_tokenizer 'WhitespaceSplit' is not what RoFormerTokenizerFast writes"),
        ({"model": word_pieces(), "pre_tokenizer": STANDARD}, "the normalizer None is not what RoFormerTokenizerFast"),
    ],
)
def test_what_roformers_own_class_would_cut_otherwise(tmp_path: Path, changes: dict[str, Any], message: str):
    for name in ("RoFormerTokenizer", "RoFormerTokenizerFast"):
        folder = write(tmp_path / "it", plain_whole(**changes), {"tokenizer_class": name})
        with pytest.raises(VocabularyError, match=message) as caught:
            load_tokenizer(folder)
        assert "mode='plain' follows the file as it stands" in str(caught.value)
        assert load_tokenizer(folder, mode="plain").tokenize("天气 ab") == ["天气", "ab"]


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("whole", "config", "kind"),
    [
        (plain_whole(), {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]"}, PreTrainedTokenizerFast),
        (plain_whole(normalizer=BERT_NORMALIZER), {"tokenizer_class": "BertTokenizer"}, BertTokenizer),
        (
            plain_whole(normalizer=BERT_NORMALIZER),
            {"tokenizer_class": "BertTokenizerFast", "do_lower_case": False, "strip_accents": True},
            BertTokenizer,
        ),
        (
            plain_whole(normalizer={**BERT_NORMALIZER, "clean_text": False, "lowercase": False}, model=word_pieces()),
            {"tokenizer_class": "PreTrainedTokenizerFast", "do_lower_case": True},
            PreTrainedTokenizerFast,
        ),
        (
            plain_whole(
                normalizer=BERT_NORMALIZER, pre_tokenizer=STANDARD, model=word_pieces(max_input_chars_per_word=1)
            ),
            {"tokenizer_class": "RoFormerTokenizer"},
            RoFormerTokenizerFast,
        ),
        (
            plain_whole(
                normalizer={**BERT_NORMALIZER, "lowercase": False, "handle_chinese_chars": False},
                pre_tokenizer=STANDARD,
                model=word_pieces(),
                post_processor={"type": "BertProcessing", "sep": ["<s>", 12], "cls": ["[CLS]", 2]},
            ),
            {"tokenizer_class": "RoFormerTokenizerFast", "tokenize_chinese_chars": False},
            RoFormerTokenizerFast,
        ),
        (
            plain_whole(
                truncation={"direction": "Left", "max_length": 3, "strategy": "LongestFirst", "stride": 0},
                padding={
                    "strategy": "BatchLongest",
                    "direction": "Left",
                    "pad_to_multiple_of": None,
                    "pad_id": 0,
                    "pad_type_id": 0,
                    "pad_token": "[PAD]",
                },
            ),
            {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 5},
            PreTrainedTokenizerFast,
        ),
    ],
    ids=str,
)
def test_equals_auto_tokenizer(
    oracle: Oracle, tmp_path: Path, whole: dict[str, Any], config: dict[str, Any], kind: type
):
    oracle.make("auto", "auto", write(tmp_path / "it", whole, config))
    tokenizer = load_tokenizer(tmp_path / "it")
    assert type(tokenizer) is kind
    options = [{}, {"truncation": True, "max_length": 4}, {"return_special_tokens_mask": True}]
    if tokenizer.pad_token:
        options += [{"padding": True}, {"truncation": True, "padding": "max_length", "max_length": 6}]
    saved = Path(tokenizer.save_pretrained(tmp_path / "saved")[0]).parent
    oracle.make("saved", "auto", saved)
    restored = from_settings(json.loads(json.dumps(tokenizer.to_settings())), tokenizer.vocabulary_bytes)
    for name in options:
        theirs = oracle.call("auto", "__call__", TEXTS, **name)
        assert oracle.call("saved", "__call__", TEXTS, **name) == theirs
        for ours in (tokenizer, load_tokenizer(saved), restored):
            assert json.loads(json.dumps(ours(TEXTS, **name))) == theirs, name
        theirs = oracle.call("auto", "__call__", *TEXTS[:2], **name)
        assert json.loads(json.dumps(tokenizer(*TEXTS[:2], **name))) == theirs, name
    assert tokenizer.truncation_side == oracle.ask(use="auto", get="truncation_side")
    assert tokenizer.padding_side == oracle.ask(use="auto", get="padding_side")


def test_a_class_that_does_nothing_of_its_own_needs_no_description(tmp_path: Path):
    steps = {
        "normalizer": {**BERT_NORMALIZER, "handle_chinese_chars": False},
        "pre_tokenizer": STANDARD,
        "model": word_pieces(),
        "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]},
    }
    folder = write(tmp_path / "it", plain_whole(**steps), {"tokenizer_class": "RoFormerTokenizer"})
    described = load_tokenizer(folder)
    assert described.to_settings()["pipeline"]["post_processor"]["type"] == "BertProcessing"
    # what transformers itself writes is the class's own way
    special = {name: {"id": name, "ids": [at], "tokens": [name]} for name, at in (("[CLS]", 2), ("[SEP]", 3))}
    single = [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    single.append({"SpecialToken": {"id": "[SEP]", "type_id": 0}})
    pair = [*single, {"Sequence": {"id": "B", "type_id": 1}}, {"SpecialToken": {"id": "[SEP]", "type_id": 1}}]
    steps["post_processor"] = {"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": special}
    steps["decoder"] = {"type": "WordPiece", "prefix": "##", "cleanup": True}
    folder = write(tmp_path / "it", plain_whole(**steps), {"tokenizer_class": "RoFormerTokenizer"})
    plain = load_tokenizer(folder)
    assert plain.to_settings()["pipeline"] is None
    assert [plain(text) for text in TEXTS] == [described(text) for text in TEXTS]


def test_a_decoder_that_is_not_followed_is_named(tmp_path: Path):
    folder = write(tmp_path / "it", plain_whole(decoder={"type": "Fuse"}))
    tokenizer = load_tokenizer(folder)
    assert any("the decoder 'Fuse' is not followed" in note for note in tokenizer.notes)
    assert tokenizer.decode([5, 6]) == "天 气"


def test_a_plain_mode_without_a_file(vocab_path: Path, tmp_path: Path):
    (tmp_path / "vocab.txt").write_bytes(vocab_path.read_bytes())
    with pytest.raises(VocabularyError, match=r"holds no tokenizer\.json, which the mode 'plain' follows"):
        load_tokenizer(tmp_path, mode="plain")


def test_two_vocabularies(tmp_path: Path):
    folder = write(tmp_path / "it", plain_whole())
    (folder / "vocab.txt").write_text("\n".join(reversed(TOKENS)) + "\n", "utf-8")
    tokenizer = load_tokenizer(folder)
    assert tokenizer.convert_tokens_to_ids("[PAD]") == 0
    assert any("hold different vocabularies; the one of tokenizer.json counts" in note for note in tokenizer.notes)
    slow = load_tokenizer(folder, mode="slow")
    assert slow.convert_tokens_to_ids("[PAD]") == len(TOKENS) - 1
    assert any("the one of vocab.txt counts" in note for note in slow.notes)
