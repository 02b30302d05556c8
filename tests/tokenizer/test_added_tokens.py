"""Special and added tokens in every way that files hold them: ids, splitting and names as in transformers 4.57.6."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from roformer_edge.errors import VocabularyError
from roformer_edge.tokenizer import (
    AddedToken,
    BertTokenizer,
    RoFormerTokenizer,
    Tokenizer,
    from_settings,
    load_tokenizer,
)
from tests.tokenizer.conftest import CLASSES
from tests.tokenizer.oracle import Oracle, OracleError
from tests.tokenizer.test_oracle import BETWEEN, Source

# some are in the small vocabulary and some are not
CONTENTS = ("<S>", "[unused1]", "<new>", "<img>", "量子", "Q P", "qps", "##b", "é", "好", "[MASK]", "<T>x")
NAMES = ("cls_token", "sep_token", "mask_token", "bos_token", "eos_token")
FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")


def content_of(token: str | dict[str, Any]) -> str:
    return token if isinstance(token, str) else token["content"]


class Directories(Source):
    """Random files around a vocabulary, as transformers of today and of earlier years wrote them."""

    def token(self, content: str, **more: Any) -> dict[str, Any]:
        return {"content": content, **{flag: self.random() < 0.4 for flag in FLAGS}, **more}

    def spelled(self, content: str) -> str | dict[str, Any]:
        return content if self.random() < 0.5 else self.token(content, special=True, __type="AddedToken")

    def files(self, vocabulary: list[str], gaps: bool) -> dict[str, Any]:
        return self.today(vocabulary, gaps) if self.random() < 0.6 else self.earlier(vocabulary)

    def today(self, vocabulary: list[str], gaps: bool) -> dict[str, Any]:
        config: dict[str, Any] = {}
        chosen = self.sample(CONTENTS, self.randrange(5))
        free = [content for content in chosen if content not in vocabulary]
        first = len(vocabulary) + (100 if gaps else 0)
        added: dict[str, Any] = {}
        for content in chosen:
            at = vocabulary.index(content) if content in vocabulary else first + free.index(content)
            added[str(at)] = self.token(content)
        if self.random() < 0.8:
            config["added_tokens_decoder"] = added
        known = [content for content in CONTENTS if content in vocabulary]
        known += [token["content"] for token in added.values()] if "added_tokens_decoder" in config else []
        if known and self.random() < 0.5:
            config[self.choice(NAMES)] = self.choice(known)
        if self.random() < 0.5:
            config["additional_special_tokens"] = [self.spelled(each) for each in self.sample(CONTENTS, 3)]
        if self.random() < 0.5:
            config["extra_special_tokens"] = {
                f"{name}_token": self.choice(CONTENTS) for name in self.sample(("image", "video", "text"), 2)
            }
        return {"tokenizer_config": config}

    def earlier(self, vocabulary: list[str]) -> dict[str, Any]:
        free = [content for content in CONTENTS if content not in vocabulary]
        added = {content: len(vocabulary) + at for at, content in enumerate(self.sample(free, self.randrange(4)))}
        special: dict[str, Any] = {}
        known = [*added, *(content for content in CONTENTS if content in vocabulary)]
        if self.random() < 0.6:
            content = self.choice(known)
            special[self.choice(NAMES)] = content if self.random() < 0.5 else self.token(content)
        if self.random() < 0.6:
            # a named one at the end of the list makes transformers mistake another token for it
            rest = [content for content in CONTENTS if content not in map(content_of, special.values())]
            special["additional_special_tokens"] = [
                content if self.random() < 0.5 else self.token(content) for content in self.sample(rest, 3)
            ]
        files: dict[str, Any] = {"special_tokens_map": special}
        if added:
            files["added_tokens"] = added
        if self.random() < 0.5:
            files["tokenizer_config"] = {"additional_special_tokens": self.sample(CONTENTS, 2)}
        return files


def write(folder: Path, vocab_path: Path, files: dict[str, Any]) -> Path:
    folder.mkdir()
    (folder / "vocab.txt").write_bytes(vocab_path.read_bytes())
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content), "utf-8")
    return folder


@pytest.mark.oracle
@pytest.mark.parametrize("seed", range(4))
def test_equal_in_every_way(oracle: Oracle, vocab_path: Path, any_mode: str, seed: int, tmp_path: Path):
    vocabulary = vocab_path.read_text("utf-8").split("\n")[:-1]
    source = Directories(f"{any_mode} {seed}")
    compared = 0
    for number in range(30):
        # with ids that leave gaps the fast tokenizers of transformers contradict themselves
        files = source.files(vocabulary, gaps=any_mode == "slow")
        folder = write(tmp_path / str(number), vocab_path, files)
        try:
            oracle.make("own", any_mode, folder)
        except OracleError:
            continue
        tokenizer = CLASSES[any_mode].from_pretrained(folder)
        compared += 1
        pool = [*CONTENTS, *map(str.lower, CONTENTS), "北京", "abc", "12"]
        texts = ["".join(source.choice(pool) + source.choice(BETWEEN) for _ in range(6)) for _ in range(20)]
        for text, theirs, ours in zip(texts, oracle.ids("own", texts), tokenizer(texts)["input_ids"], strict=True):
            assert ours == theirs, (text, files)
        for name in ("all_special_tokens", "all_special_ids", "special_tokens_map", "additional_special_tokens"):
            assert getattr(tokenizer, name) == oracle.ask(use="own", get=name), (name, files)
        for name in files.get("tokenizer_config", {}).get("extra_special_tokens", ()):
            assert getattr(tokenizer, name) == oracle.ask(use="own", get=name)
            assert getattr(tokenizer, f"{name}_id") == oracle.ask(use="own", get=f"{name}_id")
        added = {str(at): token.to_dict() for at, token in tokenizer.added_tokens_decoder.items()}
        assert added == oracle.ask(use="own", get="added_tokens_decoder"), files
        ids = [source.randrange(len(vocabulary) + 8) for _ in range(30)]
        for skip in (False, True):
            assert tokenizer.decode(ids, skip_special_tokens=skip) == oracle.call(
                "own", "decode", ids, skip_special_tokens=skip
            ), files
        # a bundle restores the same
        restored = from_settings(tokenizer.to_settings(), tokenizer.vocabulary_bytes)
        assert restored(texts) == tokenizer(texts), files
    assert compared > 20


def test_a_list_of_extra_special_tokens(vocab_path: Path, any_mode: str, tmp_path: Path):
    # as later versions of transformers write what 4.57 calls additional
    config = {"extra_special_tokens": ["<new>", {"content": "<T>", "lstrip": True}]}
    listed = CLASSES[any_mode].from_pretrained(write(tmp_path / "it", vocab_path, {"tokenizer_config": config}))
    assert listed.additional_special_tokens == ["<new>", "<T>"]
    config = {"additional_special_tokens": config["extra_special_tokens"]}
    named = CLASSES[any_mode].from_pretrained(write(tmp_path / "other", vocab_path, {"tokenizer_config": config}))
    text = "好 <T><new> 好"
    assert listed(text) == named(text)
    assert listed.tokenize(text)[-2] == "<new>"


def test_names_that_the_tokenizer_brings(vocab_path: Path):
    tokenizer = RoFormerTokenizer(vocab_path, extra_special_tokens={"image_token": "<img>"})
    assert (tokenizer.image_token, tokenizer.image_token_id) == ("<img>", 241)
    assert tokenizer.special_tokens_map["image_token"] == "<img>"
    assert tokenizer.tokenize("好<img>") == ["好", "<img>"]
    tokenizer.add_special_tokens({"image_token": "<S>"})
    assert tokenizer.image_token == "<S>"
    with pytest.raises(AttributeError, match="RoFormerTokenizer has no attribute 'video_token'"):
        _ = tokenizer.video_token


def test_special_tokens_by_id(vocab_path: Path):
    tokenizer = BertTokenizer(vocab_path)
    tokenizer.pad_token_id = tokenizer.mask_token_id
    assert tokenizer.pad_token == "[MASK]"
    tokenizer.additional_special_tokens = ["好"]
    assert tokenizer.all_special_tokens[-1] == "好"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"added_tokens": {"": 241}}, "the content of an added token must be a text that is not empty, found ''"),
        ({"added_tokens": {"x": "many"}}, "the id of a token must be a whole number below 1000000000, found 'many'"),
        ({"added_tokens": {"x": -1}}, "the id of a token must be a whole number"),
        ({"added_tokens": {"x": 10**12}}, "the id of a token must be a whole number"),
        ({"tokenizer_config": {"added_tokens_decoder": {"241": {"content": ""}}}}, "a text that is not empty"),
        ({"tokenizer_config": {"added_tokens_decoder": {"241": {"content": "\ud800"}}}}, "a text that is not empty"),
        (
            {"tokenizer_config": {"added_tokens_decoder": {"241": {"content": "x", "lstrip": 1}}}},
            "lstrip of an added token must be true or false, found 1",
        ),
        ({"tokenizer_config": {"additional_special_tokens": "x"}}, "expected a list, found 'x'"),
        (
            {"tokenizer_config": {"extra_special_tokens": {"no name": "x"}}},
            "'no name' is not a name for a further token",
        ),
        ({"tokenizer_config": {"extra_special_tokens": 3}}, "expected an object, found 3"),
        ({"tokenizer_config": {"cls_token": ["x"]}}, "an added token must be a text or an object"),
        ({"special_tokens_map": {"cls_token": 3}}, "an added token must be a text or an object"),
    ],
    ids=str,
)
def test_malformed(vocab_path: Path, any_mode: str, tmp_path: Path, files: dict[str, Any], message: str):
    folder = write(tmp_path / "it", vocab_path, files)
    with pytest.raises(VocabularyError, match=message):
        load_tokenizer(folder, mode=any_mode)


def test_two_tokens_of_one_id(vocab_path: Path, tmp_path: Path):
    files = {
        "tokenizer_config": {
            "added_tokens_decoder": {"242": {"content": "<img>"}},
            "additional_special_tokens": ["<new>", "<S>"],
        }
    }
    # 241 tokens and one more: transformers gives the next one the id 242, and never finds <img> again
    with pytest.raises(VocabularyError, match=r"the token '<new>' would get the id 242, which '<img>' has"):
        load_tokenizer(write(tmp_path / "it", vocab_path, files), mode="slow")


def test_ids_with_gaps(vocab_path: Path, tmp_path: Path):
    token = {"content": "<far>", "special": True}
    files = {"tokenizer_config": {"added_tokens_decoder": {"900": token}}}
    folder = write(tmp_path / "it", vocab_path, files)
    slow = load_tokenizer(folder, mode="slow")
    assert (slow.convert_tokens_to_ids("<far>"), len(slow), slow.embedding_rows) == (900, 242, 901)
    assert slow.notes == ()
    # the fast tokenizers of transformers count on from the vocabulary
    fast = load_tokenizer(folder, mode="fast")
    assert (fast.convert_tokens_to_ids("<far>"), fast.embedding_rows) == (241, 242)
    assert any("the added token '<far>' got another id than the files list" in note for note in fast.notes)


def test_added_tokens(tokenizer: Tokenizer):
    assert tokenizer.tokenize("量子计算机") == ["量", "子", "计算机"]
    tokenizer.add_tokens(["量子", AddedToken("<E>", lstrip=True, special=True)])
    assert tokenizer.tokenize("好 <E>量子计算机<e>")[:4] == [
        "好",
        " <E>" if tokenizer.is_fast else "<E>",
        "量子",
        "计算机",
    ]
    assert tokenizer.added_tokens_encoder["量子"] == 241
    assert tokenizer.get_added_vocab() == tokenizer.added_tokens_encoder
    assert tokenizer.added_tokens_decoder[242].special
    assert tokenizer.decode([241, 242], skip_special_tokens=True) == "量子"


def test_case_of_added_tokens(tokenizer: Tokenizer):
    tokenizer.add_tokens(["QPS", AddedToken("RPS", normalized=False)])
    # a normalised token is found in any case, one that is not only as it was written; the slow mode lower-cases the
    # text around it first, so that capitals are never found there
    assert tokenizer.convert_tokens_to_ids("QPS" if tokenizer.is_fast else "qps") in tokenizer.encode("好 qpS")
    assert ("RPS" in tokenizer.tokenize("好 RPS")) == tokenizer.is_fast
    assert "RPS" not in tokenizer.tokenize("好 rps")
