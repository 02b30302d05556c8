"""Frozen dataclasses to JSON values and back, checked against their annotations."""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Mapping
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from roformer_edge.errors import ComparisonError


def to_json_values(value: Any) -> Any:
    """Dataclasses as objects, tuples as lists, anything else as it is."""
    if dataclasses.is_dataclass(value):
        return {field.name: to_json_values(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return [to_json_values(item) for item in value] if isinstance(value, tuple) else value


def from_json_values(kind: Any, value: Any, where: str) -> Any:
    """``value`` as the annotated type ``kind``: a dataclass, a tuple, a literal, a scalar, or one of these or None.

    Args:
        kind: What is expected.
        value: What was read.
        where: Names the place in messages, such as ``report.drop``.

    Raises:
        ComparisonError: It is something else, or has other keys.
    """
    origin, arguments = get_origin(kind), get_args(kind)
    if dataclasses.is_dataclass(kind):
        return _to_dataclass(kind, value, where)
    if origin is tuple:
        return _to_tuple(arguments, value, where)
    if origin in (Union, types.UnionType):
        return None if value is None else from_json_values(arguments[0], value, where)
    if origin is Literal:
        fits = value in arguments
    elif kind is float:
        fits = type(value) in (int, float) and math.isfinite(value)
        value = float(value) if fits else value
    else:
        fits = type(value) is kind
    if not fits:
        raise ComparisonError(f"not a report: {where} is {value!r}, expected {arguments or kind.__name__}")
    return value


def _to_dataclass(kind: Any, value: Any, where: str) -> Any:
    hints = get_type_hints(kind)
    if not isinstance(value, Mapping) or value.keys() != hints.keys():
        found = sorted(value) if isinstance(value, Mapping) else type(value).__name__
        raise ComparisonError(f"not a report: {where} must hold exactly {sorted(hints)}, found {found}")
    return kind(**{key: from_json_values(hint, value[key], f"{where}.{key}") for key, hint in hints.items()})


def _to_tuple(arguments: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        raise ComparisonError(f"not a report: {where} is {type(value).__name__}, expected a list")
    kinds = arguments[:1] * len(value) if arguments[-1] is Ellipsis else arguments
    if len(kinds) != len(value):
        raise ComparisonError(f"not a report: {where} has {len(value)} items, expected {len(kinds)}")
    return tuple(
        from_json_values(kind, item, f"{where}[{i}]") for i, (kind, item) in enumerate(zip(kinds, value, strict=True))
    )
