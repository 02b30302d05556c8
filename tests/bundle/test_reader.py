from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from roformer_edge.bundle import reader
from roformer_edge.bundle.pack import pack_directory
from roformer_edge.bundle.reader import open_bundle
from roformer_edge.errors import BundleError, BundleFormatError, BundleIntegrityError
from tests.tiny_bundle import CONTENT


@pytest.fixture(params=["directory", "archive"])
def either(request: pytest.FixtureRequest, bundle: Path, tmp_path: Path) -> Path:
    """The same bundle in its two forms."""
    return bundle if request.param == "directory" else pack_directory(bundle, tmp_path / "intent.rfe")


def test_files_are_read_by_role(either: Path) -> None:
    with open_bundle(either) as bundle:
        for role, data in CONTENT.values():
            assert bundle.read_bytes(role) == data
        assert bundle.manifest.find("selftest") is None
        with pytest.raises(BundleFormatError, match="has no file with the role 'selftest'"):
            bundle.read_bytes("selftest")
        bundle.verify()


def test_pieces_add_up(either: Path) -> None:
    with open_bundle(str(either)) as bundle:
        entry = bundle.entry("model")
        data = b"".join(bundle.pieces(entry))
        assert hashlib.sha256(data).hexdigest() == entry.sha256
        assert bundle.read_bytes("model") == data


@pytest.mark.parametrize("size", [1, 7, 64])
def test_files_of_several_pieces_are_read_whole(either: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr("roformer_edge.bundle.storage._CHUNK", size)
    with open_bundle(either) as bundle:
        content = b"".join(bundle.pieces(bundle.entry("vocabulary")))
        assert bundle.read_bytes("vocabulary") == content
        assert bytes(bundle.read_view("vocabulary")) == content
        assert bundle.read_view("vocabulary").readonly
        assert len(bundle.read_bytes("vocabulary")) == bundle.entry("vocabulary").bytes


def test_a_path_reads_as_the_file(either: Path) -> None:
    with open_bundle(either) as opened:
        path = opened.file_path("model")
        if not either.is_dir() and not hasattr(os, "memfd_create"):
            assert path is None
            return
        assert path is not None
        assert path == opened.file_path("model")
        assert path.read_bytes() == path.read_bytes() == CONTENT["model.onnx"][1]
        opened.check_unchanged()
        assert not either.is_dir() or path == either / "model.onnx"


def test_an_archive_gives_no_path_to_altered_content(bundle: Path, tmp_path: Path) -> None:
    archive = pack_directory(bundle, tmp_path / "intent.rfe")
    data = archive.read_bytes()
    content = CONTENT["model.onnx"][1]
    place = data.index(content) + len(content) // 2
    archive.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
    with open_bundle(archive) as opened, pytest.raises(BundleIntegrityError, match=r"model\.onnx"):
        opened.file_path("model")


@pytest.mark.parametrize("error", [AttributeError, OSError(24, "Too many open files")])
def test_without_files_in_memory_an_archive_gives_bytes_only(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(name: str) -> int:
        raise error

    monkeypatch.setattr(os, "memfd_create", refuse, raising=False)
    with open_bundle(pack_directory(bundle, tmp_path / "intent.rfe")) as opened:
        assert opened.file_path("model") is None
        assert opened.read_bytes("model") == CONTENT["model.onnx"][1]


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="no files in memory here")
def test_where_proc_is_closed_to_the_process_an_archive_gives_bytes_only(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Path.open

    def refuse(path: Path, *args: Any, **options: Any) -> Any:
        if str(path).startswith("/proc/"):
            raise PermissionError(13, "Permission denied")
        return plain(path, *args, **options)

    with open_bundle(pack_directory(bundle, tmp_path / "intent.rfe")) as opened:
        before = len(list(Path("/proc/self/fd").iterdir()))
        monkeypatch.setattr(Path, "open", refuse)
        assert opened.file_path("model") is None
        assert opened.read_bytes("model") == CONTENT["model.onnx"][1]
        assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_file_in_memory_outlives_the_bundle(either: Path) -> None:
    with open_bundle(either) as bundle:
        data = bundle.read_bytes("model")
    assert data == CONTENT["model.onnx"][1]


def alter(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_only_what_is_used_is_compared_with_its_digest(bundle: Path) -> None:
    alter(bundle / "README.md")
    with open_bundle(bundle) as opened:
        opened.read_bytes("model")
        with pytest.raises(BundleIntegrityError, match=r"README\.md in .* has another SHA-256"):
            opened.read_bytes("card")
        with pytest.raises(BundleIntegrityError, match=r"README\.md"):
            opened.verify()


def test_verify_false_compares_sizes_only(bundle: Path) -> None:
    alter(bundle / "model.onnx")
    with open_bundle(bundle, verify=False) as opened:
        assert opened.read_bytes("model") != CONTENT["model.onnx"][1]
        opened.check_ahead("model")
        assert opened.file_path("model") == bundle / "model.onnx"
        with pytest.raises(BundleIntegrityError, match=r"model\.onnx"):
            opened.verify()
    (bundle / "model.onnx").write_bytes(b"short")
    with pytest.raises(BundleIntegrityError, match="is of 5 bytes"):
        open_bundle(bundle, verify=False)


@pytest.mark.parametrize("ahead", [True, False])
def test_a_path_is_given_out_for_a_good_file_only(bundle: Path, ahead: bool) -> None:
    alter(bundle / "model.onnx")
    with open_bundle(bundle) as opened:
        if ahead:
            opened.check_ahead("words", "model")
        assert opened.file_path("words") == bundle / "words.bin"
        for _ in range(2):
            with pytest.raises(BundleIntegrityError, match=r"model\.onnx"):
                opened.file_path("model")


@pytest.mark.parametrize("room", [1, 2, 3, 1 << 10])
@pytest.mark.parametrize("at", [0, -1])
def test_every_byte_counts_whatever_it_is_read_through(
    bundle: Path, room: int, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "_BUFFER", room)
    with open_bundle(bundle) as opened:
        opened.verify()
        assert opened.file_path("model") == bundle / "model.onnx"
    content = bytearray((bundle / "model.onnx").read_bytes())
    content[at] ^= 1
    (bundle / "model.onnx").write_bytes(content)
    with open_bundle(bundle) as opened:
        with pytest.raises(BundleIntegrityError, match=r"model\.onnx in .* has another SHA-256"):
            opened.file_path("model")
        with pytest.raises(BundleIntegrityError, match=r"model\.onnx in .* has another SHA-256"):
            opened.verify()


def test_a_change_while_loading_is_noticed(bundle: Path) -> None:
    with open_bundle(bundle) as opened:
        path = opened.file_path("model")
        opened.check_unchanged()
        assert path is not None
        other = path.with_name("other")
        other.write_bytes(path.read_bytes())
        other.replace(path)
        with pytest.raises(BundleIntegrityError, match="was changed while it was being loaded"):
            opened.check_unchanged()


def test_a_file_that_vanishes_after_opening_is_named(bundle: Path) -> None:
    with open_bundle(bundle) as opened:
        (bundle / "vocab.txt").unlink()
        with pytest.raises(BundleIntegrityError, match=r"vocab\.txt is missing"):
            opened.read_bytes("vocabulary")


def test_a_file_that_grows_after_opening_is_read_no_further(bundle: Path) -> None:
    with open_bundle(bundle) as opened:
        with (bundle / "vocab.txt").open("ab") as stream:
            stream.write(b"more")
        size = len(CONTENT["vocab.txt"][1])
        with pytest.raises(BundleIntegrityError, match=f"is longer than the {size} bytes listed"):
            opened.read_bytes("vocabulary")


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no bundle at"):
        open_bundle(tmp_path / "absent")
    with pytest.raises(BundleIntegrityError, match=r"manifest\.json is missing"):
        open_bundle(tmp_path)
    (tmp_path / "empty.rfe").write_bytes(b"")
    with pytest.raises(BundleFormatError, match="is not a bundle"):
        open_bundle(tmp_path / "empty.rfe")


def test_what_may_not_be_read_is_one_line(bundle: Path) -> None:
    if os.name != "posix" or os.geteuid() == 0:
        pytest.skip("this user may read everything")
    (bundle / "model.onnx").chmod(0)
    with open_bundle(bundle) as opened, pytest.raises(BundleError, match="cannot read"):
        opened.read_bytes("model")
