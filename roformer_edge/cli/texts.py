"""Texts from arguments or JSON Lines, and answers as JSON Lines."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator

from roformer_edge.errors import TextError


def add_texts(parser: argparse.ArgumentParser) -> None:
    """Where the texts come from."""
    parser.add_argument("texts", nargs="*", metavar="TEXT", help="texts; without any they are read from --input")
    parser.add_argument(
        "--input", default="-", metavar="FILE", help='JSON Lines with a "text" each; - is standard input (default: -)'
    )


def read_inputs(args: argparse.Namespace) -> Iterator[str]:
    """The texts of the arguments, or else those of the file, one at a time."""
    if args.texts:
        yield from map(_checked, args.texts)
        return
    from roformer_edge.validate.datasets import read_texts

    if args.input == "-" and sys.stdin.isatty():
        print('type JSON Lines such as {"text": "你好"}, and end with Ctrl-D', file=sys.stderr)
    yield from read_texts(args.input)


def print_json(value: object) -> None:
    """One JSON line, at once: whoever reads the other end of the pipe does not wait for the next."""
    print(json.dumps(value, ensure_ascii=False), flush=True)


def _checked(text: str) -> str:
    """An argument that is no UTF-8 arrives with surrogates in it."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise TextError(f"an argument is not UTF-8 at character {error.start}; pass the text in a file") from None
    return text
