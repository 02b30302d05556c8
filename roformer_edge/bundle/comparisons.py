"""Which files this user has compared with their digests, so that a later start need not read them again.

A file counts as compared for as long as the system says of it what it said then: device, inode, size and both times.
One of the times, that of the last change of any kind, is the system's own: no program sets it but with the clock. What
does not pass by the system, such as a disk that forgets, goes unseen.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from roformer_edge.errors import OptionError
from roformer_edge.user_cache import user_cache_folder

# What was written to so short a time ago may be written to again with the same time: file systems count in steps.
_SETTLED_NS = 2_000_000_000
_NEW_NOTE = ".new"


class Comparisons:
    """Notes of this user, a file each in one folder.

    Args:
        folder: Where they lie, or ``None`` for the user's cache folder.

    Raises:
        OptionError: ``None``, and the user has no home folder.
    """

    def __init__(self, folder: Path | None = None) -> None:
        try:
            self._folder = folder or user_cache_folder("compared")
        except RuntimeError:
            raise OptionError("verify", "changed", "True or False, since this user has no home folder") from None
        self._found: list[tuple[str, tuple[int, ...]]] = []

    def has(self, digest: str, identity: Sequence[int]) -> bool:
        """Tell whether a file was compared with its digest and is what it was then.

        Args:
            digest: The SHA-256 that its content must have.
            identity: Device, inode, size, and the times of the last change of its content and of any, in nanoseconds.
        """
        if not self._keeps(identity):
            return False
        place = self._place(digest, identity)
        try:
            note = place.stat()
            is_own = note.st_uid == os.getuid() and not note.st_mode & 0o022
            return is_own and place.read_text(encoding="ascii") == _note(digest, identity)
        except (OSError, ValueError):
            return False

    def add(self, digest: str, identity: Sequence[int], *, written_here: bool = False) -> None:
        """Take down that a file was compared; :meth:`keep` writes it.

        Args:
            digest: The SHA-256 that its content has.
            identity: What was found of it before it was read; see :meth:`has`.
            written_here: Whether nobody but this process has written to it, so that it may be as young as it likes.
        """
        if self._keeps(identity) and (written_here or max(identity[3:]) < time.time_ns() - _SETTLED_NS):
            self._found.append((digest, tuple(identity)))

    def keep(self) -> None:
        """Write what was taken down; without effect where that cannot be done."""
        with suppress(OSError):
            for digest, identity in self._found:
                place = self._place(digest, identity)
                self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                draft = place.with_suffix(f".{os.getpid()}{_NEW_NOTE}")
                draft.write_text(_note(digest, identity), encoding="ascii")
                draft.chmod(0o600)
                draft.replace(place)
        self._found.clear()

    def _place(self, digest: str, identity: Sequence[int]) -> Path:
        key = hashlib.sha256(f"{digest} {identity[0]} {identity[1]}".encode()).hexdigest()
        return self._folder / key[:32]

    @staticmethod
    def _keeps(identity: Sequence[int]) -> bool:
        # Windows has no time that programs cannot set; what is in memory has no identity
        return sys.platform != "win32" and len(identity) == len(_FIGURES)


_FIGURES = ("device", "inode", "size", "written", "changed")


def _note(digest: str, identity: Sequence[int]) -> str:
    return f"{digest} {' '.join(map(str, identity))}\n"
