"""Numbers as a reader wants them."""

from __future__ import annotations

import pytest

from roformer_edge.validate.format import (
    both,
    counted,
    decimal,
    drop_in_unit,
    drop_of_part,
    in_unit,
    milliseconds,
    percent,
    significant,
    size,
)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (percent(0.98105), "98.11 %"),  # noqa: RUF100
        (decimal(0.5), "0.50"),
        (decimal(-0.001), "0.00"),
        (decimal(-0.5), "−0.50"),
        (decimal(2), "2.00"),
        (significant(1234.5), "1234"),
        (significant(12.345), "12.3"),
        (significant(0.012345), "0.0123"),
        (significant(0.000012345), "1.23e-05"),
        (significant(-2.5), "−2.50"),
        (significant(0), "0"),
        (size(999), "999 B"),
        (size(61_233), "61.2 kB"),
        (size(4_096_000_000), "4.10 GB"),
        (milliseconds(0.9714), "0.971 ms"),
        (counted(1, "text"), "1 text"),
        (counted(1200, "text"), "1,200 texts"),
        (drop_in_unit(-0.5, "percent"), "−0.50 points"),
        (drop_in_unit(0.25, "number"), "0.250"),
        (drop_in_unit(-12.5, "number"), "−12.5"),
        (drop_in_unit(0, "number"), "0"),
        (drop_in_unit(-1_500_000, "bytes"), "−1.50 MB"),
        (drop_in_unit(0.5, "milliseconds"), "0.500 ms"),
        (drop_of_part(-12.345, "percent"), "−12.3"),
        (drop_of_part(0.01, "percent"), "0.0"),
        (drop_of_part(-1.5, "number"), "−1.50"),
        (in_unit(0.5, "percent"), "50.00 %"),
        (in_unit(2_000_000, "bytes"), "2.00 MB"),
        (both(0.5, 0.25), "50.0 → 25.0"),
        (both(0.5, 0.5), "50.0"),
        (both(3.0, 4.0, "number"), "3.00 → 4.00"),
    ],
)
def test_numbers(text, wanted):
    assert text == wanted
