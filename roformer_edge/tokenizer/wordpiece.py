"""WordPiece: a word becomes the longest pieces that the vocabulary holds, from left to right."""

from __future__ import annotations

from collections.abc import Container

PREFIX = "##"
# longer words become the unknown token whole
MAX_WORD = 100


class WordPiece:
    """The greedy splitter.

    Args:
        vocabulary: The tokens; pieces inside a word carry ``##`` in front.
    """

    __slots__ = ("_longest", "_vocabulary")

    def __init__(self, vocabulary: Container[str]) -> None:
        self._vocabulary = vocabulary

    def split(self, word: str) -> list[tuple[str, int, int]] | None:
        """The pieces of a word with their places in it, or None where the word is unknown.

        Args:
            word: Text without white space.

        Returns:
            ``(token, start, end)`` of every piece, the marks ``##`` not counted in the places.
        """
        length = len(word)
        if length > MAX_WORD:
            return None
        vocabulary = self._vocabulary
        pieces: list[tuple[str, int, int]] = []
        start = 0
        while start < length:
            prefix = PREFIX if start else ""
            for end in range(length, start, -1):
                piece = prefix + word[start:end]
                if piece in vocabulary:
                    break
            else:
                return None
            pieces.append((piece, start, end))
            start = end
        return pieces
