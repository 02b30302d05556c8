"""Where a bundle's bytes come from: a directory, or a zip archive with the same paths."""

from __future__ import annotations

import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase, RawIOBase
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from roformer_edge.bundle.manifest import MANIFEST_NAME, MAX_FILES, check_path
from roformer_edge.errors import BundleError, BundleFormatError, BundleIntegrityError, advice, shown

if TYPE_CHECKING:
    from zipfile import ZipInfo

_END_RECORD = 22  # bytes of a zip's end record without a comment
_ZIP64_LOCATOR = 20
_MAX_DIRECTORY = 1 << 20  # bytes of a zip's table of contents
_MAX_RATIO = 200  # what a real file shrinks to is far from this
_SMALL = 1 << 20  # bytes below which the ratio does not matter
_STORED, _DEFLATED = 0, 8
_CHUNK = 1 << 20
# the model in front of an archive, and the place of what it is known by
MODEL_NAME = "model.tflite"
_TFLITE_IDENTIFIER = slice(4, 8)


class Storage(Protocol):
    """Files by path, whose names and kinds have been checked, and whose content has not."""

    def names(self) -> Iterator[str]:
        """List every file there is, the manifest included."""

    def size(self, path: str) -> int:
        """Measure a file in bytes; raises BundleIntegrityError where it is missing or not a plain file."""

    def chunks(self, path: str, size: int, into: memoryview | None = None) -> Iterator[bytes | memoryview]:
        """Read a file in pieces; raises BundleIntegrityError as soon as it has not exactly ``size`` bytes.

        With ``into``, of one byte at least, every piece is a view of it, and lasts until the next is asked for.
        """

    def local_path(self, path: str) -> Path | None:
        """Tell where the file system has this very file, or ``None``."""

    def identity(self, path: str) -> tuple[int, ...]:
        """Take figures that change when the file is written to or replaced."""

    def close(self) -> None:
        """Let go of what is open."""


def open_storage(path: Path) -> Storage:
    """Open the storage for a directory or an archive.

    Raises:
        BundleError: Nothing is there, or it cannot be read.
        BundleFormatError: It is neither a directory nor a zip archive.
        BundleIntegrityError: It is a directory without a manifest.
    """
    with readable(path):
        if path.is_dir():
            if not os.path.lexists(path / MANIFEST_NAME):
                maker = advice(python="deploy_checkpoint", command="roformer-edge deploy")
                raise BundleIntegrityError(
                    f"{MANIFEST_NAME} is missing from {path}: it is no bundle, or not a whole one; "
                    f"{maker} makes a bundle of a checkpoint"
                )
            return DirectoryStorage(path)
        if path.is_file():
            return ArchiveStorage(path)
    raise BundleError(f"no bundle at {path}: give a directory with a {MANIFEST_NAME} in it, or a .rfe or .tflite file")


@contextmanager
def readable(path: Path | str) -> Iterator[None]:
    """Turn errors of the operating system into one line about ``path``."""
    try:
        yield
    except OSError as error:
        raise BundleError(f"cannot read {path}: {error.strerror or error}") from error


class DirectoryStorage:
    """A directory. Links are refused, as files and as folders on the way, so nothing outside is ever read."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def names(self) -> Iterator[str]:
        """List every file below the directory, links included, sorted."""
        with readable(self._root):
            found = sorted(path for path in self._root.rglob("*") if path.is_symlink() or not path.is_dir())
        yield from (path.relative_to(self._root).as_posix() for path in found)

    def size(self, path: str) -> int:
        """Measure a plain file in bytes."""
        return self._stat(path).st_size

    def chunks(self, path: str, size: int, into: memoryview | None = None) -> Iterator[bytes | memoryview]:
        """Read a plain file in pieces; what is opened is what was looked at."""
        seen = self._stat(path)
        with readable(self._root / path), (self._root / path).open("rb", buffering=0) as stream:
            opened = os.fstat(stream.fileno())
            if (seen.st_dev, seen.st_ino) != (opened.st_dev, opened.st_ino):
                raise BundleIntegrityError(f"{path} was exchanged while the bundle was being read")
            yield from _exactly(stream, size, f"{path} in {self._root}", into)

    def local_path(self, path: str) -> Path:
        """Return the path of the file itself."""
        return self._root / path

    def identity(self, path: str) -> tuple[int, ...]:
        """Take device, inode, size and the times of the last change, of which programs set one as they like."""
        return identity_of(self._stat(path))

    def close(self) -> None:
        """Do nothing: nothing is kept open."""

    def _stat(self, path: str) -> os.stat_result:
        location, result = self._root, None
        for part in path.split("/"):
            if result is not None and not stat.S_ISDIR(result.st_mode):
                raise BundleIntegrityError(f"{path} is missing from {self._root}")
            location = location / part
            try:
                result = location.lstat()
            except FileNotFoundError:
                raise BundleIntegrityError(f"{path} is missing from {self._root}") from None
            except OSError as error:
                raise BundleError(f"cannot read {location}: {error.strerror or error}") from error
            if stat.S_ISLNK(result.st_mode):
                raise BundleIntegrityError(f"{path} in {self._root} goes through a link, which may lead anywhere")
        if result is None or not stat.S_ISREG(result.st_mode):
            raise BundleIntegrityError(f"{path} in {self._root} is not a file")
        return result


class ArchiveStorage:
    """A zip archive. Its table of contents is checked as a whole before any entry is read.

    A TFLite model may stand in front of the archive, in the same file: it is a file of the bundle like the others,
    though not an entry, and engines read it where it is.
    """

    def __init__(self, path: Path) -> None:
        # imported here: opening a directory must not wait for it
        from zipfile import BadZipFile, ZipFile

        self._path = path
        _check_end_record(path)
        try:
            self._archive = ZipFile(path)
        except (BadZipFile, UnicodeDecodeError, NotImplementedError) as error:
            raise BundleFormatError(f"{path} is not a readable zip archive: {shown(error)}") from None
        try:
            self._entries = self._check_entries()
            self._model_bytes = self._measure_model()
        except BundleError:
            self._archive.close()
            raise

    def names(self) -> Iterator[str]:
        """List every entry that is a file."""
        if self._model_bytes:
            yield MODEL_NAME
        yield from self._entries

    def size(self, path: str) -> int:
        """Measure an entry unpacked, in bytes, as the archive says."""
        return self._model_bytes if self._is_model(path) else self._entry(path).file_size

    def chunks(self, path: str, size: int, into: memoryview | None = None) -> Iterator[bytes | memoryview]:
        """Read an entry in pieces, unpacked no further than ``size``."""
        from zipfile import BadZipFile

        if self._is_model(path):
            with readable(self._path), self._path.open("rb", buffering=0) as file:
                yield from _exactly(_Beginning(file, self._model_bytes), size, f"{path} in {self._path}", into)
            return
        info = self._entry(path)
        try:
            with readable(self._path), self._archive.open(info) as stream:
                # what zipfile opens is one, of which its annotation says less
                entry = cast("BufferedIOBase", stream)
                yield from _exactly(entry, size, f"{path} in {self._path}", into)
        except (BadZipFile, zlib.error, NotImplementedError, EOFError) as error:
            raise BundleIntegrityError(f"{path} in {self._path} cannot be unpacked: {shown(error)}") from None

    def local_path(self, path: str) -> Path | None:
        """Return nothing: an entry has no path of its own; a model in front of the archive has the archive's."""
        return self._path if self._is_model(path) else None

    def identity(self, path: str) -> tuple[int, ...]:
        """Take nothing: the archive is held open, and what was read from it stays in memory; of a model in front, see
        ``DirectoryStorage``.
        """
        if not self._is_model(path):
            return ()
        with readable(self._path):
            return identity_of(self._path.stat())

    def close(self) -> None:
        """Close the archive."""
        self._archive.close()

    def _is_model(self, path: str) -> bool:
        return self._model_bytes > 0 and path == MODEL_NAME

    def _measure_model(self) -> int:
        """Measure the TFLite model in front of the archive; 0 where there is none.

        Raises:
            BundleFormatError: Something else is in front, or the model comes twice.
        """
        size = min((info.header_offset for info in self._entries.values()), default=0)
        if not size:
            return 0
        with readable(self._path), self._path.open("rb") as file:
            beginning = file.read(_TFLITE_IDENTIFIER.stop)
        if beginning[_TFLITE_IDENTIFIER] != b"TFL3" or MODEL_NAME in self._entries:
            raise BundleFormatError(
                f"{self._path} holds {size} bytes in front of its archive, which only a TFLite model that is in it "
                "nowhere else may take"
            )
        return size

    def _entry(self, path: str) -> ZipInfo:
        if path not in self._entries:
            raise BundleIntegrityError(f"{path} is missing from {self._path}")
        return self._entries[path]

    def _check_entries(self) -> dict[str, ZipInfo]:
        entries: dict[str, ZipInfo] = {}
        taken: set[str] = set()
        for info in self._archive.infolist():
            where = f"{self._path}: the entry"
            if info.orig_filename != info.filename:
                raise BundleFormatError(f"{where} {info.orig_filename!r:.80} has a name that is not allowed")
            name = check_path(info.filename.removesuffix("/"), where)
            if name.lower() in taken:
                raise BundleFormatError(f"{where} {name!r} comes twice")
            taken.add(name.lower())
            if info.is_dir():
                continue
            _check_entry(info, f"{where} {name!r}")
            entries[name] = info
        return entries


def identity_of(found: os.stat_result) -> tuple[int, ...]:
    """Take the figures of a file that change when it is written to or replaced."""
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


class _Beginning:
    """The first bytes of a file, and no more."""

    def __init__(self, file: RawIOBase, size: int) -> None:
        self._file = file
        self._left = size

    def read(self, size: int) -> bytes:
        """Read at most ``size`` bytes."""
        piece = self._file.read(min(size, self._left)) or b""
        self._left -= len(piece)
        return piece

    def readinto(self, buffer: memoryview) -> int:
        """Read at most as many bytes as ``buffer`` holds into it."""
        count = self._file.readinto(buffer[: self._left]) or 0
        self._left -= count
        return count


def _check_entry(info: ZipInfo, where: str) -> None:
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
        raise BundleIntegrityError(f"{where} is a link or a device, not a file")
    if info.flag_bits & 0x1:
        raise BundleFormatError(f"{where} is encrypted")
    if info.compress_type not in (_STORED, _DEFLATED):
        raise BundleFormatError(f"{where} is compressed by method {info.compress_type}; stored and deflated are read")
    if info.file_size > max(_SMALL, _MAX_RATIO * info.compress_size):
        raise BundleFormatError(
            f"{where} claims to unpack from {info.compress_size} to {info.file_size} bytes; "
            f"{_MAX_RATIO} times its size is the most that is allowed"
        )


def _check_end_record(path: Path) -> None:
    """Look at the last bytes before anything trusts them: zipfile reads as large a table as they claim."""
    with path.open("rb") as stream:
        length = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, length - _END_RECORD - _ZIP64_LOCATOR))
        tail = stream.read()
    end = tail[-_END_RECORD:]
    if len(end) < _END_RECORD or not end.startswith(b"PK\5\6"):
        raise BundleFormatError(
            f"{path} is not a bundle: neither a directory nor a zip archive that ends where it should"
        )
    entries = int.from_bytes(end[10:12], "little")
    table = int.from_bytes(end[12:16], "little")
    # twice, for the folders that some zip programs list as well
    if entries > 2 * MAX_FILES or table > _MAX_DIRECTORY or tail[:-_END_RECORD].startswith(b"PK\6\7"):
        raise BundleFormatError(f"{path} has a table of contents that is too large for a bundle")


def _exactly(
    stream: RawIOBase | BufferedIOBase | _Beginning, size: int, where: str, into: memoryview | None
) -> Iterator[bytes | memoryview]:
    left = size
    while piece := _piece(stream, left + 1, into):
        left -= len(piece)
        if left < 0:
            break
        yield piece
    if left:
        raise BundleIntegrityError(f"{where} is {'longer' if left < 0 else 'shorter'} than the {size} bytes listed")


def _piece(stream: RawIOBase | BufferedIOBase | _Beginning, most: int, into: memoryview | None) -> bytes | memoryview:
    if into is None:
        return stream.read(min(_CHUNK, most)) or b""
    return into[: stream.readinto(into[:most]) or 0]
