"""Read the project's JSON records into frozen dataclasses, strictly, by their annotations, and write them back.

Manifests, recipes, self-test vectors and reports are records. A record has the keys of its dataclass and no others, a
value has the type of its annotation, and nothing is accepted that another parser might read differently: a key twice
in one object, NaN, a number of thousands of digits, half a surrogate pair. Whoever reads names the class of the errors,
which say in one line where in the record something is wrong, and what would be right.

Annotations may be ``str``, ``bool``, ``int`` (of 64 bits), ``float`` (finite), ``Literal``, a dataclass, a tuple (of
one length, or ``tuple[X, ...]``), ``Mapping[str, X]``, ``Any`` (any JSON), one of these ``| None``, and ``Annotated``
with a :class:`Constraint` beyond the type.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
import types
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

from roformer_edge.errors import RoFormerEdgeError

T = TypeVar("T")
# a message -> the error of whoever reads, such as one of the classes in ``roformer_edge.errors``
MakeError = Callable[[str], RoFormerEdgeError]
# a parsed value -> the value to keep; raises _MismatchError
_Reader = Callable[[Any], Any]

# levels of objects and lists in a value of any shape; records themselves are as deep as their annotations
MAX_DEPTH = 32
# what Java and C hold as a whole number
_LOWEST, _HIGHEST = -(1 << 63), (1 << 63) - 1
_MOST_DIGITS = len(str(_LOWEST))

_SURROGATE = re.compile("[\ud800-\udfff]")
_SHOWN_STEPS = 8
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_.-]{1,40}")


class Constraint(NamedTuple):
    """A demand on a value beyond its type, as metadata of ``Annotated``.

    Attributes:
        requirement: What the value must be, as the end of a sentence.
        allows: Whether a value of the type meets it.
    """

    requirement: str
    allows: Callable[[Any], object]


def one_of(allowed: Iterable[str]) -> Constraint:
    """Make the constraint that a string is one of ``allowed``."""
    names = tuple(allowed)
    return Constraint(f"one of: {', '.join(names)}", names.__contains__)


# Metadata of a field whose key may be left out; the dataclass then has a default.
OPTIONAL_KEY = "the key may be left out"

Count = Annotated[int, Constraint("a whole number of at least 0", lambda value: value >= 0)]
PositiveInt = Annotated[int, Constraint("a whole number of at least 1", lambda value: value >= 1)]
Sha256 = Annotated[str, Constraint("64 lower-case hexadecimal digits", re.compile(r"[0-9a-f]{64}").fullmatch)]
DottedVersion = Annotated[
    str,
    Constraint("numbers separated by dots", re.compile(r"[0-9]+(\.[0-9]+)*").fullmatch),
    Constraint("at most 8 numbers of at most 9 digits", re.compile(r"[0-9]{1,9}(\.[0-9]{1,9}){0,7}").fullmatch),
]


def parse_object(data: bytes | str, where: str, error: MakeError) -> dict[str, Any]:
    """Parse JSON whose outermost value is an object, as :func:`parse_json` does.

    Raises:
        RoFormerEdgeError: What ``error`` makes.
    """
    values = parse_json(data, where, error)
    if not isinstance(values, dict):
        raise error(f"{where} must hold a JSON object, found {_found(values)}")
    return values


def parse_json(data: bytes | str, where: str, error: MakeError) -> Any:
    """Parse JSON.

    Args:
        data: The text, in UTF-8 where it is bytes.
        where: Where it stands, in messages.
        error: Makes the error of a message.

    Raises:
        RoFormerEdgeError: What ``error`` makes. Not UTF-8, not JSON, nested too deeply, a number that is not finite or
            a whole number of more than 64 bits, a key that comes twice in one object.
    """
    try:
        return _DECODER.decode(data if isinstance(data, str) else data.decode("utf-8"))
    except RecursionError:
        raise error(f"{where} is nested too deeply") from None
    except ValueError as problem:
        raise error(f"{where} is not valid JSON: {problem}") from None


def read_record(cls: type[T], values: object, where: str, error: MakeError) -> T:
    """Make a dataclass of parsed JSON.

    Args:
        cls: The dataclass.
        values: What :func:`parse_object` gave, or :func:`to_values`.
        where: Where they stand, in messages.
        error: Makes the error of a message.

    Raises:
        RoFormerEdgeError: What ``error`` makes: a key is missing or unknown, a value is of another type or breaks a
            constraint, or the dataclass refused its values with an error of this package.
    """
    try:
        record: T = _reader_of(cls)(values)  # type: ignore[arg-type]  # a class can be hashed
    except _MismatchError as mismatch:
        raise error(f"{_place(where, mismatch.path)}{mismatch.problem}") from None
    return record


def to_values(record: Any) -> Any:
    """Turn a record into JSON values: dataclasses and mappings become objects, tuples become lists."""
    if dataclasses.is_dataclass(record):
        return {field.name: to_values(getattr(record, field.name)) for field in dataclasses.fields(record)}
    if isinstance(record, Mapping):
        return {key: to_values(value) for key, value in record.items()}
    if isinstance(record, (list, tuple)):
        return [to_values(item) for item in record]
    return record


class Result:
    """What is answered, measured or made: a frozen dataclass that can be written as JSON."""

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as values that ``json.dumps`` takes, by their names."""
        return to_values(self)  # type: ignore[no-any-return]  # a dataclass becomes an object


def to_json(record: Any, indent: int = 2) -> str:
    """Write a record as JSON text, its keys in the order of the fields, with a final newline."""
    return json.dumps(to_values(record), ensure_ascii=False, indent=indent, allow_nan=False) + "\n"


# parsing: what Python's parser accepts and others do not


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {twice!r:.40} comes twice in one object")
    return values


def _not_a_number(constant: str) -> float:
    raise ValueError(f"{constant} is not a JSON number")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"{digits:.40} is too large a number")
    return value


def _whole(digits: str) -> int:
    # counted first: to convert thousands of digits takes long, and is an error of Python's own
    if len(digits) > _MOST_DIGITS or not _LOWEST <= int(digits) <= _HIGHEST:
        raise ValueError(f"a whole number of {len(digits.lstrip('-'))} digits does not fit into 64 bits")
    return int(digits)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_constant=_not_a_number, parse_float=_finite, parse_int=_whole
)


# reading: one reader for each annotation, which finds what is wrong; where it stands is put together on the way out


class _MismatchError(Exception):
    """A value that is not what it should be: the path to it, and how the sentence about it goes on."""

    def __init__(self, problem: str) -> None:
        self.problem = problem
        self.path: list[str | int] = []


@cache
def _reader_of(kind: Any) -> _Reader:
    if kind in _SCALARS:
        return _SCALARS[kind]
    if dataclasses.is_dataclass(kind):
        return _record_reader(kind)
    if get_origin(kind) not in _READERS:
        raise TypeError(f"a record cannot hold {kind!r}")
    return _READERS[get_origin(kind)](get_args(kind))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _MismatchError(f" must be a string, found {_found(value)}")
    if _SURROGATE.search(value):
        raise _MismatchError(" holds a lone surrogate, which no UTF-8 text can")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _MismatchError(f" must be true or false, found {_found(value)}")
    return value


def _integer(value: Any) -> int:
    if type(value) is not int or not _LOWEST <= value <= _HIGHEST:
        raise _MismatchError(f" must be a whole number, found {_found(value)}")
    return value


def _number(value: Any) -> float:
    if type(value) is int and _LOWEST <= value <= _HIGHEST:
        return float(value)
    if type(value) is not float or not math.isfinite(value):
        raise _MismatchError(f" must be a number, found {_found(value)}")
    return value


def _anything(value: Any, depth: int = 0) -> Any:
    """JSON of any shape: whose business it is will look at it again."""
    if depth > MAX_DEPTH:
        raise _MismatchError(" is nested too deeply")
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, dict):
        return {_text(key): _at(key, lambda item: _anything(item, depth + 1), item) for key, item in value.items()}
    if isinstance(value, list):
        return [_at(index, lambda item: _anything(item, depth + 1), item) for index, item in enumerate(value)]
    return (
        value if value is None or isinstance(value, bool) else _integer(value) if type(value) is int else _number(value)
    )


_SCALARS: dict[Any, _Reader] = {str: _text, bool: _flag, int: _integer, float: _number, Any: _anything}


def _at(step: str | int, read: _Reader, value: Any) -> Any:
    """Read a part of a value, and name it where it is wrong."""
    try:
        return read(value)
    except _MismatchError as mismatch:
        mismatch.path.append(step)
        raise


def _record_reader(cls: Any) -> _Reader:
    hints = get_type_hints(cls, include_extras=True)
    names = [field.name for field in dataclasses.fields(cls) if field.init]
    readers = {name: _reader_of(hints[name]) for name in names}
    needed = {name for name in names if OPTIONAL_KEY not in getattr(hints[name], "__metadata__", ())}

    def read(value: Any) -> Any:
        if not isinstance(value, Mapping):
            raise _MismatchError(f" must be an object, found {_found(value)}")
        for problem, keys in (("lacks", needed - value.keys()), ("has the unknown", value.keys() - readers.keys())):
            if keys:
                shown = ", ".join(f"{key!r:.40}" for key in sorted(map(str, keys))[:5])
                raise _MismatchError(f" {problem} key {shown}")
        values = {name: _at(name, readers[name], value[name]) for name in names if name in value}
        try:
            return cls(**values)
        except RoFormerEdgeError as error:
            raise _MismatchError(f": {error}") from None

    return read


def _constrained_reader(arguments: tuple[Any, ...]) -> _Reader:
    inner = _reader_of(arguments[0])
    constraints = [item for item in arguments[1:] if isinstance(item, Constraint)]

    def read(value: Any) -> Any:
        kept = inner(value)
        for constraint in constraints:
            if not constraint.allows(kept):
                raise _MismatchError(f" must be {constraint.requirement}, found {_found(kept)}")
        return kept

    return read


def _optional_reader(arguments: tuple[Any, ...]) -> _Reader:
    kinds = [argument for argument in arguments if argument is not type(None)]
    if len(kinds) != 1:
        raise TypeError(f"a record cannot hold one of {kinds!r}: nothing would tell them apart")
    inner = _reader_of(kinds[0])
    return lambda value: None if value is None else inner(value)


def _literal_reader(allowed: tuple[Any, ...]) -> _Reader:
    def read(value: Any) -> Any:
        # 1 equals True and 1.0, and is neither
        if not any(type(value) is type(item) and value == item for item in allowed):
            raise _MismatchError(f" must be {' or '.join(map(repr, allowed))}, found {_found(value)}")
        return value

    return read


def _tuple_reader(arguments: tuple[Any, ...]) -> _Reader:
    open_ended = arguments[-1] is Ellipsis
    readers = [_reader_of(argument) for argument in arguments if argument is not Ellipsis]

    def read(value: Any) -> Any:
        if not isinstance(value, (list, tuple)):
            raise _MismatchError(f" must be a list, found {_found(value)}")
        if open_ended:
            return tuple(_at(index, readers[0], item) for index, item in enumerate(value))
        if len(value) != len(readers):
            raise _MismatchError(f" must be a list of {len(readers)}, found one of {len(value)}")
        return tuple(_at(index, reader, value[index]) for index, reader in enumerate(readers))

    return read


def _mapping_reader(arguments: tuple[Any, ...]) -> _Reader:
    key_kind, inner = arguments[0], _reader_of(arguments[1])
    if key_kind is not str:
        raise TypeError(f"the keys of a JSON object are strings, not {key_kind!r}")

    def read(value: Any) -> Any:
        if not isinstance(value, Mapping):
            raise _MismatchError(f" must be an object, found {_found(value)}")
        return {_text(key): _at(key, inner, item) for key, item in value.items()}

    return read


# what an annotation was made with -> from its arguments to a reader
_READERS: dict[Any, Callable[[tuple[Any, ...]], _Reader]] = {
    Annotated: _constrained_reader,
    Literal: _literal_reader,
    tuple: _tuple_reader,
    Mapping: _mapping_reader,
    Union: _optional_reader,
    types.UnionType: _optional_reader,
}


# what is wrong, and where, in one line


def _place(where: str, path: list[str | int]) -> str:
    """Write a path, of which the innermost step was noted first; of a long one no more than its beginning."""
    for step in path[: -_SHOWN_STEPS - 1 : -1]:
        if isinstance(step, int):
            where += f"[{step}]"
        else:
            where += f": {step}" if _PLAIN_KEY.fullmatch(step) else f": {step!r:.40}"
    return where if len(path) <= _SHOWN_STEPS else f"{where} ..."


def _found(value: object) -> str:
    """Show a value in a message: short, and in one line whatever it holds."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if type(value) is int and not _LOWEST <= value <= _HIGHEST:
        return "a whole number of more than 64 bits"
    if isinstance(value, (str, int, float)):
        return f"{value!r:.80}"
    names: dict[type, str] = {dict: "an object", list: "a list", tuple: "a list", type(None): "null"}
    return names.get(type(value), type(value).__name__)
