"""Where a bundle's bytes come from: all kinds of storage keep the same promises; tests/attacks tries to break them."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from roformer_edge.bundle.reader import open_bundle
from roformer_edge.bundle.storage import ArchiveStorage, DirectoryStorage, Storage, open_storage
from roformer_edge.errors import BundleError, BundleFormatError, BundleIntegrityError

FILES = {"manifest.json": b"{}", "model.onnx": bytes(range(256)) * 5000, "notes/a.txt": b"a"}


@pytest.fixture(params=["directory", "archive"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """The same files in a directory and in an archive."""
    root = tmp_path / "bundle"
    for name, data in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    if request.param == "directory":
        return open_storage(root)
    with zipfile.ZipFile(tmp_path / "bundle.rfe", "w") as archive:
        for name in FILES:
            archive.write(root / name, name)
    return open_storage(tmp_path / "bundle.rfe")


def test_files_are_listed_measured_and_read(storage: Storage) -> None:
    assert sorted(storage.names()) == sorted(FILES)
    for name, data in FILES.items():
        assert storage.size(name) == len(data)
        pieces = list(storage.chunks(name, len(data)))
        assert b"".join(pieces) == data
        assert len(pieces) == (2 if len(data) > 1 << 20 else 1)
    storage.close()


@pytest.mark.parametrize("room", [1, 1000, 1 << 22])
def test_pieces_are_put_where_the_caller_says(storage: Storage, room: int) -> None:
    for name, data in FILES.items():
        place = bytearray(room)
        pieces: list[bytes] = []
        for piece in storage.chunks(name, len(data), memoryview(place)):
            assert isinstance(piece, memoryview)
            assert piece.obj is place
            assert piece == place[: len(piece)]
            pieces.append(bytes(piece))
            if room == 1 and len(pieces) == 100:
                break
        assert b"".join(pieces) == (data if room > 1 else data[:100])
        assert max(map(len, pieces), default=0) <= room
    storage.close()


@pytest.mark.parametrize("room", [None, 1000, 1 << 22])
@pytest.mark.parametrize(("listed", "word"), [(255 * 5000, "longer"), (257 * 5000, "shorter")])
def test_a_file_of_another_size_is_an_error_before_it_is_whole(
    storage: Storage, listed: int, word: str, room: int | None
) -> None:
    pieces: list[bytes | memoryview] = []
    into = None if room is None else memoryview(bytearray(room))
    with pytest.raises(BundleIntegrityError, match=f"model.onnx in .* is {word} than the {listed} bytes listed"):
        pieces.extend(storage.chunks("model.onnx", listed, into))
    assert sum(map(len, pieces)) <= listed
    storage.close()


@pytest.mark.parametrize("name", ["absent", "notes/b.txt", "model.onnx/inside"])
def test_what_is_missing_is_named(storage: Storage, name: str) -> None:
    with pytest.raises(BundleIntegrityError, match=f"{name} is missing from"):
        storage.size(name)
    with pytest.raises(BundleIntegrityError, match=f"{name} is missing from"):
        list(storage.chunks(name, 1))
    storage.close()


def test_a_directory_has_paths_and_notices_writers(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"one")
    storage = DirectoryStorage(tmp_path)
    assert storage.local_path("model.onnx") == tmp_path / "model.onnx"
    seen = storage.identity("model.onnx")
    assert storage.identity("model.onnx") == seen
    os.utime(tmp_path / "model.onnx", ns=(1, 1))
    assert storage.identity("model.onnx") != seen
    (tmp_path / "other").write_bytes(b"one")
    os.utime(tmp_path / "other", ns=(1, 1))
    seen = storage.identity("model.onnx")
    (tmp_path / "other").replace(tmp_path / "model.onnx")
    assert storage.identity("model.onnx") != seen


def test_a_file_that_is_exchanged_between_looking_and_opening_is_refused(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "model.onnx").write_bytes(b"one")
    (tmp_path / "other").write_bytes(b"two")
    plain = Path.open

    def exchange(path: Path, *args: object, **options: object) -> object:
        (tmp_path / "other").replace(path)
        return plain(path, *args, **options)

    monkeypatch.setattr(Path, "open", exchange)
    with pytest.raises(BundleIntegrityError, match=r"model\.onnx was exchanged while the bundle was being read"):
        list(DirectoryStorage(tmp_path).chunks("model.onnx", 3))


def test_an_archive_has_no_paths(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.rfe", "w") as archive:
        archive.writestr("manifest.json", "{}")
    storage = ArchiveStorage(tmp_path / "a.rfe")
    assert storage.local_path("manifest.json") is None
    assert storage.identity("manifest.json") == ()
    storage.close()


def test_damage_in_an_archive_is_an_error_of_the_file(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.rfe", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.onnx", os.urandom(1000))
    data = bytearray((tmp_path / "a.rfe").read_bytes())
    data[500] ^= 1
    (tmp_path / "a.rfe").write_bytes(data)
    storage = open_storage(tmp_path / "a.rfe")
    with pytest.raises(BundleIntegrityError, match=r"model\.onnx in .* cannot be unpacked"):
        list(storage.chunks("model.onnx", 1000))
    storage.close()


def test_what_is_no_storage_says_what_would_be(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"no bundle at .*: give a directory with a manifest.json in it"):
        open_storage(tmp_path / "absent")
    with pytest.raises(BundleIntegrityError, match="it is no bundle, or not a whole one"):
        open_storage(tmp_path)
    (tmp_path / "text").write_bytes(b"text" * 100)
    with pytest.raises(BundleFormatError, match="neither a directory nor a zip archive"):
        open_storage(tmp_path / "text")


def test_a_file_in_the_way_of_a_folder_is_missing(bundle: Path) -> None:
    with open_bundle(bundle) as opened:
        storage = opened._storage
        with pytest.raises(BundleIntegrityError, match="is missing"):
            storage.size("vocab.txt/inside")
        (bundle / "folder").mkdir()
        with pytest.raises(BundleIntegrityError, match="is not a file"):
            storage.size("folder")
