"""A call beside its caller: begun at once, and its outcome told to whoever asks."""

from __future__ import annotations

import sys
import threading
from contextlib import ExitStack

import pytest

from roformer_edge.bundle.background import Background, frequent_switches


def test_the_call_begins_at_once_and_its_result_is_waited_for() -> None:
    began, goes_on = threading.Event(), threading.Event()

    def call() -> int:
        began.set()
        assert goes_on.wait(timeout=60)
        return 7

    thread = Background(call)
    assert began.wait(timeout=60)
    goes_on.set()
    assert [thread.result(), thread.result()] == [7, 7]
    assert not thread.daemon


@pytest.mark.parametrize("error", [ValueError("broken"), KeyboardInterrupt()])
def test_what_the_call_raises_is_raised_where_it_is_asked_for(error: BaseException) -> None:
    def call() -> None:
        raise error

    thread = Background(call)
    thread.join()
    with pytest.raises(type(error)) as caught:
        thread.result()
    assert caught.value is error


@pytest.mark.parametrize("first", [0, 1])
def test_the_switch_interval_is_what_it_was_once_the_last_call_is_over(first: int) -> None:
    before = sys.getswitchinterval()
    calls = [ExitStack(), ExitStack()]
    for call in calls:
        call.enter_context(frequent_switches())
        assert sys.getswitchinterval() < before / 5
    calls[first].close()
    assert sys.getswitchinterval() < before / 5
    calls[1 - first].close()
    assert sys.getswitchinterval() == before
    with pytest.raises(ImportError), frequent_switches():
        raise ImportError
    assert sys.getswitchinterval() == before


def test_a_switch_interval_that_is_shorter_already_is_left() -> None:
    before = sys.getswitchinterval()
    try:
        sys.setswitchinterval(1e-4)
        shorter = sys.getswitchinterval()
        with frequent_switches():
            assert sys.getswitchinterval() == shorter
        assert sys.getswitchinterval() == shorter
    finally:
        sys.setswitchinterval(before)
