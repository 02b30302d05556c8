"""Writing on, token by token, with the keys and values of earlier tokens kept from one run to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from roformer_edge.errors import BackendError
from roformer_edge.runtime.inference import EncodedRow, Outputs, TextModel
from roformer_edge.signatures import DEFAULT, PAST, POSITION_IDS, POSITIONS, PRESENT


class GrowingRows(Protocol):
    """A few rows that grow together.

    Attributes:
        logits: The logits of the next token, float32 ``[rows, vocabulary]``.
    """

    logits: NDArray[np.float32]

    def add(self, tokens: Sequence[int]) -> None:
        """Add one token to every row, and compute what comes next."""

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows only, in this order; one that is named twice goes on as two."""


@dataclass(frozen=True)
class _Row:
    ids: Sequence[int]
    type_ids: Sequence[int]


class WholeRows:
    """Rows of a graph that keeps nothing: each run computes all their tokens anew. See :class:`GrowingRows`.

    Args:
        model: A graph that cannot go on from a cache.
        rows: One row at least.
        new_type: The type of tokens that are added.

    Raises:
        BackendError: The engine failed, or answered with something that is not a finite number.
    """

    def __init__(self, model: TextModel, rows: Sequence[EncodedRow], new_type: int = 0) -> None:
        self._model = model
        self._new_type = new_type
        self._rows = [_Row(tuple(row.ids), tuple(row.type_ids)) for row in rows]
        self.logits = self._run()

    def add(self, tokens: Sequence[int]) -> None:
        """Add one token to every row, and compute what comes next."""
        self._rows = [
            _Row((*row.ids, token), (*row.type_ids, self._new_type))
            for row, token in zip(self._rows, tokens, strict=True)
        ]
        self.logits = self._run()

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows only, in this order."""
        self._rows = [self._rows[row] for row in rows]
        self.logits = self.logits[np.asarray(rows, np.int64)]

    def _run(self) -> NDArray[np.float32]:
        found = self._model.run(self._rows, len(self._rows), _copied, positions=lambda row: [len(row.ids) - 1])
        return np.stack([outputs["logits"][0] for outputs in found])


def _copied(row: EncodedRow, outputs: Outputs) -> Outputs:
    """Let go of the batch that the outputs are a part of."""
    return {name: values.copy() for name, values in outputs.items()}


class CachedRows:
    """Rows of which each run computes the new tokens only; see :class:`GrowingRows`.

    Rows of different length are filled up after their last token. New tokens come behind that, which the mask and the
    positions account for: what a row becomes does not depend on the others.

    Args:
        model: A graph that can go on from a cache.
        rows: One row at least. Where the graph takes fewer at once, they are computed one after the other.
        new_type: The type of tokens that are added.

    Raises:
        BackendError: The engine failed, or answered with something that is not a finite number.
    """

    def __init__(self, model: TextModel, rows: Sequence[EncodedRow], new_type: int = 0) -> None:
        self._model = model
        self._most = model.most_rows
        self._new_type = new_type
        call = model.call_for(rows, DEFAULT, lambda row: [len(row.ids) - 1])
        self._mask = call.feeds["attention_mask"]
        self._lengths = self._mask.sum(axis=1)
        places = np.broadcast_to(np.arange(self._mask.shape[1]), self._mask.shape)
        self._past: dict[str, NDArray[Any]] = {}
        self.logits = self._run({**call.feeds, POSITION_IDS: places})

    def add(self, tokens: Sequence[int]) -> None:
        """Add one token to every row, and compute what comes next."""
        ids = np.asarray(tokens, np.int64)[:, np.newaxis]
        self._mask = np.concatenate([self._mask, np.ones_like(ids)], axis=1)
        feeds = {
            "input_ids": ids,
            "attention_mask": self._mask,
            "token_type_ids": np.full_like(ids, self._new_type),
            POSITIONS: np.zeros_like(ids),
            POSITION_IDS: self._lengths[:, np.newaxis],
        }
        self._lengths = self._lengths + 1
        self.logits = self._run({**feeds, **self._past})

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows only, in this order; one that is named twice goes on as two."""
        if list(rows) == list(range(len(self._mask))):
            return
        chosen = np.asarray(rows, np.int64)
        self._mask, self._lengths, self.logits = self._mask[chosen], self._lengths[chosen], self.logits[chosen]
        self._past = {name: array[chosen] for name, array in self._past.items()}

    def _run(self, feeds: dict[str, NDArray[Any]]) -> NDArray[np.float32]:
        outputs = self._outputs(feeds)
        self._past = {
            name.replace(PRESENT, PAST, 1): array for name, array in outputs.items() if name.startswith(f"{PRESENT}.")
        }
        logits = outputs["logits"]
        if logits.shape[:2] != (len(self._mask), 1):
            raise BackendError(f"the graph gave logits of shape {logits.shape} for {len(self._mask)} rows")
        if not np.isfinite(logits).all():
            raise BackendError("the graph gave logits that are not finite numbers: the model or the engine is broken")
        return np.asarray(logits[:, 0])

    def _outputs(self, feeds: dict[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        rows, most = len(self._mask), self._most or len(self._mask)
        if rows <= most:
            return self._model.session.run(feeds)
        parts = [
            self._model.session.run({name: array[start : start + most] for name, array in feeds.items()})
            for start in range(0, rows, most)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
