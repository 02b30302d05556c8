"""The vocabulary file: one token a line, its id the number of the line."""

from __future__ import annotations

import os

from roformer_edge.errors import VocabularyError

VOCABULARY_NAME = "vocab.txt"
LFS_POINTER = b"version https://git-lfs"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Vocabulary:
    """The tokens of a model in the order of their ids.

    Args:
        data: The content of a ``vocab.txt``: UTF-8, one token a line.
        source: What to call it in an error, such as its path.

    Attributes:
        data: The bytes that it was made of; :meth:`save` writes them back unchanged.
        index: Ids by token; of a token that stands on several lines the last id, as in transformers.
        tokens: The lines by id.
        notes: What is odd about the file and was read all the same, a sentence each.

    Raises:
        VocabularyError: It is empty, not UTF-8, or the pointer that Git LFS leaves in place of a file.
    """

    __slots__ = ("data", "index", "notes", "tokens")

    def __init__(self, data: bytes, source: str = "the vocabulary") -> None:
        refuse_pointer(data, source)
        notes: list[str] = []
        content = data
        if data.startswith(_BYTE_ORDER_MARK):
            # transformers takes it for a part of the first token, so that no text has that token
            content = data[len(_BYTE_ORDER_MARK) :]
            notes.append(f"{source} begins with a byte order mark, which is not taken for a part of its first token")
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            raise VocabularyError(f"{source}: line {line} is not UTF-8") from None
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        tokens = text.removesuffix("\n").split("\n")
        if not any(tokens):
            raise VocabularyError(f"{source} is empty; expected one token a line")
        self.data = data
        self.tokens = tokens
        self.index = dict(zip(tokens, range(len(tokens)), strict=True))
        if len(self.index) != len(tokens):
            notes.append(self._describe_doubles(source))
        self.notes = tuple(notes)

    def _describe_doubles(self, source: str) -> str:
        count = len(self.tokens) - len(self.index)
        line = next(place for place, token in enumerate(self.tokens) if self.index[token] != place)
        token = self.tokens[line]
        more = f", and so for {count - 1} more lines" if count > 1 else ""
        return (
            f"{source}: line {line + 1} holds {token!r:.40}, which stands on a later line again{more}; the last "
            "line of a token counts, as in transformers"
        )

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
                raise VocabularyError(f"{source}: token {place} holds a line break: {token!r:.80}")
        try:
            data = "".join(f"{token}\n" for token in tokens).encode("utf-8")
        except UnicodeEncodeError:
            raise VocabularyError(f"{source}: a token holds half of a surrogate pair") from None
        return cls(data, source)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the vocabulary; a file that was read is written back byte by byte."""
        with open(path, "wb") as file:  # noqa: PTH123
            file.write(self.data)

    def token(self, index: int) -> str | None:
        """Look up the token that has an id; None: there is none, or its token has the id of a later line."""
        if not 0 <= index < len(self.tokens):
            return None
        token = self.tokens[index]
        return token if self.index[token] == index else None

    def __len__(self) -> int:
        """Count the different tokens."""
        return len(self.index)


def refuse_pointer(data: bytes, source: str) -> None:
    """Refuse what Git LFS leaves in place of a file that was not fetched.

    Raises:
        VocabularyError: ``data`` is such a pointer.
    """
    if data.startswith(LFS_POINTER):
        raise VocabularyError(f"{source} is a Git LFS pointer and not the file itself; fetch it with: git lfs pull")
