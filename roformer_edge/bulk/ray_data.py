"""Shards on workers of Ray Data: one opened model a worker, one shard a task, the task of a lost worker once more.

Ray moves no texts and no answers: a task gets the number of a shard, reads its part of the input itself, writes its
file and returns two counts. So a task may be done again at any time, by anybody who sees the same folders.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from roformer_edge._extras import EXTRA_OF, available
from roformer_edge.bulk.job import Answer, Counts, JobFolder
from roformer_edge.bulk.shards import Shard
from roformer_edge.errors import BackendError, MissingDependencyError, RoFormerEdgeError, shown
from roformer_edge.log import log

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
    shards: Sequence[Shard], folder: JobFolder, opened: Callable[[], Answer], cluster: Cluster
) -> Iterator[Counts]:
    """Compute shards on the cluster that ``RAY_ADDRESS`` names, or on one of this machine, started for it alone.

    Args:
        shards: What is missing.
        folder: Where the answers go; every worker must see it, and the input, under the same path.
        opened: Opens whatever answers, once in every worker; it is pickled.
        cluster: Who computes.

    Yields:
        The counts of each shard, in the order in which they are done.

    Raises:
        MissingDependencyError: Ray is not installed.
        BackendError: Ray failed, or a shard was the end of every worker that had it.
        RoFormerEdgeError: A shard cannot be answered.
    """
    if not shards:
        return
    require_ray()
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    with contextlib.redirect_stdout(_ToLog()):  # Ray prints on standard output, which is ours
        ray = importlib.import_module("ray")
        importlib.import_module("ray.data")
        try:
            _start(ray, cluster)
            yield from _compute(ray, shards, folder, opened, cluster)
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
    ray: Any, shards: Sequence[Shard], folder: JobFolder, opened: Callable[[], Answer], cluster: Cluster
) -> Iterator[Counts]:
    ray.data.DataContext.get_current().enable_progress_bars = False
    workers = cluster.workers or max(1, int(ray.cluster_resources().get("CPU", 1)) // cluster.threads)
    # a block is what a task gets: one shard
    done = ray.data.from_items(list(range(len(shards))), override_num_blocks=len(shards)).map(
        _Worker,
        fn_constructor_args=(shards, folder, opened),
        compute=ray.data.ActorPoolStrategy(size=min(workers, len(shards))),
        num_cpus=cluster.threads,
    )
    for row in done.iter_rows():
        if row["failure"]:
            raise pickle.loads(row["failure"])  # made by _Worker
        yield Counts(answers=row["answers"], bad=row["bad"])


class _Worker:
    """Computes shards in a process of its own, with a model that it opens when the first one comes."""

    def __init__(self, shards: Sequence[Shard], folder: JobFolder, opened: Callable[[], Answer]) -> None:
        self._shards, self._folder, self._opened = shards, folder, opened
        self._answer: Answer | None = None

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        try:
            if self._answer is None:
                self._answer = self._opened()
            counts = self._folder.write(self._shards[row["item"]], self._answer)
        except RoFormerEdgeError as error:  # Ray would wrap it in the words of its own
            return {"answers": 0, "bad": 0, "failure": pickle.dumps(error)}
        return {"answers": counts.answers, "bad": counts.bad, "failure": b""}


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
