"""Ctrl-C and other requests to stop: one exception, at a moment at which it does no harm."""

from __future__ import annotations

import signal
import threading
import time
from math import inf
from types import FrameType, TracebackType
from typing import Any

# seconds after which a request that came during an import is looked at again
_PATIENCE = 0.01
# seconds in which what was begun is removed: requests that come meanwhile change nothing, and must not stop that
_CLEAN_UP_SECONDS = 5.0
_IMPORT_FRAMES = "<frozen importlib._bootstrap"


class Interrupts:
    """Within the block SIGINT, SIGTERM and SIGHUP raise ``KeyboardInterrupt``, but never in the midst of an import.

    Modules in C and C++ run Python while they are imported, and do not bear an exception from it: some turn it into
    another one, some end the process, and Python itself then ends by the signal without a word. Signals that the
    parent ignores, as ``nohup`` does, stay ignored. After the first request others are passed over for a few seconds:
    whoever asks twice would stop the removal of what is half-written.

    Attributes:
        came: Whether there was one.
    """

    def __init__(self) -> None:
        self.came = False
        self._before: dict[int, Any] = {}
        self._raised = -inf

    def __enter__(self) -> Interrupts:
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)  # there is no SIGHUP on Windows
            if number is not None and signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                self._before[number] = signal.signal(number, self._stop)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.came = True
        if time.monotonic() - self._raised < _CLEAN_UP_SECONDS:
            return
        while frame is not None:
            if frame.f_code.co_filename.startswith(_IMPORT_FRAMES):
                threading.Timer(_PATIENCE, _send_again, (number,)).start()
                return
            frame = frame.f_back
        self._raised = time.monotonic()
        raise KeyboardInterrupt


def _send_again(number: int) -> None:
    """Send a signal to the main thread, so that it also ends what waits for the system."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, number)
    else:  # Windows
        signal.raise_signal(number)
