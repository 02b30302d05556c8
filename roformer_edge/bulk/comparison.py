"""The answers of the sides of a comparison, computed by workers of Ray."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from roformer_edge.bulk.ray_data import Cluster, compute
from roformer_edge.validate.data.inputs import Inputs
from roformer_edge.validate.openers import open_predictor
from roformer_edge.validate.predictors import Opening, Predictor
from roformer_edge.validate.runner import answers_of

# inputs of a piece; less would be more of Ray's work than of ours
PIECE = 512
# Workers that may be lost, each: an input that is the end of whoever answers it would be given away for ever.
MOST_RESTARTS = 5


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A part of what one side is asked.

    Attributes:
        side: The number of the side.
        opening: How a worker opens it.
        inputs: What it is asked.
        batch_size: Inputs that it computes at once.
    """

    side: int
    opening: Opening
    inputs: tuple[Mapping[str, Any], ...]
    batch_size: int


@dataclass(frozen=True, kw_only=True)
class OnRay:
    """Lets workers answer for every side that another process can open; see ``validate.runner.Answering``.

    A side that is a function, or a network that exists in this process alone, answers here. Bundles and checkpoints
    lie in folders that all workers see under the same path.

    Attributes:
        cluster: Who computes.
    """

    cluster: Cluster

    def __call__(
        self, sides: Sequence[Predictor], inputs: Sequence[Inputs], sizes: Sequence[int], tick: Callable[[int], None]
    ) -> list[list[Any]]:
        """Ask every side everything; the answers stand in the order of the inputs.

        Raises:
            MissingDependencyError: Ray is not installed.
            BackendError: Ray failed, or workers were lost too often.
            RoFormerEdgeError: A side cannot be opened, or cannot answer.
        """
        pieces = [
            Piece(side=number, opening=_anywhere(side.opening), inputs=part, batch_size=size)
            for number, (side, size) in enumerate(zip(sides, sizes, strict=True))
            if side.opening is not None
            for part in _cut(inputs, size)
        ]
        found: list[list[Any]] = [[] for _ in pieces]
        for number, answers in compute(pieces, Answerer, self.cluster, restarts=MOST_RESTARTS):
            found[number] = answers
            tick(len(answers))
        given = [
            [] if side.opening is not None else answers_of(side, inputs, size, tick)
            for side, size in zip(sides, sizes, strict=True)
        ]
        for piece, answers in zip(pieces, found, strict=True):
            given[piece.side] += answers
        return given


@dataclass
class Answerer:
    """Answers pieces, with sides that it opens when they are first asked something."""

    opened: dict[Opening, Predictor] = field(default_factory=dict)

    def __call__(self, piece: Piece) -> list[Any]:
        """Answer every input of a piece."""
        if piece.opening not in self.opened:
            self.opened[piece.opening] = open_predictor(**asdict(piece.opening))
        return answers_of(self.opened[piece.opening], piece.inputs, piece.batch_size)


def _anywhere(opening: Opening) -> Opening:
    """Name the files of a side so that a process in another folder finds them."""
    return replace(opening, path=str(Path(opening.path).absolute()))


def _cut(inputs: Sequence[Inputs], batch_size: int) -> list[tuple[Mapping[str, Any], ...]]:
    """Cut inputs where a batch ends, so that every batch holds what it would hold in one process."""
    step = batch_size * max(1, PIECE // batch_size)
    return [tuple(map(dict, inputs[start : start + step])) for start in range(0, len(inputs), step)]
