"""Parts of the data: by length, or by a key that the data holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from roformer_edge.errors import ComparisonError
from roformer_edge.validate.data.examples import Example

LENGTH = "length"
# characters of all texts of an example together: the upper ends of the parts
_LENGTHS = (0, 8, 16, 32, 64, 128, 256, 512, 1024)
# a key with more values than this says nothing about any of them
MOST_VALUES = 50
ABSENT = "(none)"


def cut_by(examples: Sequence[Example], by: str) -> Iterator[tuple[str, NDArray[np.intp]]]:
    """Cut the data into parts by one property: their names, and which examples are in them.

    Args:
        examples: The labelled examples.
        by: ``"length"`` (characters of all texts of an example), or a key of the data with single values.

    Raises:
        ComparisonError: No example has the key, or it has too many values to be a property of groups.
    """
    return iter(_by_length(examples) if by == LENGTH else _by_key(examples, by))


def _by_length(examples: Sequence[Example]) -> list[tuple[str, NDArray[np.intp]]]:
    lengths = np.array([_characters(example) for example in examples])
    parts = [(lengths > low) & (lengths <= high) for low, high in pairwise(_LENGTHS)]
    names = [f"{low + 1}–{high} characters" for low, high in pairwise(_LENGTHS)]
    parts = [lengths == 0, *parts, lengths > _LENGTHS[-1]]
    names = ["empty", *names, f"more than {_LENGTHS[-1]} characters"]
    return [(name, np.flatnonzero(part)) for name, part in zip(names, parts, strict=True) if part.any()]


def _characters(example: Example) -> int:
    return sum(
        len(text) for value in example.inputs.values() for text in ([value] if isinstance(value, str) else value)
    )


def _by_key(examples: Sequence[Example], key: str) -> list[tuple[str, NDArray[np.intp]]]:
    values = [_named(example.others[key]) if key in example.others else ABSENT for example in examples]
    if set(values) == {ABSENT}:
        known = sorted({name for example in examples for name in example.others})
        raise ComparisonError(
            f"the data cannot be sliced by {key!r}: no line has it with a single value; "
            f"there are {LENGTH}{''.join(f', {name}' for name in known)}"
        )
    names = sorted(set(values))
    if len(names) > MOST_VALUES:
        raise ComparisonError(
            f"the data cannot be sliced by {key!r}: it has {len(names)} values, and {MOST_VALUES} at most are shown"
        )
    return [(name, np.array([row for row, value in enumerate(values) if value == name])) for name in names]


def _named(value: object) -> str:
    # JSON can write half of a surrogate pair, which no report may hold
    return str(value).encode("utf-8", "backslashreplace").decode()
