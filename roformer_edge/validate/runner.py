"""Reference against candidates: all of them answer the same inputs in the same order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from roformer_edge.errors import ComparisonError
from roformer_edge.progress import SILENT, ProgressListener
from roformer_edge.validate.assemble import Measured, assemble_report
from roformer_edge.validate.baseline import check_baseline
from roformer_edge.validate.data.examples import Example, spread_sample
from roformer_edge.validate.data.inputs import Inputs
from roformer_edge.validate.gates import check_measurable, resolve_gates
from roformer_edge.validate.options import CompareOptions
from roformer_edge.validate.predictors import Predictor
from roformer_edge.validate.report import Report
from roformer_edge.validate.tasks import measure_of
from roformer_edge.validate.timing import measure_memory, time_side_by_side

# the sides, what they are asked, how many inputs each computes at once, who counts -> the answers of each side
Answering = Callable[[Sequence[Predictor], Sequence[Inputs], Sequence[int], Callable[[int], None]], list[list[Any]]]

_CHUNK = 32  # inputs between two reports of progress, or eight batches


def compare(
    reference: Predictor,
    candidate: Predictor,
    examples: Iterable[Example],
    options: CompareOptions,
    progress: ProgressListener = SILENT,
) -> Report:
    """Measure what one candidate lost against the reference; see :func:`compare_all`."""
    return compare_all(reference, [candidate], examples, options, progress)[0]


def compare_all(
    reference: Predictor,
    candidates: Sequence[Predictor],
    examples: Iterable[Example],
    options: CompareOptions,
    progress: ProgressListener = SILENT,
    *,
    answering: Answering | None = None,
) -> tuple[Report, ...]:
    """Measure what each candidate lost against the reference, which answers once.

    Args:
        reference: The side that sets the standard.
        candidates: The sides under test; their labels are the same names, in any order.
        examples: The labelled examples; they are kept in memory.
        options: Settings.
        progress: Told how many inputs are answered, all sides and timing counted.
        answering: Lets the sides answer, where this process is not to do it all. Latency is measured here all the same.

    Returns:
        One report for each candidate. Their latencies were taken in turn, so that they can be compared.

    Raises:
        ComparisonError: No example, examples that no side can answer, sides that differ in their labels, or
            answers that are no answers to the task.
        TextError: A text that one side cannot encode.
        UnknownNameError: No such task, or a gate on a figure that it does not have.
        OptionError: A gate in the wrong direction or unit.
    """
    measure = measure_of(options.task, reference.labels, reference.problem_type)
    for candidate in candidates:
        measure.check_sides(reference, candidate)
    examples = tuple(examples)
    if not examples:
        raise ComparisonError("there is no example to compare on")
    measure.check_examples(reference, examples)
    check_baseline(options.baseline, measure, examples)
    measured = [name for name, asked in (("latency", options.timed), ("memory", options.watched)) if asked]
    for candidate in candidates:
        check_measurable(resolve_gates(options.gates, measure, examples), reference, candidate, measured)
    inputs = [example.inputs for example in examples]
    timed, watched = spread_sample(inputs, options.timed), spread_sample(inputs, options.watched)
    sides = (reference, *candidates)
    tick = Ticker(progress, len(sides) * (len(inputs) + options.timing_rounds * len(timed)))
    progress.stage("validate")
    sizes = (options.reference_batch_size, *(options.batch_size for _ in candidates))
    given = (answering or answers_of_all)(sides, inputs, sizes, tick)
    answers = [measure.collect(side, inputs, one) for side, one in zip(sides, given, strict=True)]
    timings = time_side_by_side(sides, timed, options, tick) if timed else [None for _ in candidates]
    memory = [measure_memory(side, watched) for side in sides]
    return tuple(
        assemble_report(
            Measured(
                measure=measure,
                examples=examples,
                sides=(reference, candidate),
                answers=(answers[0], answers[number]),
                memory=(memory[0], memory[number]),
                timing=timing,
            ),
            options,
        )
        for number, (candidate, timing) in enumerate(zip(candidates, timings, strict=True), start=1)
    )


class Ticker:
    """Counts inputs and tells whoever wants to know.

    Args:
        progress: Told of every step.
        total: The number of all inputs.
    """

    def __init__(self, progress: ProgressListener, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def __call__(self, inputs: int) -> None:
        """Count so many inputs more."""
        self._done += inputs
        self._progress.step(self._done, self._total)


def answers_of_all(
    sides: Sequence[Predictor], inputs: Sequence[Inputs], sizes: Sequence[int], tick: Callable[[int], None]
) -> list[list[Any]]:
    """Let every side answer in this process, one after the other; see ``Answering``."""
    return [answers_of(side, inputs, size, tick) for side, size in zip(sides, sizes, strict=True)]


def answers_of(
    side: Predictor, inputs: Sequence[Inputs], batch_size: int, tick: Callable[[int], None] | None = None
) -> list[Any]:
    """Return the answers of a side, as it gives them.

    Args:
        side: Who answers.
        inputs: What it is asked.
        batch_size: Inputs that it computes at once.
        tick: Called with the number of inputs answered since the last call.

    Raises:
        ComparisonError: It gave another number of answers.
    """
    answers: list[Any] = []
    step = batch_size * max(8, _CHUNK // batch_size)
    for start in range(0, len(inputs), step):
        part = inputs[start : start + step]
        given = list(side.answer(part, batch_size=batch_size))
        if len(given) != len(part):
            raise ComparisonError(f"{side.name} gave {len(given)} answers to {len(part)} inputs")
        answers += given
        if tick is not None:
            tick(len(part))
    return answers
