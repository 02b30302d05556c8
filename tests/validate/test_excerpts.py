"""Texts cut for a reader, marks kept on what they mark."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from roformer_edge.validate.excerpts import MAX_TEXT, Excerpt, Mark, around, cut, passages


@given(st.integers(0, 400), st.integers(0, 30), st.integers(0, 400))
def test_what_is_marked_stays_marked_whatever_is_cut(before, size, after):
    text = "前" * before + "人" * size + "后" * after
    whole = Excerpt(text=text, marks=(Mark(start=before, end=before + size, name="PER"),) if size else ())
    kept = around(whole, [(before, before + size)])
    assert [kept.text[mark.start : mark.end] for mark in kept.marks] == (["人" * size] if size else [])
    assert kept.text.strip("…").startswith(("前", "人", "后")) or not text
    assert len(kept.text) <= size + 2 * 60 + 2
    assert kept.text.startswith("…") == (before >= 60)


def test_the_beginning_stays_where_nothing_must():
    assert around(Excerpt(text="字" * 300), []).text == "字" * 120 + "…"
    assert around(Excerpt(text="字" * 90), []).text == "字" * 90


def test_texts_are_bounded():
    assert cut("x" * 5000) == "x" * (MAX_TEXT - 1) + "…"
    shown = passages({"question": "谁？", "context": "x" * 5000, "choices": ["a", "b"]})
    assert [(passage.name, len(passage.text)) for passage in shown] == [("question", 2), ("context", MAX_TEXT)]
