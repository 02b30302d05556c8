"""What a text becomes: ``Analysis`` (its tokens), ``Encoding`` (a row for the model), ``BatchEncoding`` (many rows)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# words and the place of each of their characters in the original text; the last item is the id of an added token
# (which is the one word then) or None
Run = tuple[list[str], Sequence[int], "int | None"]
# ids, tokens and places in the word of what one word becomes
Pieces = tuple[tuple[int, ...], tuple[str, ...], tuple[tuple[int, int], ...]]


class Analysis:
    """One text in tokens: ids at once, the rest when it is asked for.

    Args:
        ids: The ids of its tokens.
        runs: The words that the ids were made of.
        pieces: What a word becomes.

    Attributes:
        ids: The ids of its tokens.
    """

    __slots__ = ("_offsets", "_pieces", "_runs", "_tokens", "ids")

    def __init__(self, ids: list[int], runs: list[Run], pieces: Callable[[str], Pieces]) -> None:
        self.ids = ids
        self._runs = runs
        self._pieces = pieces
        self._offsets: list[tuple[int, int]] | None = None
        self._tokens: list[str] | None = None

    @property
    def tokens(self) -> list[str]:
        """The tokens as strings."""
        if self._tokens is None:
            self._tokens = []
            for words, _, index in self._runs:
                for word in words:
                    self._tokens += (word,) if index is not None else self._pieces(word)[1]
        return self._tokens

    @property
    def offsets(self) -> list[tuple[int, int]]:
        """``(start, end)`` of every token in the original text, in characters."""
        if self._offsets is None:
            self._offsets = []
            for words, positions, index in self._runs:
                begin = 0
                for word in words:
                    spans = ((0, len(word)),) if index is not None else self._pieces(word)[2]
                    for start, end in spans:
                        places = positions[begin + start : begin + end]
                        # only a list may be out of order: the fast mode reorders combining characters
                        ordered = places if isinstance(places, range) else sorted(places)
                        self._offsets.append((ordered[0], ordered[-1] + 1))
                    begin += len(word)
        return self._offsets


class Segment:
    """A stretch of an encoding: tokens of one text, or the same special token once or several times.

    Args:
        ids: Its ids.
        type_id: The token type of all of them.
        analysis: The text that they belong to, or None for special tokens and padding.
        start: Where in the analysis the stretch begins.
        text: 0 for the first text, 1 for the second.
        token: The special token.
        attended: Whether the model may look at it; false for padding.
    """

    __slots__ = ("analysis", "attended", "ids", "start", "text", "token", "type_id")

    def __init__(
        self,
        ids: list[int],
        type_id: int,
        *,
        analysis: Analysis | None = None,
        start: int = 0,
        text: int = 0,
        token: str = "",
        attended: bool = True,
    ) -> None:
        self.ids = ids
        self.type_id = type_id
        self.analysis = analysis
        self.start = start
        self.text = text
        self.token = token
        self.attended = attended


class Encoding:
    """One row for the model.

    Args:
        segments: What it is made of, in order.

    Attributes:
        ids: The token ids.
        segments: What it is made of.
        overflowing: Further rows with what truncation took away, of the fast mode.
        dropped: The ids that truncation took away, of the slow mode, with ``stride`` of those kept before them.
        surplus: How many tokens more than ``max_length`` there were before truncation, of the slow mode.
    """

    __slots__ = ("dropped", "ids", "overflowing", "segments", "surplus")

    def __init__(self, segments: Sequence[Segment]) -> None:
        ids: list[int] = []
        for segment in segments:
            ids += segment.ids
        self.ids = ids
        self.segments = segments
        self.overflowing: Sequence[Encoding] = ()
        self.dropped: Sequence[int] = ()
        self.surplus = 0

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def type_ids(self) -> list[int]:
        """For every token 0 or 1: the first text or the second."""
        types: list[int] = []
        for segment in self.segments:
            types += [segment.type_id] * len(segment.ids)
        return types

    @property
    def attention_mask(self) -> list[int]:
        """For every token 1, for padding 0."""
        mask: list[int] = []
        for segment in self.segments:
            mask += [int(segment.attended)] * len(segment.ids)
        return mask

    @property
    def special_tokens_mask(self) -> list[int]:
        """1 for the tokens that were put around the texts and for padding, else 0."""
        mask: list[int] = []
        for segment in self.segments:
            mask += [int(segment.analysis is None)] * len(segment.ids)
        return mask

    @property
    def sequence_ids(self) -> list[int | None]:
        """Which text a token is of, 0 or 1; None for those put around the texts and for padding."""
        texts: list[int | None] = []
        for segment in self.segments:
            texts += [None if segment.analysis is None else segment.text] * len(segment.ids)
        return texts

    @property
    def offsets(self) -> list[tuple[int, int]]:
        """``(start, end)`` of every token in its original text, in characters; ``(0, 0)`` for tokens put around."""
        offsets: list[tuple[int, int]] = []
        for segment in self.segments:
            length = len(segment.ids)
            if segment.analysis is None:
                offsets += [(0, 0)] * length
            else:
                offsets += segment.analysis.offsets[segment.start : segment.start + length]
        return offsets

    @property
    def tokens(self) -> list[str]:
        """The tokens as strings."""
        tokens: list[str] = []
        for segment in self.segments:
            length = len(segment.ids)
            if segment.analysis is None:
                tokens += [segment.token] * length
            else:
                tokens += segment.analysis.tokens[segment.start : segment.start + length]
        return tokens

    def __repr__(self) -> str:
        return f"Encoding(tokens={self.tokens})"


class BatchEncoding(dict[str, "Any"]):
    """What calling a tokenizer gives: a mapping from the names of the model's inputs to lists or tensors.

    The values are also attributes. ``encodings`` holds the rows themselves, one for every text, followed, in the fast
    mode with ``return_overflowing_tokens``, by the rows of what did not fit.
    """

    encodings: list[Encoding]

    def __init__(self, data: dict[str, Any], encodings: list[Encoding]) -> None:
        super().__init__(data)
        object.__setattr__(self, "encodings", encodings)

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"there is no {name!r} in this batch; it holds {', '.join(self)}") from None

    def tokens(self, batch_index: int = 0) -> list[str]:
        """The tokens of one row as strings."""
        return self.encodings[batch_index].tokens

    def sequence_ids(self, batch_index: int = 0) -> list[int | None]:
        """Which text every token of one row is of; None for special tokens."""
        return self.encodings[batch_index].sequence_ids

    def to(self, device: Any) -> BatchEncoding:
        """Move tensors that can be moved (those of torch) to a device, in place."""
        for name, value in self.items():
            if hasattr(value, "to"):
                self[name] = value.to(device)
        return self
