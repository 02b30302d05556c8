"""Answer with several processes, each of which holds a pipeline of one bundle.

The processes are those of ``concurrent.futures``, started afresh (``spawn``): engines have threads, which a fork does
not copy. Inputs go out in parts and answers come back in order.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from roformer_edge.bundle.reader import open_bundle
from roformer_edge.errors import (
    OptionError,
    PoolError,
    RoFormerEdgeError,
    TextError,
    UnknownNameError,
    command_line_words,
    on_command_line,
)
from roformer_edge.formats import resolve
from roformer_edge.processors import usable_cores
from roformer_edge.runtime.inference import DEFAULT_BATCH
from roformer_edge.runtime.loading import PIPELINES, load
from roformer_edge.runtime.packing import WINDOW_BATCHES, windows
from roformer_edge.runtime.pipelines.base import Part, Pipeline, check_count
from roformer_edge.runtime.session import AUTO, MOST_THREADS, BackendReport

if TYPE_CHECKING:
    from ctypes import c_byte

    from typing_extensions import Self, Unpack

    from roformer_edge.runtime.loading import LoadOptions

T = TypeVar("T")
# Parts that are read ahead for each worker: one that it computes and one that waits for it.
_PARTS_AHEAD = 2
# Parts that a list makes for each worker, so that none has much more to do than another.
_PARTS_OF_A_LIST = 4
# Windows waits for 63 handles at most, two of which are the executor's own
_MOST_WORKERS = 61 if sys.platform == "win32" else MOST_THREADS
# what a worker loads, and whether what it was asked is still wanted; set in workers only
_load: Callable[[], Pipeline]
_stop: c_byte
# entered for as long as a worker lives
_words = ExitStack()
_LOST = (
    "a worker process of the pool ended before it had answered: it was killed, the memory was full, or the program has "
    'no `if __name__ == "__main__":` around what it does; what was asked and is not answered must be asked again, of '
    "another Pool, with fewer workers where memory is short"
)


class Pool:
    """Answers one bundle's task with several processes. Calls from several threads at once are safe.

    It is called as the pipeline of the bundle is: one input, a list or an iterator in; one answer, a list or a
    generator out, in order. The answers are those of one pipeline. From an iterator it reads two parts of 32 batches
    ahead for each worker.

    Programs that make one do it below ``if __name__ == "__main__":``, as with all of ``multiprocessing``.

    Args:
        bundle: A bundle's directory or archive.
        workers: The number of processes; by default one a physical core that this process may use.
        options: Options of :func:`~roformer_edge.runtime.loading.load`, for every worker. ``threads`` is by default the
            share of a worker of those cores.

    Attributes:
        bundle: The bundle's directory or file, with all folders above it.
        manifest: What the bundle says of itself.
        workers: The number of processes.
        closed: Whether it was closed.

    Raises:
        BundleError: The bundle cannot be read, is malformed, or was altered.
        BackendError: The engine refuses the model, or has nothing of what is asked for.
        UnknownNameError: The bundle is for a task that this version does not run.
        OptionError: A number is out of range.
        PoolError: The processes cannot be started.
    """

    def __init__(self, bundle: str | Path, *, workers: int | None = None, **options: Unpack[LoadOptions]) -> None:
        self.closed = True
        self.workers = usable_cores() if workers is None else workers
        check_count("workers", self.workers)
        if self.workers > _MOST_WORKERS:
            raise OptionError("workers", workers, f"a whole number from 1 to {_MOST_WORKERS}")
        with open_bundle(bundle, verify=False, digest=options.pop("digest", None)) as opened:
            self.bundle, self.manifest, digest = opened.path.absolute(), opened.manifest, opened.digest
        if self.manifest.task not in PIPELINES:
            raise UnknownNameError("task", self.manifest.task, PIPELINES)
        self._pipeline: type[Pipeline] = resolve(PIPELINES[self.manifest.task])
        if options.get("threads") == AUTO:
            raise OptionError("threads", AUTO, "a number in a Pool, whose workers would measure beside each other")
        if options.get("threads") is None:
            options["threads"] = max(1, usable_cores() // self.workers)
        again = partial(load, str(self.bundle), digest=digest, **options)
        try:
            context = multiprocessing.get_context("spawn")
            # a shared byte, and no Event: that has semaphores, which a process that ends at once leaves behind
            self._stop = context.RawValue("b", 0)
            self._executor = ProcessPoolExecutor(
                self.workers, context, initializer=_begin, initargs=(again, self._stop, on_command_line())
            )
        except (OSError, ImportError, NotImplementedError) as error:  # no semaphores, no shared memory
            raise PoolError(f"this system cannot have worker processes: {error}; load() answers in one") from None
        self.closed = False
        try:
            with _interrupts_kept_back():
                # each asks for a process that has nothing to do yet, and so starts one
                ready = [self._ask(_report) for _ in range(self.workers)]
            self._backend, *_ = [one.result() for one in ready]
        except BaseException:  # an interrupt must leave no processes behind either
            self.close()
            raise

    def __call__(self, inputs: object, *, batch_size: int | None = None, **options: Any) -> Any:
        """Answer one input, a collection of inputs or an iterator over them.

        Args:
            inputs: What the pipeline of the bundle takes.
            batch_size: The most inputs that a worker computes at once; ``None`` for as many as change no answer.
            options: Options of a call of that pipeline, such as ``top_k``.

        Returns:
            One answer, a list, or a generator, in the order of the inputs.

        Raises:
            RoFormerEdgeError: What that pipeline raises, after the answers to the inputs before.
            PoolError: A worker ended before it had answered, or the pool is closed.
        """
        options["batch_size"] = batch_size
        if not isinstance(inputs, Iterator) and not self._pipeline.holds_several(inputs, options):
            return self.submit(inputs, **options).result()
        answers = _answers(self._outcomes(inputs, options))
        return answers if isinstance(inputs, Iterator) else list(answers)

    def outcomes(self, inputs: Iterable[object], *, batch_size: int | None = None, **options: Any) -> Iterator[Any]:
        """Answer every input, and go on where one cannot be used.

        Args:
            inputs: A collection of inputs, or an iterator over them.
            batch_size: See :meth:`__call__`.
            options: See there.

        Returns:
            A generator of answers in order; in the place of an input that cannot be used stands its ``TextError``.

        Raises:
            RoFormerEdgeError: What the pipeline raises for other reasons than an input.
            PoolError: A worker ended before it had answered, or the pool is closed.
        """
        if not isinstance(inputs, Iterator) and not self._pipeline.holds_several(inputs, options):
            raise TextError(f"outcomes are those of a list or an iterator of inputs, found {type(inputs).__name__}")
        return self._outcomes(inputs, {**options, "batch_size": batch_size})

    def submit(self, inputs: object, **options: Any) -> Future[Any]:
        """Ask without waiting.

        Args:
            inputs: One input or a list of them, which one worker answers; an iterator is read to its end first.
            options: Options of a call of the pipeline.

        Returns:
            A future of what the pipeline returns, or raises. What is cancelled before a worker has begun with it is not
            computed.

        Raises:
            PoolError: The pool is closed, or has lost a worker.
        """
        return self._ask(_answer, list(inputs) if isinstance(inputs, Iterator) else inputs, options)

    def backend_report(self) -> BackendReport:
        """Tell what computes the graph in a worker, and why it is not what was asked for."""
        return self._backend

    def close(self) -> None:
        """Wait for what was asked, and end the processes; calls fail from here on."""
        if not self.closed:
            self.closed = True
            self._executor.shutdown(wait=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None:
            # whoever is interrupted does not wait for what nobody will read
            self._stop.value = 1
        self.close()

    def __repr__(self) -> str:
        return f"Pool({str(self.bundle)!r}, workers={self.workers}{', closed' if self.closed else ''})"

    def _outcomes(self, inputs: Any, options: Mapping[str, Any]) -> Iterator[Any]:
        """Give answers and errors in order, a few parts ahead of whoever asks for them."""
        inputs = inputs if isinstance(inputs, Iterator) else list(inputs)
        parts = windows(inputs, self._part_size(inputs, options["batch_size"]))
        pending: deque[Future[_Outcomes]] = deque()
        # without any input options are checked all the same
        part: list[object] | None = next(parts, [])
        read = 0
        failure: Exception | None = None
        try:
            while part is not None or pending:
                while part is not None and len(pending) < _PARTS_AHEAD * self.workers:
                    pending.append(self._ask(_answer_each, part, read, options))
                    read += len(part)
                    try:
                        part = next(parts, None)
                    except Exception as error:  # noqa: BLE001 - not swallowed: raised below, when its turn comes
                        part, failure = None, error
                found = pending.popleft().result()
                yield from found.values
                if found.error is not None:
                    raise found.error
            if failure is not None:
                raise failure
        finally:
            for future in pending:
                future.cancel()

    def _part_size(self, inputs: Iterable[object], batch_size: int | None) -> int:
        """Say how many inputs go to a worker at once."""
        usual = 1 if self.manifest.batching == "single" else DEFAULT_BATCH
        size = usual if batch_size is None else batch_size
        check_count("batch_size", size)
        window = size * WINDOW_BATCHES
        # where neighbours change answers, each input keeps those that it has in one process
        if not isinstance(inputs, list) or size > usual == 1:
            return window
        return max(1, min(window, -(-len(inputs) // (_PARTS_OF_A_LIST * self.workers))))

    def _ask(self, work: Callable[..., T], *arguments: object) -> Future[T]:
        if self.closed:
            raise PoolError("the pool is closed")
        try:
            return _with_own_errors(self._executor.submit(work, *arguments))
        except BrokenProcessPool:
            raise PoolError(_LOST) from None


class _Outcomes(NamedTuple):
    """What a worker found.

    Attributes:
        values: Answers, or errors of single inputs.
        error: Why it went no further, where it did not answer all.
    """

    values: list[Any]
    error: RoFormerEdgeError | None = None


def _answers(outcomes: Iterable[Any]) -> Iterator[Any]:
    """Give answers up to the first input that cannot be used."""
    for outcome in outcomes:
        if isinstance(outcome, TextError):
            raise outcome
        yield outcome


def _with_own_errors(inner: Future[T]) -> Future[T]:
    """Make a future of the same result, whose errors are those of this package."""
    outer: Future[T] = Future()

    def pass_on(inner: Future[T]) -> None:
        if inner.cancelled():
            outer.cancel()
        if not outer.set_running_or_notify_cancel():
            return
        error = inner.exception()
        if error is None:
            outer.set_result(inner.result())
        else:
            outer.set_exception(PoolError(_LOST) if isinstance(error, BrokenProcessPool) else error)

    inner.add_done_callback(pass_on)
    outer.add_done_callback(lambda outer: inner.cancel() if outer.cancelled() else None)
    return outer


@contextmanager
def _interrupts_kept_back() -> Iterator[None]:
    """Let Ctrl-C wait until the block is over, and never reach the processes that are started within it.

    A terminal sends it to all of them, and one that is just being imported would print a traceback. What a thread
    keeps back is kept back in the processes that it starts, too.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# in a worker


def _begin(again: Callable[[], Pipeline], stop: c_byte, words_of_command_line: bool) -> None:
    """Make a process a worker: remember what it is to load, and who it works for."""
    global _load, _stop
    _load, _stop = again, stop
    if words_of_command_line:
        _words.enter_context(command_line_words())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when the one that made the pool was killed: nobody would ever send it anything."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@cache
def _pipeline() -> Pipeline:
    """Load the bundle once; where it cannot be, every question is told why."""
    return _load()


def _report() -> BackendReport:
    return _pipeline().backend_report()


def _answer(inputs: object, options: Mapping[str, Any]) -> Any:
    return _pipeline()(inputs, **options)


def _answer_each(inputs: list[object], first: int, options: Mapping[str, Any]) -> _Outcomes:
    """Answer inputs of a list, of which the one that comes first has this number."""
    pipeline = _pipeline()
    values: list[Any] = []
    while True:
        left = inputs[len(values) :]
        try:
            for answer in pipeline(Part(left, first + len(values)), **options):
                values.append(answer)
                if _stop.value:
                    return _Outcomes(values, PoolError("the pool is closed"))
        except TextError as error:
            # what stands before a bad input is answered, so that it is the first of those that are left
            values.append(error)
        except RoFormerEdgeError as error:
            return _Outcomes(values, error)
        if len(values) >= len(inputs):
            return _Outcomes(values)
