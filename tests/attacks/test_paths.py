"""Paths that lead out of the bundle, or mean different files on different systems."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest

from roformer_edge.bundle.pack import pack_directory, unpack
from roformer_edge.bundle.reader import open_bundle
from roformer_edge.errors import BundleFormatError
from tests.tiny_bundle import listed, read_manifest, rewrite_manifest

SECRET = b"not yours"
PATHS = [
    "../secret.txt",
    "a/../../secret.txt",
    "..",
    ".",
    "./model.onnx",
    "a//b",
    "a/",
    "/etc/passwd",
    "//server/share",
    "C:\\secret.txt",
    "C:secret.txt",
    "..\\secret.txt",
    "a\\b",
    "\\\\server\\share",
    "~/secret",
    "nul\0byte",
    "model.onnx\0.txt",
    "new\nline",
    "",
    " ",
    "trailing.",
    "trailing ",
    ".hidden",
    "ｆｕｌｌwidth",
    "co\u0301mbining",
    "\u202egnp.exe",
    "x" * 201,
    "*",
    "a?b",
    "file:stream",
]


@pytest.mark.parametrize("path", PATHS)
def test_a_manifest_may_not_list_it(bundle: Path, path: str) -> None:
    (bundle.parent / "secret.txt").write_bytes(SECRET)
    values = read_manifest(bundle)
    values["files"].append(listed(path, SECRET))
    rewrite_manifest(bundle, values)
    with pytest.raises(BundleFormatError, match=r"files\[\d\]: path must be a relative path") as caught:
        open_bundle(bundle)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("path", PATHS)
def test_an_archive_may_not_hold_it_listed_or_not(bundle: Path, tmp_path: Path, path: str) -> None:
    """Zip programs write to such names; whoever unpacks with another program than this one must be told."""
    archive = pack_directory(bundle, tmp_path / "evil.rfe")
    with zipfile.ZipFile(archive, "a") as opened:
        info = zipfile.ZipInfo("placeholder")
        info.filename = path  # as it is: the constructor would tidy it
        opened.writestr(info, SECRET)
    if path == "a/":
        pytest.skip("a folder, which a zip archive may list")
    with pytest.raises(
        BundleFormatError, match=r"must be a relative path|has a name that is not allowed|not a readable zip"
    ):
        open_bundle(archive)
    with pytest.raises(BundleFormatError):
        unpack(archive, tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} == {"intent", "evil.rfe"}


def test_a_surrogate_in_a_path_is_refused(bundle: Path) -> None:
    text = (bundle / "manifest.json").read_text(encoding="utf-8").replace('"words.bin"', '"words\\ud800"')
    (bundle / "manifest.json").write_text(text, encoding="utf-8")
    with pytest.raises(BundleFormatError, match=re.escape("files[2]: path holds a lone surrogate")):
        open_bundle(bundle)
