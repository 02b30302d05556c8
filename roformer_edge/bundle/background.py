"""A call that runs beside its caller: hashing and loading do not hold the interpreter's lock."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")
# seconds after which a thread that waits for the interpreter's lock may have it; Python's own are ten times as many
_SWITCH_INTERVAL = 0.0005
# of the calls of frequent_switches that are going on: one lock, how many they are, and the interval before the first
_switching = threading.Lock()
_switchers: list[float] = []


@contextmanager
def frequent_switches() -> Iterator[None]:
    """Let threads have the interpreter's lock while this one imports something.

    An import gives the lock away for every file that it looks at, for an instant, and each time the others begin anew
    to count the time that they have waited: with Python's own interval they may wait until the import is over.
    """
    with _switching:
        _switchers.append(sys.getswitchinterval())
        if _switchers[0] > _SWITCH_INTERVAL:
            sys.setswitchinterval(_SWITCH_INTERVAL)
    try:
        yield
    finally:
        with _switching:
            before = _switchers.pop()
            if not _switchers and before > _SWITCH_INTERVAL:
                sys.setswitchinterval(before)


class Background(threading.Thread, Generic[T]):
    """Begins ``call()`` in a thread at once; :meth:`result` waits for it.

    ``concurrent.futures`` does the same and takes ten times as long to import, which counts where a process starts.
    """

    def __init__(self, call: Callable[[], T]) -> None:
        # no daemon: a process that ends while native code still runs in a thread may be torn down under it
        super().__init__(daemon=False)
        self._call = call
        self._value: list[T] = []
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        """Run the call in the thread; not for callers."""
        try:
            self._value.append(self._call())
        except BaseException as error:  # noqa: BLE001 - not swallowed: result() raises it where it can be handled
            self._error = error
        finally:
            # whoever waits may be what is called: a circle would live on until somebody looks for circles
            del self._call

    def result(self) -> T:
        """Wait for the call, and return what it returned or raise what it raised."""
        self.join()
        if self._error is not None:
            raise self._error
        return self._value[0]
