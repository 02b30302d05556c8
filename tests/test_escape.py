"""Hostile text, made fit to be read."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roformer_edge.escape import JOINTS, as_html, as_markdown, clipped, visible


@given(st.text(st.characters()))
def test_escapes_never_let_a_special_character_through(text):
    assert not re.search("[<>\"'\x00-\x1f]", re.sub(r"&(lt|gt|quot|amp|#x27);", "", as_html(text)))
    as_html(text).encode("utf-8")
    assert not re.search(r"(?<!\\)(\\\\)*[|`*_\[\]]", as_markdown(text))
    assert visible(visible(text)) == visible(text)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a\tb\x00\x7f", "a␉b␀␡"),
        ("\x85", "<U+0085>"),
        ("\u202eab\u2066", "<U+202E>ab<U+2066>"),
        ("one\u2028two", "one␤two"),
        ("\ud800", "\N{REPLACEMENT CHARACTER}"),
        ("天气 好", "天气 好"),
    ],
)
def test_what_cannot_be_seen_is_shown(text, wanted):
    assert visible(text) == wanted


def test_what_is_cut_says_so():
    assert clipped("abcdef", 6) == "abcdef"
    assert clipped("abcdefg", 6) == "abcde…"
    assert as_html("<" * 500).count("&lt;") == 399
    assert as_markdown("*" * 500).endswith("\\*…")


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("HassTurnOn", ["Hass", "Turn", "On"]),
        ("ask_hotel", ["ask_", "hotel"]),
        ("B-PER", ["B-", "PER"]),
        ("天气", ["天气"]),
    ],
)
def test_labels_may_break_at_their_joints(name, parts):
    assert JOINTS.split(name) == parts
