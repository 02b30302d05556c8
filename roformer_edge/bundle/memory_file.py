"""A file without a name: content of an archive for readers that want a path."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


class MemoryFile:
    """Bytes in memory that can be opened by a path until :meth:`close`.

    An engine reads a model from it, and a mapping of it outlives it, as of a file in a directory. Nothing is written to
    a disk, and no other process can change the content under its reader.
    """

    def __init__(self) -> None:
        # Linux only, Android included; elsewhere there are no nameless files with a path
        self._descriptor: int = os.memfd_create("roformer-edge")
        self.path = Path(f"/proc/self/fd/{self._descriptor}")

    @staticmethod
    def holding(pieces: Iterable[bytes | memoryview]) -> MemoryFile | None:
        """Make a file of these pieces; ``None`` where the system has no such files, does not let them be opened, or
        has no room for this one.

        Raises what iterating over ``pieces`` raises.
        """
        try:
            made = MemoryFile()
        except (AttributeError, OSError):
            return None
        try:
            complete = made._opens() and made._write(pieces)
        except BaseException:
            made.close()
            raise
        if complete:
            return made
        made.close()
        return None

    def close(self) -> None:
        """Give the name back; the memory goes with its last reader."""
        os.close(self._descriptor)

    def _opens(self) -> bool:
        # /proc may not be mounted, or be closed to this process by a sandbox
        try:
            self.path.open("rb").close()
        except OSError:
            return False
        return True

    def _write(self, pieces: Iterable[bytes | memoryview]) -> bool:
        for piece in pieces:
            left = memoryview(piece)
            while left:
                try:
                    left = left[os.write(self._descriptor, left) :]
                except OSError:
                    return False
        return True
