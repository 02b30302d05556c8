"""Writing on, token by token, with the keys and values of earlier tokens kept from one run to the next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roformer_edge.errors import BackendError
from roformer_edge.runtime.inference import EncodedRow, TextModel
from roformer_edge.signatures import DEFAULT, PAST, POSITION_IDS, POSITIONS, PRESENT


class CachedRows:
    """A few rows that grow together; each run computes their new tokens only.

    Rows of different length are filled up after their last token. New tokens come behind that, which the mask and the
    positions account for: what a row becomes does not depend on the others.

    Args:
        model: A graph that can go on from a cache.
        rows: One row at least, and no more than the graph takes at once.
        new_type: The type of tokens that are added.

    Attributes:
        logits: The logits of the next token, float32 ``[rows, vocabulary]``.

    Raises:
        BackendError: The engine failed, or answered with something that is not a finite number.
    """

    def __init__(self, model: TextModel, rows: Sequence[EncodedRow], new_type: int = 0) -> None:
        self._session = model.session
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
        """Go on with these rows only, in this order."""
        chosen = np.asarray(rows, np.int64)
        self._mask, self._lengths, self.logits = self._mask[chosen], self._lengths[chosen], self.logits[chosen]
        self._past = {name: array[chosen] for name, array in self._past.items()}

    def _run(self, feeds: dict[str, NDArray[Any]]) -> NDArray[np.float32]:
        outputs = self._session.run(feeds)
        self._past = {
            name.replace(PRESENT, PAST, 1): array for name, array in outputs.items() if name.startswith(f"{PRESENT}.")
        }
        logits = outputs["logits"]
        if logits.shape[:2] != (len(self._mask), 1):
            raise BackendError(f"the graph gave logits of shape {logits.shape} for {len(self._mask)} rows")
        if not np.isfinite(logits).all():
            raise BackendError("the graph gave logits that are not finite numbers: the model or the engine is broken")
        return np.asarray(logits[:, 0])
