"""From texts to the outputs of the graph, whatever the task: encode, pack, pad, run, restore the order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from roformer_edge.errors import BackendError, TextTooLongError
from roformer_edge.runtime.batching import TOKEN_BUDGET, pack_by_length, padded_length
from roformer_edge.runtime.session import Session
from roformer_edge.runtime.texts import split_pair
from roformer_edge.tasks import Task

# outputs of one row by name, the batch axis gone and padding cut off
Outputs = dict[str, NDArray[np.float32]]


class Encoded(Protocol):
    """One row for the graph: token ids and their segment numbers, special tokens included, and no padding."""

    @property
    def ids(self) -> Sequence[int]: ...  # noqa: D102 - described above

    @property
    def type_ids(self) -> Sequence[int]: ...  # noqa: D102 - described above


class Located(Encoded, Protocol):
    """What a tokenizer gives: a row, and for every token where it comes from."""

    @property
    def offsets(self) -> Sequence[tuple[int, int]]:
        """``(start, end)`` in the text that a token is of, in characters."""

    @property
    def sequence_ids(self) -> Sequence[int | None]:
        """0 for tokens of the first text, 1 for those of its pair, None for those put around."""

    @property
    def tokens(self) -> Sequence[str]:
        """The tokens as strings; ``##`` stands in front of one that continues a word."""


class Rows(Protocol):
    """What calling a tokenizer gives: one encoding for each text."""

    @property
    def encodings(self) -> Sequence[Located]: ...  # noqa: D102 - described above


class Encoder(Protocol):
    """The part of a tokenizer that the runtime needs."""

    def encode_text(self, text: str, pair: str | None = None) -> Located:
        """Encode a text or a pair, whole."""

    def __call__(self, text: str, text_pair: str | None = None, *, truncation: bool, max_length: int) -> Rows:
        """Encode a text or a pair, the longer of the two cut until both fit."""

    def __len__(self) -> int:
        """Size of the vocabulary: one more than the largest id."""


class Decoder(Encoder, Protocol):
    """The part of a tokenizer that is needed where tokens are the answer."""

    @property
    def mask_token(self) -> str | None:
        """Stands for a word to be guessed."""

    @property
    def mask_token_id(self) -> int | None:
        """Its id."""

    @property
    def sep_token_id(self) -> int | None:
        """The id of what ends a text."""

    @property
    def all_special_ids(self) -> Sequence[int]:
        """The ids of tokens that are no text."""

    def convert_ids_to_tokens(self, ids: list[int]) -> Any:
        """The tokens of ids as strings."""


# what is kept of the outputs of one row
Pick = Callable[[Encoded, Outputs], Outputs]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What bounds one run of the graph.

    Attributes:
        max_length: The most tokens of one text, special tokens included.
        length_buckets: Lengths that batches are padded to, ascending; empty where any length will do.
        token_budget: The most tokens of one batch, padding included.
        pad_id: The id that fills short texts up.
        alike: Compute only texts of one length together, for models whose answers change with padding.
    """

    max_length: int
    length_buckets: tuple[int, ...] = ()
    token_budget: int = TOKEN_BUDGET
    pad_id: int = 0
    alike: bool = False


class TextModel:
    """A tokenizer and a graph. It holds no state between calls and may be used by several threads at once.

    A row of the graph is a text or a pair. In a task with choices every choice is a row of its own: the graph is given
    ``[rows, 1, sequence]``, and choices of different questions are computed together.
    """

    def __init__(self, session: Session, tokenizer: Encoder, task: Task, limits: Limits) -> None:
        self.session = session
        self.tokenizer = tokenizer
        self.task = task
        # not the session's own: an engine may name the axes after what it infers
        self.outputs = task.outputs
        self.limits = limits
        self._choices = "choices" in task.inputs[0].axes

    def encode(self, value: object, *, truncation: bool, where: str = "the text") -> Located:
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

    def run(self, encodings: Sequence[Encoded], batch_size: int, pick: Pick | None = None) -> list[Outputs]:
        """The graph's outputs for each row, in the order of ``encodings``.

        Args:
            encodings: The rows.
            batch_size: The most of them in one run.
            pick: Takes what is needed of a row's outputs and copies it. Without it all of them are kept, as parts of
                the arrays of their batches; large ones, such as those over a vocabulary, would fill the memory.

        Raises:
            BackendError: The engine failed, or answered with something that is not a finite number.
        """
        results: list[Outputs] = [{}] * len(encodings)
        lengths = [len(encoding.ids) for encoding in encodings]
        left = self.task.pad_left
        for batch in pack_by_length(lengths, batch_size, self.limits.token_budget, alike=self.limits.alike):
            outputs = self.session.run(self._feeds([encodings[index] for index in batch]))
            self._check_shapes(outputs, len(batch))
            if pick is None:
                _check_finite(outputs)
            for row, index in enumerate(batch):
                kept = {
                    spec.name: outputs[spec.name][row]
                    if "sequence" not in spec.axes
                    else _trim(outputs[spec.name][row], spec.axes[1:], lengths[index], left=left)
                    for spec in self.outputs
                }
                if pick is not None:
                    kept = pick(encodings[index], kept)
                    _check_finite(kept)
                results[index] = kept
        return results

    def feeds(
        self, ids: NDArray[np.int64], mask: NDArray[np.int64], types: NDArray[np.int64]
    ) -> dict[str, NDArray[np.int64]]:
        """Arrays ``[rows, sequence]`` by input name and with the axes that the graph takes."""
        named = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
        return {name: array[:, np.newaxis] for name, array in named.items()} if self._choices else named

    def _feeds(self, batch: Sequence[Encoded]) -> dict[str, NDArray[np.int64]]:
        """The graph's inputs, padded on the side that the task says."""
        width = padded_length(max(len(encoding.ids) for encoding in batch), self.limits.length_buckets)
        ids = np.full((len(batch), width), self.limits.pad_id, dtype=np.int64)
        mask = np.zeros_like(ids)
        types = np.zeros_like(ids)
        left = self.task.pad_left
        for row, encoding in enumerate(batch):
            length = len(encoding.ids)
            place = slice(width - length, width) if left else slice(length)
            ids[row, place] = encoding.ids
            types[row, place] = encoding.type_ids
            mask[row, place] = 1
        return self.feeds(ids, mask, types)

    def _check_shapes(self, outputs: Outputs, rows: int) -> None:
        for spec in self.outputs:
            if spec.name not in outputs:
                raise BackendError(f"the graph gave {', '.join(outputs) or 'nothing'}, and no {spec.name}")
            values = outputs[spec.name]
            if values.ndim != len(spec.axes) or values.shape[0] != rows:
                raise BackendError(f"the graph gave {spec.name} of shape {values.shape} for a batch of {rows}")


def _check_finite(outputs: Outputs) -> None:
    for name, values in outputs.items():
        if not np.isfinite(values).all():
            raise BackendError(f"the graph gave {name} that are not finite numbers: the model or the engine is broken")


def _trim(values: NDArray[np.float32], axes: Sequence[str], length: int, *, left: bool) -> NDArray[np.float32]:
    """Cut padding off the axes that run over tokens."""
    kept = (
        (slice(size - length, size) if left else slice(length)) if axis == "sequence" else slice(None)
        for axis, size in zip(axes, values.shape, strict=True)
    )
    return values[tuple(kept)]
