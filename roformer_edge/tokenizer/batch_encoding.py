"""What calling a tokenizer gives: many rows, by the names of the model's inputs."""

from __future__ import annotations

from roformer_edge.errors import TextError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from typing_extensions import Self

    from roformer_edge.tokenizer.encoding import Encoding, Span


class BatchEncoding(dict[str, "Any"]):
    """A mapping from the names of the model's inputs to lists or tensors, as transformers' class of this name.

    The values are also attributes. A number gives the row at that place, and a slice the rows of every value.

    Args:
        data: The values.
        encodings: The rows themselves, one for every text, followed, in the fast family with
            ``return_overflowing_tokens``, by the rows of what did not fit; none where only numbers are known, after
            ``pad``.
    """

    encodings: list[Encoding]

    def __init__(self, data: dict[str, Any], encodings: list[Encoding] | None = None) -> None:
        super().__init__(data)
        object.__setattr__(self, "encodings", encodings or [])

    @property
    def data(self) -> dict[str, Any]:
        """The mapping itself."""
        return self

    @property
    def is_fast(self) -> bool:
        """Whether places in the texts are known."""
        return bool(self.encodings)

    @property
    def n_sequences(self) -> int | None:
        """How many texts a row is made of: 1 or 2; None where that is not known."""
        return self.encodings[0].n_sequences if self.encodings else None

    def __getitem__(self, item: Any) -> Any:
        if isinstance(item, str):
            return super().__getitem__(item)
        if isinstance(item, slice) and not self.encodings:
            return {name: value[item] for name, value in self.items()}
        return self._rows()[item]

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"there is no {name!r} in this batch; it holds {', '.join(self)}") from None

    def __reduce__(self) -> tuple[type[Self], tuple[dict[str, Any], list[Encoding]]]:
        return type(self), (dict(self), self.encodings)

    def _rows(self) -> list[Encoding]:
        if not self.encodings:
            raise TextError(
                "the texts of these rows are not known: there are none, or rows of numbers were padded; ask the batch "
                "that the tokenizer gave"
            )
        return self.encodings

    def tokens(self, batch_index: int = 0) -> list[str]:
        """List the tokens of one row as strings."""
        return self._rows()[batch_index].tokens

    def sequence_ids(self, batch_index: int = 0) -> list[int | None]:
        """Tell which text every token of one row is of; None for special tokens."""
        return self._rows()[batch_index].sequence_ids

    def word_ids(self, batch_index: int = 0) -> list[int | None]:
        """Tell which word every token of one row is of; None for special tokens."""
        return self._rows()[batch_index].word_ids

    # each may be called with the number of a row first; without one the first row is meant

    def token_to_sequence(self, batch_or_token_index: int, token_index: int | None = None) -> int | None:
        """Tell which text a token is of, 0 or 1; a negative number counts from the end."""
        row, token = self._row_of(batch_or_token_index, token_index)
        return row.token_to_sequence(token + len(row) if token < 0 else token)

    def token_to_word(self, batch_or_token_index: int, token_index: int | None = None) -> int | None:
        """Tell which word a token is of; a negative number counts from the end."""
        row, token = self._row_of(batch_or_token_index, token_index)
        return row.token_to_word(token + len(row) if token < 0 else token)

    def token_to_chars(self, batch_or_token_index: int, token_index: int | None = None) -> CharSpan | None:
        """Find ``(start, end)`` of a token in its text; None for special tokens."""
        row, token = self._row_of(batch_or_token_index, token_index)
        return _char_span(row.token_to_chars(token))

    def word_to_tokens(
        self, batch_or_word_index: int, word_index: int | None = None, sequence_index: int = 0
    ) -> TokenSpan | None:
        """Find ``(start, end)`` of the tokens of a word; None where it has none."""
        row, word = self._row_of(batch_or_word_index, word_index)
        span = row.word_to_tokens(word + len(row) if word < 0 else word, sequence_index)
        return None if span is None else TokenSpan(span)

    def word_to_chars(
        self, batch_or_word_index: int, word_index: int | None = None, sequence_index: int = 0
    ) -> CharSpan | None:
        """Find ``(start, end)`` of a word in its text; None where it has no tokens."""
        row, word = self._row_of(batch_or_word_index, word_index)
        return _char_span(row.word_to_chars(word, sequence_index))

    def char_to_token(
        self, batch_or_char_index: int, char_index: int | None = None, sequence_index: int = 0
    ) -> int | None:
        """Look up the token that holds a character of a text; None where none does."""
        row, character = self._row_of(batch_or_char_index, char_index)
        return row.char_to_token(character, sequence_index)

    def char_to_word(
        self, batch_or_char_index: int, char_index: int | None = None, sequence_index: int = 0
    ) -> int | None:
        """Return the word that holds a character of a text; None where none does."""
        row, character = self._row_of(batch_or_char_index, char_index)
        return row.char_to_word(character, sequence_index)

    def _row_of(self, first: int, second: int | None) -> tuple[Encoding, int]:
        rows = self._rows()
        return (rows[0], first) if second is None else (rows[first], second)

    def convert_to_tensors(self, tensor_type: str | None = None, prepend_batch_axis: bool = False) -> Self:
        """Turn lists into tensors, in place.

        Args:
            tensor_type: ``"np"``, ``"pt"``, ``"tf"`` or ``"jax"``; None leaves them.
            prepend_batch_axis: The lists are one row; its tensors get a first axis of length 1.
        """
        from roformer_edge.tokenizer.tensors import framework_of, to_tensors

        if tensor_type is not None:
            for name, value in self.items():
                if framework_of(value) is None:
                    self[name] = to_tensors(tensor_type, [value] if prepend_batch_axis else value)
        return self

    def to(self, device: Any, **options: Any) -> Self:
        """Move tensors that can be moved (those of torch) to a device, in place."""
        for name, value in self.items():
            if hasattr(value, "to"):
                self[name] = value.to(device, **options)
        return self


class _SpanOfNames(tuple[int, int]):
    """Two numbers that also have the names ``start`` and ``end``."""

    __slots__ = ()

    @property
    def start(self) -> int:
        """The first."""
        return self[0]

    @property
    def end(self) -> int:
        """The one behind the last."""
        return self[1]


class CharSpan(_SpanOfNames):
    """A stretch of characters."""

    __slots__ = ()


class TokenSpan(_SpanOfNames):
    """A stretch of tokens."""

    __slots__ = ()


def _char_span(span: Span | None) -> CharSpan | None:
    return None if span is None else CharSpan(span)
