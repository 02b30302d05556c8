"""The greedy splitter."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from roformer_edge.tokenizer.models import MAX_WORD, WordPiece

PIECES = frozenset(("un", "una", "##ff", "##f", "##able", "##ble", "a", "b", "##a", "##b", "x" * 101))


def test_longest_first():
    assert WordPiece(PIECES).split("unaffable") == [("una", 0, 3), ("##ff", 3, 5), ("##able", 5, 9)]


def test_no_way_back():
    # una takes what ##a would have needed
    assert WordPiece(frozenset(("un", "una", "##ab"))).split("unab") is None


def test_words_that_are_too_long():
    assert WordPiece(PIECES).split("a" * MAX_WORD)
    assert WordPiece(PIECES).split("a" * (MAX_WORD + 1)) is None
    assert WordPiece(PIECES).split("x" * 101) is None


@settings(deadline=None)
@given(st.text("abx", min_size=1, max_size=20))
def test_pieces_cover_the_word(word: str):
    pieces = WordPiece(PIECES).split(word)
    if pieces is None:
        assert "x" in word
        return
    assert "".join(token.removeprefix("##") for token, _, _ in pieces) == word
    assert [start for _, start, _ in pieces] == [0, *(end for _, _, end in pieces[:-1])]
    assert all(word[start:end] == token.removeprefix("##") for token, start, end in pieces)
