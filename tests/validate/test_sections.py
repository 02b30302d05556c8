"""What a page shows: a drop has one sign whichever direction is better."""

from __future__ import annotations

import pytest

from roformer_edge.validate.sections import Breakdown, Part


@pytest.mark.parametrize(
    ("unit", "higher", "reference", "candidate", "drop"),
    [
        ("percent", True, 0.75, 0.5, 25.0),
        ("percent", True, 0.5, 0.75, -25.0),
        ("number", False, 4.0, 5.5, 1.5),
        ("number", False, 4.0, 3.0, -1.0),
        ("number", True, 4.0, 3.0, 1.0),
    ],
)
def test_a_drop_is_positive_for_a_loss(unit, higher, reference, candidate, drop):
    part = Part(name="a", count=1, reference=reference, candidate=candidate)
    block = Breakdown(noun="n", counted="c", figure="f", unit=unit, parts=(part,), higher_is_better=higher)
    assert block.drop(part) == drop
