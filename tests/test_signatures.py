"""How a graph is called: fixed sizes, and the choice among signatures that compute the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roformer_edge.errors import RecipeError
from roformer_edge.records import read_record, to_values
from roformer_edge.signatures import (
    DTYPES,
    Signature,
    TensorSpec,
    alternatives,
    choose,
    fixed_size,
    longest,
)
from roformer_edge.tasks import TASKS, get_task
from tests.tiny_runtime import fixed_signatures

SIGNATURE = get_task("text-classification").signature


@pytest.mark.parametrize(
    ("axis", "size"), [("64", 64), ("1", 1), ("batch", None), ("", None), ("-1", None), ("６４", None), ("²", None)]
)
def test_an_axis_with_a_decimal_name_is_fixed(axis: str, size: int | None) -> None:
    assert fixed_size(axis) == size


@pytest.mark.parametrize("task", TASKS)
def test_tasks_are_of_any_size(task: str) -> None:
    signature = get_task(task).signature
    assert (signature.rows, signature.length) == (None, None)
    assert signature.inputs == get_task(task).inputs
    assert signature.outputs == get_task(task).outputs
    (fixed,) = fixed_signatures(signature, 32, rows=2).values()
    assert (fixed.rows, fixed.length) == (2, 32)
    assert fixed.computes_as(signature)
    assert {spec.dtype for spec in (*signature.inputs, *signature.outputs)} <= set(DTYPES)


def test_only_signatures_with_the_same_names_compute_the_same() -> None:
    cache = TensorSpec(name="cache", dtype="float32", axes=("batch", "past", "hidden"))
    step = Signature(inputs=(*SIGNATURE.inputs, cache), outputs=SIGNATURE.outputs)
    fewer = Signature(inputs=SIGNATURE.inputs[:2], outputs=SIGNATURE.outputs)
    signatures = {**fixed_signatures(SIGNATURE, 64, 16), "step": step, "fewer": fewer}
    assert list(alternatives(signatures)) == ["length 16", "default"]
    assert longest(alternatives(signatures)) == 64


def test_the_shortest_that_holds_the_rows_is_chosen() -> None:
    found = alternatives(fixed_signatures(SIGNATURE, 64, 8, 16))
    assert [choose(found, tokens) for tokens in (1, 8, 9, 16, 17, 64)] == [
        ("length 8", 8), ("length 8", 8), ("length 16", 16), ("length 16", 16), ("default", 64), ("default", 64),
    ]  # fmt: skip
    # more than any holds: for the session to refuse
    assert choose(found, 65) == ("default", 65)


def test_any_length_is_chosen_where_no_fixed_one_will_do() -> None:
    found = alternatives({**fixed_signatures(SIGNATURE, 64, 16), "default": SIGNATURE})
    assert list(found) == ["length 16", "default"]
    assert longest(found) is None
    assert [choose(found, tokens) for tokens in (3, 16, 17)] == [("length 16", 16), ("length 16", 16), ("default", 17)]
    assert choose(alternatives({"default": SIGNATURE}), 23) == ("default", 23)


@given(st.lists(st.integers(1, 600), min_size=1, max_size=6, unique=True), st.integers(1, 600))
def test_no_shorter_one_would_have_held_them(lengths: list[int], tokens: int) -> None:
    _, width = choose(alternatives(fixed_signatures(SIGNATURE, *lengths)), tokens)
    assert width == min((length for length in lengths if length >= tokens), default=tokens)


def test_signatures_are_records() -> None:
    values = to_values(SIGNATURE)
    assert read_record(Signature, values, "x", RecipeError) == SIGNATURE
    for change, message in (
        ({"dtype": "text"}, "dtype must be one of: float16, .*, found 'text'"),
        ({"axes": ["batch", "0"]}, r"axes\[1\] must be a name or a size of at least 1, found '0'"),
        ({"axes": ["batch", "a b"]}, r"axes\[1\] must be a name or a size of at least 1, found 'a b'"),
        ({"axes": ["batch", "1234567890"]}, r"axes\[1\] must be a name or a size"),
        ({"axes": "batch"}, "axes must be a list"),
    ):
        wrong = {**values, "outputs": [{**values["outputs"][0], **change}]}
        with pytest.raises(RecipeError, match=rf"^x: outputs\[0\]: {message}"):
            read_record(Signature, wrong, "x", RecipeError)
