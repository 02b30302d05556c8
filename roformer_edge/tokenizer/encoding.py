"""What a text becomes: ``TokenizedText`` (its tokens), ``Encoding`` (a row for the model)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from roformer_edge.tokenizer.added_tokens import Piece

    # words, and the place of each of their characters in the original text, or what computes that when it is asked
    # for; or an added token, and the places of the text that it was found in
    Places = Sequence[int] | Callable[[], Sequence[int]]
    Run = tuple[list[str] | Piece, Places]
    # ids, tokens, spans in the word, and for every token the part of the word it is of, counted from 0
    Pieces = tuple[tuple[int, ...], tuple[str, ...], tuple[tuple[int, int], ...], tuple[int, ...]]
    Span = tuple[int, int]

    class Tokenized(Protocol):
        """Tokens of a text, or of a text that came in words."""

        ids: list[int]

        @property
        def tokens(self) -> list[str]:
            """The tokens as strings."""

        @property
        def offsets(self) -> list[Span]:
            """``(start, end)`` of every token in the original text, or word, in characters."""

        @property
        def word_ids(self) -> list[int]:
            """The number of the word that every token is of."""


class TokenizedText:
    """One text in tokens: ids at once, the rest when it is asked for.

    Args:
        ids: The ids of its tokens.
        runs: The words that the ids were made of.
        pieces: What a word becomes.

    Attributes:
        ids: The ids of its tokens.
    """

    __slots__ = ("_offsets", "_pieces", "_runs", "_tokens", "_word_ids", "ids")

    def __init__(self, ids: list[int], runs: list[Run], pieces: Callable[[str], Pieces]) -> None:
        self.ids = ids
        self._runs = runs
        self._pieces = pieces
        self._offsets: list[Span] | None = None
        self._tokens: list[str] | None = None
        self._word_ids: list[int] | None = None

    @property
    def tokens(self) -> list[str]:
        """The tokens as strings."""
        if self._tokens is None:
            self._tokens = []
            for words, _ in self._runs:
                if isinstance(words, list):
                    for word in words:
                        self._tokens += self._pieces(word)[1]
                else:
                    self._tokens.append(words.text)
        return self._tokens

    @property
    def offsets(self) -> list[Span]:
        """``(start, end)`` of every token in the original text, in characters."""
        if self._offsets is None:
            self._offsets = []
            for words, places in self._runs:
                positions = places() if callable(places) else places
                if not isinstance(words, list):
                    self._offsets.append(words.span(positions))
                    continue
                begin = 0
                for word in words:
                    for start, end in self._pieces(word)[2]:
                        part = positions[begin + start : begin + end]
                        # only a list may be out of order: the fast family reorders combining characters
                        ordered = part if isinstance(part, range) else sorted(part)
                        self._offsets.append((ordered[0], ordered[-1] + 1))
                    begin += len(word)
        return self._offsets

    @property
    def word_ids(self) -> list[int]:
        """The number of the word that every token is of: what the text was cut into before word pieces were made."""
        if self._word_ids is None:
            self._word_ids = []
            number = 0
            for words, _ in self._runs:
                if not isinstance(words, list):
                    self._word_ids.append(number)
                    number += 1
                    continue
                for word in words:
                    parts = self._pieces(word)[3]
                    self._word_ids += [number + part for part in parts]
                    number += parts[-1] + 1 if parts else 0
        return self._word_ids

    def __getstate__(self) -> tuple[list[int], list[str], list[Span], list[int]]:
        return self.ids, self.tokens, self.offsets, self.word_ids

    def __setstate__(self, state: tuple[list[int], list[str], list[Span], list[int]]) -> None:
        self.ids, self._tokens, self._offsets, self._word_ids = state


class TokenizedWords:
    """A text that came in words; each was tokenized by itself, and its offsets are places in it.

    Args:
        words: The tokens of every word.
    """

    __slots__ = ("_words", "ids")

    def __init__(self, words: list[TokenizedText]) -> None:
        self._words = words
        self.ids = [index for word in words for index in word.ids]

    @property
    def tokens(self) -> list[str]:
        """The tokens as strings."""
        return [token for word in self._words for token in word.tokens]

    @property
    def offsets(self) -> list[Span]:
        """``(start, end)`` of every token in its word, in characters."""
        return [span for word in self._words for span in word.offsets]

    @property
    def word_ids(self) -> list[int]:
        """The number of the word that every token is of."""
        return [number for number, word in enumerate(self._words) for _ in word.ids]


class Segment:
    """A stretch of an encoding: tokens of one text, or the same special token once or several times.

    Args:
        ids: Its ids.
        type_id: The token type of all of them.
        source: The text that they belong to, or None for special tokens and padding.
        start: Where in the source the stretch begins.
        text: 0 for the first text, 1 for the second.
        token: The special token.
        attended: Whether the model may look at it; false for padding.
    """

    __slots__ = ("attended", "ids", "source", "start", "text", "token", "type_id")

    def __init__(
        self,
        ids: list[int],
        type_id: int,
        *,
        source: Tokenized | None = None,
        start: int = 0,
        text: int = 0,
        token: str = "",
        attended: bool = True,
    ) -> None:
        self.ids = ids
        self.type_id = type_id
        self.source = source
        self.start = start
        self.text = text
        self.token = token
        self.attended = attended


class Encoding:
    """One row for the model.

    Args:
        segments: What it is made of, in order.
        typed: Whether the model is fed the token types; if not, all of them are 0.

    Attributes:
        ids: The token ids.
        segments: What it is made of.
        typed: Whether the model is fed the token types.
        dropped: The ids that truncation took away, of the slow mode, with ``stride`` of those kept before them.
        surplus: How many tokens more than ``max_length`` there were before truncation, of the slow mode.
    """

    __slots__ = ("_make_overflowing", "_overflowing", "dropped", "ids", "segments", "surplus", "typed")

    def __init__(self, segments: Sequence[Segment], typed: bool = True) -> None:
        ids: list[int] = []
        for segment in segments:
            ids += segment.ids
        self.ids = ids
        self.segments = segments
        self.typed = typed
        self._overflowing: Sequence[Encoding] | None = ()
        self._make_overflowing: Callable[[], Sequence[Encoding]] = tuple
        self.dropped: Sequence[int] = ()
        self.surplus = 0

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def overflowing(self) -> Sequence[Encoding]:
        """Further rows with what truncation took away, of the fast family; made when they are first asked for."""
        if self._overflowing is None:
            self._overflowing = self._make_overflowing()
        return self._overflowing

    def overflow_by(self, make: Callable[[], Sequence[Encoding]]) -> None:
        """Tell how to make the further rows: of two long texts they are as many as the product of their windows."""
        self._overflowing, self._make_overflowing = None, make

    @property
    def type_ids(self) -> list[int]:
        """The token types that the model is fed: 0 for the first text and 1 for the second, or 0 everywhere."""
        if not self.typed:
            return [0] * len(self.ids)
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
            mask += [int(segment.source is None)] * len(segment.ids)
        return mask

    @property
    def sequence_ids(self) -> list[int | None]:
        """Which text a token is of, 0 or 1; None for those put around the texts and for padding."""
        texts: list[int | None] = []
        for segment in self.segments:
            texts += [None if segment.source is None else segment.text] * len(segment.ids)
        return texts

    @property
    def offsets(self) -> list[Span]:
        """``(start, end)`` of every token in its original text, in characters; ``(0, 0)`` for tokens put around."""
        offsets: list[Span] = []
        for segment in self.segments:
            length = len(segment.ids)
            if segment.source is None:
                offsets += [(0, 0)] * length
            else:
                offsets += segment.source.offsets[segment.start : segment.start + length]
        return offsets

    @property
    def tokens(self) -> list[str]:
        """The tokens as strings."""
        tokens: list[str] = []
        for segment in self.segments:
            length = len(segment.ids)
            if segment.source is None:
                tokens += [segment.token] * length
            else:
                tokens += segment.source.tokens[segment.start : segment.start + length]
        return tokens

    @property
    def word_ids(self) -> list[int | None]:
        """The number of the word that every token is of; None for tokens put around the texts and for padding."""
        numbers: list[int | None] = []
        for segment in self.segments:
            length = len(segment.ids)
            if segment.source is None:
                numbers += [None] * length
            else:
                numbers += segment.source.word_ids[segment.start : segment.start + length]
        return numbers

    @property
    def n_sequences(self) -> int:
        """How many texts it was made of: 1 or 2."""
        return len({segment.text for segment in self.segments if segment.source is not None})

    # from tokens to texts and back, as the encodings of the crate tokenizers answer

    def token_to_sequence(self, token_index: int) -> int | None:
        """Return the text that a token is of, 0 or 1."""
        texts = self.sequence_ids
        return texts[token_index] if 0 <= token_index < len(texts) else None

    def token_to_chars(self, token_index: int) -> Span | None:
        """Find ``(start, end)`` of a token in its text; None for tokens put around."""
        return None if self.token_to_sequence(token_index) is None else self.offsets[token_index]

    def token_to_word(self, token_index: int) -> int | None:
        """Return the number of the word that a token is of; None for tokens put around."""
        return None if self.token_to_sequence(token_index) is None else self.word_ids[token_index]

    def word_to_tokens(self, word_index: int, sequence_index: int = 0) -> Span | None:
        """Find ``(start, end)`` of the tokens of a word; None where it has none."""
        numbers, texts = self.word_ids, self.sequence_ids
        places = [at for at, text in enumerate(texts) if text == sequence_index and numbers[at] == word_index]
        return (places[0], places[-1] + 1) if places else None

    def word_to_chars(self, word_index: int, sequence_index: int = 0) -> Span | None:
        """Find ``(start, end)`` of a word in its text; None where it has no tokens."""
        span = self.word_to_tokens(word_index, sequence_index)
        offsets = self.offsets
        return None if span is None else (offsets[span[0]][0], offsets[span[1] - 1][1])

    def char_to_token(self, char_index: int, sequence_index: int = 0) -> int | None:
        """Return the first token of a text that holds a character; None where no token does."""
        for place, (text, (start, end)) in enumerate(zip(self.sequence_ids, self.offsets, strict=True)):
            if text == sequence_index and start <= char_index < end:
                return place
        return None

    def char_to_word(self, char_index: int, sequence_index: int = 0) -> int | None:
        """Return the number of the word that holds a character."""
        token = self.char_to_token(char_index, sequence_index)
        return None if token is None else self.token_to_word(token)

    def __repr__(self) -> str:
        return f"Encoding(tokens={self.tokens})"
