"""What is asked, from arguments or JSON Lines, and answers as JSON Lines."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from roformer_edge.cli.output import remark
from roformer_edge.errors import DatasetError, OptionError, TextError
from roformer_edge.tasks import Task

if TYPE_CHECKING:
    from roformer_edge.validate.data.fields import FieldNames
    from roformer_edge.validate.data.inputs import PlacedInputs
    from roformer_edge.validate.data.lines import Skip


# the endings of data files, and what they mean on standard input
INPUT_FORMATS = ("jsonl", "csv", "tsv", "txt", "parquet")


def add_texts(parser: argparse.ArgumentParser, holds: str) -> None:
    """Add where the texts come from.

    Args:
        parser: Gets the arguments.
        holds: What a line of a file holds.
    """
    parser.add_argument("texts", nargs="*", metavar="TEXT", help="texts; without any they are read from --input")
    parser.add_argument(
        "--input",
        default="-",
        metavar="FILE",
        help=f"JSON Lines, CSV, TSV, Parquet or .txt with {holds}; - is JSON Lines on standard input (default: -)",
    )
    parser.add_argument(
        "--input-format",
        choices=INPUT_FORMATS,
        help="how the input is written: JSON Lines, a table with a header, or a text a line (default: what the ending "
        "of the file says, and jsonl on standard input)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON Lines, as is done anyway")
    add_fields(parser)


def add_fields(parser: argparse.ArgumentParser) -> None:
    """Add which key of a data file is which field."""
    parser.add_argument(
        "--fields",
        metavar="NAME=KEY,...",
        help="which key of the data is which field, such as text=sentence1,pair=sentence2,label=label",
    )


def field_names(args: argparse.Namespace) -> FieldNames:
    """Read what ``--fields`` says."""
    from roformer_edge.validate.data.fields import BY_NAME, FieldNames

    return BY_NAME if args.fields is None else FieldNames.parse(args.fields)


def read_questions(args: argparse.Namespace, task: Task, *, skip: Skip | None = None) -> Iterator[PlacedInputs]:
    """Read what a task is asked, from the arguments, or else from the file, one at a time.

    What is asked on the command line stands nowhere: its ``where`` is empty.

    Raises:
        TextError: A text stands among the arguments, and the task asks for more than one.
    """
    from roformer_edge.validate.data.inputs import PlacedInputs
    from roformer_edge.validate.data.inputs import read_inputs as read_lines

    if args.texts:
        _refuse_file(args)
        if task.fields != ("text",):
            raise TextError(
                f"{task.name} answers to {', '.join(task.fields)}, and a TEXT argument is one text, found "
                f"{args.texts[0]!r:.40}; give JSON Lines with these keys in --input or on standard input"
            )
        yield from (PlacedInputs(where="", inputs={"text": _checked(text)}) for text in args.texts)
        return
    _prompt(args, {field: ["好", "不好"] if field == "choices" else "你好" for field in task.fields})
    try:
        yield from read_lines(args.input, task.name, field_names(args), skip=skip, form=args.input_format)
    except DatasetError as error:
        if args.input == "-" and args.input_format is None and "malformed JSON" in str(error):
            raise DatasetError(f"{error}; texts are read with --input-format txt, tables with csv or tsv") from None
        raise


def _refuse_file(args: argparse.Namespace) -> None:
    """Refuse options about a file where the texts stand among the arguments."""
    for option, value, usual in (
        ("--input", args.input, "-"),
        ("--fields", args.fields, None),
        ("--input-format", args.input_format, None),
    ):
        if value != usual:
            raise OptionError(option, value, "left out where texts are given as arguments")


def _prompt(args: argparse.Namespace, example: dict[str, Any]) -> None:
    if args.input == "-" and sys.stdin.isatty():
        kinds = {"txt": "a text a line", "csv": "a table with a header", "tsv": "a table with a header and tabs"}
        shown = kinds.get(args.input_format, f"JSON Lines such as {json.dumps(example, ensure_ascii=False)}")
        remark(f"type {shown}, and end with Ctrl-D")


def _checked(text: str) -> str:
    """Decode an argument that is not of the locale's encoding: its bytes arrive in surrogates, and may be UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        try:
            return os.fsencode(text).decode()
        except UnicodeError:
            raise TextError(f"an argument is not UTF-8 at character {error.start}; pass the text in a file") from None
    return text
