"""docs/checkpoints.md: the tests that its tables name exist, and no format is left out."""

from __future__ import annotations

import re

import pytest

from roformer_edge.checkpoint.finding import FORMATS
from tests.conftest import ROOT

TEXT = (ROOT / "docs" / "checkpoints.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (?!given|file|stored|key|found|---)(.+) \| (.+) \| (.+) \|$", TEXT, flags=re.MULTILINE)


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_each_line_names_a_test(row):
    name = re.fullmatch(r"`((?:\w+/)?test_\w+\.py)::(test_\w+)`", row[2])
    assert name, row[2]
    first = ROOT / "tests" / "checkpoint" / name[1]  # or else anywhere among the tests
    (file,) = [first] if first.exists() else (ROOT / "tests").rglob(name[1])
    assert re.search(rf"^\s*def {name[2]}\(", file.read_text(), flags=re.MULTILINE)


def test_each_format_has_a_line():
    assert len(ROWS) > 40
    for row in FORMATS:
        assert any(f"`{row.file}`" in line[0] for line in ROWS), row.file
