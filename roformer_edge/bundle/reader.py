"""Opening a bundle: limits first, then sizes, then digests, and only then is anything parsed."""

from __future__ import annotations

import hashlib
import io
import mmap
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from roformer_edge.bundle.background import Background
from roformer_edge.bundle.manifest import MANIFEST_NAME, MAX_MANIFEST_BYTES, FileEntry, Manifest
from roformer_edge.bundle.memory_file import MemoryFile
from roformer_edge.bundle.storage import Storage, open_storage
from roformer_edge.errors import BundleError, BundleFormatError, BundleIntegrityError, shown

if TYPE_CHECKING:
    from roformer_edge.bundle.comparisons import Comparisons

# of nobody else, and there before they are written to, which halves the time; Windows has but one kind
_OWN_PAGES = (
    {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_POPULATE", 0)} if os.name == "posix" else {}
)
# a file is read through so many bytes where nothing but its digest is wanted; a thread that hashes waits for the
# interpreter's lock twice a piece
_BUFFER = 1 << 22


def is_bundle(path: str | Path) -> bool:
    """Tell whether ``path`` looks like a bundle: a file (an archive), or a directory with a manifest."""
    path = Path(path)
    return path.is_file() or (path / MANIFEST_NAME).is_file()


def open_bundle(
    path: str | Path, *, verify: bool = True, digest: str | None = None, comparisons: Comparisons | None = None
) -> Bundle:
    """Open the directory or ``.rfe`` archive at ``path`` and check its listing.

    Args:
        path: A directory that holds ``manifest.json``, or a zip archive with the same paths.
        verify: Compare the SHA-256 of each file with the manifest before the file is handed out. Without it, sizes are
            still compared.
        digest: The :attr:`Bundle.digest` that it must have, from whoever made it; not one that came with it.
        comparisons: Files that need not be compared again as long as they are what they were. Only those that
            :meth:`Bundle.file_path` gives are looked up there.

    Raises:
        BundleError: Nothing is there, or it cannot be read.
        BundleFormatError: It is not a bundle, or one of a newer schema.
        BundleIntegrityError: A listed file is missing, a link, or not of the size listed, or the digest is another.
    """
    storage = open_storage(Path(path))
    try:
        bundle = Bundle(Path(path), storage, verify=verify, comparisons=comparisons)
        if digest is not None and bundle.digest != digest.lower():
            raise BundleIntegrityError(
                f"{path} has the digest {bundle.digest}, and {shown(digest, 64)} was asked for: it is another bundle, "
                "or was altered"
            )
        return bundle
    except BundleError:
        storage.close()
        raise


class Bundle:
    """An open bundle. Close it, or use it as a context manager; files in memory outlive it.

    A file is compared with its digest when it is first asked for, in ``read_bytes`` on the very bytes that are
    returned. Files that the manifest does not list are never read, and only :meth:`verify` objects to them.

    Attributes:
        path: Where it was opened.
        manifest: What it says of itself.
        manifest_bytes: The manifest as stored.
    """

    def __init__(self, path: Path, storage: Storage, *, verify: bool, comparisons: Comparisons | None = None) -> None:
        self.path = path
        self._storage = storage
        self._verify = verify
        self._comparisons = comparisons
        self._handed_out: dict[str, tuple[int, ...]] = {}
        self._places: dict[str, Background[Path | None]] = {}
        self._copies: list[MemoryFile] = []
        size = storage.size(MANIFEST_NAME)
        if size > MAX_MANIFEST_BYTES:
            raise BundleFormatError(f"{MANIFEST_NAME} is of {size} bytes; {MAX_MANIFEST_BYTES} are allowed")
        self.manifest_bytes = b"".join(storage.chunks(MANIFEST_NAME, size))
        self.manifest = Manifest.from_json(self.manifest_bytes)
        for entry in self.manifest.files:
            found = storage.size(entry.path)
            if found != entry.bytes:
                raise BundleIntegrityError(
                    f"{entry.path} in {path} is of {found} bytes, and {MANIFEST_NAME} lists {entry.bytes}: "
                    "it was altered or cut short; make or fetch the bundle again"
                )

    @property
    def digest(self) -> str:
        """SHA-256 of the manifest as stored, and by what that lists of every file: what a signature would cover."""
        return hashlib.sha256(self.manifest_bytes).hexdigest()

    def entry(self, role: str) -> FileEntry:
        """Find the file with this role.

        Raises:
            BundleFormatError: The bundle has none.
        """
        entry = self.manifest.find(role)
        if entry is None:
            raise BundleFormatError(f"{self.path} has no file with the role {role!r}, which is needed here")
        return entry

    def read_bytes(self, role: str) -> bytes:
        """Read the content of the file with this role.

        Raises:
            BundleFormatError: No such file.
            BundleIntegrityError: It is not the file that the manifest lists.
        """
        entry = self.entry(role)
        # unlike a join, this never holds the file twice
        content = io.BytesIO()
        for piece in self._pieces(entry):
            content.write(piece)
        return content.getvalue()

    def read_view(self, role: str) -> memoryview:
        """Read the content of a large file with this role into pages of its own.

        They go back to the system with the last view of them. Of the memory that bytes are made in, allocators keep
        whatever lies below something that is still in use.

        Raises:
            BundleFormatError: No such file.
            BundleIntegrityError: It is not the file that the manifest lists.
        """
        entry = self.entry(role)
        pages = mmap.mmap(-1, entry.bytes or 1, **_OWN_PAGES)
        for piece in self._pieces(entry):
            pages.write(piece)
        return memoryview(pages)[: entry.bytes].toreadonly()

    def pieces(self, entry: FileEntry, into: memoryview | None = None) -> Iterator[bytes | memoryview]:
        """Read a file in pieces, verified: the error comes after the last piece, so trust none before the end.

        Args:
            entry: The file.
            into: Where every piece is put in turn, in place of memory of its own; of one byte at least.

        Raises:
            BundleIntegrityError: It is not the file that the manifest lists.
        """
        state = hashlib.sha256()
        for piece in self._storage.chunks(entry.path, entry.bytes, into):
            state.update(piece)
            yield piece
        found = state.hexdigest()
        if found != entry.sha256:
            raise BundleIntegrityError(
                f"{entry.path} in {self.path} has another SHA-256 than {MANIFEST_NAME} lists ({found[:12]}..., not "
                f"{entry.sha256[:12]}...): it was altered; make or fetch the bundle again"
            )

    def file_path(self, role: str) -> Path | None:
        """Tell where the content of the file with this role can be read, for readers that take a path.

        In a directory it is the file itself: whoever has read from it calls :meth:`check_unchanged` before trusting
        what came of it. Of an archive it is a copy in memory, which lasts until :meth:`close`; ``None`` where the
        system has no such files.

        Raises:
            BundleIntegrityError: It is not the file that the manifest lists.
        """
        self.check_ahead(role)
        return self._places[self.entry(role).path].result()

    def check_ahead(self, *roles: str) -> None:
        """Begin to compare these files with their digests in a thread; :meth:`file_path` waits for the verdict.

        Useful while the caller imports something slow: hashing does not hold the interpreter's lock.
        """
        for entry in map(self.entry, roles):
            if entry.path not in self._places:
                self._places[entry.path] = Background(partial(self._place, entry))

    def check_unchanged(self) -> None:
        """Make sure that no file given out by :meth:`file_path` was written to or replaced since.

        Raises:
            BundleIntegrityError: One was.
        """
        for path, identity in self._handed_out.items():
            if self._storage.identity(path) != identity:
                raise BundleIntegrityError(
                    f"{path} in {self.path} was changed while it was being loaded; load it again"
                )

    def verify(self) -> None:
        """Compare every file with its digest, and look for files that the manifest does not list.

        Raises:
            BundleIntegrityError: A file differs, or is not listed.
        """
        for entry in self.manifest.files:
            self._compare(entry)
        listed = {MANIFEST_NAME, *(entry.path for entry in self.manifest.files)}
        unlisted = [name for name in self._storage.names() if name not in listed]
        if unlisted:
            raise BundleIntegrityError(
                f"{self.path} holds {len(unlisted)} file(s) that its manifest does not list, for one "
                f"{unlisted[0]!r:.80}"
            )

    def close(self) -> None:
        """Let go of the files."""
        for thread in self._places.values():
            thread.join()
        while self._copies:
            self._copies.pop().close()
        self._storage.close()

    def __enter__(self) -> Bundle:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Bundle({str(self.path)!r}, {self.manifest!r})"

    def _place(self, entry: FileEntry) -> Path | None:
        location = self._storage.local_path(entry.path)
        if location is None:
            copy = MemoryFile.holding(self._pieces(entry))
            if copy is None:
                return None
            self._copies.append(copy)
            return copy.path
        # noted before the content is looked at, so that no change goes unseen
        identity = self._handed_out[entry.path] = self._storage.identity(entry.path)
        known = self._comparisons
        if self._verify and not (known is not None and known.has(entry.sha256, identity)):
            self._compare(entry)
            if known is not None:
                known.add(entry.sha256, identity)
        return location

    def _compare(self, entry: FileEntry) -> None:
        pages = mmap.mmap(-1, min(entry.bytes + 1, _BUFFER), **_OWN_PAGES)
        for _ in self.pieces(entry, memoryview(pages)):
            pass

    def _pieces(self, entry: FileEntry) -> Iterator[bytes | memoryview]:
        return self.pieces(entry) if self._verify else self._storage.chunks(entry.path, entry.bytes)
