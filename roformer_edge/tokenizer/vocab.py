"""The vocabulary file: one token a line, its id the number of the line."""

from __future__ import annotations

import os

from roformer_edge.errors import VocabularyError

VOCABULARY_NAME = "vocab.txt"


class Vocabulary:
    """The tokens of a model in the order of their ids.

    Args:
        data: The content of a ``vocab.txt``: UTF-8, one token a line.
        source: What to call it in an error, such as its path.

    Attributes:
        data: The bytes that it was made of; :meth:`save` writes them back unchanged.
        index: Ids by token.
        tokens: Tokens by id.

    Raises:
        VocabularyError: It is empty, not UTF-8, or holds a token twice.
    """

    __slots__ = ("data", "index", "tokens")

    def __init__(self, data: bytes, source: str = "the vocabulary") -> None:
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise VocabularyError(f"{source}: line {line} is not UTF-8") from None
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        tokens = text.removesuffix("\n").split("\n")
        if tokens == [""]:
            raise VocabularyError(f"{source} is empty; expected one token a line")
        self.data = data
        self.tokens = tokens
        self.index = dict(zip(tokens, range(len(tokens)), strict=True))
        if len(self.index) != len(tokens):
            self._refuse_double(source)

    def _refuse_double(self, source: str) -> None:
        seen: dict[str, int] = {}
        for line, token in enumerate(self.tokens, start=1):
            if token in seen:
                raise VocabularyError(f"{source}: lines {seen[token]} and {line} hold the same token {token!r}")
            seen[token] = line

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Vocabulary:
        """Read a vocabulary file.

        Raises:
            VocabularyError: The file cannot be read, or its content is refused.
        """
        name = os.fspath(path)
        try:
            with open(name, "rb") as file:  # noqa: PTH123 - pathlib would double the start-up of a process
                return cls(file.read(), name)
        except OSError as error:
            raise VocabularyError(f"cannot read the vocabulary {name}: {error.strerror}") from None

    @classmethod
    def from_tokens(cls, tokens: list[str], source: str = "the vocabulary") -> Vocabulary:
        """Make a vocabulary of tokens in the order of their ids."""
        for place, token in enumerate(tokens):
            if "\n" in token or "\r" in token:
                raise VocabularyError(f"{source}: token {place} holds a line break: {token!r}")
        return cls("".join(f"{token}\n" for token in tokens).encode("utf-8"), source)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the vocabulary; a file that was read is written back byte by byte."""
        with open(path, "wb") as file:  # noqa: PTH123
            file.write(self.data)

    def __len__(self) -> int:
        return len(self.tokens)
