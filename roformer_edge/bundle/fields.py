"""Strict reading of JSON: every key known, every value of its type, nothing that two parsers may read differently."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from roformer_edge.errors import BundleFormatError

# A check takes a parsed value and where it stands, and returns the value to keep.
Check = Callable[[object, str], Any]

_DIGEST = re.compile(r"[0-9a-f]{64}")
_SURROGATE = re.compile("[\ud800-\udfff]")


def parse_object(data: bytes, where: str) -> dict[str, Any]:
    """Parse UTF-8 JSON whose outermost value is an object.

    Raises:
        BundleFormatError: Not UTF-8, not JSON, nested too deeply, a number that is not finite, a key that comes twice.
    """
    try:
        values = json.loads(
            data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_not_a_number, parse_float=_finite
        )
    except RecursionError:
        raise BundleFormatError(f"{where} is nested too deeply") from None
    except ValueError as error:
        raise BundleFormatError(f"{where} is not valid JSON: {error}") from None
    if not isinstance(values, dict):
        raise BundleFormatError(f"{where} must hold a JSON object, found {_kind(values)}")
    return values


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} comes twice in one object")
    return values


def _not_a_number(constant: str) -> float:
    raise ValueError(f"{constant} is not a JSON number")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"{digits} is too large a number")
    return value


def read_record(value: object, table: Mapping[str, Check], where: str) -> dict[str, Any]:
    """Check an object against ``table``, key by key; all keys must be there, and no others."""
    if not isinstance(value, dict):
        raise BundleFormatError(f"{where} must be an object, found {_kind(value)}")
    for problem, keys in (("lacks", table.keys() - value.keys()), ("has the unknown", value.keys() - table.keys())):
        if keys:
            raise BundleFormatError(f"{where} {problem} key {', '.join(f'{key!r:.40}' for key in sorted(keys)[:5])}")
    return {key: check(value[key], f"{where}: {key}") for key, check in table.items()}


def text(value: object, where: str) -> str:
    """A string that can be written as UTF-8."""
    if not isinstance(value, str):
        raise BundleFormatError(f"{where} must be a string, found {_kind(value)}")
    if _SURROGATE.search(value):
        raise BundleFormatError(f"{where} holds a lone surrogate, which no UTF-8 text can")
    return value


def flag(value: object, where: str) -> bool:
    """``true`` or ``false``."""
    if not isinstance(value, bool):
        raise BundleFormatError(f"{where} must be true or false, found {_kind(value)}")
    return value


def count(value: object, where: str) -> int:
    """A whole number, zero included."""
    if type(value) is not int or value < 0:
        raise BundleFormatError(f"{where} must be a whole number of at least 0, found {value!r:.40}")
    return value


def positive(value: object, where: str) -> int:
    """A whole number of at least 1."""
    if type(value) is not int or value < 1:
        raise BundleFormatError(f"{where} must be a whole number of at least 1, found {value!r:.40}")
    return value


def number(value: object, where: str) -> float:
    """A finite number."""
    if type(value) not in (int, float):
        raise BundleFormatError(f"{where} must be a number, found {_kind(value)}")
    return float(value)  # type: ignore[arg-type]  # narrowed by the line above


def digest(value: object, where: str) -> str:
    """A SHA-256 in lower-case hexadecimal."""
    if not isinstance(value, str) or not _DIGEST.fullmatch(value):
        raise BundleFormatError(f"{where} must be 64 lower-case hexadecimal digits, found {value!r:.80}")
    return value


def anything(value: object, where: str) -> dict[str, Any]:
    """An object whose keys are somebody else's business."""
    if not isinstance(value, dict):
        raise BundleFormatError(f"{where} must be an object, found {_kind(value)}")
    return value


def exactly(expected: int) -> Check:
    """One whole number and no other."""

    def check(value: object, where: str) -> int:
        if positive(value, where) != expected:
            raise BundleFormatError(f"{where} must be {expected}, found {value}")
        return expected

    return check


def one_of(*allowed: str) -> Check:
    """One of a few strings."""

    def check(value: object, where: str) -> str:
        if value not in allowed:
            raise BundleFormatError(f"{where} is {value!r:.80}; it must be one of: {', '.join(allowed)}")
        return str(value)

    return check


def optional(inner: Check) -> Check:
    """``null``, or what ``inner`` accepts."""
    return lambda value, where: None if value is None else inner(value, where)


def list_of(inner: Check) -> Check:
    """A list; it is kept as a tuple."""

    def check(value: object, where: str) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise BundleFormatError(f"{where} must be a list, found {_kind(value)}")
        return tuple(inner(item, f"{where}[{index}]") for index, item in enumerate(value))

    return check


def mapping_of(inner: Check) -> Check:
    """An object with keys of any name."""

    def check(value: object, where: str) -> dict[str, Any]:
        return {text(key, where): inner(item, f"{where}: {key}") for key, item in anything(value, where).items()}

    return check


def record(build: Callable[..., Any], table: Mapping[str, Check]) -> Check:
    """An object with the keys of ``table``, handed to ``build`` as keyword arguments."""

    def check(value: object, where: str) -> Any:
        values = read_record(value, table, where)
        try:
            return build(**values)
        except BundleFormatError as error:
            raise BundleFormatError(f"{where}: {error}") from None

    return check


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
