"""Write under a temporary name: a directory or file takes its place when it is complete, or leaves nothing behind."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from roformer_edge.errors import OutputError


@contextmanager
def writable(out: Path) -> Iterator[None]:
    """Turn errors of the operating system, a full disk among them, into one line about ``out``."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot write {out}: {error.strerror or error}; nothing was left behind") from error


def write_file(target: Path, pieces: Iterable[bytes], out: Path) -> tuple[int, str]:
    """Write a new file durably, on behalf of ``out``; return its size in bytes and its SHA-256."""
    state, size = hashlib.sha256(), 0
    with writable(out):
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as stream:
            for piece in pieces:
                stream.write(piece)
                state.update(piece)
                size += len(piece)
            stream.flush()
            os.fsync(stream.fileno())
    return size, state.hexdigest()


def replace_file(out: str | Path, data: bytes) -> None:
    """Write a whole file in one step; an older one is replaced, and its folder is made where absent.

    Raises:
        OutputError: It cannot be written; the older one is then as it was.
    """
    with TemporaryPath(out) as temporary:
        write_file(temporary.path, (data,), Path(out))
        temporary.publish()


class TemporaryPath:
    """Holds a place beside ``out``, which is removed again unless :meth:`publish` is reached.

    Both names lie in one folder, so the last step is a rename. A directory that is already there is renamed out of the
    way first, and put back if the second rename fails; a machine that stops between the two renames leaves the old
    content under a name that ends in ``.old`` and the new one under a name that ends in ``.partial``, both complete.

    Attributes:
        path: Where to write; nothing is there yet.
    """

    def __init__(self, out: str | Path) -> None:
        if "\0" in str(out):
            raise OutputError(f"cannot write {str(out)!r}: a path holds no NUL")
        self._out = Path(out).resolve()
        if not self._out.name:
            raise OutputError(f"cannot write {out}: it has no name of its own")
        token = f"{os.getpid()}-{os.urandom(4).hex()}"
        self.path = self._out.with_name(f".{self._out.name}.{token}.partial")
        self._old = self._out.with_name(f".{self._out.name}.{token}.old")
        self._made: list[Path] = []

    def __enter__(self) -> TemporaryPath:
        try:
            with writable(self._out):
                for folder in reversed(self._out.parents):
                    if not folder.exists():
                        self._made.append(folder)
                        folder.mkdir()
        except BaseException:
            self._clean_up()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._clean_up()

    def publish(self) -> Path:
        """Give what was written its final name, which is returned; from here on it stays."""
        with writable(self._out):
            if self.path.is_dir():
                _flush_folder(self.path)
                self._swap()
            else:
                self.path.replace(self._out)
        self._made.clear()
        # not every file system can, and the content itself is safe
        with suppress(OSError):
            _flush_folder(self._out.parent)
        return self._out

    def _swap(self) -> None:
        try:
            if self._out.exists():
                self._out.rename(self._old)
            self.path.rename(self._out)
        finally:
            if self._old.exists() and not self._out.exists():
                self._old.rename(self._out)

    def _clean_up(self) -> None:
        for leftover in (self.path, self._old) if self._out.exists() else (self.path,):
            if leftover.is_dir():
                shutil.rmtree(leftover, ignore_errors=True)
            else:
                with suppress(OSError):
                    leftover.unlink(missing_ok=True)
        for folder in reversed(self._made):
            with suppress(OSError):
                folder.rmdir()


def _flush_folder(folder: Path) -> None:
    """Make the names in a folder durable, where the system can."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
