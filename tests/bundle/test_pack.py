from __future__ import annotations

import hashlib
import os
import zipfile
from pathlib import Path

import pytest

from roformer_edge.bundle.pack import pack_directory, unpack
from roformer_edge.bundle.reader import open_bundle
from roformer_edge.errors import BundleError, BundleIntegrityError
from tests.tiny_bundle import CONTENT, write_bundle


def test_there_and_back(bundle: Path, tmp_path: Path) -> None:
    archive = pack_directory(bundle, tmp_path / "intent.rfe")
    again = unpack(archive, tmp_path / "again")
    assert {p.name: p.read_bytes() for p in again.iterdir()} == {p.name: p.read_bytes() for p in bundle.iterdir()}
    with open_bundle(again) as opened:
        opened.verify()


def test_the_archive_depends_on_the_content_only(bundle: Path, tmp_path: Path) -> None:
    first = pack_directory(bundle, tmp_path / "a.rfe").read_bytes()
    for path in bundle.iterdir():
        os.utime(path, (1, 1))
        path.chmod(0o600)
    assert pack_directory(bundle, tmp_path / "b.rfe").read_bytes() == first


def test_the_layout_of_the_archive_is_pinned(tmp_path: Path) -> None:
    archive = pack_directory(write_bundle(tmp_path / "intent"), tmp_path / "intent.rfe")
    with zipfile.ZipFile(archive) as opened:
        entries = opened.infolist()
    assert [entry.filename for entry in entries] == ["manifest.json", *CONTENT, "README.md"]
    assert {entry.compress_type for entry in entries} == {zipfile.ZIP_STORED}
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {entry.create_system for entry in entries} == {3}
    model = next(entry for entry in entries if entry.filename == "model.onnx")
    data = archive.read_bytes()
    # local header: 30 bytes and the name, then the file as it is
    header = data[model.header_offset : model.header_offset + 30 + len("model.onnx")]
    assert header.startswith(b"PK\3\4")
    assert header.endswith(b"model.onnx")
    assert data[model.header_offset + len(header) :].startswith(CONTENT["model.onnx"][1])


@pytest.mark.parametrize("stranger", [False, True])
def test_a_broken_bundle_is_not_packed(bundle: Path, tmp_path: Path, stranger: bool) -> None:
    if stranger:
        (bundle / "extra").write_bytes(b"")
    else:
        (bundle / "README.md").write_bytes((bundle / "README.md").read_bytes()[::-1])
    with pytest.raises(BundleIntegrityError, match="extra" if stranger else "README"):
        pack_directory(bundle, tmp_path / "intent.rfe")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["intent"]


def test_a_bundle_is_not_packed_into_itself(bundle: Path) -> None:
    with pytest.raises(BundleError, match="choose a place outside"):
        pack_directory(bundle, bundle / "intent.rfe")
    open_bundle(bundle).verify()


def test_nothing_is_overwritten_unasked(bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "intent.rfe"
    out.write_text("mine")
    with pytest.raises(BundleError, match="exists already"):
        pack_directory(bundle, out)
    with pytest.raises(BundleError, match="no archive of a bundle, so it will not be overwritten"):
        pack_directory(bundle, out, overwrite=True)
    assert out.read_text() == "mine"
    out.unlink()
    pack_directory(bundle, out)
    digest = hashlib.sha256(out.read_bytes()).hexdigest()
    with pytest.raises(BundleError, match="no archive of a bundle"):
        pack_directory(bundle, bundle, overwrite=True)
    with pytest.raises(BundleError, match="exists already"):
        unpack(out, bundle)
    unpack(out, bundle, overwrite=True)
    assert hashlib.sha256(pack_directory(bundle, out, overwrite=True).read_bytes()).hexdigest() == digest


def test_an_archive_that_fails_on_the_way_is_unpacked_to_nothing(bundle: Path, tmp_path: Path) -> None:
    archive = pack_directory(bundle, tmp_path / "intent.rfe")
    data = bytearray(archive.read_bytes())
    position = data.index(b"rfwords1") + 100
    data[position] ^= 1
    archive.write_bytes(data)
    with pytest.raises(BundleIntegrityError, match=r"words\.bin"):
        unpack(archive, tmp_path / "again")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["intent", "intent.rfe"]


def test_archives_of_other_programs_are_read(bundle: Path, tmp_path: Path) -> None:
    """Compressed, with times, folders listed as entries, in another order."""
    archive = tmp_path / "theirs.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        for path in sorted(bundle.iterdir(), reverse=True):
            opened.write(path, path.name)
        opened.mkdir("notes/") if hasattr(opened, "mkdir") else opened.writestr("notes/", b"")
    with open_bundle(archive) as bundled:
        bundled.verify()
        assert bundled.read_bytes("model") == CONTENT["model.onnx"][1]
