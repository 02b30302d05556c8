"""Progress is a line that rewrites itself on a terminal, and silence elsewhere."""

from __future__ import annotations

from io import StringIO
from threading import Event

import pytest

from roformer_edge.cli import progress
from roformer_edge.cli.output import quietly, say
from roformer_edge.cli.progress import ProgressLine


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def lines(stream: StringIO) -> list[str]:
    """What was on the terminal's line, one after the other."""
    first, *rest = stream.getvalue().split("\r\x1b[K")
    assert first == ""
    return rest


def test_a_terminal_sees_the_stage_and_how_far_it_is(clock: list[float]) -> None:
    stream = Terminal()
    with ProgressLine(stream) as line:
        line.stage("calibrate")
        line.step(75, 300)
        clock[0] += 1
        line.step(7, None)
    assert lines(stream) == [
        "calibrate ...",
        f"calibrate    [{'#' * 6}{' ' * 18}] 75/300",
        "calibrate    7",
        "",  # nothing is left of it
    ]


def test_steps_that_come_too_fast_are_left_out_but_for_the_last(clock: list[float]) -> None:
    stream = Terminal()
    line = ProgressLine(stream)
    for done in range(1, 101):
        line.step(done, 100)
        clock[0] += 0.011
    shown = [int(text.split()[-1].partition("/")[0]) for text in lines(stream)]
    assert shown == [*range(1, 100, 10), 100]


def test_a_long_stage_says_how_much_of_it_is_left(clock: list[float]) -> None:
    stream = Terminal()
    line = ProgressLine(stream)
    clock[0] += 1000  # what went before does not count
    line.stage("search")
    for done, seconds in ((1, 9), (2, 3), (10, 48), (20, 60), (20, 1)):
        clock[0] += seconds
        line.step(done, 20)
    shown = [text.partition("] ")[2].partition(" (")[0] for text in lines(stream)[1:]]
    # 12 s for 2 of 20, then 60 s for 10
    assert shown == ["1/20", "2/20, about 2 min left", "10/20, about 60 s left", "20/20", "20/20"]


def test_the_line_is_cleared_after_an_error() -> None:
    stream = Terminal()

    def work() -> None:
        with ProgressLine(stream) as line:
            line.stage("quantize")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert lines(stream)[-1] == ""


def test_a_pipe_sees_nothing() -> None:
    stream = StringIO()
    with ProgressLine(stream) as line:
        line.stage("calibrate")
        line.step(1, 1)
    assert stream.getvalue() == ""


def test_a_stage_that_takes_long_has_a_clock_that_goes_on(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_TICK", 0.001)
    stream = Terminal()

    def wait_for(text: str) -> None:
        for _ in range(10_000):
            if lines(stream)[-1] == text:
                return
            Event().wait(0.001)
        raise AssertionError(lines(stream))

    with ProgressLine(stream) as line:
        line.stage("read")
        clock[0] += 1.9
        assert lines(stream)[-1] == "read ..."
        clock[0] += 1.2
        wait_for("read ... (3 s)")
        clock[0] += 1
        wait_for("read ... (4 s)")
        line.step(5, None)
        assert lines(stream)[-1] == "read         5 (4 s)"
        line.hide()
        assert lines(stream)[-1] == ""
        clock[0] += 1
        wait_for("read         5 (5 s)")
        line.stage("write")
        assert lines(stream)[-1] == "write ..."
    assert lines(stream)[-1] == ""
    assert not any(thread.is_alive() for thread in [line._clock])


def test_nothing_moves_where_quiet_was_asked_for() -> None:
    stream = Terminal()
    with quietly(True), ProgressLine(stream) as line:
        line.stage("read")
    assert stream.getvalue() == ""


def test_what_is_printed_clears_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    stream = Terminal()
    with ProgressLine(stream) as line:
        line.stage("answer")
        say("an answer")
        assert lines(stream) == ["answer ...", ""]
