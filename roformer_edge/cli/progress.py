"""Progress of long work: a line that rewrites itself on a terminal, silence in a pipe."""

from __future__ import annotations

import sys
import time
from typing import TextIO

_WIDTH = 24
_PAUSE = 0.1


class ProgressLine:
    """A :class:`~roformer_edge.progress.ProgressListener` that shows ``stage  [######      ] 12/300`` on a terminal.

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

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, *_: object) -> None:
        self._write("")

    def stage(self, name: str) -> None:
        """Hear that a new stage begins."""
        self._stage = name
        self._write(f"{name} ...")

    def step(self, done: int, total: int | None) -> None:
        """Hear that ``done`` of ``total`` steps of the stage are finished; ``None`` where the total is not known."""
        now = time.monotonic()
        if now - self._last < _PAUSE and done != total:
            return
        self._last = now
        if total:
            filled = _WIDTH * done // total
            self._write(f"{self._stage:<12} [{'#' * filled}{' ' * (_WIDTH - filled)}] {done}/{total}")
        else:
            self._write(f"{self._stage:<12} {done}")

    def _write(self, line: str) -> None:
        if self._shown:
            self._stream.write(f"\r\x1b[K{line}")
            self._stream.flush()
