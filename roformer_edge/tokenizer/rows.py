"""From texts to rows for the model: analysis, truncation, padding, and what a call gives back."""

from __future__ import annotations

from collections.abc import Sequence

from roformer_edge.errors import TextError
from roformer_edge.tokenizer.batching import Lengths, to_tensors
from roformer_edge.tokenizer.encoding import Analysis, BatchEncoding, Encoding, Pieces, Run, Segment
from roformer_edge.tokenizer.tokens import Tokens

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# what a call may return -> where it stands in a row
_COLUMNS = {
    "input_ids": "ids",
    "token_type_ids": "type_ids",
    "attention_mask": "attention_mask",
    "special_tokens_mask": "special_tokens_mask",
    "offset_mapping": "offsets",
}
# words remembered with what they became, about 5 MB at most; longer ones are rare and not worth it
MEMO_LIMIT = 1 << 14
MEMO_WORD = 32


class Rows(Tokens):
    """What is done with a text, but for how it is cut into words and what a word becomes."""

    # set by the class that is made
    model_input_names: list[str]
    model_max_length: int
    padding_side: str
    truncation_side: str
    split_special_tokens: bool
    _lookup: dict[str, int]
    _memo: dict[str, Pieces]

    # what the two modes do in their own way

    def _runs(self, text: str, split_special: bool) -> list[Run]:
        """Cut a text into added tokens and words."""
        raise NotImplementedError

    def _pieces(self, word: str) -> Pieces:
        """What a word becomes."""
        raise NotImplementedError

    def _fit(self, first: Analysis, second: Analysis | None, lengths: Lengths, special: bool) -> Encoding:
        """Truncate, and put the special tokens around."""
        raise NotImplementedError

    def _check_overflow(self, lengths: Lengths) -> None:
        """Refuse to give back what was taken from a pair, where the mode cannot."""

    # texts to rows

    def _forget(self) -> None:
        """Forget what was derived from the special and added tokens."""
        self._memo.clear()
        self._frame: tuple[Segment, Segment, Segment] | None = None

    def _remember(self, word: str) -> Pieces:
        pieces = self._memo.get(word)
        if pieces is None:
            pieces = self._pieces(word)
            if len(word) <= MEMO_WORD:
                if len(self._memo) >= MEMO_LIMIT:
                    self._memo.clear()
                self._memo[word] = pieces
        return pieces

    def _analyse(self, text: str, split_special: bool | None = None) -> Analysis:
        if not isinstance(text, str):
            raise TextError(f"a text must be a string, found {type(text).__name__}")
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError as error:
                raise TextError(
                    f"the text holds a lone surrogate, U+{ord(text[error.start]):04X}, at character {error.start}; "
                    "it is not valid Unicode and has no tokens"
                ) from None
        runs = self._runs(text, self.split_special_tokens if split_special is None else split_special)
        ids: list[int] = []
        lookup, remember = self._lookup.get, self._remember
        for words, _, index in runs:
            if index is not None:
                ids.append(index)
                continue
            for word in words:
                known = lookup(word)
                if known is None:
                    ids += remember(word)[0]
                else:
                    ids.append(known)
        return Analysis(ids, runs, remember)

    def _frame_segments(self) -> tuple[Segment, Segment, Segment]:
        if self._frame is None:
            cls, sep = str(self._special["cls_token"]), str(self._special["sep_token"])
            cls_id, sep_id = self._token_to_id(cls), self._token_to_id(sep)
            self._frame = (
                Segment([cls_id], 0, token=cls),
                Segment([sep_id], 0, token=sep),
                Segment([sep_id], 1, token=sep),
            )
        return self._frame

    def _row(self, first: Segment, second: Segment | None, special: bool) -> Encoding:
        if not special:
            return Encoding((first,) if second is None else (first, second))
        start, end, last = self._frame_segments()
        return Encoding((start, first, end) if second is None else (start, first, end, second, last))

    def encode_text(self, text: str, pair: str | None = None, max_length: int | None = None) -> Encoding:
        """Encode one text or one pair, with the special tokens around; the quickest way there is.

        Args:
            text: The text.
            pair: The second text of a pair.
            max_length: Truncate to so many tokens, the longest text first; whole when left out.

        Raises:
            TextError: The text holds a lone surrogate.
        """
        row = self._encode_whole(text, pair)
        if max_length is not None and len(row.ids) > max_length:
            return self(text, pair, truncation=True, max_length=max_length).encodings[0]
        return row

    def _encode_whole(self, text: str, pair: str | None) -> Encoding:
        analysis = self._analyse(text)
        first = Segment(analysis.ids, 0, analysis=analysis)
        if pair is None:
            return self._row(first, None, True)
        analysis = self._analyse(pair)
        return self._row(first, Segment(analysis.ids, 1, analysis=analysis, text=1), True)

    def __call__(
        self,
        text: str | Sequence[str] | Sequence[Sequence[str]],
        text_pair: str | Sequence[str] | None = None,
        *,
        add_special_tokens: bool = True,
        padding: bool | str = False,
        truncation: bool | str | None = None,
        max_length: int | None = None,
        stride: int = 0,
        pad_to_multiple_of: int | None = None,
        padding_side: str | None = None,
        return_tensors: str | None = None,
        return_token_type_ids: bool | None = None,
        return_attention_mask: bool | None = None,
        return_overflowing_tokens: bool = False,
        return_special_tokens_mask: bool = False,
        return_offsets_mapping: bool = False,
        return_length: bool = False,
        split_special_tokens: bool | None = None,
    ) -> BatchEncoding:
        """Encode a text, a pair, or a list of either.

        Args:
            text: A text, a list of texts, or a list of pairs.
            text_pair: The second text of the pair, or a list as long as ``text``.
            add_special_tokens: Put ``[CLS]`` and ``[SEP]`` around.
            padding: True or ``"longest"``, ``"max_length"``, or False.
            truncation: True or ``"longest_first"``, ``"only_first"``, ``"only_second"``, or False. When left out with
                a ``max_length`` and no padding, as True.
            max_length: In tokens; ``model_max_length`` when left out.
            stride: How many tokens what overflows shares with what was kept.
            pad_to_multiple_of: Round padded lengths up.
            padding_side: For this call.
            return_tensors: ``"np"``, ``"pt"`` or ``"tf"``: int64 tensors (int32 in tf) of shape [texts, length].
            return_token_type_ids: As ``model_input_names`` says when left out.
            return_attention_mask: As ``model_input_names`` says when left out.
            return_overflowing_tokens: Also give what was cut off: ids in the slow mode, rows in the fast mode.
            return_special_tokens_mask: Also give 1 for special tokens and padding.
            return_offsets_mapping: Also give the place of every token in its text; in both modes.
            return_length: Also give the length of every row.
            split_special_tokens: Take special tokens in the texts for ordinary text.

        Raises:
            TextError: A text that cannot be encoded, or lengths that cannot be reached.
            UnknownNameError: An option's value that does not exist.
        """
        batched = not isinstance(text, str)
        if batched and not isinstance(text, list | tuple):
            raise TextError(f"a text must be a string, and several a list of strings, found {type(text).__name__}")
        if batched and text_pair is None and text and isinstance(text[0], list | tuple):
            text, text_pair = _unzip(text)
        texts: Sequence[Any] = [text] if isinstance(text, str) else text
        pairs = self._pairs(text_pair, batched, len(texts))
        lengths = Lengths(
            padding=padding,
            truncation=truncation,
            max_length=max_length,
            model_max_length=self.model_max_length,
            stride=stride,
            multiple=pad_to_multiple_of,
            padding_side=self.padding_side if padding_side is None else padding_side,
            truncation_side=self.truncation_side,
        )
        if return_overflowing_tokens and text_pair is not None:
            self._check_overflow(lengths)
        rows: list[Encoding] = []
        for one, two in zip(texts, pairs, strict=True):
            first = self._analyse(one, split_special_tokens)
            second = None if two is None else self._analyse(two, split_special_tokens)
            rows.append(self._fit(first, second, lengths, add_special_tokens))
        wanted = {
            "input_ids": True,
            "token_type_ids": return_token_type_ids,
            "attention_mask": return_attention_mask,
            "special_tokens_mask": return_special_tokens_mask,
            "offset_mapping": return_offsets_mapping,
        }
        columns = [name for name, ask in wanted.items() if (name in self.model_input_names if ask is None else ask)]
        encodings, data = self._collect(rows, columns, lengths, overflowing=return_overflowing_tokens, batched=batched)
        if return_length:
            # the slow mode counts the rows of a batch before padding
            data["length"] = list(map(len, rows if batched and not self.is_fast else encodings))
        if return_tensors is not None:
            data = {name: to_tensors(return_tensors, column) for name, column in data.items()}
        elif not batched and not (self.is_fast and return_overflowing_tokens):
            data = {name: column if self.is_fast and name == "length" else column[0] for name, column in data.items()}
        return BatchEncoding(data, encodings)

    def _collect(
        self, rows: list[Encoding], columns: list[str], lengths: Lengths, *, overflowing: bool, batched: bool
    ) -> tuple[list[Encoding], dict[str, list[Any]]]:
        """Pad rows, and in the fast mode those of what overflowed behind each, and read what was asked for."""
        windows = overflowing and self.is_fast
        target = lengths.target([len(row) for row in rows])
        if not (self.is_fast or batched or rows[0].ids):
            # transformers gives a row of nothing back as it is
            target = 0
        groups = [(row, *row.overflowing) if windows else (row,) for row in rows]
        padded = [self._pad(row, target, lengths) for group in groups for row in group]
        data: dict[str, list[Any]] = {name: [getattr(row, _COLUMNS[name]) for row in padded] for name in columns}
        if windows:
            data["overflow_to_sample_mapping"] = [place for place, group in enumerate(groups) for _ in group]
        elif overflowing:
            data["overflowing_tokens"] = [row.dropped for row in rows]
            data["num_truncated_tokens"] = [row.surplus for row in rows]
        return padded, data

    def _pairs(
        self, text_pair: str | Sequence[str] | None, batched: bool, count: int
    ) -> Sequence[str] | Sequence[None]:
        if text_pair is None or (self.is_fast and not batched and not text_pair):
            return [None] * count
        if isinstance(text_pair, str) is batched:
            raise TextError("text and text_pair must both be texts, or both be lists of texts")
        seconds = [text_pair] if isinstance(text_pair, str) else text_pair
        if len(seconds) != count:
            raise TextError(f"text holds {count} texts and text_pair {len(seconds)}; they must be equally many")
        return seconds

    def _pad(self, row: Encoding, target: int, lengths: Lengths) -> Encoding:
        missing = target - len(row)
        if missing <= 0:
            return row
        token = str(self._special["pad_token"])
        pad = Segment([self._token_to_id(token)] * missing, self.pad_token_type_id, token=token, attended=False)
        return Encoding((*row.segments, pad) if lengths.padding_side == "right" else (pad, *row.segments))

    def tokenize(self, text: str, pair: str | None = None, add_special_tokens: bool = False) -> list[str]:
        """The tokens of a text or a pair as strings."""
        return self(text, pair, add_special_tokens=add_special_tokens).tokens()

    def encode(self, text: str, text_pair: str | None = None, **options: Any) -> list[int]:
        """The ids of a text or a pair; options are those of calling the tokenizer."""
        ids: list[int] = self(text, text_pair, **options)["input_ids"]
        return ids

    def encode_plus(self, text: str, text_pair: str | None = None, **options: Any) -> BatchEncoding:
        """The same as calling the tokenizer."""
        return self(text, text_pair, **options)

    def batch_encode_plus(
        self, batch_text_or_text_pairs: Sequence[str] | Sequence[Sequence[str]], **options: Any
    ) -> BatchEncoding:
        """The same as calling the tokenizer."""
        return self(batch_text_or_text_pairs, **options)


def _unzip(pairs: Sequence[Any]) -> tuple[list[str], list[str]]:
    """The first texts and the second ones."""
    for place, pair in enumerate(pairs):
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise TextError(f"number {place} of a list of pairs must be two texts, found {pair!r:.60}")
    return [first for first, _ in pairs], [second for _, second in pairs]
