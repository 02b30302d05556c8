"""Progress of long work: a line that rewrites itself on a terminal, silence in a pipe."""

from __future__ import annotations

import sys
import time
from typing import TextIO

_WIDTH = 24
_PAUSE = 0.1
# seconds of a stage before which its steps tell nothing about the rest of it
_EARLY = 10.0


class ProgressLine:
    """A :class:`~roformer_edge.progress.ProgressListener` that shows ``stage  [######      ] 12/300`` on a terminal.

    After some seconds an estimate of what is left of the stage follows.
    It shows nothing when the stream is no terminal.
    Use it as a context manager: leaving clears the line.

    Args:
        stream: Where to write; standard error by default, so that standard output stays clean.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._shown = self._stream.isatty()
        self._stage = ""
        self._last = 0.0
        self._began = time.monotonic()

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, *_: object) -> None:
        self._write("")

    def stage(self, name: str) -> None:
        """Hear that a new stage begins."""
        self._stage = name
        self._began = time.monotonic()
        self._write(f"{name} ...")

    def step(self, done: int, total: int | None) -> None:
        """Hear that ``done`` of ``total`` steps of the stage are finished; ``None`` where the total is not known."""
        now = time.monotonic()
        if now - self._last < _PAUSE and done != total:
            return
        self._last = now
        if total:
            filled = _WIDTH * done // total
            bar = f"[{'#' * filled}{' ' * (_WIDTH - filled)}]"
            self._write(f"{self._stage:<12} {bar} {done}/{total}{self._left(now - self._began, done, total)}")
        else:
            self._write(f"{self._stage:<12} {done}")

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
