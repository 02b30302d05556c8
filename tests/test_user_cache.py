"""The cache folder is the user's, wherever the system keeps it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from roformer_edge.user_cache import user_cache_folder


@pytest.mark.parametrize(
    ("platform", "variables", "folder"),
    [
        ("linux", {"XDG_CACHE_HOME": "/own"}, "/own/roformer-edge/weights"),
        ("linux", {"HOME": "/somewhere"}, "/somewhere/.cache/roformer-edge/weights"),
        ("linux", {"HOME": "/somewhere", "XDG_CACHE_HOME": ""}, "/somewhere/.cache/roformer-edge/weights"),
        ("darwin", {"HOME": "/somewhere"}, "/somewhere/Library/Caches/roformer-edge/weights"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/roformer-edge/weights"),
    ],
)
def test_the_folder_is_where_the_system_keeps_such(
    platform: str, variables: dict[str, str], folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert user_cache_folder("weights") == Path(folder)
