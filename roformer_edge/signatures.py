"""The border of a graph: named tensors, and the signatures by which an engine is called.

A graph has one signature called ``default`` and may have others. One with the inputs and outputs of ``default`` by name
computes the same function at a size of its own, such as 64 tokens; whoever runs the graph may choose among those.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Annotated

from roformer_edge.records import Constraint, one_of

DEFAULT = "default"
# An input that tells which positions' states a head is to read; the output then has an axis ``positions`` in place of
# that over tokens.
POSITIONS = "positions"
# An input that tells by which positions tokens are rotated.
POSITION_IDS = "position_ids"
# Inputs with the keys and values of earlier tokens, and outputs with those of all: ``past_key_values.3.key``. Their
# axes are rows, heads, tokens and head size; the names are those of the Hugging Face exporters.
PAST = "past_key_values"
PRESENT = "present"
CACHED_PARTS = ("key", "value")
# numpy's names of what an input or an output may hold
DTYPES = ("float16", "float32", "float64", "int8", "uint8", "int16", "int32", "int64", "bool")

# which rows may be computed together -> when that is so
BATCHING = {
    "any": "answers differ by no more than rounding does",
    "equal_lengths": "equal rows get equal answers where nothing is padded: inputs are rounded to fixed ranges",
    "single": "the range of an input is measured at each run, so whatever is computed beside a row changes its answer",
}

_AXIS = Constraint("a name or a size of at least 1", re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[1-9][0-9]{0,8}").fullmatch)


@dataclass(frozen=True, kw_only=True)
class TensorSpec:
    """A named tensor at the border of a graph.

    Attributes:
        name: The tensor's name in the graph.
        dtype: A numpy dtype name; in a record one of ``DTYPES``.
        axes: One name per axis; an axis with a decimal name is fixed to that size. Axes of one name in one signature
            have one size.
    """

    name: str
    dtype: Annotated[str, one_of(DTYPES)]
    axes: tuple[Annotated[str, _AXIS], ...]


@dataclass(frozen=True, kw_only=True)
class Signature:
    """One way to call a graph.

    Attributes:
        inputs: Token ids first. The first axis of each runs over rows, the last over tokens.
        outputs: What the call gives.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    # looked up at every call of a graph
    @cached_property
    def rows(self) -> int | None:
        """The number of rows (texts, pairs or choices) that a call takes; ``None`` where any number will do."""
        return fixed_size(self.inputs[0].axes[0])

    @cached_property
    def length(self) -> int | None:
        """The number of tokens that rows are padded to; ``None`` where any number will do."""
        return fixed_size(self.inputs[0].axes[-1])

    @cached_property
    def takes_positions(self) -> bool:
        """Whether a call tells which positions are read."""
        return any(spec.name == POSITIONS for spec in self.inputs)

    @cached_property
    def cached(self) -> bool:
        """Whether a call may go on from the keys and values of earlier tokens. These may be none."""
        return any(spec.name.startswith(f"{PAST}.") for spec in self.inputs)

    def computes_as(self, other: Signature) -> bool:
        """Tell whether the two have the same inputs and outputs by name, and so differ in sizes only."""
        return [spec.name for spec in (*self.inputs, *self.outputs)] == [
            spec.name for spec in (*other.inputs, *other.outputs)
        ]


@lru_cache(maxsize=256)
def fixed_size(axis: str) -> int | None:
    """Read the size that an axis is fixed to; ``None`` for one that only has a name."""
    return int(axis) if axis.isascii() and axis.isdecimal() else None


def alternatives(signatures: Mapping[str, Signature]) -> dict[str, Signature]:
    """Find the signatures that compute what ``default`` does, itself among them, shortest first, any length last."""
    found = [(name, one) for name, one in signatures.items() if one.computes_as(signatures[DEFAULT])]
    return dict(sorted(found, key=lambda item: (item[1].length is None, item[1].length or 0)))


def choose(signatures: Mapping[str, Signature], tokens: int) -> tuple[str, int]:
    """Choose for rows of at most ``tokens`` tokens: the shortest signature that holds them, or one of any length.

    Args:
        signatures: What :func:`alternatives` gives.
        tokens: The length of the longest row.

    Returns:
        Its name, and the length that the rows are padded to. Where none holds so many tokens, the last signature and
        ``tokens``, which the session will refuse.
    """
    name = ""
    for name, one in signatures.items():
        length = one.length
        if length is None or length >= tokens:
            return name, length or tokens
    return name, tokens


def longest(signatures: Mapping[str, Signature]) -> int | None:
    """Tell the most tokens that ``signatures``, as :func:`alternatives` gives them, take; ``None`` for any number."""
    return [one.length for one in signatures.values()][-1]
