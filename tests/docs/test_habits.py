"""The table of habits: every "yes" names a test, and that test exists."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "habits.md"


def rows() -> list[list[str]]:
    """The cells of every row: habit, transformers, here, shown by."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if row[0] != "habit"]


def names_in(path: Path) -> set[str]:
    """Names of the tests of a file, those of classes with the class before them."""
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}::{one.name}" for one in node.body if isinstance(one, ast.FunctionDef)}
    return {name for name in found if name.rpartition("::")[2].startswith("test_")}


def names_a_test(cell: str) -> bool:
    path, _, name = cell.partition("::")
    return (ROOT / path).is_file() and name in names_in(ROOT / path)


def test_the_table_is_whole():
    assert len(rows()) > 50
    assert all(len(row) == 4 and all(row) for row in rows())


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0][:50])
def test_every_yes_names_a_test(row: list[str]):
    _, _, here, shown = row
    if here.startswith("yes"):
        assert names_a_test(shown), shown
    else:
        assert here == "no"
        assert "::" not in shown  # it says what to use


def test_a_test_that_is_not_there_is_noticed():
    assert not names_a_test("tests/docs/test_habits.py::test_nothing")
    assert not names_a_test("tests/docs/test_nothing.py::test_the_table_is_whole")
    assert names_a_test("tests/docs/test_habits.py::test_the_table_is_whole")
