"""What a word becomes: word pieces, or the word itself where the vocabulary holds it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Container
    from typing import Protocol

    # token, start and end in the word
    Part = tuple[str, int, int]

    class Model(Protocol):
        """Turns a word into tokens of the vocabulary."""

        def split(self, word: str) -> list[Part] | None:
            """Split a word into tokens with their places in it; None where the word is unknown."""


PREFIX = "##"
# longer words become the unknown token whole
MAX_WORD = 100


class WordPiece:
    """The longest pieces that the vocabulary holds, from left to right.

    Args:
        vocabulary: The tokens; pieces inside a word carry ``##`` in front.
        longest: The most characters of a word; a longer one is unknown.
    """

    __slots__ = ("_longest", "_reach", "_vocabulary")

    def __init__(self, vocabulary: Collection[str], longest: int = MAX_WORD) -> None:
        self._vocabulary = vocabulary
        self._longest = longest
        # no piece is longer than the longest token: that keeps long words linear
        self._reach = longest if longest <= MAX_WORD else max(map(len, vocabulary), default=0)

    def split(self, word: str) -> list[Part] | None:
        """Split a word into pieces with their places in it; None where the word is unknown.

        Args:
            word: Text without white space.

        Returns:
            ``(token, start, end)`` of every piece, the marks ``##`` not counted in the places.
        """
        length = len(word)
        if length > self._longest:
            return None
        vocabulary = self._vocabulary
        if word and word in vocabulary:
            # which is what the search below would begin with
            return [(word, 0, length)]
        pieces: list[Part] = []
        start = 0
        while start < length:
            prefix = PREFIX if start else ""
            for end in range(min(length, start + self._reach), start, -1):
                piece = prefix + word[start:end]
                if piece in vocabulary:
                    break
            else:
                return None
            pieces.append((piece, start, end))
            start = end
        return pieces


class WordLevel:
    """Words that the vocabulary holds, and nothing smaller.

    Args:
        vocabulary: The tokens.
    """

    __slots__ = ("_vocabulary",)

    def __init__(self, vocabulary: Container[str]) -> None:
        self._vocabulary = vocabulary

    def split(self, word: str) -> list[Part] | None:
        """Keep the word whole; None where it is unknown."""
        return [(word, 0, len(word))] if word in self._vocabulary else None
