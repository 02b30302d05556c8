"""One path twice, or two paths that some systems take for one."""

from __future__ import annotations

import warnings
import zipfile
from pathlib import Path

import pytest

from roformer_edge.bundle.pack import pack_directory
from roformer_edge.bundle.reader import open_bundle
from roformer_edge.errors import BundleFormatError
from tests.tiny_bundle import listed, read_manifest, rewrite_manifest


@pytest.mark.parametrize("path", ["model.onnx", "Model.ONNX", "VOCAB.TXT", "manifest.json", "MANIFEST.json"])
def test_a_manifest_may_not_list_it(bundle: Path, path: str) -> None:
    values = read_manifest(bundle)
    values["files"].append(listed(path, b""))
    rewrite_manifest(bundle, values)
    with pytest.raises(BundleFormatError, match=f"lists '{path}', and '{path.lower()}' is the same file"):
        open_bundle(bundle)


@pytest.mark.parametrize("path", ["model.onnx", "Model.ONNX", "manifest.json", "MANIFEST.json"])
def test_an_archive_may_not_hold_it(bundle: Path, tmp_path: Path, path: str) -> None:
    archive = pack_directory(bundle, tmp_path / "evil.rfe")
    with warnings.catch_warnings(), zipfile.ZipFile(archive, "a") as opened:
        warnings.simplefilter("ignore")
        opened.writestr(path, b"the other one")
    with pytest.raises(BundleFormatError, match=f"{path}' comes twice"):
        open_bundle(archive)


def test_a_folder_and_a_file_of_one_name(bundle: Path, tmp_path: Path) -> None:
    archive = pack_directory(bundle, tmp_path / "evil.rfe")
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr("Words.bin/", b"")
    with pytest.raises(BundleFormatError, match="comes twice"):
        open_bundle(archive)


def test_a_key_twice_in_the_manifest(bundle: Path) -> None:
    """Parsers differ in which of the two they keep."""
    path = bundle / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b'"task":', b'"task": "fill-mask",\n  "task":', 1))
    with pytest.raises(BundleFormatError, match="the key 'task' comes twice"):
        open_bundle(bundle)
