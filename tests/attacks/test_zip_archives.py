"""Archives made to exhaust memory or to confuse: bombs, false sizes, false tables of contents, odd methods."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import pytest

from roformer_edge.bundle.pack import pack_directory, unpack
from roformer_edge.bundle.reader import open_bundle
from roformer_edge.errors import BundleError, BundleFormatError, BundleIntegrityError
from tests.tiny_bundle import CONTENT, listed, read_manifest, rewrite_manifest


@pytest.fixture
def archive(bundle: Path, tmp_path: Path) -> Path:
    return pack_directory(bundle, tmp_path / "evil.rfe")


def repack(bundle: Path, archive: Path, replace: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> None:
    with zipfile.ZipFile(archive, "w", method) as opened:
        for path in bundle.iterdir():
            opened.writestr(path.name, replace.get(path.name, path.read_bytes()))


@pytest.mark.parametrize("name", ["words.bin", "manifest.json", "unlisted.bin"])
def test_a_bomb_is_refused_by_what_it_claims(bundle: Path, archive: Path, name: str) -> None:
    zeros = bytes(20_000_000)
    if name == "words.bin":
        values = read_manifest(bundle)
        values["files"] = [listed(name, zeros, "words") if e["path"] == name else e for e in values["files"]]
        rewrite_manifest(bundle, values)
    (bundle / name).touch()
    repack(bundle, archive, {name: zeros})
    assert archive.stat().st_size < 100_000
    with pytest.raises(BundleFormatError, match=r"claims to unpack from \d+ to 20000000 bytes"):
        open_bundle(archive)


def test_a_bomb_that_hides_its_size_is_unpacked_no_further_than_listed(bundle: Path, archive: Path) -> None:
    """The table of contents says 500 bytes, the compressed data goes on for 20 MB."""
    size = len(CONTENT["words.bin"][1])
    repack(bundle, archive, {"words.bin": bytes(20_000_000)})
    data = archive.read_bytes().replace(struct.pack("<L", 20_000_000), struct.pack("<L", size))
    archive.write_bytes(data)
    with open_bundle(archive) as opened, pytest.raises(BundleIntegrityError, match=r"words\.bin"):
        opened.read_bytes("words")


def test_overlapping_entries_are_refused(bundle: Path, archive: Path) -> None:
    """Two entries of the table point at one place: what makes the largest bombs possible."""
    with zipfile.ZipFile(archive) as opened:
        offsets = {info.filename: info.header_offset for info in opened.infolist()}
    data = bytearray(archive.read_bytes())
    table = data.index(b"PK\1\2")
    position = data.index(b"words.bin", table) - 4
    assert struct.unpack_from("<L", data, position)[0] == offsets["words.bin"]
    struct.pack_into("<L", data, position, offsets["vocab.txt"])
    archive.write_bytes(data)
    with open_bundle(archive) as opened, pytest.raises(BundleIntegrityError, match=r"words\.bin .*cannot be unpacked"):
        opened.read_bytes("words")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_refused(bundle: Path, archive: Path, method: int) -> None:
    repack(bundle, archive, {}, method)
    with pytest.raises(BundleFormatError, match=f"is compressed by method {method}"):
        open_bundle(archive)


def test_encrypted_entries_are_refused(archive: Path) -> None:
    data = bytearray(archive.read_bytes())
    position = data.index(b"PK\1\2")
    data[position + 8] |= 1
    archive.write_bytes(data)
    with pytest.raises(BundleFormatError, match="is encrypted"):
        open_bundle(archive)


@pytest.mark.parametrize(("offset", "value"), [(10, 129), (12, (1 << 20) + 1)])
def test_a_table_of_contents_that_claims_to_be_large_is_not_read(archive: Path, offset: int, value: int) -> None:
    data = bytearray(archive.read_bytes())
    struct.pack_into("<H" if offset == 10 else "<L", data, len(data) - 22 + offset, value)
    archive.write_bytes(data)
    with pytest.raises(BundleFormatError, match="table of contents that is too large"):
        open_bundle(archive)


def test_a_zip64_locator_cannot_override_the_limits(archive: Path) -> None:
    """zipfile trusts the 64-bit record whenever its locator is there, whatever the other record says."""
    data = archive.read_bytes()
    archive.write_bytes(data[:-22] + b"PK\6\7" + struct.pack("<LQL", 0, 0, 1) + data[-22:])
    with pytest.raises(BundleFormatError, match="table of contents that is too large"):
        open_bundle(archive)


def test_many_real_entries_are_refused(bundle: Path, archive: Path) -> None:
    with zipfile.ZipFile(archive, "a") as opened:
        for number in range(200):
            opened.writestr(f"extra-{number}", b"")
    with pytest.raises(BundleFormatError, match="table of contents that is too large"):
        open_bundle(archive)


@pytest.mark.parametrize("tail", [b"\0", b"PK\5\6" + bytes(10), bytes(70_000)])
def test_an_archive_ends_where_it_ends(archive: Path, tail: bytes) -> None:
    archive.write_bytes(archive.read_bytes() + tail)
    with pytest.raises(BundleFormatError, match="is not a bundle"):
        open_bundle(archive)


def test_an_archive_with_a_comment_is_refused(archive: Path) -> None:
    with zipfile.ZipFile(archive, "a") as opened:
        opened.comment = b"PK\5\6 or anything"
    with pytest.raises(BundleFormatError, match="is not a bundle"):
        open_bundle(archive)


def test_missing_and_unlisted_entries(bundle: Path, archive: Path) -> None:
    repack(bundle, archive, {})
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr("extra.bin", b"unlisted")
    with open_bundle(archive) as opened:
        assert opened.read_bytes("model") == CONTENT["model.onnx"][1]
        with pytest.raises(BundleIntegrityError, match=r"does not list, for one 'extra\.bin'"):
            opened.verify()
    (bundle / "vocab.txt").unlink()
    repack(bundle, archive, {})
    with pytest.raises(BundleIntegrityError, match=r"vocab\.txt is missing"):
        open_bundle(archive)


def test_a_wrong_size_in_an_archive(bundle: Path, archive: Path) -> None:
    repack(bundle, archive, {"vocab.txt": b"short"})
    with pytest.raises(BundleIntegrityError, match=r"vocab\.txt in .* is of 5 bytes"):
        open_bundle(archive)


@pytest.mark.parametrize("content", [b"", b"PK", b"PK\5\6" + bytes(18), b"not a zip" * 100, b"PK\3\4" + bytes(60)])
def test_what_is_no_archive(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.rfe").write_bytes(content)
    with pytest.raises(BundleError):
        open_bundle(tmp_path / "x.rfe")
    with pytest.raises(BundleError):
        unpack(tmp_path / "x.rfe", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["x.rfe"]
