"""Take texts to the outputs of the graph, whatever the task: encode, pack, pad, run, restore the order."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from roformer_edge.errors import BackendError, TextTooLongError, advice
from roformer_edge.runtime.packing import TOKEN_BUDGET, pack_by_length
from roformer_edge.runtime.session import Session
from roformer_edge.runtime.texts import split_pair
from roformer_edge.signatures import (
    DEFAULT,
    POSITIONS,
    Signature,
    TensorSpec,
    alternatives,
    choose,
    fixed_size,
    longest,
)
from roformer_edge.tasks import Task

# Where texts do not change each other's answers. Larger batches are no quicker.
DEFAULT_BATCH = 8

# outputs of one row by name, the batch axis gone and padding cut off
Outputs = dict[str, NDArray[np.float32]]


class EncodedRow(Protocol):
    """One row for the graph: token ids and their segment numbers, special tokens included, and no padding."""

    @property
    def ids(self) -> Sequence[int]: ...  # noqa: D102 - described above

    @property
    def type_ids(self) -> Sequence[int]: ...  # noqa: D102 - described above


class OffsetEncoding(EncodedRow, Protocol):
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


class EncodingBatch(Protocol):
    """What calling a tokenizer gives: one encoding for each text."""

    @property
    def encodings(self) -> Sequence[OffsetEncoding]: ...  # noqa: D102 - described above


class EncodingTokenizer(Protocol):
    """The part of a tokenizer that the runtime needs."""

    def encode_text(self, text: str, pair: str | None = None) -> OffsetEncoding:
        """Encode a text or a pair, whole."""

    def __call__(self, text: str, text_pair: str | None = None, *, truncation: bool, max_length: int) -> EncodingBatch:
        """Encode a text or a pair, the longer of the two cut until both fit."""

    def __len__(self) -> int:
        """Return the size of the vocabulary: one more than the largest id."""

    @property
    def model_max_length(self) -> int:
        """The number of tokens that a text is cut to."""


class DecodingTokenizer(EncodingTokenizer, Protocol):
    """The part of a tokenizer that is needed where tokens are the answer."""

    @property
    def mask_token(self) -> str | None:
        """The token that stands for a word to be guessed."""

    @property
    def mask_token_id(self) -> int | None:
        """The id of the mask token."""

    @property
    def sep_token_id(self) -> int | None:
        """The id of what ends a text."""

    @property
    def all_special_ids(self) -> Sequence[int]:
        """The ids of tokens that are no text."""

    def convert_ids_to_tokens(self, ids: list[int]) -> Any:
        """Return the tokens of ids as strings."""


# what is kept of the outputs of one row
Pick = Callable[[EncodedRow, Outputs], Outputs]
# the positions of a row that are read, ascending
Positions = Callable[[EncodedRow], Sequence[int]]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What bounds one run of the graph.

    Attributes:
        max_length: The most tokens of one text, special tokens included.
        token_budget: The most tokens of one batch, padding included.
        output_budget: The most positions whose outputs are computed in one batch, where these are wide; ``None`` for no
            other bound than that of the tokens.
        pad_id: The id that fills short texts up.
        alike: Compute only texts of one length together, for models whose answers change with padding.
        batch_size: The most texts that are computed together where nobody says how many.
    """

    max_length: int
    token_budget: int = TOKEN_BUDGET
    output_budget: int | None = None
    pad_id: int = 0
    alike: bool = False
    batch_size: int = DEFAULT_BATCH

    def budget(self, share: float = 1.0) -> int:
        """Return the most tokens of one batch of whose positions ``share`` is read."""
        if self.output_budget is None:
            return self.token_budget
        return max(1, min(self.token_budget, int(self.output_budget / share)))


class Call(NamedTuple):
    """One run of the graph: the name of the signature, and int64 arrays by input name, with the axes that it takes."""

    signature: str
    feeds: Mapping[str, NDArray[np.int64]]


class TextModel:
    """A tokenizer and a graph. It holds no state between calls and may be used by several threads at once.

    A row of the graph is a text or a pair. In a task with choices every choice is a row of its own: the graph is given
    ``[rows, 1, sequence]``, and choices of different questions are computed together. Of the signatures that compute
    the same, each batch is run in the shortest that holds it.

    Args:
        session: The loaded graph.
        tokenizer: The tokenizer of the model.
        task: What the inputs and the outputs mean.
        limits: Lengths and batches. Where the graph is made for fixed lengths only, the longest of them bounds
            ``max_length`` too.
    """

    def __init__(self, session: Session, tokenizer: EncodingTokenizer, task: Task, limits: Limits) -> None:
        self.session = session
        self.tokenizer = tokenizer
        self.task = task
        # not the session's own: an engine may name the axes after what it infers
        self.outputs = task.outputs
        self.signatures = alternatives(session.signatures)
        bound = longest(self.signatures) or limits.max_length
        self.limits = dataclasses.replace(limits, max_length=min(limits.max_length, bound))
        self.most_rows = min((one.rows for one in self.signatures.values() if one.rows is not None), default=None)
        self._choices = "choices" in task.inputs[0].axes

    @property
    def cached(self) -> bool:
        """Whether the graph can go on from the keys and values of earlier tokens."""
        return self.signatures[DEFAULT].cached

    @property
    def lengths(self) -> tuple[int, ...]:
        """The lengths in tokens that the graph is made for, ascending; empty where any length will do."""
        return tuple(one.length for one in self.signatures.values() if one.length is not None)

    def encode(self, value: object, *, truncation: bool, where: str = "the text") -> OffsetEncoding:
        """Encode a text, or a tuple of two; with ``truncation``, cut to the tokenizer's ``model_max_length``.

        Raises:
            TextError: Not a text, or it holds NUL or a lone surrogate.
            TextTooLongError: It has more tokens than the graph takes, and ``truncation`` is not set.
        """
        text, pair = split_pair(value, where)
        limit = self.limits.max_length
        if truncation:
            return encode_within(self.tokenizer, text, pair, min(limit, self.tokenizer.model_max_length))
        encoding = self.tokenizer.encode_text(text, pair)
        if len(encoding.ids) > limit:
            cut = advice(python="ask for truncation (truncation=True)", command="cut it with --truncate")
            raise TextTooLongError(
                f"{where} has {len(encoding.ids)} tokens, special tokens included, and the model takes {limit} at "
                f"most; shorten it, or {cut}"
            )
        return encoding

    def run(
        self,
        rows: Sequence[EncodedRow],
        batch_size: int,
        pick: Pick | None = None,
        *,
        signature: str | None = None,
        positions: Positions | None = None,
    ) -> list[Outputs]:
        """Compute the graph's outputs for each row, in the order of ``rows``.

        Args:
            rows: Texts, pairs or choices, encoded.
            batch_size: The most of them in one run.
            pick: Takes what is needed of a row's outputs and copies it. Without it all of them are kept, as parts of
                the arrays of their batches; large ones, such as those over a vocabulary, would fill the memory.
            signature: One of ``signatures`` that holds every row; by default each batch runs in the shortest that does.
            positions: Tells at which positions outputs that run over tokens are read; all where left out. Graphs whose
                outputs are wide compute no others.

        Raises:
            BackendError: The engine failed, or answered with something that is not a finite number.
        """
        results: list[Outputs] = [{}] * len(rows)
        lengths = [len(row.ids) for row in rows]
        size = min(batch_size, self.most_rows or batch_size)
        share = 1.0
        if positions is not None and all(one.takes_positions for one in self.signatures.values()):
            share = max((len(positions(row)) / max(1, len(row.ids)) for row in rows), default=1.0) or 1.0
        for batch in pack_by_length(lengths, size, self.limits.budget(share), alike=self.limits.alike):
            call = self.call_for([rows[index] for index in batch], signature, positions)
            outputs = self.session.run(call.feeds, call.signature)
            self._check_shapes(outputs, len(call.feeds["input_ids"]))
            if pick is None:
                _check_finite(outputs)
            for place, index in enumerate(batch):
                read = None if positions is None else positions(rows[index])
                chosen = POSITIONS in call.feeds
                kept = {
                    spec.name: self._of_row(outputs, spec, place, lengths[index], read, chosen=chosen)
                    if "sequence" in spec.axes
                    else np.asarray(outputs[spec.name][place])
                    for spec in self.outputs
                }
                if pick is not None:
                    kept = pick(rows[index], kept)
                    _check_finite(kept)
                results[index] = kept
        return results

    def call_for(
        self, rows: Sequence[EncodedRow], signature: str | None = None, positions: Positions | None = None
    ) -> Call:
        """Put rows together for one run, padded as the task says; see :meth:`run`."""
        among = self.signatures if signature is None else {signature: self.signatures[signature]}
        name, width = choose(among, max(len(row.ids) for row in rows))
        feeds = padded_feeds(rows, width, pad_id=self.limits.pad_id, pad_left=self.task.pad_left)
        if positions is not None and self.signatures[name].takes_positions:
            feeds[POSITIONS] = _positions_of(rows, positions, self.signatures[name])
        missing = (self.signatures[name].rows or len(rows)) - len(rows)
        if missing > 0:
            # a graph of more rows than there are is given the last one again
            feeds = {kind: np.concatenate([array, array[-1:].repeat(missing, 0)]) for kind, array in feeds.items()}
        if self._choices:
            feeds = {kind: array[:, np.newaxis] for kind, array in feeds.items()}
        return Call(signature=name, feeds=feeds)

    def _of_row(
        self,
        outputs: Outputs,
        spec: TensorSpec,
        place: int,
        length: int,
        read: Sequence[int] | None,
        *,
        chosen: bool,
    ) -> NDArray[np.float32]:
        """Take one row out of a batch, and of the axes that run over tokens what is read.

        Args:
            outputs: The outputs of the batch.
            spec: The name, type and shape of the output.
            place: The row's place in the batch.
            length: The length of the row, in tokens.
            read: The positions that are read; ``None`` for all tokens, without the padding.
            chosen: Whether the graph has computed these positions only.
        """
        values = outputs[spec.name][place]
        for axis, name in enumerate(spec.axes[1:]):
            if name == "sequence" and read is not None:
                values = values.take(np.arange(len(read)) if chosen else np.asarray(read, np.int64), axis=axis)
            elif name == "sequence":
                values = values[(slice(None),) * axis + (self._tokens(values.shape[axis], length),)]
        return np.asarray(values)

    def _tokens(self, size: int, length: int) -> slice:
        return slice(size - length, size) if self.task.pad_left else slice(length)

    def _check_shapes(self, outputs: Outputs, rows: int) -> None:
        for spec in self.outputs:
            if spec.name not in outputs:
                raise BackendError(f"the graph gave {', '.join(outputs) or 'nothing'}, and no {spec.name}")
            values = outputs[spec.name]
            if values.ndim != len(spec.axes) or values.shape[0] != rows:
                raise BackendError(f"the graph gave {spec.name} of shape {values.shape} for a batch of {rows}")


def _positions_of(rows: Sequence[EncodedRow], positions: Positions, signature: Signature) -> NDArray[np.int64]:
    """Put the positions of rows together; those of a row that has fewer than another are filled up with its first."""
    lists = [list(positions(row)) for row in rows]
    (axis,) = (spec.axes[-1] for spec in signature.inputs if spec.name == POSITIONS)
    width = fixed_size(axis) or max(map(len, lists))
    return np.array([places + [places[0] if places else 0] * (width - len(places)) for places in lists], np.int64)


def _check_finite(outputs: Outputs) -> None:
    for name, values in outputs.items():
        if not np.isfinite(values).all():
            raise BackendError(f"the graph gave {name} that are not finite numbers: the model or the engine is broken")


def encode_within(tokenizer: EncodingTokenizer, text: str, pair: str | None, limit: int) -> OffsetEncoding:
    """Encode a text or a pair, cut to ``limit`` tokens."""
    encoding = tokenizer.encode_text(text, pair)
    if len(encoding.ids) <= limit:
        return encoding
    return tokenizer(text, pair, truncation=True, max_length=limit).encodings[0]


def padded_feeds(
    rows: Sequence[EncodedRow], width: int | None = None, *, pad_id: int, pad_left: bool
) -> dict[str, NDArray[np.int64]]:
    """Put rows together and fill the shorter ones up.

    Args:
        rows: One row at least.
        width: Tokens of every row; the longest row's where left out.
        pad_id: The id that fills.
        pad_left: Fill before the first token, not after the last.

    Returns:
        int64 ``[rows, width]`` by input name.
    """
    width = max(len(row.ids) for row in rows) if width is None else width
    ids = np.full((len(rows), width), pad_id, dtype=np.int64)
    mask = np.zeros_like(ids)
    types = np.zeros_like(ids)
    for place, row in enumerate(rows):
        length = len(row.ids)
        tokens = slice(width - length, width) if pad_left else slice(length)
        ids[place, tokens] = row.ids
        types[place, tokens] = row.type_ids
        mask[place, tokens] = 1
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
