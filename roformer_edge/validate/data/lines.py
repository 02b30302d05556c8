"""Files of one example a line: JSON Lines, CSV and TSV with a header, plain text; UTF-8.

Lines end at line feeds only, so a text may hold U+2028 or U+0085. Blank lines are skipped, and a byte order mark at the
start is dropped. Files are read as a stream; nothing is kept.
"""

from __future__ import annotations

import csv
import itertools
import json
import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from roformer_edge.errors import DatasetError
from roformer_edge.validate.data.fields import BY_NAME, FieldNames

# the number of a line and what it holds, or what is wrong with it
_Row = tuple[int, dict[str, Any]] | DatasetError
# hears what is wrong with a line that is left out
Skip = Callable[[DatasetError], None]

STANDARD_INPUT = "-"
MAX_LINE_BYTES = 64 << 20  # far above any text; a bound for files that hold no lines at all

_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_SURROGATE = re.compile("[\ud800-\udfff]")
_NAMES_SHOWN = 8
_KINDS = {
    type(None): "null",
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "a list",
    dict: "an object",
}


@dataclass(frozen=True, kw_only=True)
class Line:
    """The named values of one line, with the place that complaints name.

    Attributes:
        where: ``path:line``.
        number: The number of the line in the file, from 1.
        values: The values by the keys of the file.
        fields: Which key is which field.
        flat: Whether all values are strings because the file knows nothing else, as in CSV; numbers and lists are then
            read from them.
    """

    where: str
    number: int
    values: Mapping[str, Any]
    fields: FieldNames = BY_NAME
    flat: bool = field(default=False)

    def error(self, reason: str) -> DatasetError:
        """Make the error that this line cannot be used."""
        return DatasetError(f"{self.where}: {reason}")

    def key(self, name: str) -> str:
        """Find the key under which this line holds a field, whether it does or not."""
        return self.fields.key(name, self.values)

    def holds(self, name: str) -> bool:
        """Tell whether the line has a value for a field; an empty cell of a table is none.

        Raises:
            DatasetError: The user said which key holds the field, and there is no such key.
        """
        key = self.key(name)
        if self.fields.chosen(name) is not None:
            self.value(name)
        return key in self.values and not (self.flat and self.values[key] == "")

    def value(self, name: str) -> Any:
        """Read the value of a field, whatever it is.

        Raises:
            DatasetError: There is none.
        """
        key = self.key(name)
        if key not in self.values:
            found = f"found {listed(list(self.values))}" if self.values else "the object is empty"
            raise self.error(f"missing key {key!r}; {found}")
        return self.values[key]

    def string(self, name: str) -> str:
        """Read the text of a field.

        Raises:
            DatasetError: There is none, or it is no text that a tokenizer takes.
        """
        return self.checked(repr(self.key(name)), self.value(name))

    def number_of(self, name: str) -> float:
        """Read the number of a field, also where it is written as a string.

        Raises:
            DatasetError: There is none, or it is not finite.
        """
        value = self.value(name)
        try:
            number = float(value) if type(value) in (int, float, str) else math.nan
        except (ValueError, OverflowError):
            number = math.nan
        if not math.isfinite(number):
            found = shown(value) if isinstance(value, str) else kind(value)
            raise self.error(f"{self.key(name)!r} must be a finite number, found {found}")
        return number

    def items(self, name: str, of: str = "strings", *, least: int = 1) -> list[Any]:
        """Read the items of a list field, unchecked.

        Args:
            name: The name of the field.
            of: What the items should be, for messages.
            least: The fewest items allowed.

        Raises:
            DatasetError: There is none, or it is no list.
        """
        value = self.value(name)
        if self.flat and isinstance(value, str) and value.startswith("["):
            value = _parse_json(value, self.where)
        if not isinstance(value, list) or len(value) < least:
            found = "an empty list" if value == [] else kind(value)
            raise self.error(f"{self.key(name)!r} must be a list of {of}, found {found}")
        return value

    def strings(self, name: str, *, least: int = 1) -> list[str]:
        """Read the texts of a list field.

        Raises:
            DatasetError: There is none, or one of them is no text that a tokenizer takes.
        """
        values = self.items(name, least=least)
        return [self.checked(f"number {n} of {self.key(name)!r}", value) for n, value in enumerate(values, 1)]

    def checked(self, name: str, value: object) -> str:
        """Return ``value`` if it is a text that a tokenizer takes.

        Raises:
            DatasetError: No string, or it holds NUL or half of a surrogate pair.
        """
        if not isinstance(value, str):
            raise self.error(f"{name} must be a string, found {kind(value)}")
        if surrogate := _SURROGATE.search(value):
            place = f"U+{ord(surrogate[0]):04X} at character {surrogate.start()}"
            raise self.error(f"{name} holds half of a surrogate pair, {place}: it is not Unicode text")
        if "\0" in value:
            raise self.error(f"{name} holds a NUL at character {value.index(chr(0))}")
        return value


def read_lines(
    path: str | Path, fields: FieldNames = BY_NAME, *, skip: Skip | None = None, form: str | None = None
) -> Iterator[Line]:
    """Read the lines of a file, one by one.

    Args:
        path: A file, read by its ending (``FORMATS``; JSON Lines where it is none of these), or ``"-"`` for JSON Lines
            on standard input.
        fields: Which key is which field.
        skip: Told of each line that is malformed, which is then left out; without it such a line is an error.
        form: A key of ``FORMATS`` without its dot, or ``"jsonl"``, whatever the ending says.

    Raises:
        DatasetError: While iterating: the file cannot be read, holds no example, or has a line that is malformed.
    """
    name = "<standard input>" if str(path) == STANDARD_INPUT else str(path)
    ending = "" if str(path) == STANDARD_INPUT else Path(path).suffix.lower()
    if form is not None:
        ending = f".{form}"
    read, flat = FORMATS.get(ending, (_read_json_lines, False))
    found = False
    try:
        with _open(path) as file:
            texts = _Texts(file, name)
            for row in read(texts, name):
                found = True
                if isinstance(row, DatasetError):
                    if skip is None:
                        raise row
                    skip(row)
                    continue
                number, values = row
                yield Line(where=f"{name}:{number}", number=number, values=values, fields=fields, flat=flat)
    except OSError as error:
        raise DatasetError(f"{name}: cannot be read: {error.strerror or error}") from None
    if not found:
        expected = _EXPECTED.get(ending, "one JSON object a line")
        raise DatasetError(f"{name}:{max(texts.number, 1)}: no example in the file; {expected} is expected")


class _Texts:
    """The decoded lines of a file. It can be read on behind a line that is not UTF-8, as no generator could."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.number = 0
        self._file = file
        self._name = name

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._file.readline(MAX_LINE_BYTES + 1)
        if not line:
            raise StopIteration
        self.number += 1
        return _decode(line, f"{self._name}:{self.number}", first=self.number == 1)


def _read_json_lines(texts: Iterator[str], name: str) -> Iterator[_Row]:
    for number in itertools.count(1):
        try:
            text = next(texts)
            if not text.strip(" \t\r\n"):
                continue
            value = _parse_json(text, f"{name}:{number}")
            if not isinstance(value, dict):
                raise DatasetError(f"{name}:{number}: a line must hold one JSON object, found {kind(value)}")
        except StopIteration:
            return
        except DatasetError as error:
            yield error
        else:
            yield number, value


def _read_csv(texts: Iterator[str], name: str) -> Iterator[_Row]:
    return _read_table(csv.reader(texts, strict=True), name)


def _read_tsv(texts: Iterator[str], name: str) -> Iterator[_Row]:
    # a quotation mark in a TSV is a character like any other
    return _read_table(csv.reader(texts, delimiter="\t", quoting=csv.QUOTE_NONE), name)


def _read_table(rows: Any, name: str) -> Iterator[_Row]:
    header: list[str] | None = None
    number = 1
    try:
        for row in rows:
            where = f"{name}:{number}"
            if not any(cell.strip(" \t\r\n") for cell in row):
                pass
            elif header is None:
                header = row
                if twice := sorted({key for key in row if row.count(key) > 1}):
                    raise DatasetError(f"{where}: the header names {listed(twice)} twice")
            elif len(row) != len(header):
                cells = "1 cell" if len(row) == 1 else f"{len(row)} cells"
                yield DatasetError(f"{where}: {cells}, and the header has {len(header)}: {listed(header)}")
            else:
                yield number, dict(zip(header, row, strict=True))
            number = rows.line_num + 1
    except csv.Error as error:
        raise DatasetError(f"{name}:{max(rows.line_num, 1)}: malformed table: {error}") from None


def _read_plain(texts: Iterator[str], _name: str) -> Iterator[_Row]:
    for number, text in enumerate(texts, 1):
        if text.strip(" \t\r\n"):
            yield number, {"text": text.removesuffix("\n").removesuffix("\r")}


# ending of a file's name -> what reads it, and whether all its values are strings
FORMATS: dict[str, tuple[Callable[[Iterator[str], str], Iterator[_Row]], bool]] = {
    ".csv": (_read_csv, True),
    ".tsv": (_read_tsv, True),
    ".txt": (_read_plain, True),
}
_EXPECTED = {".csv": "a header and a row an example", ".tsv": "a header and a row an example", ".txt": "a text a line"}


def _open(path: str | Path) -> AbstractContextManager[BinaryIO]:
    if str(path) == STANDARD_INPUT:
        return nullcontext(sys.stdin.buffer)
    return Path(path).open("rb")


def _decode(line: bytes, where: str, *, first: bool) -> str:
    if len(line) > MAX_LINE_BYTES:
        raise DatasetError(f"{where}: the line is longer than {MAX_LINE_BYTES >> 20} MiB; is this a file of lines?")
    if first:
        if line.startswith(_UTF16_MARKS):
            raise DatasetError(f"{where}: the file is UTF-16; save it as UTF-8")
        line = line.removeprefix(_UTF8_MARK)
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DatasetError(
            f"{where}: not UTF-8: byte 0x{line[error.start]:02x} at position {error.start} ({error.reason})"
        ) from None


def _parse_json(text: str, where: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_object)
    except _DuplicateKeyError as error:
        raise DatasetError(f"{where}: the key {shown(error.key)} stands twice in one object") from None
    except json.JSONDecodeError as error:
        raise DatasetError(f"{where}: malformed JSON: {error.msg} at character {error.pos}") from None
    except (ValueError, RecursionError) as error:  # a number of thousands of digits; brackets nested thousands deep
        raise DatasetError(f"{where}: JSON that cannot be parsed: {error}") from None


class _DuplicateKeyError(Exception):
    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(key)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in pairs:
        if key in values:
            raise _DuplicateKeyError(key)
        values[key] = value
    return values


def kind(value: object) -> str:
    """Name what a value of JSON is, in words."""
    return _KINDS[type(value)]


def shown(value: object) -> str:
    """Write ``value`` on one line and of bounded length."""
    text = ascii(value) if isinstance(value, str) and _SURROGATE.search(value) else repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def listed(names: Sequence[str]) -> str:
    """List a few names with commas between, and how many there are beside them."""
    text = ", ".join(shown(name) for name in names[:_NAMES_SHOWN])
    return text if len(names) <= _NAMES_SHOWN else f"{text} and {len(names) - _NAMES_SHOWN} more"
