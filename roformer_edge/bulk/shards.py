"""Inputs as shards: which files, and which part of which file each shard is."""

from __future__ import annotations

import glob
import hashlib
import json
import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from pathlib import Path

from roformer_edge.errors import DatasetError, OptionError, RoFormerEdgeError, shown
from roformer_edge.validate.data.cutting import cut_file, raw_rows
from roformer_edge.validate.data.fields import FieldNames
from roformer_edge.validate.data.inputs import read_inputs
from roformer_edge.validate.data.lines import FORMATS, STANDARD_INPUT, ending_of
from roformer_edge.validate.data.spans import PARQUET, Span

# the endings that a file of a folder may have
ENDINGS = (".jsonl", *FORMATS, PARQUET)
# in a folder, what other programs leave beside their data: _SUCCESS, .part-0.crc
_MARKS = (".", "_")
_PIECE = 1 << 20
# files of one folder, whose names have five digits so that they sort
MOST_SHARDS = 100_000


@dataclass(frozen=True, kw_only=True)
class Shard:
    """A part of a file, whose answers are one file.

    Attributes:
        number: Its place among the shards of the job, from 0.
        path: The file.
        name: The file's path within the input, for people.
        form: How the file is written, whatever its ending says.
        span: The part.
    """

    number: int
    path: str
    name: str
    form: str | None
    span: Span


def find_files(given: str, form: str | None = None) -> list[Path]:
    """Find the files of an input, in the order of their names.

    Args:
        given: A file, a folder of files, or a pattern such as ``"data/2026-*.parquet"``.
        form: How the files are written, whatever their endings say.

    Raises:
        DatasetError: There are none, or a folder holds something of which nobody says how it is to be read.
    """
    path = Path(given)
    if given == STANDARD_INPUT:
        raise DatasetError("the texts of a job are read from files, and standard input can be read but once")
    if path.is_dir():
        found = sorted(one for one in path.iterdir() if not one.name.startswith(_MARKS))
        other = [one for one in found if not one.is_file() or (form is None and one.suffix.lower() not in ENDINGS)]
        if other:
            raise DatasetError(
                f"{given} holds {shown(other[0].name)}, which is no file that ends in {', '.join(ENDINGS)}; "
                "name those that are meant with a pattern, such as 'folder/*.jsonl' in quotation marks"
            )
    else:
        fitting = map(Path, glob.glob(given, recursive=True))  # noqa: PTH207 - a pattern may begin at the root
        found = [path] if path.is_file() else sorted(one for one in fitting if one.is_file())
    if not found:
        raise DatasetError(f"{given}: there is no such file, no folder with files, and no file that fits the pattern")
    return found


def names_of(files: Sequence[Path]) -> list[str]:
    """Name files by their paths within the folder that holds them all."""
    top = os.path.commonpath([file.absolute().parent for file in files])
    return [Path(os.path.relpath(file.absolute(), top)).as_posix() for file in files]


def cut_files(files: Sequence[Path], form: str | None, rows: int) -> list[Shard]:
    """Cut files into shards of so many rows at most; the same files are always cut alike.

    Raises:
        DatasetError: A file cannot be read or cut, or none of them holds a row.
        OptionError: There would be too many shards.
        MissingDependencyError: A file is Parquet, and pyarrow is not installed.
    """
    parts = [
        (str(file), name, span)
        for file, name in zip(files, names_of(files), strict=True)
        for span in cut_file(file, ending_of(file, form), rows)
    ]
    if len(parts) > MOST_SHARDS:
        raise OptionError(
            "shard_rows", rows, f"so many that there are at most {MOST_SHARDS:,} shards, not {len(parts):,}"
        )
    if not parts:
        raise DatasetError(f"{files[0]}{f' and {len(files) - 1} more' if len(files) > 1 else ''}: no row in any file")
    return [
        Shard(number=number, path=path, name=name, form=form, span=span)
        for number, (path, name, span) in enumerate(parts)
    ]


def check_readable(shards: Sequence[Shard], task: str, fields: FieldNames) -> None:
    """Refuse files of which no row can be read: a mistake about the file, and not about its rows.

    Args:
        shards: All shards, in their order.
        task: A name of ``tasks.TASKS``; it decides what a row must hold.
        fields: Which key of the files is which field.

    Raises:
        DatasetError: There is such a file, or the header of a table cannot be used.
        OptionError: A field was named that the task does not read.
    """
    for path, parts in groupby(shards, lambda shard: shard.path):
        errors: list[DatasetError] = []
        read = (read_inputs(path, task, fields, skip=errors.append, form=one.form, span=one.span) for one in parts)
        if next(chain.from_iterable(read), None) is None and errors:
            raise DatasetError(f"{errors[0]}; no other row of the file can be used")


def digest_of_file(path: Path) -> str:
    """Compute the SHA-256 of a file.

    Raises:
        DatasetError: It cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                digest.update(piece)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror or error}") from None
    return digest.hexdigest()


def bad_rows(shard: Shard, errors: Collection[RoFormerEdgeError]) -> Iterable[bytes]:
    """Write what is wrong with rows of a shard as JSON Lines, with the rows as they stand in the file.

    Args:
        shard: The shard.
        errors: What was raised of them; each begins with ``path:line:``.
    """
    reasons = {}
    for error in errors:
        line, _, reason = str(error).removeprefix(f"{shard.path}:").partition(": ")
        reasons[int(line)] = reason
    rows = raw_rows(shard.path, ending_of(shard.path, shard.form), shard.span, reasons.keys())
    for number in sorted(reasons):
        bad = {"input": shard.name, "line": number, "reason": reasons[number], "row": rows[number]}
        yield json.dumps(bad, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
