from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roformer_edge.bundle.self_test_vectors import SelfTest, SelfTestCase
from roformer_edge.errors import BundleFormatError

NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=32)


@given(
    st.lists(
        st.builds(
            SelfTestCase,
            text=st.text(st.characters(exclude_categories=["Cs"])),
            pair=st.none() | st.just("b"),
            ids=st.lists(st.integers(0, 2**31)).map(tuple),
            outputs=st.dictionaries(st.sampled_from(["logits", "hidden"]), st.lists(NUMBERS).map(tuple)),
        ),
        min_size=1,
        max_size=3,
    ).map(tuple)
)
def test_vectors_read_back_equal(cases: tuple[SelfTestCase, ...]) -> None:
    before = SelfTest(tolerance=0.05, cases=cases)
    assert SelfTest.from_json(before.to_json().encode()) == before


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ('{"tolerance": 1, "cases": []}', "at least one case"),
        ('{"tolerance": 0, "cases": [{"text": "a", "pair": null, "ids": [], "outputs": {}}]}', "tolerance above 0"),
        ('{"tolerance": 1}', "lacks key 'cases'"),
        ('{"tolerance": NaN, "cases": []}', "NaN is not a JSON number"),
        ('{"tolerance": 1, "cases": [{"text": 1, "pair": null, "ids": [], "outputs": {}}]}', r"cases\[0\]: text"),
        ('{"tolerance": 1, "cases": [{"text": "", "pair": null, "ids": [-1], "outputs": {}}]}', r"ids\[0\]"),
        ('{"tolerance": 1, "cases": [{"text": "", "pair": null, "ids": [], "outputs": {"a": ["1"]}}]}', "a number"),
    ],
)
def test_malformed_vectors_are_refused(document: str, message: str) -> None:
    with pytest.raises(BundleFormatError, match=message):
        SelfTest.from_json(document.encode())
