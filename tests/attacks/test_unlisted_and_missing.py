"""Files that the manifest does not list, and files that are not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from roformer_edge.bundle.reader import open_bundle
from roformer_edge.errors import BundleFormatError, BundleIntegrityError
from tests.tiny_bundle import CONTENT, read_manifest, rewrite_manifest


@pytest.mark.parametrize("name", ["extra.so", "sub/model.onnx.data", ".hidden", "Model.onnx.bak"])
def test_an_unlisted_file_is_never_read_and_verify_reports_it(bundle: Path, name: str) -> None:
    (bundle / name).parent.mkdir(exist_ok=True)
    (bundle / name).write_bytes(b"payload")
    with open_bundle(bundle) as opened:
        assert opened.read_bytes("model") == CONTENT["model.onnx"][1]
        with pytest.raises(
            BundleIntegrityError, match=f"1 file\\(s\\) that its manifest does not list, for one '{name}'"
        ):
            opened.verify()


@pytest.mark.parametrize("name", [*CONTENT, "README.md"])
def test_a_listed_file_that_is_missing(bundle: Path, name: str) -> None:
    (bundle / name).unlink()
    with pytest.raises(BundleIntegrityError, match=f"{name} is missing from"):
        open_bundle(bundle, verify=False)


def test_a_bundle_without_a_manifest(bundle: Path) -> None:
    (bundle / "manifest.json").unlink()
    with pytest.raises(BundleIntegrityError, match=r"manifest\.json is missing"):
        open_bundle(bundle)


def test_swapped_files_of_one_size(bundle: Path) -> None:
    values = read_manifest(bundle)
    sizes = {entry["path"]: entry["bytes"] for entry in values["files"]}
    (bundle / "words.bin").write_bytes((bundle / "model.onnx").read_bytes()[: sizes["words.bin"]])
    with open_bundle(bundle) as opened, pytest.raises(BundleIntegrityError, match=r"words\.bin"):
        opened.read_bytes("words")


def test_a_manifest_that_lists_no_model(bundle: Path) -> None:
    values = read_manifest(bundle)
    values["files"] = [entry for entry in values["files"] if entry["role"] != "model"]
    rewrite_manifest(bundle, values)
    with pytest.raises(BundleFormatError, match="no file with the role 'model'"):
        open_bundle(bundle)
