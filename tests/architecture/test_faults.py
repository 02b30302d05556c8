"""The faults that ``make faults`` puts in still have a place to be put in."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_spec = importlib.util.spec_from_file_location("faults", ROOT / "scripts" / "faults.py")
assert _spec is not None
assert _spec.loader is not None
faults = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(faults)


@pytest.mark.parametrize("fault", faults.FAULTS, ids=lambda fault: fault.promise)
def test_what_is_replaced_stands_there_once(fault) -> None:
    text = (ROOT / "roformer_edge" / fault.file).read_text(encoding="utf-8")
    assert text.count(fault.before) == 1
    assert fault.before != fault.after
    assert all((ROOT / path).exists() for path in fault.tests.split())


def test_the_committed_result_is_of_these_faults() -> None:
    table = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    assert [fault.promise for fault in faults.FAULTS] == [
        line.split("|")[1].strip() for line in table.splitlines() if line.endswith("| fail |")
    ]
