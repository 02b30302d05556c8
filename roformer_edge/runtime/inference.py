"""From texts to the outputs of the graph, whatever the task: encode, pack, pad, run, restore the order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from roformer_edge.errors import BackendError, TextTooLongError
from roformer_edge.runtime.batching import TOKEN_BUDGET, pack_by_length, padded_length
from roformer_edge.runtime.session import Session
from roformer_edge.runtime.texts import split_pair
from roformer_edge.tasks import Task

# outputs of one text by name, the batch axis gone and padding cut off
Outputs = dict[str, NDArray[np.float32]]


class Encoded(Protocol):
    """The token ids of one text and their segment numbers, special tokens included, and no padding."""

    @property
    def ids(self) -> Sequence[int]: ...  # noqa: D102 - described above

    @property
    def type_ids(self) -> Sequence[int]: ...  # noqa: D102 - described above


class Rows(Protocol):
    """What calling a tokenizer gives: one encoding for each text."""

    @property
    def encodings(self) -> Sequence[Encoded]: ...  # noqa: D102 - described above


class Encoder(Protocol):
    """The part of a tokenizer that the runtime needs."""

    def encode_text(self, text: str, pair: str | None = None) -> Encoded:
        """Encode a text or a pair, whole."""

    def __call__(self, text: str, text_pair: str | None = None, *, truncation: bool, max_length: int) -> Rows:
        """Encode a text or a pair, the longer of the two cut until both fit."""

    def __len__(self) -> int:
        """Size of the vocabulary: one more than the largest id."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What bounds one run of the graph.

    Attributes:
        max_length: The most tokens of one text, special tokens included.
        length_buckets: Lengths that batches are padded to, ascending; empty where any length will do.
        token_budget: The most tokens of one batch, padding included.
        pad_id: The id that fills short texts up.
    """

    max_length: int
    length_buckets: tuple[int, ...] = ()
    token_budget: int = TOKEN_BUDGET
    pad_id: int = 0


class TextModel:
    """A tokenizer and a graph. It holds no state between calls and may be used by several threads at once."""

    def __init__(self, session: Session, tokenizer: Encoder, task: Task, limits: Limits) -> None:
        self.session = session
        self.tokenizer = tokenizer
        # not the session's own: an engine may name the axes after what it infers
        self.outputs = task.outputs
        self.limits = limits

    def encode(self, value: object, *, truncation: bool, where: str = "the text") -> Encoded:
        """Encode a text, or a tuple of two.

        Raises:
            TextError: Not a text, or it holds NUL or a lone surrogate.
            TextTooLongError: It has more tokens than the graph takes, and ``truncation`` is not set.
        """
        text, pair = split_pair(value, where)
        limit = self.limits.max_length
        encoding = self.tokenizer.encode_text(text, pair)
        if truncation and len(encoding.ids) > limit:
            encoding = self.tokenizer(text, pair, truncation=True, max_length=limit).encodings[0]
        if len(encoding.ids) > limit:
            raise TextTooLongError(
                f"{where} has {len(encoding.ids)} tokens, special tokens included, and the model takes {limit} at "
                "most; shorten it, or ask for truncation (truncation=True)"
            )
        return encoding

    def run(self, encodings: Sequence[Encoded], batch_size: int) -> list[Outputs]:
        """The graph's outputs for each text, in the order of ``encodings``.

        Raises:
            BackendError: The engine failed, or answered with something that is not a finite number.
        """
        results: list[Outputs] = [{}] * len(encodings)
        lengths = [len(encoding.ids) for encoding in encodings]
        for batch in pack_by_length(lengths, batch_size, self.limits.token_budget):
            outputs = self.session.run(self._feeds([encodings[index] for index in batch]))
            self._check(outputs, len(batch))
            for row, index in enumerate(batch):
                results[index] = {
                    spec.name: _trim(outputs[spec.name][row], spec.axes[1:], lengths[index]) for spec in self.outputs
                }
        return results

    def _feeds(self, batch: Sequence[Encoded]) -> dict[str, NDArray[np.int64]]:
        """Arrays ``[batch, sequence]``, padded on the right."""
        width = padded_length(max(len(encoding.ids) for encoding in batch), self.limits.length_buckets)
        ids = np.full((len(batch), width), self.limits.pad_id, dtype=np.int64)
        mask = np.zeros_like(ids)
        types = np.zeros_like(ids)
        for row, encoding in enumerate(batch):
            length = len(encoding.ids)
            ids[row, :length] = encoding.ids
            types[row, :length] = encoding.type_ids
            mask[row, :length] = 1
        return {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}

    def _check(self, outputs: Outputs, rows: int) -> None:
        for spec in self.outputs:
            if spec.name not in outputs:
                raise BackendError(f"the graph gave {', '.join(outputs) or 'nothing'}, and no {spec.name}")
            values = outputs[spec.name]
            if values.ndim == 0 or values.shape[0] != rows:
                raise BackendError(f"the graph gave {spec.name} of shape {values.shape} for a batch of {rows}")
            if not np.isfinite(values).all():
                raise BackendError(
                    f"the graph gave {spec.name} that are not finite numbers: the model or the engine is broken"
                )


def _trim(values: NDArray[np.float32], axes: Sequence[str], length: int) -> NDArray[np.float32]:
    """Cut padding off the axes that run over tokens."""
    return values[tuple(slice(length) if axis == "sequence" else slice(None) for axis in axes)]
