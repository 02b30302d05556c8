"""Options of a session are checked where they are made, whatever engine they are for."""

from __future__ import annotations

import pytest

from roformer_edge.errors import OptionError, UnknownNameError
from roformer_edge.runtime.session import MOST_THREADS, OPTIMIZATIONS, SessionOptions


@pytest.mark.parametrize(
    "changes",
    [
        {"threads": 0},
        {"threads": -1},
        {"threads": True},
        {"threads": 1.5},
        {"threads": MOST_THREADS + 1},
        {"delegates": ()},
        {"delegates": ("CPU", 3)},
        {"delegates": (("CPU", "bits=4"),)},
        {"delegates": (("CPU", {}, {}),)},
    ],
)
def test_options_out_of_range(changes: dict) -> None:
    with pytest.raises(OptionError, match=next(iter(changes)).removesuffix("s")):
        SessionOptions(**changes)


def test_what_is_in_range_is_kept() -> None:
    for threads in (None, 1, MOST_THREADS):
        assert SessionOptions(threads=threads).threads == threads
    providers = ("NpuExecutionProvider", ("GpuExecutionProvider", {"device": "1"}))
    assert SessionOptions(delegates=providers).delegates == providers
    assert [SessionOptions(optimization=level).optimization for level in OPTIMIZATIONS] == list(OPTIMIZATIONS)


def test_an_unknown_optimization_lists_those_there_are() -> None:
    with pytest.raises(UnknownNameError, match="none, basic, extended, all"):
        SessionOptions(optimization="more")
