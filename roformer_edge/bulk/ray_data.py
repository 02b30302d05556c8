"""Pieces of work on workers of Ray Data: one opened model a worker, one piece a task, that of a lost worker once more.

A piece says what is to be done in a few words, and what is returned is small, or is what the caller wants in memory: a
job of many files sends shards, which are numbers, and gets counts. So a task may be done again at any time, by anybody
who sees the same folders.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from roformer_edge._extras import EXTRA_OF, available
from roformer_edge.errors import BackendError, MissingDependencyError, RoFormerEdgeError, shown
from roformer_edge.log import log

Piece = TypeVar("Piece")
Result = TypeVar("Result")

# enough for counts, which is all that passes through it; Ray would take a third of the memory
_STORE_BYTES = 128 << 20
# what Ray reads before it starts -> its value, unless the user says otherwise: it tells its makers of every start, and
# prints about its inner life
_ENVIRONMENT = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_BACKEND_LOG_LEVEL": "fatal", "RAY_DATA_LOG_LEVEL": "ERROR"}


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Who computes.

    Attributes:
        workers: The number of workers; ``None`` for as many as there are processors for.
        threads: The processors of each.
    """

    workers: int | None
    threads: int


def compute(
    pieces: Sequence[Piece],
    opened: Callable[[], Callable[[Piece], Result]],
    cluster: Cluster,
    *,
    restarts: int | None = None,
) -> Iterator[tuple[int, Result]]:
    """Compute pieces on the cluster that ``RAY_ADDRESS`` names, or on one of this machine, started for it alone.

    Args:
        pieces: What is to be done.
        opened: Opens whatever does it, once in every worker; it is pickled, as pieces and results are.
        cluster: Who computes.
        restarts: How often a worker may be lost before that is the end; ``None`` where ``opened`` counts it itself.

    Yields:
        The number of each piece and its result, in the order in which they are done.

    Raises:
        MissingDependencyError: Ray is not installed.
        BackendError: Ray failed, or workers were lost too often.
        RoFormerEdgeError: A piece cannot be done.
    """
    if not pieces:
        return
    require_ray()
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    with contextlib.redirect_stdout(_ToLog()):  # Ray prints on standard output, which is ours
        ray = importlib.import_module("ray")
        importlib.import_module("ray.data")
        try:
            _start(ray, cluster)
            yield from _compute(ray, pieces, opened, cluster, restarts)
        except (ray.exceptions.RayError, OSError, ValueError, RuntimeError) as error:
            if isinstance(error, RoFormerEdgeError):
                raise
            raise BackendError(f"Ray: {shown(_last_line(error), 300)}") from error
        finally:
            ray.shutdown()


def require_ray() -> None:
    """Look whether Ray is there, before anything is begun.

    Raises:
        MissingDependencyError: Ray, or what Ray Data needs, is not installed.
    """
    for package in ("ray", "pyarrow"):
        if not available(package):
            raise MissingDependencyError(package, EXTRA_OF[package], "to compute on several machines")


def _start(ray: Any, cluster: Cluster) -> None:
    address = os.environ.get("RAY_ADDRESS")
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address:
        ray.init(address=address, **quiet)
    else:
        processors = None if cluster.workers is None else cluster.workers * cluster.threads
        ray.init(
            address="local", num_cpus=processors, include_dashboard=False, object_store_memory=_STORE_BYTES, **quiet
        )


def _compute(
    ray: Any,
    pieces: Sequence[Piece],
    opened: Callable[[], Callable[[Piece], Result]],
    cluster: Cluster,
    restarts: int | None,
) -> Iterator[tuple[int, Result]]:
    ray.data.DataContext.get_current().enable_progress_bars = False
    workers = cluster.workers or max(1, int(ray.cluster_resources().get("CPU", 1)) // cluster.threads)
    rows = [{"number": number, "piece": pickle.dumps(piece)} for number, piece in enumerate(pieces)]
    limits = {} if restarts is None else {"max_restarts": restarts, "max_task_retries": restarts}
    # a block is what a task gets: one piece
    done = ray.data.from_items(rows, override_num_blocks=len(rows)).map(
        _Worker,
        fn_constructor_args=(opened,),
        compute=ray.data.ActorPoolStrategy(size=min(workers, len(rows))),
        num_cpus=cluster.threads,
        **limits,
    )
    for row in done.iter_rows():
        if row["failure"]:
            raise pickle.loads(row["failure"])  # made by _Worker, as the result is
        yield row["number"], pickle.loads(row["result"])


class _Worker(Generic[Piece, Result]):
    """Does pieces in a process of its own, with a model that it opens when the first one comes."""

    def __init__(self, opened: Callable[[], Callable[[Piece], Result]]) -> None:
        self._opened = opened
        self._do: Callable[[Piece], Result] | None = None

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        number = row["number"]
        try:
            if self._do is None:
                self._do = self._opened()
            result = pickle.dumps(self._do(pickle.loads(row["piece"])))  # pickled by _compute
        except RoFormerEdgeError as error:  # Ray would wrap it in the words of its own
            return {"number": number, "result": b"", "failure": pickle.dumps(error)}
        return {"number": number, "result": result, "failure": b""}


class _ToLog(io.TextIOBase):
    """A stream whose lines go to ``logging``."""

    def write(self, text: str) -> int:
        for line in filter(str.strip, text.splitlines()):
            log("bulk", "info", "%s", line)
        return len(text)


def _last_line(error: Exception) -> str:
    """Return the line of a message that says what happened; those before it are a traceback."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1].strip() if lines else type(error).__name__
