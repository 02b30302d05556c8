"""Docstrings: a function's first line says what it does, and an argument's text stands alone.

That public names have docstrings at all is ruff's rule (D1).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import roformer_edge

PACKAGE = Path(roformer_edge.__file__).parent
# first words after which no verb comes that says what a function does
NO_VERBS = frozenset(
    """
    a all an any as at both by each every for from his how if in it its no number of on one same some that the their
    there these they this those to what when where whether which who whose with without
    """.split()  # noqa: SIM905 - a paragraph of words
)
# an argument's text that begins so needs the name before it to be read
BARE = re.compile(r"^ +`{0,2}\w+(?:, \w+)*`{0,2}: (?:Of|At|From|By|In|As|With)\b")


def documented() -> Iterator[tuple[str, ast.AST, str]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                text = ast.get_docstring(node)
                if text:
                    line = getattr(node, "lineno", 1)
                    yield f"{path.relative_to(PACKAGE.parent).as_posix()}:{line}", node, text


def is_property(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef) and any("property" in ast.unparse(each) for each in node.decorator_list)


def no_verb_first(text: str) -> bool:
    word = re.match(r"[A-Za-z]+", text)
    return word is None or word[0].lower() in NO_VERBS or not word[0][0].isupper()


def test_a_function_says_what_it_does():
    functions = [
        (place, text)
        for place, node, text in documented()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not is_property(node)
    ]
    assert len(functions) > 500
    assert [f"{place}: {text[:60]!r}" for place, text in functions if no_verb_first(text)] == []


def test_nothing_begins_with_a_bare_of():
    assert [f"{place}: {text[:60]!r}" for place, _, text in documented() if text.startswith("Of ")] == []


def test_the_text_of_an_argument_stands_alone():
    found = [
        f"{place}: {line.strip()[:60]!r}"
        for place, _, text in documented()
        for line in text.splitlines()
        if BARE.match(line)
    ]
    assert found == []
