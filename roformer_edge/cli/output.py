"""Everything that commands print: a line each, whatever the names in it hold. No other module of them prints."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from roformer_edge.escape import as_json, visible

# what a line begins with, the name of the program left out -> how a terminal shows it
_COLOURS = {"error:": "1;31", "warning:": "33", "skipped:": "33", "note:": "2"}
_PROGRAM = "roformer-edge: "


class MovingLine(Protocol):
    """A line of a terminal that is written over and over."""

    def hide(self) -> None:
        """Clear it, for something that is printed."""


class _State:
    quiet = False
    line: MovingLine | None = None


def say(line: str = "") -> None:
    """Print one line on standard output."""
    _make_room()
    print(visible(line))


def say_lines(lines: str) -> None:
    """Print lines that were made of harmless parts."""
    for line in lines.split("\n"):
        say(line)


def say_json(text: str) -> None:
    """Print JSON text, at once: whoever reads the other end of the pipe does not wait for the next."""
    _make_room()
    print(as_json(text), flush=True)


def print_json(value: object) -> None:
    """Print a value as one line of JSON."""
    say_json(json.dumps(value, ensure_ascii=False))


def tell(line: str) -> None:
    """Print one line on standard error."""
    _make_room()
    print(_coloured(visible(line)), file=sys.stderr)


def remark(line: str) -> None:
    """Print one line on standard error that is no error, unless nothing else was asked for."""
    if not _State.quiet:
        tell(line)


def is_quiet() -> bool:
    """Tell whether nothing but answers and errors is to be printed."""
    return _State.quiet


@contextmanager
def quietly(asked: bool) -> Iterator[None]:
    """Within the block, print answers and errors alone, if that is asked for."""
    before, _State.quiet = _State.quiet, asked
    try:
        yield
    finally:
        _State.quiet = before


def show_line(line: MovingLine | None) -> None:
    """Remember a line that must be cleared before anything is printed, or forget it."""
    _State.line = line


def has_colours() -> bool:
    """Tell whether standard error is a terminal that shows colours, and whether the user wants them."""
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _make_room() -> None:
    if _State.line is not None:
        _State.line.hide()


def _coloured(line: str) -> str:
    rest = line.removeprefix(_PROGRAM)
    word = next((word for word in _COLOURS if rest.startswith(word)), None)
    if word is None or not has_colours():
        return line
    return f"{line[: len(line) - len(rest)]}\x1b[{_COLOURS[word]}m{word}\x1b[0m{rest.removeprefix(word)}"
