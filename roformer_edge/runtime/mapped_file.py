"""A file that an engine maps: whether it is still what it was, and pages of it that nobody will read again."""

from __future__ import annotations

import ctypes
import os
import sys
import weakref
from collections.abc import Iterable
from pathlib import Path

from roformer_edge.errors import BackendError

_MAPS = Path("/proc/self/maps")
_MADV_DONTNEED = 4
# what a write changes, unless a program sets the time back; the time that none can set changes with these others too
_WRITTEN = ("st_size", "st_mtime_ns")
_DESCRIBED = ("st_nlink", "st_mode", "st_uid", "st_gid")


class MappedFile:
    """Watches a file for as long as something maps it.

    What is written into a mapped file is read by whoever maps it, and reading where it was cut ends the process. A file
    that is replaced or removed does no harm: the mapping keeps the old one.

    Attributes:
        path: Where the file was found.

    Raises:
        BackendError: It cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0))
        except OSError as error:
            raise BackendError(f"cannot read {path}: {error.strerror or error}") from None
        self.close = weakref.finalize(self, os.close, self._descriptor)
        self._seen = os.fstat(self._descriptor)

    def check_unchanged(self) -> None:
        """Make sure that nothing was written into the file since it was opened.

        Raises:
            BackendError: Something was.
        """
        before, self._seen = self._seen, os.fstat(self._descriptor)
        if any(getattr(before, name) != getattr(self._seen, name) for name in _WRITTEN) or (
            before.st_ctime_ns != self._seen.st_ctime_ns
            and all(getattr(before, name) == getattr(self._seen, name) for name in _DESCRIBED)
            and self._is_in_place()
        ):
            # once and for all
            self._seen = before
            raise BackendError(
                f"{self.path} was written to after it was loaded, so that the model in memory is no longer the one "
                "that was checked; load it again, and replace files of a bundle in use by renaming others over them"
            )

    def _is_in_place(self) -> bool:
        """Tell whether the file is where it was: one that was renamed has changed as one that was written to has."""
        try:
            return os.path.samestat(self.path.stat(), self._seen)
        except OSError:
            return False


def mappings_of(path: Path) -> tuple[tuple[int, int], ...]:
    """Find where this process has mapped a file for reading: beginnings and sizes; none on other systems than Linux."""
    if sys.platform != "linux":
        return ()
    try:
        status = path.stat()
        lines = _MAPS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ()
    device = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}"
    found = []
    for line in lines:
        # 7f2c8e000000-7f2c95e2c000 r--p 00000000 fe:00 1311 /path
        addresses, access, _, on, inode, *_ = line.split(maxsplit=5)
        if on == device and inode == str(status.st_ino) and "w" not in access:
            start, end = (int(address, 16) for address in addresses.split("-"))
            found.append((start, end - start))
    return tuple(found)


def let_go_of_pages(mappings: Iterable[tuple[int, int]]) -> None:
    """Take the pages of mapped files out of this process's memory; a page that is read again comes back.

    An engine maps a model and packs its weights into memory of its own: after that the mapping counts once more for
    what is not read again.

    Args:
        mappings: What :func:`mappings_of` found. Whoever made them must not have undone them meanwhile.
    """
    for start, size in mappings:
        ctypes.CDLL(None).madvise(ctypes.c_void_p(start), ctypes.c_size_t(size), _MADV_DONTNEED)
