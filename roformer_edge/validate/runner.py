"""Reference against candidate: both answer the same texts in the same order; labels are aligned by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from roformer_edge.errors import ComparisonError
from roformer_edge.tasks import get_task
from roformer_edge.validate.assemble import Measured, assemble_report
from roformer_edge.validate.datasets import Example
from roformer_edge.validate.measure import measure_memory, spread_sample, time_side_by_side
from roformer_edge.validate.options import CompareOptions
from roformer_edge.validate.predictors import Predictor
from roformer_edge.validate.report import Report

Progress = Callable[[int, int], None]

_CHUNK = 32  # texts between two reports of progress, or eight batches


def compare(
    reference: Predictor,
    candidate: Predictor,
    examples: Iterable[Example],
    options: CompareOptions | None = None,
    progress: Progress | None = None,
) -> Report:
    """Measure what the candidate lost against the reference.

    Args:
        reference: The side that sets the standard.
        candidate: The side under test; its labels are the same names, in any order.
        examples: The labelled texts; they are kept in memory.
        options: Settings.
        progress: Called with (texts done, texts in all), both sides and timing counted.

    Raises:
        ComparisonError: No example, an example with a label that neither side has, label sets that differ, or logits
            of a wrong shape or not finite.
        TextError: A text that one side cannot encode.
        UnknownNameError: No such task.
    """
    options = options or CompareOptions()
    get_task(options.task)
    order = _alignment(reference, candidate)
    examples = tuple(examples)
    if not examples:
        raise ComparisonError("there is no example to compare on")
    if stray := sorted({example.label for example in examples} - set(reference.labels)):
        raise ComparisonError(f"examples have labels that {reference.name} does not know: {_few(stray)}")
    texts = [example.text for example in examples]
    timed = spread_sample(texts, options.timed_texts)
    tick = _Ticker(progress, 2 * (len(texts) + options.timing_rounds * len(timed)))
    ours = _answer(reference, texts, options.reference_batch_size, tick)
    theirs = _answer(candidate, texts, options.batch_size, tick)[:, order]
    timing = time_side_by_side((reference, candidate), timed, options, tick) if timed else None
    watched = spread_sample(texts, options.memory_texts)
    measured = Measured(
        examples=examples,
        labels=tuple(reference.labels),
        sides=(reference, candidate),
        logits=(ours, theirs),
        memory=(measure_memory(reference, watched), measure_memory(candidate, watched)),
        timing=timing,
    )
    return assemble_report(measured, options)


class _Ticker:
    """Counts texts and tells whoever wants to know."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def __call__(self, texts: int) -> None:
        self._done += texts
        if self._progress is not None:
            self._progress(self._done, self._total)


def _alignment(reference: Predictor, candidate: Predictor) -> NDArray[np.intp]:
    """For each label of the reference, its index among the candidate's labels."""
    for side in (reference, candidate):
        if len(side.labels) < 2:
            raise ComparisonError(
                f"{side.name} has {len(side.labels)} label: it is a regression; "
                "what can be validated is single-label classification with two labels or more"
            )
        if len(set(side.labels)) < len(side.labels):
            twice = sorted({label for label in side.labels if side.labels.count(label) > 1})
            raise ComparisonError(f"{side.name} gives the same name to several labels: {_few(twice)}")
    lacking = [label for label in reference.labels if label not in candidate.labels]
    surplus = [label for label in candidate.labels if label not in reference.labels]
    if lacking or surplus:
        raise ComparisonError(
            f"reference {reference.name} and candidate {candidate.name} have different labels: "
            f"only the reference has {_few(lacking)}; only the candidate has {_few(surplus)}"
        )
    return np.array([candidate.labels.index(label) for label in reference.labels])


def _answer(side: Predictor, texts: Sequence[str], batch_size: int, tick: Callable[[int], None]) -> NDArray[np.float32]:
    """Logits float32 ``[texts, labels]`` in the side's own order of labels, checked."""
    parts = []
    step = batch_size * max(8, _CHUNK // batch_size)
    for start in range(0, len(texts), step):
        part = texts[start : start + step]
        logits = np.asarray(side.logits(part, batch_size=batch_size), dtype=np.float32)
        if logits.shape != (len(part), len(side.labels)):
            raise ComparisonError(
                f"{side.name} returned logits of shape {logits.shape} "
                f"for {len(part)} texts and {len(side.labels)} labels"
            )
        if not np.isfinite(logits).all():
            row = int(np.flatnonzero(~np.isfinite(logits).all(axis=1))[0])
            raise ComparisonError(f"{side.name} returned logits that are not finite for example {start + row + 1}")
        parts.append(logits)
        tick(len(part))
    return np.concatenate(parts)


def _few(labels: Sequence[str]) -> str:
    shown = ", ".join(repr(label) for label in labels[:8])
    return (shown if len(labels) <= 8 else f"{shown} and {len(labels) - 8} more") or "none"
