"""Weights as an engine has packed them, kept in a file for its next start.

An engine arranges weights for the processor before its first run, which takes longer than everything else of a start.
What it made lies here under its SHA-256, which is compared before an engine may map it: a damaged file is made anew.
"""

from __future__ import annotations

import hashlib
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from roformer_edge.bundle.storage import identity_of
from roformer_edge.errors import OptionError
from roformer_edge.user_cache import user_cache_folder

if TYPE_CHECKING:
    from roformer_edge.bundle.comparisons import Comparisons

_ENDING = ".weights"
_HASHED_AT_ONCE = 1 << 22
# an engine writes for a second at most
_STALE_SECONDS = 60 * 60


class WeightCache:
    """A file of packed weights for one model on one engine.

    It is put in its place when it is whole, and never written to again, so that any number of processes may use it and
    make it.

    Args:
        folder: Where it lies, or ``None`` for :func:`weight_cache_folder`.
        model_digest: The SHA-256 of the model, which has been compared with the file.
        comparisons: Files that need not be compared again as long as they are what they were.

    Attributes:
        folder: Where it lies.
        used: Whether the engine started with weights that lay there.
    """

    def __init__(self, folder: str | Path | None, model_digest: str, comparisons: Comparisons | None = None) -> None:
        self.folder = weight_cache_folder() if folder is None else Path(folder)
        self.used = False
        self._model_digest = model_digest
        self._comparisons = comparisons
        self._key = ""
        self._draft = self.folder

    def open(self, engine: str) -> Path:
        """Give the file that the engine is to map, or to write where none is there.

        Args:
            engine: What the arrangement depends on beside the model: the engine, its version, the processor.

        Raises:
            OSError: The folder cannot be made or written to.
        """
        self._key = hashlib.sha256(f"{self._model_digest}\n{engine}".encode()).hexdigest()[:32]
        self._draft = self.folder / f".{self._key}.{os.getpid()}{_ENDING}"
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for path in self.folder.glob(f"{self._key}.*{_ENDING}"):
            if self._is_intact(path):
                self.used = True
                return path
            path.unlink(missing_ok=True)
        for path in self.folder.glob(f".{self._key}.*{_ENDING}"):
            # of a process that was killed
            if path.stat().st_mtime < time.time() - _STALE_SECONDS:
                path.unlink(missing_ok=True)
        # found out here that nothing can be written, and not by the engine
        self._draft.touch(mode=0o600)
        self._draft.unlink()
        return self._draft

    def keep(self) -> None:
        """Put what the engine has written where the next start finds it; without effect where it wrote nothing."""
        with suppress(OSError):  # a full disk: the next start makes it anew
            if self._draft.is_file():
                digest = _digest_of(self._draft)
                path = self._draft.replace(self.folder / f"{self._key}.{digest}{_ENDING}")
                if self._comparisons is not None:
                    self._comparisons.add(digest, identity_of(path.stat()), written_here=True)
        self.discard()

    def discard(self) -> None:
        """Remove what the engine has written and nobody will keep."""
        if self._key:
            with suppress(OSError):
                self._draft.unlink(missing_ok=True)

    def _is_intact(self, path: Path) -> bool:
        digest = path.name.removeprefix(f"{self._key}.").removesuffix(_ENDING)
        try:
            # taken before the content is looked at, so that no change goes unseen
            identity = identity_of(path.stat())
            known = self._comparisons
            if known is not None and known.has(digest, identity):
                return True
            intact = _digest_of(path) == digest
        except OSError:
            return False
        if intact and known is not None:
            known.add(digest, identity)
        return intact


def weight_cache_folder() -> Path:
    """Name the folder of packed weights in the user's cache folder; whoever deletes it loses time only."""
    try:
        return user_cache_folder("weights")
    except RuntimeError:
        raise OptionError("weight_cache", True, "a folder, since this user has no home folder") from None


def _digest_of(path: Path) -> str:
    state = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(_HASHED_AT_ONCE):
            state.update(piece)
    return state.hexdigest()
