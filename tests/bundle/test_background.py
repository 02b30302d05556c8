"""A call beside its caller: begun at once, and its outcome told to whoever asks."""

from __future__ import annotations

import threading

import pytest

from roformer_edge.bundle.background import Background


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
