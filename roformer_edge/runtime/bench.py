"""Figures of one bundle on this machine: latency and throughput by length and batch, cold start, memory."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from roformer_edge.bundle.manifest import Manifest
from roformer_edge.bundle.reader import open_bundle
from roformer_edge.errors import BackendError, OptionError, TextTooLongError
from roformer_edge.log import Logged
from roformer_edge.processes import peak_resident_bytes, run_fresh
from roformer_edge.progress import SILENT, ProgressListener
from roformer_edge.records import Result
from roformer_edge.runtime.inference import EncodedRow, TextModel
from roformer_edge.runtime.loading import load
from roformer_edge.runtime.session import Threads, check_threads
from roformer_edge.tasks import get_task

LENGTHS = (16, 64, 128, 512)
_WARM_UP = 3  # rounds that do not count
_FEWEST = 5  # rounds that count, however long they take
# option -> the least and the most that makes sense; what is asked for is made before anything is measured
_LIMITS = {"lengths": (1, 1 << 20), "batch_sizes": (1, 1 << 16), "runs": (1, 1_000_000), "cold_starts": (0, 10_000)}
_ANSWERED = "answered"
# What a user's program does, and no more, up to the first answer. Its time is taken from outside, and with it the
# interpreter's own start. The module json is loaded with every bundle.
_CHILD = f"""
import sys, json, roformer_edge
pipeline = roformer_edge.load(sys.argv[1], threads=json.loads(sys.argv[3]))
pipeline(json.loads(sys.argv[2]))
print("{_ANSWERED}", flush=True)
from roformer_edge.processes import peak_resident_bytes
print(peak_resident_bytes() or 0)
"""


@dataclass(frozen=True, kw_only=True)
class BenchOptions:
    """What to measure.

    Attributes:
        lengths: Lengths in tokens; ``None`` for those that the graph is made for, or else those of ``LENGTHS`` that
            the model takes.
        batch_sizes: How many texts at once.
        threads: Threads of the engine; ``None`` lets it choose, and ``"auto"`` measures first, as ``load`` does.
        runs: How often each length and batch size is run, after three runs that do not count.
        cold_starts: How many fresh processes to start; 0 leaves that out.
        text: What the fresh processes are asked; where the task asks for more than a text, it is made of this one.

    Raises:
        OptionError: A number is out of range.
    """

    lengths: tuple[int, ...] | None = None
    batch_sizes: tuple[int, ...] = (1, 8)
    threads: Threads = None
    runs: int = 30
    cold_starts: int = 3
    text: str = "今天天气很好，适合出去走走。"

    def __post_init__(self) -> None:
        check_threads(self.threads)
        for name, (least, most) in _LIMITS.items():
            found = getattr(self, name)
            counts = found if isinstance(found, tuple) else (found,)
            if found is not None and not (counts and all(type(one) is int and least <= one <= most for one in counts)):
                one_or_more = "whole numbers" if isinstance(found, tuple) else "a whole number"
                raise OptionError(name, found, f"{one_or_more} from {least} to {most}")


@dataclass(frozen=True, kw_only=True)
class LatencyPoint(Result):
    """One length and batch size. Times are milliseconds of one run of the graph, tokenizer left out.

    Attributes:
        length: The length of the input, in tokens.
        batch_size: Texts, pairs or choices in one run.
        runs: How many were timed.
        fastest, mean, p50, p90, p99: The shortest of those times, their mean and their percentiles.
        texts_per_second: The throughput at the median.
    """

    length: int
    batch_size: int
    runs: int
    fastest: float
    mean: float
    p50: float
    p90: float
    p99: float
    texts_per_second: float


@dataclass(frozen=True, kw_only=True)
class ColdStart(Result):
    """From the start of a process to its first answer, verification included.

    Attributes:
        seconds: The time of each process, sorted.
        peak_bytes: The largest resident memory of any of them; ``None`` where the system does not tell.
    """

    seconds: tuple[float, ...]
    peak_bytes: int | None


@dataclass(frozen=True, kw_only=True)
class BenchReport(Result):
    """All figures of one bundle.

    Attributes:
        bundle: Where it lies.
        provider: Where the engine ran.
        fallbacks: What was asked of the engine and not used.
        notes: What else is worth knowing of bundle and machine, a line each.
        threads: The number of threads asked for, or chosen by measuring.
        bundle_bytes: All its files.
        model_bytes: The model file.
        points: The measured points, in the order of lengths, then of batch sizes.
        cold_start: ``None`` where it was left out.
        peak_bytes: The largest resident memory of this process, whatever else it did; ``None`` where unknown.
    """

    bundle: str
    provider: str
    fallbacks: tuple[str, ...]
    threads: int | None
    bundle_bytes: int
    model_bytes: int
    points: tuple[LatencyPoint, ...]
    cold_start: ColdStart | None
    peak_bytes: int | None
    notes: tuple[str, ...] = ()


def bench_bundle(
    bundle: str | Path, options: BenchOptions | None = None, *, progress: ProgressListener = SILENT
) -> BenchReport:
    """Measure a bundle.

    Args:
        bundle: A bundle's directory or archive.
        options: What to measure.
        progress: Told of cold starts, then of rounds over all lengths and batch sizes.

    Raises:
        BundleError: It cannot be loaded.
        TextTooLongError: A length is more than the model takes.
        BackendError: A fresh process failed.
    """
    options = options or BenchOptions()
    progress = Logged("bench", progress)
    progress.stage("read")
    with open_bundle(bundle) as opened:
        manifest, model = opened.manifest, opened.entry("model").bytes
    threads = options.threads
    if isinstance(threads, str):
        with load(bundle, threads=threads) as pipeline:
            threads = pipeline.backend_report().threads
        options = replace(options, threads=threads)
    asked = first_question(manifest, options.text)
    cold = measure_cold_start(bundle, options, asked, progress=progress) if options.cold_starts else None
    progress.stage("load")
    with load(bundle, threads=options.threads) as pipeline:
        points = measure_latency(pipeline.model, options, progress=progress)
        return BenchReport(
            bundle=str(bundle),
            provider=pipeline.provider,
            fallbacks=pipeline.fallbacks,
            notes=(*pipeline.backend_report().notes, *pipeline.remarks),
            threads=threads,
            bundle_bytes=manifest.total_bytes,
            model_bytes=model,
            points=points,
            cold_start=cold,
            peak_bytes=peak_resident_bytes(),
        )


def first_question(manifest: Manifest, text: str) -> object:
    """Make an input of the bundle's task of a text."""
    task = get_task(manifest.task)
    if task.fields == ("text",):
        return f"{text}{manifest.tokenizer['mask_token']}" if task.masked else text
    if "choices" in task.fields:
        return {"context": text, "choices": [text, text]}
    return dict.fromkeys(task.fields, text)


def measure_latency(
    model: TextModel, options: BenchOptions, *, progress: ProgressListener = SILENT
) -> tuple[LatencyPoint, ...]:
    """Time the graph at every length and batch size.

    The points take turns, so that a machine that slows down for a while slows all of them down. Batches with more
    tokens than the runtime would compute at once are left out, which is where logits over a vocabulary are the output.
    """
    limit = model.limits.max_length
    lengths = options.lengths or model.lengths or tuple(length for length in LENGTHS if length <= limit) or (limit,)
    if max(lengths) > limit:
        raise TextTooLongError(f"cannot measure at {max(lengths)} tokens: the model takes {limit} at most")
    budget, most = model.limits.budget(), model.most_rows or max(options.batch_sizes)
    batches = tuple(dict.fromkeys(min(batch, most) for batch in options.batch_sizes))
    shapes = [
        (length, batch) for length in lengths for batch in batches if batch == min(batches) or length * batch <= budget
    ]
    # of outputs over a vocabulary one position is read, as in use
    progress.stage("latency")
    runs = [run_of(model, random_rows(len(model.tokenizer), *shape)) for shape in shapes]
    seconds = time_in_turns(runs, options.runs, progress=progress)
    return tuple(_point(*shape, seconds[:, column]) for column, shape in enumerate(shapes))


def run_of(model: TextModel, rows: Sequence[EncodedRow]) -> Callable[[], object]:
    """Make what computes rows once, as in use: of outputs over a vocabulary one position is read."""
    call = model.call_for(rows, positions=lambda row: [len(row.ids) - 1])
    return lambda: model.session.run(call.feeds, call.signature)


def time_in_turns(
    runs: Sequence[Callable[[], object]],
    rounds: int,
    *,
    patience: float = math.inf,
    clock: Callable[[], float] = perf_counter,
    progress: ProgressListener = SILENT,
) -> NDArray[np.float64]:
    """Time several things in turn, after three rounds that do not count.

    Args:
        runs: What is timed.
        rounds: How often each is timed.
        patience: Seconds after which no further round begins, once five have counted.
        clock: Tells seconds.
        progress: Told of every round.

    Returns:
        Seconds, ``[rounds, runs]``.
    """
    total, began = rounds + _WARM_UP, clock()
    turns: list[list[float]] = []
    while len(turns) < total and (len(turns) < _FEWEST + _WARM_UP or clock() - began < patience):
        turn = []
        for run in runs:
            start = clock()
            run()
            turn.append(clock() - start)
        turns.append(turn)
        progress.step(len(turns), total)
    return np.array(turns[_WARM_UP:])


def measure_cold_start(
    bundle: str | Path, options: BenchOptions, asked: object = None, *, progress: ProgressListener = SILENT
) -> ColdStart:
    """Start fresh processes that load the bundle and answer one input.

    Args:
        bundle: What they load.
        options: How many there are, and what else they are told.
        asked: The input, of what JSON can hold; ``options.text`` where it is left out.
        progress: Told of every process that has ended.

    Raises:
        BackendError: One of them failed; the message ends with the last line that it wrote.
    """
    question = json.dumps(options.text if asked is None else asked)
    command = [sys.executable, "-c", _CHILD, str(Path(bundle).resolve()), question, json.dumps(options.threads)]
    progress.stage("cold start")
    seconds, peaks = [], []
    for done in range(1, options.cold_starts + 1):
        finished = run_fresh(command, marker=_ANSWERED)
        if finished.code != 0 or finished.marked_seconds is None:
            raise BackendError(f"a fresh process could not answer: {finished.reason}")
        seconds.append(finished.marked_seconds)
        # what the process says of itself: the system's figure begins with the memory of this process
        peaks.append(int(finished.output.splitlines()[-1]))
        progress.step(done, options.cold_starts)
    return ColdStart(seconds=tuple(sorted(seconds)), peak_bytes=max(peaks) or None)


@dataclass(frozen=True)
class _RandomRow:
    ids: Sequence[int]
    type_ids: Sequence[int]


def random_rows(tokens: int, length: int, batch_size: int) -> list[EncodedRow]:
    """Draw ids from all over a vocabulary of so many tokens, the same on every machine."""
    ids = np.random.default_rng(0).integers(0, tokens, (batch_size, length), dtype=np.int64)
    return [_RandomRow(row.tolist(), [0] * length) for row in ids]


def _point(length: int, batch_size: int, seconds: NDArray[np.float64]) -> LatencyPoint:
    p50, p90, p99 = (float(value) for value in np.percentile(1000 * seconds, [50, 90, 99]))
    return LatencyPoint(
        length=length,
        batch_size=batch_size,
        runs=len(seconds),
        fastest=float(1000 * seconds.min()),
        mean=float(1000 * seconds.mean()),
        p50=p50,
        p90=p90,
        p99=p99,
        texts_per_second=1000 * batch_size / p50,
    )
