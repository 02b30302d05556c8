"""Questions in, what is printed of their answers out; in this process, or in one that Ray started."""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

from roformer_edge.errors import OptionError, RoFormerEdgeError, TextError

if TYPE_CHECKING:
    import argparse

    from roformer_edge.runtime.pipelines.base import Pipeline
    from roformer_edge.runtime.pool import Pool
    from roformer_edge.runtime.session import BackendReport
    from roformer_edge.validate.data.inputs import Inputs, PlacedInputs

# hears what is wrong with an input that is left out
Skip = Callable[[RoFormerEdgeError], None]

# argument -> the option of a pipeline that it sets
_OPTIONS = {
    "top_k": "top_k",
    "truncate": "truncation",
    "threshold": "threshold",
    "pooling": "pooling",
    "normalize": "normalize",
    "max_new_tokens": "max_new_tokens",
    "num_beams": "num_beams",
    "num_return_sequences": "num_return_sequences",
    "do_sample": "do_sample",
    "top_p": "top_p",
    "seed": "seed",
}


def notes_on(report: BackendReport) -> list[str]:
    """List what a person should know about the engine, a line each."""
    checked = "" if report.self_test is None else "; its answers are those recorded in the bundle"
    return [
        *(f"not used: {fallback}" for fallback in report.fallbacks),
        *(f"{note}{checked}" for note in report.notes),
        *([f"{report.threads} threads chosen: {_times(report)}"] if report.thread_times else []),
    ]


def _times(report: BackendReport) -> str:
    return ", ".join(f"{count} took {milliseconds:.2f} ms" for count, milliseconds in report.thread_times)


def pipeline_options(args: argparse.Namespace, pipeline: Pipeline) -> dict[str, Any]:
    """Gather what the pipeline is told.

    Raises:
        OptionError: An option that means nothing to it.
    """
    known = inspect.signature(pipeline.__call__).parameters
    told = {}
    for argument, option in _OPTIONS.items():
        value = getattr(args, argument)
        if value is None:
            continue
        if option not in known:
            name = f"--{argument.replace('_', '-')}"
            raise OptionError(name, value, f"left out, because it means nothing to {pipeline.task}")
        told[option] = value
    return told


def answer_lines(
    pipeline: Pipeline,
    questions: Iterator[PlacedInputs],
    skip: Skip | None,
    *,
    pool: Pool | None = None,
    **options: Any,
) -> Iterator[dict[str, Any]]:
    """Answer questions in order, each with what is printed of it.

    Args:
        pipeline: Answers.
        questions: What it is asked.
        skip: Told of each question that cannot be answered, which is then left out; without it such a one is an error.
        pool: Answers in the place of the pipeline, of which it is made.
        options: What the pipeline is told.

    Raises:
        TextError: While iterating: a question cannot be answered; the message says where it stands.
    """
    task = pipeline.model.task
    if pool is None:
        answers = _answers(pipeline, questions, skip, **options)
    else:
        answers = _answers_of_pool(pool, pipeline, questions, skip, **options)
    for inputs, answer in answers:
        line = {name: inputs[field] for field, name in task.echoed.items() if field in inputs}
        plain = _plain(answer)
        yield line | (plain if isinstance(plain, dict) else {task.answer: plain})


def _answers(
    pipeline: Pipeline, questions: Iterator[PlacedInputs], skipped: Skip | None, **options: Any
) -> Iterator[tuple[Inputs, Any]]:
    """Answer questions in order, each with its inputs.

    A pipeline answers what stands before an input that it cannot use, and then raises: the first that is left is the
    bad one. It is skipped, and the rest asked anew, or the error is raised with the line that it is about.
    """
    from roformer_edge.validate.data.inputs import text_or_pair

    asked: deque[PlacedInputs] = deque()
    single = pipeline.model.task.fields == ("text",)

    def remembered(again: Iterable[PlacedInputs]) -> Iterator[Any]:
        for placed in chain(again, questions):
            asked.append(placed)
            yield text_or_pair(placed.inputs) if single else placed.inputs

    again: list[PlacedInputs] = []
    answered = before = 0
    while True:
        asked.clear()
        before = answered
        try:
            for answer in pipeline(remembered(again), **options):
                answered += 1
                yield asked.popleft().inputs, answer
        except TextError as error:
            if not asked:
                raise
            told = _told(error, asked.popleft(), pipeline.noun, answered - before, answered + 1)
            answered += 1
            if skipped is None:
                raise told from None
            skipped(told)
            again = list(asked)
        else:
            return


def _answers_of_pool(
    pool: Pool, pipeline: Pipeline, questions: Iterator[PlacedInputs], skipped: Skip | None, **options: Any
) -> Iterator[tuple[Inputs, Any]]:
    """Answer questions in order, each with its inputs, by workers that go on where an input cannot be used."""
    from roformer_edge.validate.data.inputs import text_or_pair

    asked: deque[PlacedInputs] = deque()
    single = pipeline.model.task.fields == ("text",)

    def remembered() -> Iterator[Any]:
        for placed in questions:
            asked.append(placed)
            yield text_or_pair(placed.inputs) if single else placed.inputs

    for number, outcome in enumerate(pool.outcomes(remembered(), **options)):
        placed = asked.popleft()
        if not isinstance(outcome, TextError):
            yield placed.inputs, outcome
            continue
        told = _told(outcome, placed, pipeline.noun, number, number + 1)
        if skipped is None:
            raise told from None
        skipped(told)


def _told(error: TextError, bad: PlacedInputs, noun: str, counted: int, argument: int) -> TextError:
    """Say of an error where its input stands: a pipeline counts from 0, people count lines, or arguments from 1."""
    message = str(error).replace(f"{noun} {counted}", f"the {noun}" if bad.where else f"argument {argument}", 1)
    return type(error)(f"{bad.where}: {message}" if bad.where else message)


def _plain(answer: Any) -> Any:
    """Turn an answer into JSON values, numbers rounded to six digits."""
    if isinstance(answer, (list, tuple)):
        return [_plain(item) for item in answer]
    if isinstance(answer, float):
        return round(answer, 6)
    if isinstance(answer, (str, int)):
        return answer
    if hasattr(answer, "tolist"):
        return _plain(answer.tolist())
    return {name: _plain(value) for name, value in vars(answer).items() if value is not None}
