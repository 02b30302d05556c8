"""What a task answers to, read from the lines of a file: for validation, for calibration and for ``run``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import DatasetError, OptionError, advice
from roformer_edge.runtime.inference import OffsetEncoding
from roformer_edge.runtime.texts import join_words
from roformer_edge.runtime.windows import room_for
from roformer_edge.tasks import Task, get_task, input_rows
from roformer_edge.validate.data.fields import BY_NAME, INPUTS, FieldNames, looks_like_input
from roformer_edge.validate.data.lines import Line, Skip, listed, read_lines
from roformer_edge.validate.data.spans import Span

# The inputs of one example by the names of the task's fields: texts, or lists of texts.
Inputs = Mapping[str, Any]
# a text for the tokenizer, with its pair or without
TextRow = tuple[str, str | None]


@dataclass(frozen=True, kw_only=True)
class PlacedInputs:
    """The inputs of one line, and where it stands: ``path:line``."""

    where: str
    inputs: Inputs


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Why a model could not take an input.

    Attributes:
        reason: What was found, and what is allowed.
        remedy: What to do; inputs with the same remedy are counted together.
    """

    reason: str
    remedy: str


def read_inputs(
    path: str | Path,
    task: str,
    fields: FieldNames = BY_NAME,
    *,
    skip: Skip | None = None,
    form: str | None = None,
    span: Span | None = None,
) -> Iterator[PlacedInputs]:
    """Read what a task answers to, one example a line; labels and remarks are ignored.

    Args:
        path: A file, or ``"-"``; see :func:`~roformer_edge.validate.data.lines.read_lines`.
        task: A name of ``tasks.TASKS``; it decides what a line must hold.
        fields: Which key of the file is which field.
        skip: Told of each line that cannot be used, which is then left out; without it such a line is an error.
        form: How the file is written, whatever its ending says; see ``read_lines``.
        span: The part of the file to read.

    Raises:
        DatasetError: While iterating: a line cannot be used; the message starts with ``path:line:``.
        UnknownNameError: No such task.
    """
    row = get_task(task)
    return _read_inputs(read_lines(path, fields, skip=skip, form=form, span=span), row, skip)


def _read_inputs(lines: Iterator[Line], task: Task, skip: Skip | None) -> Iterator[PlacedInputs]:
    for line in lines:
        try:
            yield PlacedInputs(where=line.where, inputs=inputs_of(line, task))
        except DatasetError as error:
            if skip is None:
                raise
            skip(error)


def read_rows(
    path: str | Path,
    task: Task,
    fields: FieldNames,
    find_problem: Callable[[TextRow], Problem | None],
    *,
    most: int | None = None,
) -> list[TextRow]:
    """Read the rows that a tokenizer is given for a task: texts, each with its pair or without.

    Args:
        path: A file that :func:`read_inputs` takes.
        task: Names the fields.
        fields: Which key of the file is which field.
        find_problem: Tells why a model could not take a row.
        most: The number of rows after which no more are read.

    Raises:
        DatasetError: A line cannot be used, or holds a row with a problem; the message says how many rows do.
    """
    placed = (
        (example.where, row)
        for example in read_inputs(path, task.name, fields)
        for row in input_rows(task, example.inputs)
    )
    rows = list(islice(placed, most))
    refuse_problems((where, find_problem(row)) for where, row in rows)
    return [row for _, row in rows]


def refuse_problems(found: Iterable[tuple[str, Problem | None]]) -> None:
    """Refuse inputs that a model could not take.

    Args:
        found: Where each input stands, and what is wrong with it.

    Raises:
        DatasetError: Something is; the message names the first such input, and how many there are.
    """
    bad = [(where, problem) for where, problem in found if problem is not None]
    if bad:
        where, first = bad[0]
        number = sum(problem.remedy == first.remedy for _, problem in bad)
        several = f" ({number} such texts)" if number > 1 else ""
        raise DatasetError(f"{where}: {first.reason}; {first.remedy}{several}")


def find_row_problem(
    tokenizer: Any, config: RoFormerConfig, task: Task, row: TextRow, *, truncation: bool
) -> Problem | None:
    """Find why a model could not take a row: too many tokens, or a pair where it was made for single texts."""
    text, pair = row
    encoding = tokenizer.encode_text(text, pair)
    if max(encoding.type_ids, default=0) >= config.type_vocab_size:
        return Problem(
            reason="a pair, and the model was made for single texts (type_vocab_size 1)", remedy="leave it out"
        )
    return None if truncation else find_length_problem(encoding, task, config.max_position_embeddings)


def find_length_problem(encoding: OffsetEncoding, task: Task, limit: int) -> Problem | None:
    """Find whether a row has more tokens than the model takes, and is not read in windows."""
    tokens = len(encoding.ids)
    if tokens <= limit or (task.windowed is not None and room_for(encoding, task.windowed, limit) > 0):
        return None
    return too_long(tokens, limit)


def too_long(tokens: int, limit: int) -> Problem:
    """Describe the problem of a row with more tokens than the model takes."""
    return Problem(
        reason=f"{tokens} tokens, the model takes {limit}",
        remedy=advice(python="truncation=True cuts", command="--truncate cuts"),
    )


def inputs_of(line: Line, task: Task) -> Inputs:
    """Read the inputs of one line by the names of the task's fields.

    Raises:
        DatasetError: One is missing or is no text, or the line holds what looks like an input and is not read.
        OptionError: A field was named that the task does not read.
    """
    readable = {*task.fields, *task.optional, *({task.words} if task.words else ())}
    for name in (line.fields.given.keys() & INPUTS) - readable:
        allowed = f"of fields that {task.name} reads: {', '.join((*task.fields, *task.optional))}"
        raise OptionError("fields", f"{name}={line.fields.given[name]}", allowed)
    if task.words is not None and not line.holds("text") and line.holds(task.words):
        names = [task.words]
        inputs: dict[str, Any] = {"text": join_words(line.strings(task.words))[0]}
    else:
        names = [*task.fields, *(name for name in task.optional if line.holds(name))]
        inputs = {name: line.strings(name) if name == "choices" else line.string(name) for name in names}
    # whoever says where the inputs are has also said which are none
    chosen = line.fields.given.keys() & readable
    empty = {key for key, value in line.values.items() if line.flat and value == ""}
    unread = sorted(set(filter(looks_like_input, line.values)) - {line.key(name) for name in names} - empty)
    if unread and not chosen:
        verb = "looks like an input" if len(unread) == 1 else "look like inputs"
        raise line.error(
            f"{listed(unread)} {verb}, and {task.name} reads {', '.join((*task.fields, *task.optional))}; "
            "say which key is which with "
            + advice(
                python='FieldNames.parse("text=sentence1,pair=sentence2")',
                command="--fields, such as --fields text=sentence1,pair=sentence2",
            )
        )
    return inputs


def text_or_pair(inputs: Inputs) -> str | tuple[str, str]:
    """Return what a pipeline of texts takes: the text, or a tuple of text and pair."""
    text: str = inputs["text"]
    return (text, inputs["text_pair"]) if "text_pair" in inputs else text
