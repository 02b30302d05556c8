"""What calling a tokenizer does: texts to rows, rows to columns of lists or tensors."""

from __future__ import annotations

from roformer_edge.errors import TextError
from roformer_edge.tokenizer.batch_encoding import BatchEncoding
from roformer_edge.tokenizer.encoding import Encoding, Segment, TokenizedWords
from roformer_edge.tokenizer.lengths import Lengths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from roformer_edge.tokenizer.base import Tokenizer
    from roformer_edge.tokenizer.encoding import Tokenized

# what a call may return -> where it stands in a row
_COLUMNS = {
    "input_ids": "ids",
    "token_type_ids": "type_ids",
    "attention_mask": "attention_mask",
    "special_tokens_mask": "special_tokens_mask",
    "offset_mapping": "offsets",
}


class Call:
    """The options of one call, resolved.

    Args:
        lengths: Truncation and padding.
        columns: What is returned, of ``input_ids``, ``token_type_ids``, ``attention_mask``, ``special_tokens_mask`` and
            ``offset_mapping``.
        special: Put special tokens around the texts.
        typed: The token types are those of the texts; otherwise all are 0.
        in_words: Every text is a list of words.
        overflowing: Also return what was cut off.
        with_length: Also return the length of every row.
        split_special: Take special tokens in the texts for ordinary text.
        tensors: The name of the framework whose tensors are returned, or None for lists.
    """

    def __init__(
        self,
        *,
        lengths: Lengths,
        columns: list[str],
        special: bool,
        typed: bool,
        in_words: bool,
        overflowing: bool,
        with_length: bool,
        split_special: bool,
        tensors: str | None,
    ) -> None:
        self._lengths = lengths
        self._columns = columns
        self._special = special
        self._typed = typed
        self._in_words = in_words
        self._overflowing = overflowing
        self._with_length = with_length
        self._split_special = split_special
        self._tensors = tensors

    def encode(self, tokenizer: Tokenizer, text: Any, text_pair: Any) -> BatchEncoding:
        """Encode a text, a pair, or a list of either.

        Raises:
            TextError: A text that cannot be encoded, or lengths that cannot be reached.
        """
        if not self._in_words and isinstance(text, list | tuple) and text_pair is None and text:
            text, text_pair = _unzip(text)
        batched = self._is_batch(text)
        texts: Sequence[Any] = text if batched else [text]
        pairs = self._pairs(text_pair, batched, len(texts), tokenizer.is_fast)
        if self._overflowing and text_pair is not None:
            tokenizer._backend.check_overflow(self._lengths)
        rows = [self._row(tokenizer, one, two) for one, two in zip(texts, pairs, strict=True)]
        windows = self._overflowing and tokenizer.is_fast
        groups = [(row, *row.overflowing) if windows else (row,) for row in rows]
        target = self._lengths.target([len(row) for row in rows])
        if not (tokenizer.is_fast or batched or rows[0].ids):
            # transformers gives a row of nothing back as it is
            target = 0
        padded = [self._pad(tokenizer, row, target) for group in groups for row in group]
        data: dict[str, Any] = {name: [getattr(row, _COLUMNS[name]) for row in padded] for name in self._columns}
        if windows:
            data["overflow_to_sample_mapping"] = [place for place, group in enumerate(groups) for _ in group]
        elif self._overflowing:
            data["overflowing_tokens"] = [row.dropped for row in rows]
            data["num_truncated_tokens"] = [row.surplus for row in rows]
        if self._with_length:
            # the slow mode counts the rows of a batch before padding
            data["length"] = list(map(len, rows if batched and not tokenizer.is_fast else padded))
        if self._tensors is not None:
            return BatchEncoding(data, padded).convert_to_tensors(self._tensors)
        if not batched and not windows:
            kept = "length" if tokenizer.is_fast else ""
            data = {name: column if name == kept else column[0] for name, column in data.items()}
        return BatchEncoding(data, padded)

    def _row(self, tokenizer: Tokenizer, text: Any, pair: Any) -> Encoding:
        backend = tokenizer._backend
        first = self._tokenized(tokenizer, text)
        second = None if pair is None else self._tokenized(tokenizer, pair)
        return backend.truncate(first, second, self._lengths, special=self._special, typed=self._typed)

    def _tokenized(self, tokenizer: Tokenizer, text: Any) -> Tokenized:
        if not self._in_words:
            return tokenizer._tokenize(text, self._split_special)
        if not isinstance(text, list | tuple):
            raise TextError(f"with is_split_into_words a text must be a list of words, found {type(text).__name__}")
        return TokenizedWords([tokenizer._tokenize(word, self._split_special) for word in text])

    def _is_batch(self, text: Any) -> bool:
        if self._in_words:
            return isinstance(text, list | tuple) and len(text) > 0 and isinstance(text[0], list | tuple)
        if isinstance(text, str):
            return False
        if not isinstance(text, list | tuple):
            raise TextError(f"a text must be a string, and several a list of strings, found {type(text).__name__}")
        return True

    def _pairs(self, text_pair: Any, batched: bool, count: int, is_fast: bool) -> Sequence[Any]:
        # as in transformers, an empty second text is none to the fast family, except in a list
        if text_pair is None or (is_fast and not batched and not text_pair):
            return [None] * count
        if not batched and isinstance(text_pair, list | tuple if self._in_words else str):
            return [text_pair]
        if not batched or isinstance(text_pair, str):
            raise TextError("text and text_pair must both be texts, or both be lists of texts")
        if len(text_pair) != count:
            raise TextError(f"text holds {count} texts and text_pair {len(text_pair)}; they must be equally many")
        seconds: Sequence[Any] = text_pair
        return seconds

    def _pad(self, tokenizer: Tokenizer, row: Encoding, target: int) -> Encoding:
        missing = target - len(row)
        if missing <= 0:
            return row
        token = tokenizer.pad_token
        if token is None:
            raise TextError("rows cannot be padded: the tokenizer has no pad_token; name one with pad_token=")
        index = tokenizer._table.id_of(token)
        pad = Segment([index] * missing, tokenizer.pad_token_type_id, token=token, attended=False)
        right = self._lengths.padding_side == "right"
        return Encoding((*row.segments, pad) if right else (pad, *row.segments), row.typed)


def _unzip(texts: Sequence[Any]) -> tuple[Any, Any]:
    """Split a list of pairs into the first texts and the second ones; leave any other list as it is."""
    if not isinstance(texts[0], list | tuple):
        return texts, None
    for place, pair in enumerate(texts):
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise TextError(f"number {place} of a list of pairs must be two texts, found {pair!r:.60}")
    return [first for first, _ in texts], [second for _, second in texts]
