"""One strict reader for every JSON record of the project."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roformer_edge.errors import BundleFormatError, ComparisonError, DatasetError, OptionError, RecipeError
from roformer_edge.records import (
    MAX_DEPTH,
    OPTIONAL_KEY,
    Constraint,
    Count,
    DottedVersion,
    PositiveInt,
    Sha256,
    one_of,
    parse_object,
    read_record,
    to_json,
    to_values,
)
from roformer_edge.validate.report import Report
from tests.conftest import ROOT
from tests.validate.tables import make_small_report


@dataclass(frozen=True, kw_only=True)
class Inner:
    """One of everything that is a leaf."""

    text: str
    flag: bool
    whole: int
    number: float
    count: Count
    kind: Literal["a", "b", 1]
    sha256: Sha256
    version: DottedVersion

    def __post_init__(self) -> None:
        if self.text == "refuse me":
            raise OptionError("text", self.text, "something else")


@dataclass(frozen=True, kw_only=True)
class Outer:
    """One of everything that holds others."""

    inner: Inner
    many: tuple[Inner, ...]
    pair: tuple[int, str]
    maybe: PositiveInt | None
    by_name: Mapping[str, tuple[float, ...]]
    rest: Mapping[str, Any]
    role: Annotated[str, one_of(["model", "card"])]
    note: Annotated[str, OPTIONAL_KEY] = "none"


INNER: dict[str, Any] = {
    "text": "今天",
    "flag": True,
    "whole": -3,
    "number": 1.5,
    "count": 0,
    "kind": "a",
    "sha256": "0" * 64,
    "version": "1.20.0",
}
OUTER: dict[str, Any] = {
    "inner": INNER,
    "many": [INNER, INNER],
    "pair": [1, "x"],
    "maybe": None,
    "by_name": {"a": [1, 2.5], "": []},
    "rest": {"any": [1, None, {"thing": True}]},
    "role": "card",
    "note": "some",
}


def read(values: object) -> Outer:
    return read_record(Outer, values, "x.json", BundleFormatError)


def at(path: str, value: object) -> dict[str, Any]:
    """``OUTER`` with another value at a dotted path."""
    changed = json.loads(json.dumps(OUTER))
    *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    target: Any = changed
    for step in steps:
        target = target[step]
    target[last] = value
    return changed


def test_a_record_is_what_its_annotations_say() -> None:
    outer = read(OUTER)
    assert outer.inner == Inner(**INNER)
    assert outer.many == (Inner(**INNER),) * 2
    assert outer.pair == (1, "x")
    assert outer.by_name == {"a": (1.0, 2.5), "": ()}
    assert type(outer.by_name["a"][0]) is float
    assert outer.rest == OUTER["rest"]
    assert to_values(outer) == OUTER
    assert read(json.loads(to_json(outer))) == outer
    assert to_json(outer).endswith("\n")
    assert "今天" in to_json(outer)


def test_a_key_may_be_left_out_only_where_that_is_said() -> None:
    rest = {key: value for key, value in OUTER.items() if key != "note"}
    assert read(rest).note == "none"
    for key in rest:
        with pytest.raises(BundleFormatError, match=rf"^x\.json lacks key '{key}'$"):
            read({name: value for name, value in rest.items() if name != key})


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("inner.text", 3, "x.json: inner: text must be a string, found 3"),
        ("inner.text", None, "x.json: inner: text must be a string, found null"),
        ("inner.text", "a\ud800", "x.json: inner: text holds a lone surrogate, which no UTF-8 text can"),
        ("inner.flag", 1, "x.json: inner: flag must be true or false, found 1"),
        ("inner.whole", True, "x.json: inner: whole must be a whole number, found true"),
        ("inner.whole", 1.0, "x.json: inner: whole must be a whole number, found 1.0"),
        ("inner.whole", 1 << 63, "x.json: inner: whole must be a whole number, found a whole number of more than 64"),
        pytest.param(
            "inner.whole",
            10**5000,
            "x.json: inner: whole must be a whole number, found a whole number of more than 64",
            id="more digits than Python writes",
        ),
        ("inner.number", 10**400, "x.json: inner: number must be a number, found a whole number of more than 64 bits"),
        ("inner.number", False, "x.json: inner: number must be a number, found false"),
        ("inner.number", float("nan"), "x.json: inner: number must be a number, found nan"),
        ("inner.number", "1", "x.json: inner: number must be a number, found '1'"),
        ("inner.count", -1, "x.json: inner: count must be a whole number of at least 0, found -1"),
        ("inner.kind", "c", "x.json: inner: kind must be 'a' or 'b' or 1, found 'c'"),
        ("inner.kind", True, "x.json: inner: kind must be 'a' or 'b' or 1, found true"),
        ("inner.kind", 1.0, "x.json: inner: kind must be 'a' or 'b' or 1, found 1.0"),
        ("inner.sha256", "A" * 64, "x.json: inner: sha256 must be 64 lower-case hexadecimal digits, found 'AAA"),
        ("inner.sha256", "0" * 64 + "\n", "x.json: inner: sha256 must be 64 lower-case hexadecimal digits"),
        ("inner.version", "1.x", "x.json: inner: version must be numbers separated by dots, found '1.x'"),
        ("inner.version", "１.２", "x.json: inner: version must be numbers separated by dots"),
        ("inner.text", "refuse me", "x.json: inner: text must be something else, found 'refuse me'"),
        ("inner", [], "x.json: inner must be an object, found a list"),
        ("many", {}, "x.json: many must be a list, found an object"),
        ("many.1.flag", None, "x.json: many[1]: flag must be true or false, found null"),
        ("many.1.more", 1, "x.json: many[1] has the unknown key 'more'"),
        ("pair", [1], "x.json: pair must be a list of 2, found one of 1"),
        ("pair", ["1", "x"], "x.json: pair[0] must be a whole number, found '1'"),
        ("maybe", 0, "x.json: maybe must be a whole number of at least 1, found 0"),
        ("by_name.b\n", 1, "x.json: by_name: 'b\\n' must be a list, found 1"),
        ("by_name", [1], "x.json: by_name must be an object, found a list"),
        ("by_name.b", [1, None], "x.json: by_name: b[1] must be a number, found null"),
        ("rest.a", {"b": ["\ud800"]}, "x.json: rest: a: b[0] holds a lone surrogate"),
        ("rest.a", {"\ud800": 1}, "x.json: rest: a holds a lone surrogate"),
        ("rest.a", float("inf"), "x.json: rest: a must be a number, found inf"),
        ("rest.a", 1 << 64, "x.json: rest: a must be a whole number, found a whole number of more than 64 bits"),
        ("role", "virus", "x.json: role must be one of: model, card, found 'virus'"),
        ("role", ["model"], "x.json: role must be a string, found a list"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(path: str, value: object, message: str) -> None:
    with pytest.raises(BundleFormatError) as caught:
        read(at(path, value))
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("error", [BundleFormatError, RecipeError, ComparisonError, DatasetError])
def test_errors_are_of_the_class_that_is_asked_for(error: type[Exception]) -> None:
    with pytest.raises(error, match=r"^a recipe lacks key"):
        read_record(Outer, {}, "a recipe", error)
    with pytest.raises(error, match=r"^a recipe must be an object, found a list"):
        read_record(Outer, [], "a recipe", error)
    with pytest.raises(error, match=r"^a recipe is not valid JSON"):
        parse_object(b"{", "a recipe", error)


def test_thousands_of_unknown_keys_make_one_short_line() -> None:
    with pytest.raises(BundleFormatError, match="has the unknown key") as caught:
        read({**OUTER, **{f"key\n{number}": number for number in range(10_000)}})
    assert len(str(caught.value)) < 300
    assert "\n" not in str(caught.value)


def nested(depth: int, innermost: Any) -> Any:
    value = innermost
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


def test_a_value_of_any_shape_is_only_so_deep() -> None:
    assert read(at("rest.a", nested(MAX_DEPTH, 1))).rest["a"] == nested(MAX_DEPTH, 1)
    for depth in (MAX_DEPTH + 1, 5_000):
        with pytest.raises(BundleFormatError, match="is nested too deeply") as caught:
            read(at("rest.a", nested(depth, 1)))
        assert len(str(caught.value)) < 120


@pytest.mark.parametrize("data", ['{"a": 1, "b": "今"}', '{"a": 1, "b": "今"}'.encode()])
def test_text_and_bytes_are_parsed(data: str | bytes) -> None:
    assert parse_object(data, "x", RecipeError) == {"a": 1, "b": "今"}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("[]", "x must hold a JSON object, found a list"),
        ("null", "x must hold a JSON object, found null"),
        (b"\xff", "x is not valid JSON"),
        (b"\xef\xbb\xbf{}", "x is not valid JSON"),
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "x is not valid JSON: the key 'c' comes twice in one object"),
        ('{"a": NaN}', "x is not valid JSON: NaN is not a JSON number"),
        ('{"a": -Infinity}', "x is not valid JSON: -Infinity is not a JSON number"),
        ('{"a": 1e999}', "x is not valid JSON: 1e999 is too large a number"),
        ('{"a": %s}' % ("9" * 400), "x is not valid JSON: a whole number of 400 digits does not fit into 64 bits"),
        ('{"a": -%s}' % ("9" * 9000), "x is not valid JSON: a whole number of 9000 digits does not fit into 64 bits"),
        ('{"a": 9223372036854775808}', "x is not valid JSON: a whole number of 19 digits does not fit into 64 bits"),
        ('{"a": %s1}' % ("[" * 200_000), "x is nested too deeply"),
    ],
)
def test_what_other_parsers_may_read_otherwise_is_refused(data: str | bytes, message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parse_object(data, "x", RecipeError)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_whole_numbers_have_64_bits() -> None:
    ends = {"low": -(1 << 63), "high": (1 << 63) - 1}
    assert parse_object(json.dumps(ends), "x", RecipeError) == ends


def test_a_doubled_key_among_many_is_found_at_once() -> None:
    keys = [f'"{number}": 1' for number in range(100_000)]
    with pytest.raises(RecipeError, match="the key '99999' comes twice"):
        parse_object("{" + ", ".join([*keys, '"99999": 1']) + "}", "x", RecipeError)


@pytest.mark.parametrize("kind", [dict[str, int], list[int], int | str, Mapping[int, str], set[int], object])
def test_an_annotation_that_json_cannot_hold_is_a_mistake_of_the_programmer(kind: Any) -> None:
    wrong = dataclass(frozen=True)(type("Wrong", (), {"__annotations__": {"field": kind}}))
    with pytest.raises(TypeError, match=r"JSON|cannot hold"):
        read_record(wrong, {"field": 1}, "x", RecipeError)


def test_constraints_add_up() -> None:
    small = Annotated[Count, Constraint("below 3", lambda value: value < 3)]
    pair = dataclass(frozen=True)(type("Pair", (), {"__annotations__": {"field": small}}))
    assert read_record(pair, {"field": 2}, "x", RecipeError).field == 2
    for value, message in ((3, "below 3"), (-1, "at least 0"), ("2", "a whole number")):
        with pytest.raises(RecipeError, match=f"field must be .*{message}"):
            read_record(pair, {"field": value}, "x", RecipeError)


def test_reports_are_records() -> None:
    """What validation reads and writes by annotations of its own is the same to this reader."""
    before = make_small_report()
    assert to_values(before) == before.to_dict()
    values = json.loads(to_json(before))
    # the common part knows of a task's detail only that there is one
    common = read_record(Report, {**values, "detail": {}}, "report", ComparisonError)
    detail = read_record(type(before.detail), values["detail"], "report: detail", ComparisonError)
    assert dataclasses.replace(common, detail=detail) == before
    del values["data"]["sha256"]
    with pytest.raises(ComparisonError, match=r"^report: data lacks key 'sha256'"):
        read_record(Report, {**values, "detail": {}}, "report", ComparisonError)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
WHOLE = st.integers(-(1 << 63), (1 << 63) - 1)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | WHOLE | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
INNERS = st.builds(
    Inner,
    text=TEXTS,
    flag=st.booleans(),
    whole=WHOLE,
    number=NUMBERS,
    count=st.integers(0, 9),
    kind=st.sampled_from(["a", "b", 1]),
    sha256=st.text("0123456789abcdef", min_size=64, max_size=64),
    version=st.sampled_from(["0", "1.2.3"]),
)
OUTERS = st.builds(
    Outer,
    inner=INNERS,
    many=st.lists(INNERS, max_size=3).map(tuple),
    pair=st.tuples(WHOLE, TEXTS),
    maybe=st.none() | st.integers(1, 9),
    by_name=st.dictionaries(TEXTS, st.lists(NUMBERS, max_size=3).map(tuple), max_size=3),
    rest=st.dictionaries(TEXTS, JSON, max_size=3),
    role=st.sampled_from(["model", "card"]),
    note=TEXTS,
)


@settings(deadline=None)
@given(OUTERS)
def test_what_is_written_reads_back_equal(outer: Outer) -> None:
    again = read(parse_object(to_json(outer).encode(), "x.json", BundleFormatError))
    assert again == outer
    assert to_json(again) == to_json(outer)


def places(value: Any, path: tuple = ()) -> Iterator[tuple]:
    """Every place in parsed JSON."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, item in items:
        yield from places(item, (*path, step))


def complaint_about(values: Any) -> str:
    """What is wrong with a record, or nothing; errors of any other kind are not caught."""
    try:
        read(parse_object(values, "x.json", BundleFormatError) if isinstance(values, bytes) else values)
    except BundleFormatError as error:
        return str(error)
    return ""


ODD_BYTES = [b"", b'"', b"}", b"9" * 400, b"\\ud800", b"NaN", b"\xff", b"[", b","]
STRANGE = JSON | st.sampled_from([10**30, -(10**400), float("nan"), float("inf"), "\ud800", "x" * 5000, [[[]]] * 3])


@settings(deadline=None, max_examples=300)
@given(outer=OUTERS, odd=STRANGE, data=st.data())
def test_what_was_altered_reads_or_is_the_callers_error(outer: Outer, odd: Any, data: st.DataObject) -> None:
    values: Any = json.loads(to_json(outer))
    path = data.draw(st.sampled_from(list(places(values))))
    if not path:
        values = odd
    else:
        target = values
        for step in path[:-1]:
            target = target[step]
        target[path[-1]] = odd
        if data.draw(st.booleans()) and isinstance(target, dict):
            del target[path[-1]]
    complaint = complaint_about(values)
    assert "\n" not in complaint
    assert len(complaint) < 500


@settings(deadline=None, max_examples=300)
@given(outer=OUTERS, data=st.data())
def test_bytes_that_were_altered_read_or_are_the_callers_error(outer: Outer, data: st.DataObject) -> None:
    text = bytearray(to_json(outer).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(text) - 1))
        end = place + data.draw(st.integers(0, 3))
        text[place:end] = data.draw(
            st.sampled_from([b"", b'"', b"}", b"9" * 400, b"\\ud800", b"NaN", b"\xff", b"[", b","])
        )
    complaint = complaint_about(bytes(text))
    assert "\n" not in complaint
    assert len(complaint) < 500


def test_importing_records_loads_the_standard_library_only() -> None:
    code = "import sys; before = {*sys.modules}; import roformer_edge.records; print(*{*sys.modules} - before)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ, cwd=ROOT
    )
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "roformer_edge" in loaded
    assert loaded - {"roformer_edge"} <= sys.stdlib_module_names
