"""Adding a task, a format or a scheme takes the places that CONTRIBUTING names, and no others."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import roformer_edge
from roformer_edge.formats import FORMATS
from roformer_edge.tasks import TASKS

PACKAGE = Path(roformer_edge.__file__).parent
CONTRIBUTING = PACKAGE.parent / "CONTRIBUTING.md"


def literals(path: Path) -> Iterator[str]:
    """Every string of a module, docstrings left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def places_of(name: str) -> set[str]:
    """The modules that hold a name as a string of its own, relative to the project."""
    return {
        path.relative_to(PACKAGE.parent).as_posix()
        for path in sorted(PACKAGE.rglob("*.py"))
        if name in set(literals(path))
    }


def promised(what: str) -> list[str]:
    """The paths that CONTRIBUTING names for adding something."""
    text = CONTRIBUTING.read_text(encoding="utf-8")
    bullet = text.split(f"- **{what}**:", 1)[1].split("\n- **", 1)[0]
    return [part for part in bullet.split("`")[1::2] if part.startswith("roformer_edge/")]


# what is made for one task on purpose
EXCEPTIONS = {
    "text-classification": {"roformer_edge/demo/journey.py"},
    # sentence-transformers has a task of the same name
    "feature-extraction": {"roformer_edge/checkpoint/modules.py"},
}


@pytest.mark.parametrize("task", TASKS)
def test_a_task_is_a_row_in_the_places_that_contributing_names(task: str) -> None:
    allowed = promised("a task")
    assert len(allowed) == 8
    found = places_of(task) - EXCEPTIONS.get(task, set())
    stray = [place for place in found if not any(place == path or place.startswith(path) for path in allowed)]
    assert not stray
    # and each place is one: two modules of a folder at most know a task (its variants)
    for path in allowed:
        if path.endswith(".py"):
            assert path in found, path


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_a_row(name: str) -> None:
    # a package of the same name may be needed, and the format's own folder may say so
    own = ("roformer_edge/_extras.py", f"roformer_edge/export/{name}/", "roformer_edge/runtime/backends/")
    assert {place for place in places_of(name) if not place.startswith(own)} == {"roformer_edge/formats.py"}
