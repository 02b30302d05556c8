"""Write a bundle: under a temporary name, hashed on the way, the manifest last, then one rename."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from types import TracebackType

from roformer_edge.bundle.card import model_card
from roformer_edge.bundle.manifest import MANIFEST_NAME, MAX_MANIFEST_BYTES, FileEntry, Manifest, check_path
from roformer_edge.bundle.storage import DirectoryStorage
from roformer_edge.errors import BundleError, BundleFormatError, exists_already
from roformer_edge.temporary import TemporaryPath, writable, write_file

CARD_NAME = "README.md"
_CHUNK = 1 << 20


class BundleWriter:
    """Writes one bundle directory, or nothing.

    ::

        with BundleWriter("dist/intent") as writer:
            writer.add_file("vocab.txt", "vocabulary", checkpoint / "vocab.txt")
            writer.add_bytes("model.onnx", "model", graph)
            writer.finish(manifest)

    Files are written into a hidden directory beside ``out``. Whatever goes wrong before ``finish`` returns, an
    interrupt included, that directory is removed and what was at ``out`` stays as it was. Leaving the block without
    ``finish`` writes nothing.

    Args:
        out: The directory to make.
        overwrite: Replace what is at ``out``, if it is a bundle with nothing else in it or an empty directory.

    Raises:
        BundleError: ``out`` exists and may not be replaced.
        OutputError: It cannot be written (the disk is full, for one).
    """

    def __init__(self, out: str | Path, *, overwrite: bool = False) -> None:
        self._out = Path(out)
        self._temporary = TemporaryPath(out)
        self._overwrite = overwrite
        self._files: list[FileEntry] = []
        self._sections: dict[str, str] = {}

    def __enter__(self) -> BundleWriter:
        check_target(self._out, overwrite=self._overwrite)
        self._temporary.__enter__()
        try:
            with writable(self._out):
                self.directory.mkdir()
        except BaseException:
            self._temporary.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._temporary.__exit__(kind, error, traceback)

    @property
    def directory(self) -> Path:
        """Where the files lie until ``finish``: the model can be run from here to measure what the manifest says."""
        return self._temporary.path

    @property
    def files(self) -> tuple[FileEntry, ...]:
        """What was added so far."""
        return tuple(self._files)

    def add_pieces(self, path: str, role: str, pieces: Iterable[bytes | memoryview]) -> FileEntry:
        """Add a file with this content, written as it comes; otherwise as :meth:`add_file`."""
        return self._add(path, role, pieces)

    def add_bytes(self, path: str, role: str, data: bytes) -> FileEntry:
        """Write ``data`` as the file ``path`` (relative, forward slashes) with a role of ``manifest.ROLES``."""
        return self._add(path, role, (data,))

    def add_file(self, path: str, role: str, source: str | Path) -> FileEntry:
        """Copy the file ``source`` into the bundle as ``path``."""
        try:
            with Path(source).open("rb") as stream:
                return self._add(path, role, iter(lambda: stream.read(_CHUNK), b""))
        except OSError as error:
            raise BundleError(f"cannot read {source}: {error.strerror or error}") from error

    def add_section(self, title: str, text: str) -> None:
        """Give the model card a section of Markdown that the manifest knows nothing of."""
        self._sections[title] = text

    def draft(self, manifest: Manifest) -> Path:
        """Make ``directory`` a bundle that can be opened and measured; ``finish`` replaces the manifest.

        Args:
            manifest: What :meth:`finish` takes.

        Returns:
            The directory.
        """
        self._describe(manifest)
        return self.directory

    def finish(self, manifest: Manifest) -> Path:
        """Write the model card and the manifest, and put the bundle in its place.

        Args:
            manifest: Its ``files`` are set here.

        Returns:
            The bundle's directory.

        Raises:
            BundleFormatError: The manifest is one that a reader would refuse.
        """
        self._describe(manifest)
        return self._temporary.publish(partial(check_target, self._out, overwrite=self._overwrite))

    def _describe(self, manifest: Manifest) -> None:
        """Write the model card and, last, the manifest, in place of those of a draft."""
        with writable(self._out):
            for name in (CARD_NAME, MANIFEST_NAME):
                (self.directory / name).unlink(missing_ok=True)
        self._files = [entry for entry in self._files if entry.path != CARD_NAME]
        manifest = manifest.replace(files=self.files)
        self.add_bytes(CARD_NAME, "card", model_card(manifest, self._out.resolve().name, self._sections).encode())
        text = manifest.replace(files=self.files).to_json().encode()
        Manifest.from_json(text)
        write_file(self.directory / MANIFEST_NAME, (text,), self._out)

    def _add(self, path: str, role: str, pieces: Iterable[bytes | memoryview]) -> FileEntry:
        target = self.directory / check_path(path, "the path")
        if target.exists():
            raise BundleFormatError(f"{path!r} was added to {self._out} before")
        size, digest = write_file(target, pieces, self._out)
        entry = FileEntry(path=path, role=role, bytes=size, sha256=digest)
        self._files.append(entry)
        return entry


def check_target(out: Path, place: Path | None = None, *, overwrite: bool) -> None:
    """Make sure that a bundle may be written at ``out``.

    Args:
        out: The directory to make.
        place: Where what was at ``out`` lies, if it was moved.
        overwrite: Whether it may be replaced, if it is ours.

    Raises:
        BundleError: Something is there, and ``overwrite`` is not set or it is not ours to replace.
    """
    place = place or out
    with writable(out):
        if not place.exists():
            return
        if not overwrite:
            raise BundleError(exists_already(out))
        if not place.is_dir():
            raise BundleError(f"{out} is a file; a bundle is a directory, so it will not be overwritten")
        found = set(DirectoryStorage(place).names())
        if found and not found <= _listed(place):
            raise BundleError(
                f"{out} is not a bundle, or holds files that are no part of one, so it will not be overwritten; "
                "remove it yourself or choose another place"
            )


def _listed(directory: Path) -> set[str]:
    storage = DirectoryStorage(directory)
    try:
        size = min(storage.size(MANIFEST_NAME), MAX_MANIFEST_BYTES)
        manifest = Manifest.from_json(b"".join(storage.chunks(MANIFEST_NAME, size)))
    except BundleError:
        return set()
    return {MANIFEST_NAME, *(entry.path for entry in manifest.files)}
