"""JSON Lines readers: one example a line, UTF-8, every complaint as ``path:line: reason``.

Lines end at line feeds only, so a text may hold U+2028 or U+0085. Blank lines are skipped, unknown keys ignored, and
a byte order mark at the start is dropped. Files are read as a stream; nothing is kept.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from roformer_edge.errors import DatasetError
from roformer_edge.tasks import get_task

STANDARD_INPUT = "-"
MAX_LINE_BYTES = 64 << 20  # far above any text; a bound for files that are not JSON Lines at all

_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_SURROGATE = re.compile("[\ud800-\udfff]")
_LABELS_SHOWN = 8
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
class Example:
    """One labelled text.

    Attributes:
        text: The text, as it stands in the file.
        label: The name of its class, also where the file has an index: names survive another order of the labels.
    """

    text: str
    label: str


def read_labelled(path: str | Path, task: str, labels: Sequence[str]) -> Iterator[Example]:
    """Read the labelled examples of a task, one by one.

    Args:
        path: A JSON Lines file, or ``"-"`` for standard input.
        task: A name of ``tasks.TASKS``; it decides what a line must hold. For text classification that is
            ``{"text": string, "label": name or index}``.
        labels: Class names in the order of the logits. A label in the file may be a name or an index into these.

    Raises:
        DatasetError: While iterating: the file cannot be read, holds no example, or has a line that cannot be used.
        UnknownNameError: No such task.
    """
    get_task(task)
    if task not in READERS:
        raise DatasetError(
            f"what is lost in {task} cannot be measured: labelled data is read for {', '.join(READERS)} only"
        )
    read = READERS[task]
    known = tuple(labels)
    return (read(record, known) for record in _records(path))


def read_texts(path: str | Path) -> Iterator[str]:
    """Read the ``"text"`` of every line, one by one; labels and other keys are ignored.

    Args:
        path: A JSON Lines file, or ``"-"`` for standard input.

    Raises:
        DatasetError: As for :func:`read_labelled`.
    """
    return (record.string("text") for record in _records(path))


def read_inputs(path: str | Path, task: str) -> Iterator[dict[str, Any]]:
    """Read what a task answers to, one example a line: its fields, strings or lists of strings.

    Labels and other keys are ignored. The question of a multiple choice may miss.

    Args:
        path: A JSON Lines file, or ``"-"`` for standard input.
        task: A name of ``tasks.TASKS``.

    Raises:
        DatasetError: As for :func:`read_labelled`.
        UnknownNameError: No such task.
    """
    fields = get_task(task).fields
    return (_fields_of(record, fields) for record in _records(path))


def _fields_of(record: _Record, fields: Sequence[str]) -> dict[str, Any]:
    if "choices" not in fields:
        return {field: record.string(field) for field in fields}
    given = [field for field in ("context", "question") if field != "question" or field in record.values]
    return {**{field: record.string(field) for field in given}, "choices": record.strings("choices")}


@dataclass(frozen=True, kw_only=True)
class _Record:
    """The object of one line, with the place that complaints name."""

    where: str
    values: Mapping[str, Any]

    def error(self, reason: str) -> DatasetError:
        return DatasetError(f"{self.where}: {reason}")

    def value(self, key: str) -> Any:
        if key not in self.values:
            found = f"found {_listed(list(self.values))}" if self.values else "the object is empty"
            raise self.error(f"missing key {key!r}; {found}")
        return self.values[key]

    def string(self, key: str) -> str:
        return self._checked(repr(key), self.value(key))

    def strings(self, key: str) -> list[str]:
        values = self.value(key)
        if not isinstance(values, list) or not values:
            found = "an empty list" if values == [] else _kind(values)
            raise self.error(f"{key!r} must be a list of strings, found {found}")
        return [self._checked(f"number {number} of {key!r}", value) for number, value in enumerate(values, 1)]

    def _checked(self, name: str, value: object) -> str:
        if not isinstance(value, str):
            raise self.error(f"{name} must be a string, found {_kind(value)}")
        if surrogate := _SURROGATE.search(value):
            place = f"U+{ord(surrogate[0]):04X} at character {surrogate.start()}"
            raise self.error(f"{name} holds half of a surrogate pair, {place}: it is not Unicode text")
        if "\0" in value:
            raise self.error(f"{name} holds a NUL at character {value.index(chr(0))}")
        return value


def _read_classification(record: _Record, known: Sequence[str]) -> Example:
    text, label = record.string("text"), record.value("label")
    if type(label) is int:  # a bool is no index
        if not 0 <= label < len(known):
            raise record.error(f"label {_shown(label)} is out of range; the model has {_allowed(known)}")
        return Example(text=text, label=known[label])
    if not isinstance(label, str):
        raise record.error(f"'label' must be a name or an index, found {_kind(label)}")
    if label not in known:
        raise record.error(f"unknown label {_shown(label)}; the model has {_allowed(known)}")
    return Example(text=text, label=label)


# task -> reader of one line
READERS: dict[str, Callable[[_Record, Sequence[str]], Example]] = {"text-classification": _read_classification}


def _records(path: str | Path) -> Iterator[_Record]:
    name = "<standard input>" if str(path) == STANDARD_INPUT else str(path)
    number, found = 0, False
    try:
        with _open(path) as file:
            while line := file.readline(MAX_LINE_BYTES + 1):
                number += 1
                where = f"{name}:{number}"
                text = _decode(line, where, first=number == 1)
                if text.strip(" \t\r\n"):
                    found = True
                    yield _Record(where=where, values=_parse(text, where))
    except OSError as error:
        raise DatasetError(f"{name}: cannot be read: {error.strerror or error}") from None
    if not found:
        raise DatasetError(f"{name}:{max(number, 1)}: no example in the file; one JSON object a line is expected")


def _open(path: str | Path) -> AbstractContextManager[BinaryIO]:
    if str(path) == STANDARD_INPUT:
        return nullcontext(sys.stdin.buffer)
    return Path(path).open("rb")


def _decode(line: bytes, where: str, *, first: bool) -> str:
    if len(line) > MAX_LINE_BYTES:
        raise DatasetError(f"{where}: the line is longer than {MAX_LINE_BYTES >> 20} MiB; is this a JSON Lines file?")
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


def _parse(text: str, where: str) -> dict[str, Any]:
    try:
        value = json.loads(text, object_pairs_hook=_object)
    except _DuplicateKeyError as error:
        raise DatasetError(f"{where}: the key {_shown(error.key)} stands twice in one object") from None
    except json.JSONDecodeError as error:
        raise DatasetError(f"{where}: malformed JSON: {error.msg} at character {error.pos}") from None
    except (ValueError, RecursionError) as error:  # a number of thousands of digits; brackets nested thousands deep
        raise DatasetError(f"{where}: JSON that cannot be parsed: {error}") from None
    if not isinstance(value, dict):
        raise DatasetError(f"{where}: a line must hold one JSON object, found {_kind(value)}")
    return value


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


def _kind(value: object) -> str:
    return _KINDS[type(value)]


def _shown(value: object) -> str:
    """``value`` on one line and of bounded length."""
    text = ascii(value) if isinstance(value, str) and _SURROGATE.search(value) else repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(_shown(name) for name in names[:_LABELS_SHOWN])
    return shown if len(names) <= _LABELS_SHOWN else f"{shown} and {len(names) - _LABELS_SHOWN} more"


def _allowed(known: Sequence[str]) -> str:
    noun = "label" if len(known) == 1 else "labels"
    return f"{len(known)} {noun}: {_listed(known)}"
