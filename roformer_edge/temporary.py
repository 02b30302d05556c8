"""Write under a temporary name: a directory or file takes its place when it is complete, or leaves nothing behind."""

from __future__ import annotations

import errno
import hashlib
import os
import platform
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from types import TracebackType

from roformer_edge.errors import OutputError

_PARTIAL, _OLD = ".partial", ".old"
# what another machine wrote to a shared folder is taken for left over after a day
_STALE_SECONDS = 24 * 60 * 60
_NO_REPLACE, _EXCHANGE = "no replace", "exchange"
# system -> its call that renames with flags, what stands before each path, and the flags
_NATIVE: dict[str, tuple[str, tuple[int, ...], dict[str, int]]] = {
    "linux": ("renameat2", (-100,), {_NO_REPLACE: 1, _EXCHANGE: 2}),  # -100: from the current directory
    "darwin": ("renamex_np", (), {_NO_REPLACE: 4, _EXCHANGE: 2}),
}


@contextmanager
def writable(out: Path) -> Iterator[None]:
    """Turn errors of the operating system, a full disk among them, into one line about ``out``."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot write {out}: {error.strerror or error}; nothing was left behind") from error


def write_file(target: Path, pieces: Iterable[bytes | memoryview], out: Path) -> tuple[int, str]:
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


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Make a folder among the machine's temporary files, for the time of the block.

    What processes that were killed left of such folders is removed on the way in.

    Raises:
        OutputError: It cannot be made.
    """
    with TemporaryPath(Path(tempfile.gettempdir()) / "roformer-edge") as place:
        with writable(place.path):
            place.path.mkdir(0o700)
        yield place.path


class TemporaryPath:
    """Holds a place beside ``out``, which is removed again unless :meth:`publish` is reached.

    Both names lie in one folder, so the last step is a rename: one that fails where something is, or one that exchanges
    the two where something is to be replaced. Where the system has neither, what is there is renamed out of the way
    first, and put back if the second rename fails; a machine that stops between those two leaves the old content under
    a name that ends in ``.old`` and the new one under a name that ends in ``.partial``, both complete.

    What processes that were killed left beside ``out`` is removed on the way in.

    Attributes:
        path: Where to write; nothing is there yet.
    """

    def __init__(self, out: str | Path) -> None:
        if "\0" in str(out):
            raise OutputError(f"cannot write {str(out)!r}: a path holds no NUL")
        self._out = Path(out).resolve()
        if not self._out.name:
            raise OutputError(f"cannot write {out}: it has no name of its own")
        token = f"{_machine()}-{os.getpid()}-{os.urandom(4).hex()}"
        self.path = self._out.with_name(f".{self._out.name}.{token}{_PARTIAL}")
        self._old = self._out.with_name(f".{self._out.name}.{token}{_OLD}")
        self._made: list[Path] = []
        self._before: tuple[int, int] | None = None

    def __enter__(self) -> TemporaryPath:
        try:
            with writable(self._out):
                for folder in reversed(self._out.parents):
                    if not folder.exists():
                        self._made.append(folder)
                        folder.mkdir()
                remove_litter(self._out)
                self._before = _identity(self._out)
        except BaseException:
            self._clean_up()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._clean_up()

    def check_unclaimed(self) -> None:
        """Make sure that what is at ``out`` is what was there at the beginning.

        Raises:
            OutputError: It is not.
        """
        with writable(self._out):
            self._refuse_other(self._out)

    def publish(self, check: Callable[[Path], object] = lambda place: None) -> Path:
        """Give what was written its final name; from here on it stays.

        Args:
            check: Called with the place of what is to be replaced, before and after it is moved; raises a BundleError
                where that may not be lost, which puts it back.

        Returns:
            The final path.

        Raises:
            BundleError: Something that was not there at the beginning is there now; it is left as it is.
        """
        with writable(self._out):
            if self.path.is_dir():
                _flush_folder(self.path)
            self._refuse_other(self._out)
            if self._before is None:
                self._take_free_name()
            else:
                check(self._out)
                try:
                    self._exchange()
                    self._refuse_other(self.path)
                    check(self.path)
                except BaseException:
                    # an interrupt may come before the exchange
                    if self.path.exists() and _identity(self._out) != self._before:
                        self._exchange()
                    raise
        self._made.clear()
        # not every file system can, and the content itself is safe
        with suppress(OSError):
            _flush_folder(self._out.parent)
        return self._out

    def _refuse_other(self, place: Path) -> None:
        """Refuse to replace what was not there at the beginning."""
        if _identity(place) != self._before:
            raise OutputError(
                f"{self._out} was made, replaced or removed by another program meanwhile; what is there now was left "
                "as it is, so do it again or choose another place"
            )

    def _take_free_name(self) -> None:
        try:
            rename_to_new(self.path, self._out)
        except (FileExistsError, NotADirectoryError):
            self._refuse_other(self._out)
            raise

    def _exchange(self) -> None:
        """Make ``out`` what was written, and ``path`` what was at ``out``."""
        if _rename_with(_EXCHANGE, self.path, self._out):
            return
        try:
            self._out.rename(self._old)
            rename_to_new(self.path, self._out)
        finally:
            if self._old.exists() and not self._out.exists():
                self._old.rename(self._out)
        self._old.rename(self.path)

    def _clean_up(self) -> None:
        for leftover in (self.path, self._old) if self._out.exists() else (self.path,):
            _remove(leftover)
        for folder in reversed(self._made):
            with suppress(OSError):
                folder.rmdir()


def remove_litter(out: Path) -> None:
    """Remove what processes that were killed left beside ``out``.

    Only what this user owns, under a name that this module makes, of a process of this machine that is no more, or a
    day after it was last written to where another machine wrote it. The content that was at ``out`` before stays where
    ``out`` itself is missing.
    """
    if os.name != "posix":
        return
    pattern = re.compile(rf"\.{re.escape(out.name)}\.([0-9a-f]{{8}})-([0-9]{{1,10}})-[0-9a-f]{{8}}({_PARTIAL}|{_OLD})")
    for path in out.parent.iterdir():
        match = pattern.fullmatch(path.name)
        # another run may have been quicker
        with suppress(FileNotFoundError):
            if match is None or path.lstat().st_uid != os.geteuid() or (match[3] == _OLD and not out.exists()):
                continue
            here = match[1] == _machine()
            if not _runs(int(match[2])) if here else time.time() - path.lstat().st_mtime > _STALE_SECONDS:
                _remove(path)


def rename_to_new(source: Path, target: Path) -> None:
    """Rename a file or a directory; raise FileExistsError where something is at ``target``."""
    if _rename_with(_NO_REPLACE, source, target):
        return
    if not source.is_dir():
        os.link(source, target)
        source.unlink()
    elif os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    else:
        # what appears just now is an empty directory, or makes this fail
        source.rename(target)


def _rename_with(how: str, source: Path, target: Path) -> bool:
    """Rename in a way that the standard library does not offer; return False where the system does not either."""
    import ctypes  # which nobody needs who only reads

    name, first, flags = _NATIVE.get(sys.platform, ("", (), {}))
    call = getattr(ctypes.CDLL(None, use_errno=True), name, None) if name else None
    if call is None:
        return False
    places = [os.fsencode(source), os.fsencode(target)]
    arguments = [*first, places[0], *first, places[1], ctypes.c_uint(flags[how])]
    if call(*arguments) == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
        return False
    raise OSError(code, os.strerror(code), str(target))


def _identity(path: Path) -> tuple[int, int] | None:
    """Take device and inode of what is at a path itself; ``None`` where nothing is."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


@cache
def _machine() -> str:
    """Name this machine, or this container, whose process numbers mean nothing elsewhere."""
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        namespace = ""
    return hashlib.sha256(f"{platform.node()} {namespace}".encode()).hexdigest()[:8]


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _flush_folder(folder: Path) -> None:
    """Make the names in a folder durable, where the system can."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
