"""What happens to characters: the quick ways give what the careful ones give."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roformer_edge.tokenizer import normalise
from roformer_edge.tokenizer.normalise import FastNormaliser, lower_case

MARKED = st.text(
    st.one_of(
        st.sampled_from(
            "aéÅ한中İΣẛ \u200b\u0301\u0323\u0307\u0334\u0345\u302a\u302e\u302f\U0001d165\U0001d16d\u09cb\u09be"
        ),
        st.characters(exclude_categories=["Cs"]),
    )
)


@pytest.mark.parametrize("strip", [True, False])
@pytest.mark.parametrize("lower", [True, False])
def test_the_quick_way_changes_nothing(strip: bool, lower: bool):
    normaliser = FastNormaliser(strip=strip, lower=lower)

    @settings(deadline=None, max_examples=300)
    @given(MARKED)
    def run(text: str) -> None:
        quick, places = normaliser.normalise(text)
        close, inside = normaliser._closely(text)
        assert (quick, list(places)) == (close, list(inside))

    run()


@settings(deadline=None)
@given(MARKED)
def test_lower_case(text: str):
    quick, places = lower_case(text)
    close, inside = normalise._lower_closely(text)
    assert (quick, list(places)) == (close, list(inside))


def test_lower_case_has_no_context():
    assert lower_case("ΑΣ") == ("ας".replace("ς", "σ"), range(2))
    assert lower_case("xİy") == ("xi\u0307y", [0, 1, 1, 2])
    assert normalise.lower_token("ΑΣ") == "ας"


def test_characters_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(normalise, "_LIMIT", 100)
    normaliser = FastNormaliser(strip=True, lower=True)
    text = "".join(map(chr, range(0x4E00, 0x5000)))
    assert normaliser.normalise(text)[0] == text
    assert len(normaliser._characters) <= 100
