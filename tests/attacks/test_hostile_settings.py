"""Tokenizer settings, configs and vectors of any shape in a bundle whose digests are right."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from roformer_edge.errors import RoFormerEdgeError
from roformer_edge.runtime.loading import load
from tests.tiny_bundle import listed, read_manifest, rewrite_manifest
from tests.tiny_runtime import write_runnable

STRANGE: list[object] = [
    None,
    True,
    -1,
    1.5,
    10**30,
    "x",
    "",
    "\u202e",
    [],
    ["x"],
    [[]],
    {},
    {"a": []},
    {"0": {"a": 1}},
]


@pytest.fixture(scope="module")
def runnable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle to spoil copies of."""
    return write_runnable(tmp_path_factory.mktemp("settings") / "intent")


@pytest.fixture
def own(runnable: Path, tmp_path: Path) -> Path:
    """A copy."""
    return Path(shutil.copytree(runnable, tmp_path / "intent"))


def loads_or_says_why(bundle: Path) -> None:
    """Errors of any other kind are not caught."""
    complaint = ""
    try:
        with load(bundle, threads=1) as classify:
            classify("今天天气 abc")
    except RoFormerEdgeError as error:
        complaint = str(error)
    assert "\n" not in complaint
    assert len(complaint) < 2000


def test_settings_of_any_shape(own: Path) -> None:
    original = read_manifest(own)
    for name in original["tokenizer"]:
        for odd in STRANGE:
            rewrite_manifest(own, {**original, "tokenizer": {**original["tokenizer"], name: odd}})
            loads_or_says_why(own)
        rest = {key: value for key, value in original["tokenizer"].items() if key != name}
        rewrite_manifest(own, {**original, "tokenizer": rest})
        loads_or_says_why(own)
    rewrite_manifest(own, {**original, "tokenizer": {**original["tokenizer"], "unheard_of": 1}})
    with pytest.raises(RoFormerEdgeError, match="unheard_of"):
        load(own)


def test_added_tokens_of_any_shape(own: Path) -> None:
    original = read_manifest(own)
    token = {
        "content": "<new>",
        "lstrip": False,
        "rstrip": False,
        "normalized": True,
        "single_word": False,
        "special": True,
    }
    for index in ("200", "-1", "x", "", "1e3", str(10**12)):
        rewrite_manifest(
            own, {**original, "tokenizer": {**original["tokenizer"], "added_tokens_decoder": {index: token}}}
        )
        loads_or_says_why(own)
    for name in token:
        for odd in STRANGE:
            added = {"added_tokens_decoder": {"90": {**token, name: odd}}}
            rewrite_manifest(own, {**original, "tokenizer": {**original["tokenizer"], **added}})
            loads_or_says_why(own)


def test_a_config_of_any_shape(own: Path) -> None:
    original, config = read_manifest(own), json.loads((own / "config.json").read_bytes())
    for name in config:
        for odd in STRANGE:
            data = json.dumps({**config, name: odd}).encode()
            (own / "config.json").write_bytes(data)
            files = [listed("config.json", data, "config") if e["role"] == "config" else e for e in original["files"]]
            rewrite_manifest(own, {**original, "files": files})
            loads_or_says_why(own)
