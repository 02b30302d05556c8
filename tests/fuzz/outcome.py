"""What came of one attempt, and how attempts are counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

# what an attempt ends in, in the order of the table; the last four must not happen
REFUSED, SAME, USED = "refused", "accepted, same content", "accepted, other content"
WRONG, TRACEBACK, HANG, CRASH = "wrong", "tracebacks", "hangs", "crashes"
COLUMNS = (REFUSED, SAME, USED, WRONG, TRACEBACK, HANG, CRASH)
BAD = (WRONG, TRACEBACK, HANG, CRASH)
# characters of one line of complaint
_LONGEST = 2000

# (seed, an empty folder of its own) -> REFUSED, SAME or USED; raises AssertionError where something wrong was accepted
Attempt = Callable[[int, Path], str]


@dataclass
class Tally:
    """The outcomes of one target, and the seeds of those that must not be."""

    counts: Counter[str] = field(default_factory=Counter)
    bad: list[str] = field(default_factory=list)

    def add(self, outcome: str, seed: int, detail: str = "") -> None:
        self.counts[outcome] += 1
        if outcome in BAD:
            self.bad.append(f"seed {seed}: {outcome}: {detail}")


def complaint_of(error: Exception) -> str:
    """Make sure that an error is one that a person can read; return ``REFUSED``."""
    text = str(error)
    assert text, "an error says something"
    assert "\n" not in text, "an error is one line"
    assert len(text) < _LONGEST, "an error shows no more of a file than it must"
    return REFUSED


def table(tallies: dict[str, Tally]) -> str:
    """The scoreboard as Markdown."""
    rows = [("what is spoilt", "tried", *COLUMNS)]
    for name, tally in tallies.items():
        rows.append((name, f"{sum(tally.counts.values()):,}", *(f"{tally.counts[column]:,}" for column in COLUMNS)))
    total = sum((tally.counts for tally in tallies.values()), Counter[str]())
    rows.append(("**together**", f"{sum(total.values()):,}", *(f"{total[column]:,}" for column in COLUMNS)))
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|---" + "|--:" * (len(rows[0]) - 1) + "|", *lines[1:]])
