from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roformer_edge.errors import TextError
from roformer_edge.runtime.texts import check_text, split_pair


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_ordinary_text_passes_as_it_is(text: str) -> None:
    assert check_text(text) is text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ab\0cd", r"the text holds NUL \(U\+0000\) at character 2"),
        ("\0", r"NUL \(U\+0000\) at character 0"),
        ("今天\ud83d很好", r"the lone surrogate U\+D83D at character 2"),
        ("\udc00", r"the lone surrogate U\+DC00 at character 0"),
        ("\ud83d\ude00", r"the lone surrogate U\+D83D at character 0"),
    ],
)
def test_what_is_no_text_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(TextError, match=message):
        check_text(text)


@pytest.mark.parametrize("value", [None, 1, 1.5, b"bytes", ["a"], {"text": "a"}, bytearray(b"x")])
def test_other_types_are_refused(value: object) -> None:
    with pytest.raises(TextError, match=f"line 3 must be a str, found {type(value).__name__}"):
        check_text(value, "line 3")


def test_pairs() -> None:
    assert split_pair("a") == ("a", None)
    assert split_pair(("a", "b")) == ("a", "b")
    with pytest.raises(TextError, match="a tuple of two, found a tuple of 3"):
        split_pair(("a", "b", "c"))
    with pytest.raises(TextError, match="second of the pair holds NUL"):
        split_pair(("a", "b\0"))
    with pytest.raises(TextError, match="first of the pair must be a str, found NoneType"):
        split_pair((None, "b"))


def test_a_huge_value_makes_a_short_message() -> None:
    with pytest.raises(TextError) as caught:
        check_text(["x" * 100_000])
    assert len(str(caught.value)) < 200
