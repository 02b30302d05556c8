"""A few hundred attempts of every kind with fixed seeds; ``make fuzz`` makes as many as there is time for."""

from __future__ import annotations

import pytest

from tests.fuzz.mutation import Mutator
from tests.fuzz.outcome import CRASH, HANG, REFUSED, SAME, TRACEBACK, USED, WRONG, Tally, complaint_of, table
from tests.fuzz.running import attempt, run_here
from tests.fuzz.targets import TARGETS

# where an attempt takes tens of milliseconds
SLOW = {"bundle with right digests": 60, "pytorch_model.bin": 100, "pytorch_model.bin, legacy": 100}
ATTEMPTS = 150


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_is_taken_for_what_it_is_not_and_nothing_ends_in_a_traceback(name):
    tally = run_here(TARGETS[name], range(SLOW.get(name, ATTEMPTS)))
    assert tally.bad == []
    assert tally.counts[REFUSED] > 0 or name == "texts"


@pytest.mark.parametrize("name", [name for name in TARGETS if name not in ("tokenizer directory", "graph")])
def test_what_is_not_spoilt_is_accepted(name, monkeypatch, tmp_path):
    """A target that refuses whatever it is given would try nothing."""
    for spoil in ("spoil_bytes", "spoil_json", "spoil_value"):
        monkeypatch.setattr(Mutator, spoil, lambda self, given: given)
    outcomes = {attempt(TARGETS[name], seed)[0] for seed in range(30)}
    assert outcomes & {SAME, USED}


def test_the_table_counts_what_happened():
    one, other = Tally(), Tally()
    for outcome in (REFUSED, REFUSED, SAME, HANG):
        one.add(outcome, 3, "x")
    for outcome in (WRONG, TRACEBACK, CRASH):
        other.add(outcome, 4)
    assert len(one.bad) == 1
    assert "seed 3: hangs: x" in one.bad
    assert len(other.bad) == 3
    lines = table({"one": one, "other": other}).split("\n")
    assert lines[2] == "| one | 4 | 2 | 1 | 0 | 0 | 0 | 1 | 0 |"
    assert lines[-1] == "| **together** | 7 | 2 | 1 | 0 | 1 | 1 | 1 | 1 |"


def test_a_complaint_that_nobody_can_read_is_wrong():
    for text in ("", "two\nlines", "long" * 1000):
        with pytest.raises(AssertionError):
            complaint_of(ValueError(text))
    assert complaint_of(ValueError("fine")) == REFUSED
