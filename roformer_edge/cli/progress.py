"""Progress of long work: a line that rewrites itself on a terminal, silence in a pipe."""

from __future__ import annotations

import sys
import time
from threading import Event, RLock, Thread
from typing import TextIO

from roformer_edge.cli.output import is_quiet, show_line

_WIDTH = 24
_PAUSE = 0.1
# seconds between two looks at the clock, and those from which on it is shown
_TICK = 1.0
_LONG = 2.0
# seconds of a stage before which its steps tell nothing about the rest of it
_EARLY = 10.0


class ProgressLine:
    """A :class:`~roformer_edge.progress.ProgressListener` that shows ``stage  [######      ] 12/300`` on a terminal.

    From the third second of a stage on the line has a clock, which goes on between steps; after some more an
    estimate of what is left of the stage follows. It shows nothing when the
    stream is no terminal, or where ``--quiet`` was asked for.
    Use it as a context manager: leaving clears the line.

    Args:
        stream: Where to write; standard error by default, so that standard output stays clean.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._shown = self._stream.isatty() and not is_quiet()
        self._lock = RLock()
        self._ended = Event()
        self._clock: Thread | None = None
        self._stage = ""
        self._line = ""
        self._written = ""
        self._began = time.monotonic()
        self._last = 0.0
        self._began = time.monotonic()

    def __enter__(self) -> ProgressLine:
        if self._shown:
            show_line(self)
            self._clock = Thread(target=self._tick)
            self._clock.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._clock is not None:
            self._clock.join()
            show_line(None)
        with self._lock:
            self._line = ""
            self._write("")

    def stage(self, name: str) -> None:
        """Hear that a new stage begins."""
        with self._lock:
            self._stage, self._began = name, time.monotonic()
            self._show(f"{name} ...")

    def step(self, done: int, total: int | None) -> None:
        """Hear that ``done`` of ``total`` steps of the stage are finished; ``None`` where the total is not known."""
        now = time.monotonic()
        if now - self._last < _PAUSE and done != total:
            return
        self._last = now
        with self._lock:
            if total:
                filled = _WIDTH * done // total
                bar = f"[{'#' * filled}{' ' * (_WIDTH - filled)}]"
                self._show(f"{self._stage:<12} {bar} {done}/{total}{self._left(now - self._began, done, total)}")
            else:
                self._show(f"{self._stage:<12} {done}")

    def hide(self) -> None:
        """Clear the line until it changes, for something that is printed."""
        with self._lock:
            if self._written:
                self._write("")

    def _show(self, line: str) -> None:
        self._line = line
        self._write(self._timed())

    def _timed(self) -> str:
        seconds = time.monotonic() - self._began
        return f"{self._line} ({seconds:.0f} s)" if self._line and seconds >= _LONG else self._line

    def _tick(self) -> None:
        while not self._ended.wait(_TICK):
            with self._lock:
                line = self._timed()
                if line not in (self._written, self._line):
                    self._write(line)

    @staticmethod
    def _left(spent: float, done: int, total: int) -> str:
        """Estimate the time that the rest of a stage takes, from what its steps took so far."""
        if spent < _EARLY or not 0 < done < total:
            return ""
        seconds = spent / done * (total - done)
        return f", about {seconds / 60:.0f} min left" if seconds >= 90 else f", about {seconds:.0f} s left"

    def _write(self, line: str) -> None:
        if self._shown:
            self._stream.write(f"\r\x1b[K{line}")
            self._stream.flush()
            self._written = line
