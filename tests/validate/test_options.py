"""Settings of a comparison are checked where they are made."""

from __future__ import annotations

import pytest

from roformer_edge.errors import ComparisonError
from roformer_edge.validate.options import CompareOptions


def test_the_least_allowed_is_allowed() -> None:
    CompareOptions(task="fill-mask", seed=0, timed=0, warm_up=0, watched=0, listed=0, max_drop=0.0)
    CompareOptions(task="fill-mask", batch_size=1, reference_batch_size=1, resamples=1, timing_rounds=1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batch_size", 0),
        ("reference_batch_size", -1),
        ("resamples", 0),
        ("timing_rounds", 0),
        ("seed", -1),
        ("timed", -1),
        ("listed", -2),
        ("confidence", 1.0),
        ("confidence", float("nan")),
        ("max_drop", -1),
        ("max_drop", float("nan")),
    ],
)
def test_settings_out_of_range_are_refused(name, value):
    with pytest.raises(ComparisonError, match=name if name != "max_drop" else "drop"):
        CompareOptions(task="text-classification", **{name: value})
