"""Cut files into parts that can be read alone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Set
from pathlib import Path
from typing import BinaryIO

from roformer_edge.errors import DatasetError
from roformer_edge.validate.data.parquet import count_parquet, read_parquet
from roformer_edge.validate.data.spans import DIALECTS, PARQUET, UTF8_MARK, Span, Texts, is_utf16, table_rows

# the number of the first line of a row, and its cells where it is one of a table
_Row = tuple[int, list[str] | DatasetError]


def cut_file(path: str | Path, ending: str, most: int) -> Iterator[Span]:
    """Cut a file into parts, in its order; the same file is always cut alike, and one without rows into none.

    Args:
        path: The file.
        ending: What it is read by, as :func:`~roformer_edge.validate.data.lines.ending_of` tells.
        most: The most rows of a part; of JSON Lines and plain texts the most lines, blank ones included.

    Raises:
        DatasetError: While iterating: it cannot be read, or nobody can tell where its rows end.
        MissingDependencyError: While iterating: the file is Parquet, and pyarrow is not installed.
    """
    name = str(path)
    if ending == PARQUET:
        rows = count_parquet(path, name)
        yield from (Span(first=first, lines=min(most, rows - first)) for first in range(0, rows, most))
        return
    try:
        with Path(path).open("rb") as file:
            yield from _cut(file, name, ending, most)
    except OSError as error:
        raise DatasetError(f"{name}: cannot be read: {error.strerror or error}") from None


def _cut(file: BinaryIO, name: str, ending: str, most: int) -> Iterator[Span]:
    texts, header = Texts(file, name), b""
    rows = _numbered(texts, name, ending)
    if ending in DIALECTS:
        _pass_header(rows)
        with Path(name).open("rb") as beginning:
            header = beginning.read(texts.bytes).removeprefix(UTF8_MARK)
    first, offset = texts.number, texts.bytes

    def span() -> Span:
        lines, size = texts.number - first, texts.bytes - offset
        return Span(first=first, lines=lines, offset=offset, size=size, header=header)

    for number, _ in enumerate(rows, 1):
        if number % most == 0:
            yield span()
            first, offset = texts.number, texts.bytes
    if texts.bytes > offset:
        yield span()


def _numbered(texts: Texts, name: str, ending: str) -> Iterator[_Row]:
    return table_rows(texts, name, DIALECTS[ending]) if ending in DIALECTS else _lines(texts)


def _pass_header(rows: Iterator[_Row]) -> None:
    """Read a table to the end of its header.

    Raises:
        DatasetError: It is malformed.
    """
    for _, row in rows:
        if isinstance(row, DatasetError):
            raise row
        if any(cell.strip(" \t\r\n") for cell in row):
            return


def _lines(texts: Texts) -> Iterator[_Row]:
    """Stop behind every line, whatever is in it.

    Raises:
        DatasetError: The file is UTF-16: its lines end elsewhere.
    """
    while True:
        try:
            next(texts)
        except StopIteration:
            return
        except DatasetError:
            if texts.number == 1 and is_utf16(texts.line):
                raise
        yield texts.number, []


def raw_rows(path: str | Path, ending: str, span: Span, numbers: Set[int]) -> dict[int, str]:
    """Read some rows of a part as they stand in the file; of Parquet as JSON.

    Args:
        path: The file.
        ending: What it is read by.
        span: The part.
        numbers: The numbers of lines in the rows; those of lines elsewhere are passed over.
    """
    found: dict[int, str] = {}
    if not numbers:
        return found
    if ending == PARQUET:
        for number, values in read_parquet(path, str(path), span):
            if number in numbers:
                found[number] = json.dumps(values, ensure_ascii=False, default=str)
        return found
    with span.open(path) as file:
        texts, begin = Texts(file, str(path), span.line_before), 0
        for number, _ in _numbered(texts, str(path), ending):
            # a complaint names the line that it is about, and a row of a table may have several
            for line in filter(numbers.__contains__, range(max(number, span.first + 1), texts.number + 1)):
                row = file.getvalue()[begin : texts.bytes]
                found[line] = row.decode("utf-8", "backslashreplace").rstrip("\r\n")
            begin = texts.bytes
    return found
