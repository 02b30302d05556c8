"""What stands behind the surface of a tokenizer: a backend of one of the two families of transformers."""

from __future__ import annotations

from roformer_edge.tokenizer.segment import make_segmenter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Protocol

    from roformer_edge.tokenizer.added_tokens import AddedToken
    from roformer_edge.tokenizer.encoding import Encoding, Pieces, Run, Tokenized
    from roformer_edge.tokenizer.lengths import Lengths
    from roformer_edge.tokenizer.segment import Segmenter, Words
    from roformer_edge.tokenizer.template import Template
    from roformer_edge.tokenizer.token_table import Token
    from roformer_edge.tokenizer.unicode_tables import UnicodeData

    class Backend(Protocol):
        """Turns texts into tokens, tokens into rows, and ids back into texts; knows how tokens are added.

        Attributes:
            lookup: Ids of words that are tokens.
            template: Puts special tokens around texts.
        """

        lookup: Mapping[str, int]
        template: Template

        def register(self, added: Mapping[int, AddedToken], stored: Sequence[AddedToken]) -> None:
            """Take in the added tokens of a saved tokenizer, before them those of its ``tokenizer.json``, and the
            special tokens.
            """

        def add(self, tokens: Sequence[Token], special: bool) -> int:
            """Add tokens; return how many are new."""

        def first_versions(self) -> list[AddedToken] | None:
            """List the tokens with the flags that they had first, where these still count and are others now."""

        def refresh(self) -> None:
            """Derive anew what depends on special and added tokens."""

        def runs(self, text: str, split_special: bool) -> list[Run]:
            """Cut a text into added tokens and words."""

        def pieces(self, word: str) -> Pieces:
            """Make tokens of a word."""

        def truncate(
            self,
            first: Tokenized,
            second: Tokenized | None,
            lengths: Lengths,
            *,
            special: bool,
            typed: bool,
        ) -> Encoding:
            """Make a row of one text or two."""

        def check_overflow(self, lengths: Lengths) -> None:
            """Refuse to give back what truncation takes from a pair, where that cannot be."""

        def token_of(self, index: int) -> str | None:
            """Look up the token of an id."""

        def join_tokens(self, tokens: Sequence[str]) -> str:
            """Join tokens to a text."""

        def decode(self, ids: Sequence[int], skip_special: bool) -> str:
            """Join the tokens of ids to a text."""


class BackendOptions:
    """What a backend is made from besides its tokens.

    Attributes:
        mode: The mode of the tokenizer.
        do_lower_case: Lower-case the text.
        do_basic_tokenize: Split words that the vocabulary does not hold first; slow mode only.
        never_split: Words that this step leaves whole; slow mode only.
        tokenize_chinese_chars: Take every ideograph for a word of its own.
        strip_accents: Drop accents; None: as ``do_lower_case``.
        segmenter: The name of the word segmenter.
        words: Its packed dictionary.
        unicode: The Unicode tables.
        pipeline: The steps as ``tokenizer.json`` describes them, or None for those of the class.
    """

    def __init__(self, **values: Any) -> None:
        self.mode: str = values["mode"]
        self.do_lower_case: bool = values["do_lower_case"]
        self.do_basic_tokenize: bool = values["do_basic_tokenize"]
        self.never_split: list[str] | None = values["never_split"]
        self.tokenize_chinese_chars: bool = values["tokenize_chinese_chars"]
        self.strip_accents: bool | None = values["strip_accents"]
        self.segmenter: str = values["segmenter"]
        self.words: Words | None = values["words"]
        self.unicode: UnicodeData = values["unicode"]
        self.pipeline: Mapping[str, Any] | None = values["pipeline"]
        self._segmenter: Segmenter | None = None

    def open_segmenter(self) -> Segmenter:
        """Open the word segmenter, once.

        Raises:
            UnknownNameError: There is none of this name.
            MissingDependencyError: It needs a package that is not installed.
            VocabularyError: Its dictionary cannot be read.
        """
        if self._segmenter is None:
            self._segmenter = make_segmenter(self.segmenter, self.words)
        return self._segmenter

    def __getstate__(self) -> dict[str, Any]:
        # what is mapped into memory does not pickle
        words = bytes(self.words) if isinstance(self.words, memoryview) else self.words
        return {**self.__dict__, "words": words, "_segmenter": None}
