"""Fresh processes: started with this process's packages, timed, and asked for their memory.

Imports the standard library only. On Linux the peak that the system reports of a child begins with the memory of the
process that started it, so whoever measures children from outside must stay small; a child that asks for its own peak
with :func:`peak_resident_bytes` is free of that.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter


@dataclass(frozen=True, kw_only=True)
class FinishedProcess:
    """A process that has ended.

    Attributes:
        code: Exit code; negative where a signal ended the process.
        output: Standard output, decoded as UTF-8.
        complaint: Standard error, decoded as UTF-8.
        marked_seconds: Time from the start to the line that was waited for, or ``None`` where it never came.
        seconds: Time from the start to the end.
        peak_bytes: Largest resident memory of the process or of one that it waited for, as the system reports it;
            ``None`` on Windows. See the module on what it begins with.
    """

    code: int
    output: str
    complaint: str
    marked_seconds: float | None
    seconds: float
    peak_bytes: int | None

    @property
    def reason(self) -> str:
        """The last line of standard error, or else the exit code: why a process failed."""
        return self.complaint.strip().rpartition("\n")[2] or f"exit code {self.code}"


def run_fresh(
    command: Sequence[str],
    *,
    stdin: bytes = b"",
    marker: str | None = None,
    timeout: float | None = None,
    environment: Mapping[str, str] | None = None,
) -> FinishedProcess:
    """Run a command in a process of its own, to its end.

    Args:
        command: Program and arguments.
        stdin: What the process finds on standard input.
        marker: A line of standard output whose arrival is timed.
        timeout: Seconds after which the process is killed; ``None`` for never.
        environment: Environment variables in place of :func:`python_environment`.

    Raises:
        TimeoutError: The process was killed.
        OSError: The process cannot be started.
    """
    # files in place of pipes: neither side can block the other, however much is written
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as complaints:
        given.write(stdin)
        given.seek(0)
        start = perf_counter()
        with subprocess.Popen(
            list(command),
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=complaints,
            env=dict(python_environment() if environment is None else environment),
        ) as child:
            killed = threading.Event()
            timer = threading.Timer(timeout or 0, _kill, (child, killed))
            if timeout is not None:
                timer.start()
            try:
                output, marked = _read(child, marker)
                peak = _wait(child)
            except BaseException:  # an interrupt must not wait for the child
                child.kill()
                raise
            finally:
                timer.cancel()
        seconds = perf_counter() - start
        if killed.is_set():
            raise TimeoutError(f"the process did not end within {timeout:g} seconds")
        complaints.seek(0)
        return FinishedProcess(
            code=child.returncode,
            output=output.decode("utf-8", "replace"),
            complaint=complaints.read().decode("utf-8", "replace"),
            marked_seconds=None if marked is None else marked - start,
            seconds=seconds,
            peak_bytes=peak,
        )


def python_environment() -> dict[str, str]:
    """Environment variables by which a child imports what this process would, and nothing of the current directory."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(part for part in sys.path if part), "PYTHONSAFEPATH": "1"}


def _kill(child: subprocess.Popen[bytes], killed: threading.Event) -> None:
    killed.set()
    child.kill()


def _read(child: subprocess.Popen[bytes], marker: str | None) -> tuple[bytes, float | None]:
    """Read standard output to its end; return it with the time at which the line ``marker`` came."""
    assert child.stdout is not None
    lines, marked = [], None
    for line in child.stdout:
        if marked is None and marker is not None and line.strip() == marker.encode():
            marked = perf_counter()
        lines.append(line)
    return b"".join(lines), marked


def _wait(child: subprocess.Popen[bytes]) -> int | None:
    """Wait for the end of a child; its largest resident memory in bytes."""
    if not hasattr(os, "wait4"):  # Windows
        child.wait()
        return None
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_maxrss * _maxrss_unit()


def peak_resident_bytes() -> int | None:
    """Ask for the largest resident memory of this process so far, in bytes; ``None`` where the system does not tell.

    Linux is asked for the figure of this very program: that of ``getrusage`` begins with the memory of the process
    which started this one.
    """
    try:
        for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        import resource
    except ImportError:  # Windows
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _maxrss_unit()


def give_back_memory() -> None:
    """Give memory that was freed back to the system.

    The allocator of Linux keeps what was freed in pieces of some megabytes, such as the arrays of a network, for
    whoever asks it next, and an engine that maps files never asks. Without effect on other systems.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:  # glibc has it, musl does not
        trim(0)


def _maxrss_unit() -> int:
    """Return the bytes of one unit of ``ru_maxrss``."""
    return 1 if sys.platform == "darwin" else 1024
