"""What happens to characters: the quick ways give what the careful ones give."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roformer_edge.tokenizer import normalizers
from roformer_edge.tokenizer.normalizers import BertNormalizer, LowerCase, Normalizers
from roformer_edge.tokenizer.unicode_tables import UNICODE

MARKED = st.text(
    st.one_of(
        st.sampled_from(
            "aéÅ한中İΣẛ \u200b\u0301\u0323\u0307\u0334\u0345\u302a\u302e\u302f\U0001d165\U0001d16d\u09cb\u09be"
        ),
        st.characters(exclude_categories=["Cs"]),
    )
)
NAMES = ("clean", "ideographs", "decompose", "strip", "lower")


@pytest.mark.parametrize("flags", list(product((True, False), repeat=5)), ids=str)
def test_the_quick_way_changes_nothing(flags: tuple[bool, ...]):
    normalizer = BertNormalizer(**dict(zip(NAMES, flags, strict=True)), unicode=UNICODE)

    @settings(deadline=None, max_examples=60)
    @given(MARKED)
    def run(text: str) -> None:
        close, inside = normalizer.closely(text)
        assert (normalizer.normalize(text), list(normalizer.align(text, close))) == (close, list(inside))

    run()


def test_ideographs_that_are_not_looked_up():
    block = "".join(map(chr, range(0x4E00, 0xA000)))
    edges = "\u4dff" + block + "\ua000"
    assert "".join(map(UNICODE.slow.lower, edges)) == LowerCase(UNICODE).normalize(edges) == edges
    for flags in product((True, False), repeat=5):
        normalizer = BertNormalizer(**dict(zip(NAMES, flags, strict=True)), unicode=UNICODE)
        assert normalizer.normalize(edges) == normalizer.closely(edges)[0]
    assert BertNormalizer(**dict.fromkeys(NAMES, True), unicode=UNICODE).normalize("一鿿") == " 一  鿿 "


@settings(deadline=None)
@given(MARKED)
def test_lower_case(text: str):
    lower = LowerCase(UNICODE)
    parts = [UNICODE.slow.lower(character) for character in text]
    assert lower.normalize(text) == "".join(parts)
    assert list(lower.align(text, "".join(parts))) == [place for place, part in enumerate(parts) for _ in part]


def test_lower_case_has_no_context():
    lower = LowerCase(UNICODE)
    assert lower.normalize("ΑΣ") == "ας".replace("ς", "σ")
    assert lower.normalize("xİy") == "xi\u0307y"
    assert lower.align("xİy", "xi\u0307y") == [0, 1, 1, 2]
    assert lower.of_token("ΑΣ") == "ας"


@settings(deadline=None)
@given(MARKED)
def test_steps_one_after_the_other(text: str):
    off = dict.fromkeys(NAMES, False)
    lower, nfd = (BertNormalizer(**{**off, name: True}, unicode=UNICODE) for name in ("lower", "decompose"))
    both = Normalizers([nfd, lower])
    assert both.normalize(text) == lower.normalize(nfd.normalize(text))
    places = both.align(text, both.normalize(text))
    assert len(places) == len(both.normalize(text))
    assert all(0 <= place < len(text) for place in places)


def test_characters_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(normalizers, "_LIMIT", 100)
    normalizer = BertNormalizer(**dict.fromkeys(NAMES, True), unicode=UNICODE)
    text = "".join(map(chr, range(0x4E00, 0x5000)))
    assert normalizer.normalize(text).replace(" ", "") == text
    assert len(normalizer._characters) <= 100
