"""Every key of a tokenizer's files is followed, known to do nothing, or named in the notes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from roformer_edge.errors import VocabularyError
from roformer_edge.tokenizer import Tokenizer, load_tokenizer
from roformer_edge.tokenizer.files import CLASSES, WITHOUT_EFFECT
from roformer_edge.tokenizer.settings import OPTIONS
from roformer_edge.tokenizer.token_table import SPECIAL_NAMES
from tests.tokenizer.conftest import CLASSES as MODES
from tests.tokenizer.oracle import Oracle

FILES = ("tokenizer_config", "special_tokens_map", "tokenizer", "added_tokens")
# key of tokenizer_config.json -> a value that is not the default, and what shows that it is followed
FOLLOWED: dict[str, tuple[Any, Callable[[Tokenizer], bool]]] = {
    "do_lower_case": (False, lambda t: t.tokenize("A") != ["a"]),
    "do_basic_tokenize": (False, lambda t: not t.do_basic_tokenize),
    "never_split": (["Hello"], lambda t: t.never_split == ["Hello"]),
    "tokenize_chinese_chars": (False, lambda t: not t.tokenize_chinese_chars),
    "strip_accents": (False, lambda t: t.tokenize("ö") != ["o"]),
    "model_max_length": (4, lambda t: len(t("好好好好好好", truncation=True)["input_ids"]) == 4),
    "max_len": (4, lambda t: len(t("好好好好好好", truncation=True)["input_ids"]) == 4),
    "padding_side": ("left", lambda t: t("好", padding="max_length", max_length=4)["attention_mask"] == [0, 1, 1, 1]),
    "truncation_side": ("left", lambda t: t.tokenize("好人", truncation=True, max_length=1) == ["人"]),
    "clean_up_tokenization_spaces": (True, lambda t: t.clean_up_tokenization_spaces),
    "split_special_tokens": (True, lambda t: t.tokenize("[MASK]") != ["[MASK]"]),
    "model_input_names": (["input_ids", "attention_mask"], lambda t: not t.uses_token_types),
    "unk_token": ("<S>", lambda t: t.unk_token == "<S>" and t.tokenize("龘") == ["<S>"]),
    "sep_token": ("<S>", lambda t: t("好").tokens()[-1] == "<S>"),
    "pad_token": ("<S>", lambda t: t("好", padding="max_length", max_length=4).tokens()[-1] == "<S>"),
    "cls_token": ("<S>", lambda t: t("好").tokens()[0] == "<S>"),
    "mask_token": (None, lambda t: t.mask_token is None and t.tokenize("[MASK]") != ["[MASK]"]),
    "bos_token": ("<S>", lambda t: t.tokenize("<S>") == ["<S>"]),
    "eos_token": ("<S>", lambda t: t.tokenize("<S>") == ["<S>"]),
    "additional_special_tokens": (["<new>"], lambda t: t.tokenize("<new>") == ["<new>"]),
    "extra_special_tokens": ({"x_token": "<new>"}, lambda t: getattr(t, "x_token", "") == "<new>"),
    "added_tokens_decoder": ({"241": {"content": "<new>"}}, lambda t: t.tokenize("<new>") == ["<new>"]),
}


def write(folder: Path, vocab_path: Path, **files: Any) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "vocab.txt").write_bytes(vocab_path.read_bytes())
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content), "utf-8")
    return folder


@pytest.mark.parametrize("key", FOLLOWED)
def test_followed(vocab_path: Path, tmp_path: Path, any_mode: str, key: str):
    value, shows = FOLLOWED[key]
    folder = write(tmp_path / "it", vocab_path, tokenizer_config={key: value})
    if key in ("do_basic_tokenize", "never_split"):
        # the fast tokenizers of transformers do not follow them
        if any_mode == "fast":
            assert any(key in note for note in load_tokenizer(folder, mode="fast").notes)
            return
        if any_mode == "bert":
            with pytest.raises(VocabularyError, match=f"{key} changes the ids of BertTokenizer and not those of"):
                load_tokenizer(folder, mode="bert")
            return
    tokenizer = load_tokenizer(folder, mode=any_mode)
    assert shows(tokenizer)
    assert not shows(MODES[any_mode](vocab_path)) or (key == "clean_up_tokenization_spaces" and any_mode == "bert")
    assert tokenizer.notes == ()


def test_all_options_are_among_those_followed():
    assert {*OPTIONS, *SPECIAL_NAMES} <= FOLLOWED.keys()


@pytest.mark.parametrize("key", [key for key in WITHOUT_EFFECT if key != "tokenizer_class"])
def test_without_effect(vocab_path: Path, tmp_path: Path, any_mode: str, key: str):
    before = MODES[any_mode](vocab_path).to_settings()
    for value in (None, True, "x", 7, {"a": 1}, []):
        folder = write(tmp_path / "it", vocab_path, tokenizer_config={key: value})
        tokenizer = load_tokenizer(folder, mode=any_mode)
        assert tokenizer.to_settings() == before
        named = [note for note in tokenizer.notes if key in note]
        assert tokenizer.notes == tuple(named), "only what someone may have meant is named"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("from_slow", True),
        ("init_inputs", ["vocab.txt"]),
        ("gguf_file", "model.gguf"),
        ("fast_tokenizer_files", ["tokenizer.4.0.0.json"]),
    ],
)
def test_refused(vocab_path: Path, tmp_path: Path, key: str, value: Any):
    folder = write(tmp_path / "it", vocab_path, tokenizer_config={key: value})
    with pytest.raises(VocabularyError, match=f"tokenizer_config.json: {key} .* changes ids and is not followed; "):
        load_tokenizer(folder)
    harmless = {"from_slow": False, "init_inputs": [], "gguf_file": None, "fast_tokenizer_files": ["tokenizer.json"]}
    assert load_tokenizer(write(folder, vocab_path, tokenizer_config=harmless)).notes == ()


def test_unknown_keys_are_named(vocab_path: Path, tmp_path: Path):
    folder = write(
        tmp_path / "it",
        vocab_path,
        tokenizer_config={"pretty": 1, "\x1b[31m\n": 2, **{f"k{number}": 0 for number in range(9)}},
        special_tokens_map={"user_token": "<u>"},
        tokenizer={"added_tokens": [], "colour": None},
    )
    notes = " ".join(load_tokenizer(folder, mode="fast").notes)
    assert r"'\x1b[31m\n', 'k0', 'k1', 'k2', 'k3' and 6 more" in notes
    assert "special_tokens_map.json: keys that are not known here have no effect: 'user_token'" in notes
    assert "tokenizer.json: keys that are not known here have no effect: 'colour'" in notes
    config = {"auto_map": {"AutoTokenizer": ["own.Tokenizer", None]}, "clean_text": False, "wordpieces_prefix": "@"}
    notes = " ".join(load_tokenizer(write(folder, vocab_path, tokenizer_config=config)).notes)
    assert "auto_map names code of the checkpoint's own, which is not run" in notes
    assert "clean_text has no effect" in notes
    assert "wordpieces_prefix has no effect" in notes


@pytest.mark.oracle
def test_every_key_that_transformers_writes(oracle: Oracle, vocab_path: Path, tmp_path: Path):
    """What 4.57.6 saves is read without a note: nothing in it is unknown here."""
    options: list[dict[str, Any]] = [
        {},
        {
            "additional_special_tokens": ["<x>", {"added_token": {"content": "<y>", "lstrip": True}}],
            "extra_special_tokens": {"image_token": "<img>"},
            "model_max_length": 64,
            "padding_side": "left",
            "truncation_side": "left",
            "model_input_names": ["input_ids", "attention_mask"],
            "split_special_tokens": True,
            "bos_token": "<S>",
            "strip_accents": False,
            "do_lower_case": False,
            "chat_template": "{{ messages }}",
        },
    ]
    source = write(tmp_path / "vocabulary", vocab_path)
    seen: dict[str, set[str]] = {name: set() for name in FILES}
    for mode in ("slow", "fast", "bert", "bert_slow"):
        for number, more in enumerate(options):
            oracle.make("written", mode, source, **more)
            saved = tmp_path / f"{mode}{number}"
            oracle.call("written", "save_pretrained", str(saved))
            for name in FILES:
                if (saved / f"{name}.json").exists():
                    seen[name] |= json.loads((saved / f"{name}.json").read_text("utf-8")).keys()
            tokenizer = load_tokenizer(saved)
            assert tokenizer.notes == (), (mode, more)
            assert tokenizer.mode == mode.removesuffix("_slow")
            if more:
                assert tokenizer.image_token == "<img>"
                assert not tokenizer.uses_token_types
                assert tokenizer.additional_special_tokens == ["<x>", "<y>"]
    followed = {*FOLLOWED, *WITHOUT_EFFECT, "image_token"}
    assert seen["tokenizer_config"] <= followed
    assert {"tokenizer_class", "added_tokens_decoder", "extra_special_tokens", "never_split"} <= seen[
        "tokenizer_config"
    ]
    assert seen["tokenizer"] == {
        *("version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor"),
        *("decoder", "model"),
    }


@pytest.mark.parametrize(
    ("files", "mode"),
    [
        ({}, "slow"),
        ({"config": {"model_type": "roformer"}}, "slow"),
        ({"config": {"tokenizer_class": "BertTokenizer"}}, "bert"),
        (
            {
                "config": {"tokenizer_class": "BertTokenizer"},
                "tokenizer_config": {"tokenizer_class": "RoFormerTokenizer"},
            },
            "slow",
        ),
        ({"tokenizer_config": {"tokenizer_class": "BertTokenizer"}}, "bert"),
        ({"tokenizer_config": {"tokenizer_class": "BertTokenizerFast"}}, "bert"),
        ({"tokenizer_config": {"tokenizer_class": "RoFormerTokenizer"}, "tokenizer": {"added_tokens": []}}, "fast"),
        ({"tokenizer_config": {"tokenizer_class": "RoFormerTokenizerFast"}}, "fast"),
        ({"tokenizer": {"added_tokens": []}}, "fast"),
    ],
    ids=str,
)
def test_auto(vocab_path: Path, tmp_path: Path, files: dict[str, Any], mode: str):
    assert load_tokenizer(write(tmp_path / "it", vocab_path, **files)).mode == mode


@pytest.mark.parametrize(
    "named", ["AlbertTokenizer", "XLNetTokenizerFast", "BertJapaneseTokenizer", "", 3, ["BertTokenizer"]]
)
def test_other_classes(vocab_path: Path, tmp_path: Path, named: Any):
    for name in ("tokenizer_config", "config"):
        folder = write(tmp_path / name, vocab_path, **{name: {"tokenizer_class": named}})
        with pytest.raises(
            VocabularyError, match=rf"{name}.json names the tokenizer .*; supported are RoFormerTokenizer,"
        ):
            load_tokenizer(folder)
        # whoever knows better may say so
        assert load_tokenizer(folder, mode="bert").mode == "bert"
    assert set(CLASSES) == {
        *("RoFormerTokenizer", "RoFormerTokenizerFast", "BertTokenizer", "BertTokenizerFast", "PreTrainedTokenizerFast")
    }


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"model_max_length": "512"}, "model_max_length must be a whole number of at least 1, found '512'"),
        ({"model_max_length": 0}, "found 0"),
        ({"model_max_length": -1}, "found -1"),
        ({"model_max_length": 1.5}, r"found 1\.5"),
        ({"model_max_length": True}, "found True"),
        ({"do_lower_case": "yes"}, "do_lower_case must be true or false, found 'yes'"),
        ({"strip_accents": 1}, "strip_accents must be true, false or null, found 1"),
        ({"never_split": "x"}, "never_split must be a list of texts or null, found 'x'"),
        ({"model_input_names": []}, "model_input_names must be a list of texts that is not empty, found a list"),
        ({"model_input_names": {"a": 1}}, "found an object"),
        ({"padding_side": 3}, "padding_side must be right or left, found 3"),
        ({"truncation_side": "top"}, "truncation_side must be right or left, found 'top'"),
    ],
    ids=str,
)
def test_values_of_the_wrong_kind(
    vocab_path: Path, tmp_path: Path, any_mode: str, config: dict[str, Any], message: str
):
    with pytest.raises(VocabularyError, match=message):
        load_tokenizer(write(tmp_path / "it", vocab_path, tokenizer_config=config), mode=any_mode)


def test_values_of_early_versions(vocab_path: Path, tmp_path: Path):
    folder = write(tmp_path / "it", vocab_path, tokenizer_config={"model_max_length": 1e30})
    assert load_tokenizer(folder).model_max_length == int(1e30)
