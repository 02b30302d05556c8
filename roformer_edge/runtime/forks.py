"""Let pipelines answer in processes that were forked after they were loaded.

A fork copies memory, and of the threads only the one that forks: an engine whose threads are gone waits for them, at
its next run or when it is freed. So each pipeline of a child opens its bundle anew, when it is first asked something.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from threading import Lock
from typing import TYPE_CHECKING, Any

from roformer_edge.errors import BackendError
from roformer_edge.runtime.session import BackendReport, Session
from roformer_edge.signatures import DEFAULT, Signature

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from roformer_edge.runtime.pipelines.base import Pipeline


class SessionAfterFork:
    """A :class:`~roformer_edge.runtime.session.Session` that is opened when it is first used.

    Args:
        open_session: Opens it.
    """

    def __init__(self, open_session: Callable[[], Session]) -> None:
        self._open_session = open_session
        self._session: Session | None = None
        self._closed = False
        self._lock = Lock()

    @property
    def signatures(self) -> Mapping[str, Signature]:
        """The ways in which the graph can be called."""
        return self._opened().signatures

    @property
    def report(self) -> BackendReport:
        """What computes it."""
        return self._opened().report

    def run(self, feeds: Mapping[str, NDArray[Any]], signature: str = DEFAULT) -> dict[str, NDArray[np.float32]]:
        """Run the graph once; see ``Session.run``."""
        return self._opened().run(feeds, signature)

    def close(self) -> None:
        """Free the graph's memory."""
        with self._lock:
            self._closed = True
            if self._session is not None:
                self._session.close()

    def _opened(self) -> Session:
        with self._lock:
            if self._closed:
                raise BackendError("the session is closed")
            if self._session is None:
                self._session = self._open_session()
            return self._session


def open_anew(pipelines: Iterable[Pipeline]) -> None:
    """Give pipelines that came along into this process sessions of its own."""
    for pipeline in pipelines:
        if not pipeline.closed and pipeline.origin is not None:
            _keep_for_ever(pipeline.model.session)
            pipeline.model.session = SessionAfterFork(_opener(pipeline.origin.again))


def _opener(again: Callable[[], Pipeline]) -> Callable[[], Session]:
    return lambda: again().model.session


def _keep_for_ever(session: Session) -> None:
    """Take a reference that is never given back: the engine would wait for its threads to end."""
    import ctypes

    ctypes.pythonapi.Py_IncRef(ctypes.py_object(session))
