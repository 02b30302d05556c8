"""The examples worth reading: those whose answers changed, and where none did those whose outputs moved most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roformer_edge.validate.data.examples import Example
from roformer_edge.validate.excerpts import Excerpt, Passage
from roformer_edge.validate.tasks.measure import Comparison, Effect, Measure


@dataclass(frozen=True, kw_only=True)
class ChangedExample:
    """One example whose answer changed, or whose outputs moved most.

    Attributes:
        number: Position in the data, from 1.
        line: Number of its line in the file, or 0 where there is none.
        id: The data's own name of it, or ``None``.
        effect: ``"broke"``: the candidate's answer is worse; ``"fixed"``: it is better; ``"moved"``: another answer,
            as good or bad; ``"drifted"``: the same answer, but the outputs moved most.
        asked: The texts of it.
        gold, reference, candidate: The right answer, and both sides'.
        difference: How far the outputs behind the answers lie apart.
        margin: The reference's preference for its own answer over the candidate's; 0 if it is the same.
    """

    number: int
    line: int
    id: str | None
    effect: Effect
    asked: tuple[Passage, ...]
    gold: Excerpt
    reference: Excerpt
    candidate: Excerpt
    difference: float
    margin: float


def find_effects(comparison: Comparison) -> dict[Effect, NDArray[np.bool_]]:
    """Find which examples changed in which way: masks ``[examples]``, none of which overlaps another."""
    ours, theirs = comparison.scores
    changed = ~comparison.same
    return {
        "broke": changed & (theirs < ours),
        "fixed": changed & (theirs > ours),
        "moved": changed & (theirs == ours),
        "drifted": comparison.same & (comparison.difference > 0),
    }


def changed_examples(
    measure: Measure[Any, Any],
    examples: Sequence[Example],
    answers: tuple[Sequence[Any], Sequence[Any]],
    comparison: Comparison,
    limit: int,
) -> tuple[ChangedExample, ...]:
    """Choose the examples worth reading: at most ``limit`` of each effect, the most surprising first.

    A changed answer surprises by how much it lost or won and then by the margin with which the reference preferred its
    own; where no answer changed, the example whose outputs moved most comes first.

    Args:
        measure: The measure of the task.
        examples: The labelled examples.
        answers: The answers of the reference and of the candidate.
        comparison: Both beside each other.
        limit: Largest number of examples of one effect.
    """
    ours, theirs = answers
    gap = np.abs(comparison.scores[0] - comparison.scores[1])
    order = np.lexsort((np.arange(len(examples)), -comparison.difference, -comparison.margin, -gap))
    listed = []
    for effect, member in find_effects(comparison).items():
        for row in order[member[order]][:limit]:
            example = examples[row]
            shown = measure.show(int(row), examples, ours, theirs)
            listed.append(
                ChangedExample(
                    number=int(row) + 1,
                    line=example.line,
                    id=example.id,
                    effect=effect,
                    asked=measure.asked(example),
                    gold=shown.gold,
                    reference=shown.reference,
                    candidate=shown.candidate,
                    difference=float(comparison.difference[row]),
                    margin=float(comparison.margin[row]),
                )
            )
    return tuple(listed)
