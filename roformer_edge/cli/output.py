"""Everything that commands print: a line each, whatever the names in it hold. No other module of them prints."""

from __future__ import annotations

import json
import sys

from roformer_edge.escape import as_json, visible


def say(line: str = "") -> None:
    """Print one line on standard output."""
    print(visible(line))


def say_lines(lines: str) -> None:
    """Print lines that were made of harmless parts."""
    for line in lines.split("\n"):
        say(line)


def say_json(text: str) -> None:
    """Print JSON text, at once: whoever reads the other end of the pipe does not wait for the next."""
    print(as_json(text), flush=True)


def print_json(value: object) -> None:
    """Print a value as one line of JSON."""
    say_json(json.dumps(value, ensure_ascii=False))


def tell(line: str) -> None:
    """Print one line on standard error."""
    print(visible(line), file=sys.stderr)
