"""Files of one example a line: JSON Lines, CSV and TSV with a header, plain text in UTF-8; and Parquet.

Lines end at line feeds only, so a text may hold U+2028 or U+0085. Blank lines are skipped, and a byte order mark at the
start is dropped. Files are read as a stream; nothing is kept.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from roformer_edge.errors import DatasetError
from roformer_edge.validate.data.fields import BY_NAME, FieldNames
from roformer_edge.validate.data.spans import DIALECTS, PARQUET, Span, Texts, table_rows

# the number of a line and what it holds, or what is wrong with it
_Row = tuple[int, dict[str, Any]] | DatasetError
# hears what is wrong with a line that is left out
Skip = Callable[[DatasetError], None]

STANDARD_INPUT = "-"
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
    path: str | Path,
    fields: FieldNames = BY_NAME,
    *,
    skip: Skip | None = None,
    form: str | None = None,
    span: Span | None = None,
) -> Iterator[Line]:
    """Read the lines of a file, one by one.

    Args:
        path: A file, read by its ending (``FORMATS``; JSON Lines where it is none of these), or ``"-"`` for JSON Lines
            on standard input.
        fields: Which key is which field.
        skip: Told of each line that is malformed, which is then left out; without it such a line is an error.
        form: A key of ``FORMATS`` without its dot, ``"parquet"`` or ``"jsonl"``, whatever the ending says.
        span: The part of the file to read, with lines numbered as in the whole; one without any example is no error.

    Raises:
        DatasetError: While iterating: the file cannot be read, holds no example, or has a line that is malformed.
        MissingDependencyError: While iterating: the file is Parquet, and pyarrow is not installed.
    """
    name = "<standard input>" if str(path) == STANDARD_INPUT else str(path)
    ending = ending_of(path, form)
    flat = ending in FORMATS and FORMATS[ending][1]
    try:
        for row in _rows(path, name, ending, span):
            if isinstance(row, DatasetError):
                if skip is None:
                    raise row
                skip(row)
                continue
            number, values = row
            yield Line(where=f"{name}:{number}", number=number, values=values, fields=fields, flat=flat)
    except OSError as error:
        raise DatasetError(f"{name}: cannot be read: {error.strerror or error}") from None


def ending_of(path: str | Path, form: str | None = None) -> str:
    """Tell which ending a file is read by: that of its name, or that of the form it is said to have."""
    if form is not None:
        return f".{form}"
    return "" if str(path) == STANDARD_INPUT else Path(path).suffix.lower()


def _rows(path: str | Path, name: str, ending: str, span: Span | None) -> Iterator[_Row]:
    found, last = False, 1
    if ending == PARQUET:
        from roformer_edge.validate.data.parquet import read_parquet

        for row in read_parquet(path, name, span):
            found = True
            yield row
    else:
        read, _ = FORMATS.get(ending, (_read_json_lines, False))
        with _open(path, span) as file:
            texts = Texts(file, name, 0 if span is None else span.line_before)
            for line in read(texts, name):
                found = True
                yield line
            last = max(texts.number, 1)
    if span is None and not found:
        expected = _EXPECTED.get(ending, "one JSON object a line")
        raise DatasetError(f"{name}:{last}: no example in the file; {expected} is expected")


def _read_json_lines(texts: Texts, name: str) -> Iterator[_Row]:
    while True:
        try:
            text = next(texts)
            if not text.strip(" \t\r\n"):
                continue
            where = f"{name}:{texts.number}"
            value = _parse_json(text, where)
            if not isinstance(value, dict):
                raise DatasetError(f"{where}: a line must hold one JSON object, found {kind(value)}")
        except StopIteration:
            return
        except DatasetError as error:
            yield error
        else:
            yield texts.number, value


def _read_table(texts: Texts, name: str, dialect: Mapping[str, Any]) -> Iterator[_Row]:
    header: list[str] | None = None
    for number, row in table_rows(texts, name, dialect):
        where = f"{name}:{number}"
        if isinstance(row, DatasetError):
            if header is None:
                raise row
            yield row
        elif not any(cell.strip(" \t\r\n") for cell in row):
            continue
        elif header is None:
            header = row
            if twice := sorted({key for key in row if row.count(key) > 1}):
                raise DatasetError(f"{where}: the header names {listed(twice)} twice")
        elif len(row) != len(header):
            cells = "1 cell" if len(row) == 1 else f"{len(row)} cells"
            yield DatasetError(f"{where}: {cells}, and the header has {len(header)}: {listed(header)}")
        else:
            yield number, dict(zip(header, row, strict=True))


def _read_plain(texts: Texts, _name: str) -> Iterator[_Row]:
    while True:
        try:
            text = next(texts)
        except StopIteration:
            return
        except DatasetError as error:
            yield error
        else:
            if text.strip(" \t\r\n"):
                yield texts.number, {"text": text.removesuffix("\n").removesuffix("\r")}


# ending of a file's name -> what reads it, and whether all its values are strings
FORMATS: dict[str, tuple[Callable[[Texts, str], Iterator[_Row]], bool]] = {
    **{ending: (partial(_read_table, dialect=dialect), True) for ending, dialect in DIALECTS.items()},
    ".txt": (_read_plain, True),
}
_EXPECTED = {
    PARQUET: "a row an example",
    ".csv": "a header and a row an example",
    ".tsv": "a header and a row an example",
    ".txt": "a text a line",
}


def _open(path: str | Path, span: Span | None) -> AbstractContextManager[BinaryIO]:
    if str(path) == STANDARD_INPUT:
        return nullcontext(sys.stdin.buffer)
    return Path(path).open("rb") if span is None else span.open(path)


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
    """Name what a value of JSON is, in words, or one that Parquet holds beside those."""
    return _KINDS.get(type(value), f"a {type(value).__name__}")


def shown(value: object) -> str:
    """Write ``value`` on one line and of bounded length."""
    text = ascii(value) if isinstance(value, str) and _SURROGATE.search(value) else repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def listed(names: Sequence[str]) -> str:
    """List a few names with commas between, and how many there are beside them."""
    text = ", ".join(shown(name) for name in names[:_NAMES_SHOWN])
    return text if len(names) <= _NAMES_SHOWN else f"{text} and {len(names) - _NAMES_SHOWN} more"
