"""Cutting the data into parts."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roformer_edge.errors import ComparisonError
from roformer_edge.validate.data.examples import Example
from roformer_edge.validate.runner import compare
from roformer_edge.validate.slices import ABSENT, cut_by
from tests.validate.tables import UNTIMED, example_rows, example_sides


def example(text: str, **others: object) -> Example:
    return Example(inputs={"text": text}, gold="a", others=others)


@given(st.lists(st.integers(0, 3000), min_size=1, max_size=30))
def test_every_example_is_in_one_part_by_length(lengths):
    parts = list(cut_by([example("x" * length) for length in lengths], "length"))
    rows = np.concatenate([chosen for _, chosen in parts])
    assert sorted(rows.tolist()) == list(range(len(lengths)))
    assert all(len(chosen) for _, chosen in parts)


def test_length_counts_all_texts_of_an_example():
    examples = [
        Example(inputs={"text": "12345", "text_pair": "6789"}, gold=""),
        Example(inputs={"context": "1", "choices": ["12", "123"]}, gold=""),
        example(""),
    ]
    parts = {name: chosen.tolist() for name, chosen in cut_by(examples, "length")}
    assert parts == {"empty": [2], "1–8 characters": [1], "9–16 characters": [0]}


def test_a_key_of_the_data_cuts_by_its_values():
    examples = [example("a", domain="x"), example("b", domain="y"), example("c"), example("d", domain="x")]
    parts = {name: chosen.tolist() for name, chosen in cut_by(examples, "domain")}
    assert parts == {ABSENT: [2], "x": [0, 3], "y": [1]}


def test_keys_that_say_nothing_are_refused():
    examples = [example(str(number), number=number, domain="x") for number in range(60)]
    with pytest.raises(ComparisonError, match="'number': it has 60 values, and 50 at most"):
        cut_by(examples, "number")
    with pytest.raises(ComparisonError, match="no line has it with a single value; there are length, domain, number"):
        cut_by(examples, "colour")


def test_slices_are_figures_of_their_examples():
    options = dataclasses.replace(UNTIMED, slices=("half",))
    rows = [dataclasses.replace(row, others={"half": number // 4}) for number, row in enumerate(example_rows())]
    report = compare(*example_sides(), rows, options)
    for part, chosen in zip(report.slices, (rows[:4], rows[4:]), strict=True):
        alone = compare(*example_sides(), chosen, UNTIMED)
        assert part.examples == 4
        assert [(f.name, f.reference, f.candidate, f.drop) for f in part.figures] == [
            (f.name, f.reference, f.candidate, f.drop) for f in alone.figures
        ]
