"""Labelled examples of a task, and the check of their length before any work starts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from roformer_edge.errors import DatasetError
from roformer_edge.validate.data.fields import BY_NAME, FieldNames
from roformer_edge.validate.data.inputs import Inputs, PlacedInputs, Problem, refuse_problems
from roformer_edge.validate.data.lines import Line, read_lines

if TYPE_CHECKING:
    from roformer_edge.validate.tasks.measure import Measure

T = TypeVar("T")

# what reports call the second of the :func:`halves` of some data
HELD_OUT = "the half that nothing was chosen by"


@dataclass(frozen=True, kw_only=True)
class Example:
    """One labelled example.

    Attributes:
        inputs: What the model is asked, by the names of the task's fields.
        gold: The right answer, in the form that the task's measure reads and compares.
        where: ``path:line``; empty for examples that were made in Python.
        line: Number of the line in its file, or 0.
        id: The data's own name of the example, or ``None``.
        others: The other keys of the line whose values are single ones; slices are cut along them.
    """

    inputs: Inputs
    gold: Any
    where: str = ""
    line: int = 0
    id: str | None = None
    others: Mapping[str, Any] = field(default_factory=dict)


def read_examples(path: str | Path, measure: Measure[Any, Any], fields: FieldNames = BY_NAME) -> Iterator[Example]:
    """Read the labelled examples of a task, one by one.

    Args:
        path: A file, or ``"-"``; see :func:`~roformer_edge.validate.data.lines.read_lines`.
        measure: The measure of the task; it decides what a line must hold.
        fields: Which key of the file is which field.

    Raises:
        DatasetError: While iterating: the file cannot be read, holds no example, or has a line that cannot be used.
    """
    return (_example(line, measure) for line in read_lines(path, fields))


def _example(line: Line, measure: Measure[Any, Any]) -> Example:
    inputs, gold = measure.read(line)
    known = line.value("id") if line.holds("id") else None
    return Example(
        inputs=inputs,
        gold=gold,
        where=line.where,
        line=line.number,
        id=str(known) if isinstance(known, (str, int)) else None,
        others={key: value for key, value in line.values.items() if isinstance(value, (str, int, float, bool))},
    )


def check_inputs(examples: Iterable[Example | PlacedInputs], find_problem: Callable[[Inputs], Problem | None]) -> None:
    """Refuse examples that a model could not take, before anything is computed.

    Args:
        examples: Labelled examples, or inputs alone.
        find_problem: Tells what is wrong with an input, such as more tokens than the model takes.

    Raises:
        DatasetError: There are such examples; the message names the first, and how many there are.
    """
    refuse_problems((example.where or "an example", find_problem(example.inputs)) for example in examples)


def spread_sample(items: Sequence[T], size: int) -> list[T]:
    """Choose at most ``size`` items, evenly spread over the list, in its order."""
    if len(items) <= size:
        return list(items)
    return [items[(2 * i + 1) * len(items) // (2 * size)] for i in range(size)]


def digest_of(examples: Sequence[Example]) -> str:
    """Compute the SHA-256 of inputs and gold answers, so that the same data in another layout is the same."""
    digest = hashlib.sha256()
    for example in examples:
        digest.update(json.dumps([*example.inputs.values(), example.gold]).encode("ascii") + b"\n")
    return digest.hexdigest()


def halves(examples: Sequence[Example]) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
    """Split examples in two: one half to choose by, the other to state what the choice is worth.

    They alternate, so that both halves are alike whatever the order of the file. Examples that ask the same go to the
    same half: none of the second was seen in the first.

    Returns:
        The half to choose by, which begins with the first example, and the other.

    Raises:
        DatasetError: Fewer than two different examples.
    """
    parts: tuple[list[Example], list[Example]] = ([], [])
    place_of: dict[str, int] = {}
    for example in examples:
        asked = json.dumps([*example.inputs.values()])
        parts[place_of.setdefault(asked, len(place_of) % 2)].append(example)
    if not parts[1]:
        where = f"{examples[0].where}: " if examples and examples[0].where else ""
        raise DatasetError(f"{where}the data holds {len(place_of)} different examples, and two halves need 2 at least")
    return tuple(parts[0]), tuple(parts[1])
