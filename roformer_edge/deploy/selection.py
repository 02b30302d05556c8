"""``for_this_machine``: candidates are built, opened side by side, measured against the float32 network and timed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from roformer_edge.deploy import defaults
from roformer_edge.deploy.candidates import LeftOut, Selection, Tried, decide, list_candidates, name_of
from roformer_edge.deploy.inputs import encoded_rows, export_options_of
from roformer_edge.deploy.options import DeployOptions
from roformer_edge.deploy.reference import ArtifactSession
from roformer_edge.deploy.source import SourceModel
from roformer_edge.errors import BackendError, BudgetExceededError, ExportError
from roformer_edge.export.calibration import Batches
from roformer_edge.export.exporter import export_checkpoint
from roformer_edge.export.trial import opened_in_engine
from roformer_edge.formats import resolve
from roformer_edge.processors import one_core, processor_clock
from roformer_edge.progress import SILENT, ProgressListener
from roformer_edge.runtime.bench import random_rows, run_of, time_in_turns
from roformer_edge.runtime.inference import EncodedRow, Limits, TextModel
from roformer_edge.runtime.session import Session
from roformer_edge.validate.data.examples import spread_sample
from roformer_edge.validate.openers import predictor_of_checkpoint
from roformer_edge.validate.predictors import Opening
from roformer_edge.validate.scoring import Standard

# texts whose lengths are looked at, lengths that are timed, and texts whose outputs are compared
_TEXTS, _LENGTHS, _COMPARED = 2000, 5, 32
# rounds of timing, and the seconds after which fewer will do
_ROUNDS, _PATIENCE = 40, 30.0


@dataclass(frozen=True, kw_only=True, eq=False)
class SelectionWork:
    """What candidates are built and measured with.

    Attributes:
        model: What they are made of.
        options: What was asked for.
        batches: Makes the calibration batches, or ``None``.
        standard: Labelled examples with the answers of the reference, or ``None``.
    """

    model: SourceModel
    options: DeployOptions
    batches: Batches | None
    standard: Standard | None


@dataclass(frozen=True, kw_only=True, eq=False)
class _Opened:
    """A candidate in its engine."""

    options: DeployOptions
    recipe: str
    bytes: int
    session: Session
    model: TextModel


def select_candidate(work: SelectionWork, progress: ProgressListener) -> tuple[DeployOptions, Selection]:
    """Measure candidates and take the quickest that loses no more than it may.

    Args:
        work: What they are built and measured with.
        progress: Told of stages and steps.

    Returns:
        The options of the one that is taken, and what was found of all.

    Raises:
        BudgetExceededError: None of them keeps the budget, or none gives finite numbers.
    """
    options = work.options
    candidates, left = list_candidates(options)
    asked = len(candidates)
    compared, spread, texts = _rows(work)
    timed = _by_length(spread)
    with ExitStack() as stack:
        opened: list[_Opened] = []
        for number, candidate in enumerate(candidates, 1):
            name = name_of(candidate)
            progress.stage(f"candidate {number}/{len(candidates)}, {name}")
            try:
                opened.append(stack.enter_context(_open(work, candidate)))
            except (ExportError, BackendError) as error:
                if not opened:  # what would be made without trying
                    raise
                left.append(LeftOut(name=name, reason=str(error)))
        progress.stage("errors")
        tried: list[tuple[_Opened, Tried]] = []
        for one, moved in _errors(work, opened, compared, left, progress):
            with _setting_aside(one, left):
                for row, _ in timed:
                    one.model.run([row], 1)
                tried.append((one, _scored(work, one, moved, progress)))
        if not tried:
            reasons = "; ".join(f"{one.name}: {one.reason}" for one in left)
            raise BudgetExceededError(f"none of {asked} candidates gives answers that could keep a budget: {reasons}")
        progress.stage("latency")
        clock = processor_clock() if options.threads == 1 else perf_counter
        seconds = _timed([one for one, _ in tried], timed, clock, progress)
    shares = [share for _, share in timed]
    found = []
    for (_, scored), fastest in zip(tried, 1000 * seconds.min(axis=0), strict=True):
        latency = float(np.average(fastest, weights=shares))
        found.append(replace(scored, latencies=tuple(map(float, fastest)), latency=latency))
    standard = work.standard
    metric = "" if standard is None else standard.metric.name
    selection = Selection(
        texts=texts,
        lengths=tuple(len(row.ids) for row, _ in timed),
        shares=tuple(shares),
        threads=options.threads,
        rounds=len(seconds),
        processor_time=clock is not perf_counter,
        max_drop=options.max_drop,
        max_error=None if options.max_drop is not None else found[0].error,
        metric=metric,
        examples=0 if standard is None else len(standard.examples),
        tried=decide(found, options.max_drop, metric),
        left_out=tuple(left),
    )
    return tried[selection.tried.index(selection.chosen)][0].options, selection


def _rows(work: SelectionWork) -> tuple[list[EncodedRow], list[EncodedRow], str]:
    """Encode what the model is asked: rows to compare outputs of, rows to time, and in words what they are of."""
    options, model = work.options, work.model
    for path in (options.evaluation, options.calibration):
        if path is not None:
            rows = encoded_rows(path, options, model, most=_TEXTS)
            return spread_sample(rows, _COMPARED), spread_sample(rows, _LENGTHS), path.name
    limit = options.lengths[-1] if options.lengths else model.config.max_position_embeddings
    lengths = tuple(n for n in defaults.TIMED_LENGTHS if n <= limit) or (limit,)
    vocabulary, each = min(len(model.tokenizer), model.config.vocab_size), math.ceil(_COMPARED / len(lengths))
    drawn = [random_rows(vocabulary, length, each) for length in lengths]
    of = " and ".join(map(str, lengths))
    words = f"a mix that stands for texts, as many of {of} tokens"
    return list(chain.from_iterable(drawn)), [rows[0] for rows in drawn], words


def _by_length(rows: Sequence[EncodedRow]) -> list[tuple[EncodedRow, float]]:
    """Keep one row of each length, ascending, with the share of the rows that have it."""
    of_length = {len(row.ids): row for row in rows}
    counts = Counter(len(row.ids) for row in rows)
    return [(of_length[length], counts[length] / len(rows)) for length in sorted(of_length)]


@contextmanager
def _open(work: SelectionWork, candidate: DeployOptions) -> Iterator[_Opened]:
    model, row, export = work.model, candidate.row, export_options_of(candidate)
    exported = export_checkpoint(
        model.checkpoint,
        model.task,
        export,
        build=resolve(row.builder),
        batches=work.batches if candidate.calibration is not None else None,
        progress=SILENT,
    )
    with opened_in_engine(exported.artifact, row, work.options.threads) as (session, size):
        del exported
        yield _Opened(
            options=candidate,
            recipe=export.recipe.name,
            bytes=size,
            session=session,
            model=_text_model(work, session),
        )


def _text_model(work: SelectionWork, session: Session) -> TextModel:
    config = work.model.config
    limits = Limits(max_length=config.max_position_embeddings, pad_id=config.pad_token_id or 0)
    return TextModel(session, work.model.tokenizer, work.model.task, limits)


@contextmanager
def _setting_aside(one: _Opened, left: list[LeftOut]) -> Iterator[None]:
    """Put a candidate among what is left out when its engine fails or answers with something not finite."""
    try:
        yield
    except BackendError as error:
        left.append(LeftOut(name=name_of(one.options), reason=str(error)))


def _errors(
    work: SelectionWork,
    opened: Sequence[_Opened],
    rows: Sequence[EncodedRow],
    left: list[LeftOut],
    progress: ProgressListener,
) -> list[tuple[_Opened, float]]:
    """Measure how far the outputs of candidates lie from those of the float32 network; see ``Tried.error``.

    Returns:
        The error of each candidate that has one; the others are among ``left`` then.
    """
    float_session = ArtifactSession(work.model, opened[0].options.row.name)
    reference = _text_model(work, float_session)
    # sums over all values: of the squared differences of each candidate; of the reference's values and their squares
    squares, count, total, power = dict.fromkeys(opened, 0.0), 0, 0.0, 0.0
    for done, row in enumerate(rows, 1):
        wanted = _outputs(reference, row)
        count, total, power = count + wanted.size, total + wanted.sum(), power + (wanted**2).sum()
        for one, so_far in list(squares.items()):
            del squares[one]
            with _setting_aside(one, left):
                squares[one] = so_far + ((_outputs(one.model, row) - wanted) ** 2).sum()
        progress.step(done, len(rows))
    float_session.close()
    variance = max(power / count - (total / count) ** 2, np.finfo(np.float32).tiny)
    return [(one, math.sqrt(square / count / variance)) for one, square in squares.items()]


def _outputs(model: TextModel, row: EncodedRow) -> NDArray[np.float64]:
    """Compute all outputs for one row, one behind the other."""
    (found,) = model.run([row], 1)
    return np.concatenate([np.asarray(found[name], np.float64).ravel() for name in sorted(found)])


def _scored(work: SelectionWork, one: _Opened, error: float, progress: ProgressListener) -> Tried:
    """Put down what is known of a candidate before it is timed, with what it loses on labelled data."""
    candidate = one.options
    assert candidate.format is not None
    tried = Tried(
        format=candidate.format,
        recipe=one.recipe,
        preset=candidate.preset,
        bytes=one.bytes,
        latencies=(),
        latency=0.0,
        error=error,
    )
    if work.standard is None:
        return tried
    progress.stage(f"examples, {tried.name}")
    opening = Opening(
        path=str(work.model.path),
        task=work.model.task.name,
        threads=work.options.threads or 1,
        truncate=work.options.truncation,
        tokenizer=work.options.tokenizer,
    )
    side = predictor_of_checkpoint(one.session, work.model.tokenizer, work.model.checkpoint, opening, tried.name)
    score = work.standard.score(side)
    return replace(tried, drop=score.drop, high=score.high, agreement=score.agreement)


def _timed(
    opened: Sequence[_Opened],
    timed: Sequence[tuple[EncodedRow, float]],
    clock: Callable[[], float],
    progress: ProgressListener,
) -> NDArray[np.float64]:
    """Time all candidates at one length after the other, so that each meets another length than before, as in use.

    Returns:
        Seconds, ``[rounds, candidates, lengths]``.
    """
    runs = [run_of(one.model, [row]) for row, _ in timed for one in opened]
    with one_core(clock is not perf_counter):
        seconds = time_in_turns(runs, _ROUNDS, patience=_PATIENCE, clock=clock, progress=progress)
    return np.swapaxes(seconds.reshape(len(seconds), len(timed), len(opened)), 1, 2)
