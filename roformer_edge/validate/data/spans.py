"""Decoded lines of files and of their parts, and rows of tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from roformer_edge.errors import DatasetError

MAX_LINE_BYTES = 64 << 20  # far above any text; a bound for files that hold no lines at all
PARQUET = ".parquet"
# ending of a table's name -> how csv reads it; a quotation mark in a TSV is a character like any other
DIALECTS: Mapping[str, Mapping[str, Any]] = {
    ".csv": {"strict": True},
    ".tsv": {"delimiter": "\t", "quoting": csv.QUOTE_NONE},
}

UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, kw_only=True)
class Span:
    """A part of a file that begins and ends between two rows, so that it can be read alone.

    Attributes:
        first: The lines before it; of Parquet the rows.
        lines: The lines in it; of Parquet the rows.
        offset: The bytes before it; 0 in Parquet.
        size: The bytes in it; 0 in Parquet.
        header: The bytes of a table up to the end of its header, which are no part of the span.
    """

    first: int
    lines: int
    offset: int = 0
    size: int = 0
    header: bytes = b""

    @property
    def line_before(self) -> int:
        """The number of the line before the first that is read, header included."""
        return self.first - self.header.count(b"\n")

    def open(self, path: str | Path) -> io.BytesIO:
        """Read the part of the file, behind its header."""
        with Path(path).open("rb") as file:
            file.seek(self.offset)
            return io.BytesIO(self.header + file.read(self.size))


class Texts:
    """The decoded lines of a file. It can be read on behind a line that is not UTF-8, as no generator could.

    Args:
        file: Where to read.
        name: The file's name, for messages.
        number: The number of the line before the first.

    Attributes:
        number: The number of the last line that was read.
        line: That line as it is in the file.
        bytes: The bytes that were read.
    """

    def __init__(self, file: BinaryIO, name: str, number: int = 0) -> None:
        self.number = number
        self.line = b""
        self.bytes = 0
        self._file = file
        self._name = name

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        self.line = self._file.readline(MAX_LINE_BYTES + 1)
        if not self.line:
            raise StopIteration
        self.number += 1
        self.bytes += len(self.line)
        if len(self.line) > MAX_LINE_BYTES:
            self._pass_over()
        return _decode(self.line, f"{self._name}:{self.number}", first=self.number == 1)

    def _pass_over(self) -> None:
        """Read to the end of a line that is too long: what is left of it is no line of its own."""
        piece = self.line
        while piece and not piece.endswith(b"\n"):
            piece = self._file.readline(MAX_LINE_BYTES)
            self.bytes += len(piece)


def table_rows(texts: Texts, name: str, dialect: Mapping[str, Any]) -> Iterator[tuple[int, list[str] | DatasetError]]:
    """Read the rows of a table, its header among them, each with the number of its first line.

    Raises:
        DatasetError: While iterating: a malformed row reaches over several lines, so that nobody can tell where the
            next one begins. One that is malformed within its line is yielded as an error.
    """
    undecodable: list[DatasetError] = []

    def decoded() -> Iterator[str]:
        while True:
            try:
                yield next(texts)
            except StopIteration:
                return
            except DatasetError as error:
                # its quotation marks count all the same, or the lines behind it would be read as another row
                undecodable.append(error)
                yield texts.line.decode("utf-8", "surrogateescape")

    rows = csv.reader(decoded(), **dialect)
    while True:
        number = texts.number + 1
        undecodable.clear()
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            malformed = DatasetError(f"{name}:{max(texts.number, 1)}: malformed table: {error}")
            if texts.number > number:
                raise malformed from None
            yield number, malformed
        else:
            yield number, undecodable[0] if undecodable else row


def is_utf16(beginning: bytes) -> bool:
    """Tell whether a file that begins so is UTF-16."""
    return beginning.startswith(_UTF16_MARKS)


def _decode(line: bytes, where: str, *, first: bool) -> str:
    if len(line) > MAX_LINE_BYTES:
        raise DatasetError(f"{where}: the line is longer than {MAX_LINE_BYTES >> 20} MiB; is this a file of lines?")
    if first:
        if is_utf16(line):
            raise DatasetError(f"{where}: the file is UTF-16; save it as UTF-8")
        line = line.removeprefix(UTF8_MARK)
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DatasetError(
            f"{where}: not UTF-8: byte 0x{line[error.start]:02x} at position {error.start} ({error.reason})"
        ) from None
