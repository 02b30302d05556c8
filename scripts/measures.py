"""Print measures of the code: its size, how long and how branched functions are, and what is typed and commented.

    python scripts/measures.py [DIRECTORY]

Only the standard library is needed. DIRECTORY is the package where it is left out.
"""

from __future__ import annotations

import argparse
import ast
import io
import tokenize
from collections.abc import Iterator
from pathlib import Path
from statistics import median

Function = ast.FunctionDef | ast.AsyncFunctionDef
# what adds one to the cyclomatic complexity
BRANCHES = (ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.comprehension, ast.match_case)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path, nargs="?", default=Path(__file__).parents[1] / "roformer_edge")
    directory = parser.parse_args().directory
    sources = {path: path.read_text(encoding="utf-8") for path in sorted(directory.rglob("*.py"))}
    if not sources:
        parser.error(f"{directory} holds no Python files")
    for name, value in measures(sources).items():
        print(f"{name:<40} {value}")


def measures(sources: dict[Path, str]) -> dict[str, str]:
    """Measure modules: name of the measure -> figure."""
    trees = {path: ast.parse(text) for path, text in sources.items()}
    functions = [(path, node) for path, tree in trees.items() for node in ast.walk(tree) if isinstance(node, Function)]
    sizes = {path: len(text.splitlines()) for path, text in sources.items()}
    lengths = [body_lines(node) for _, node in functions] or [0]
    branches = [complexity(node) for _, node in functions] or [0]
    parameters = [each for _, node in functions for each in typed_parameters(node)]
    comments = sum(comment_lines(text) for text in sources.values())
    lines = sum(sizes.values())
    longest = max(functions, key=lambda each: body_lines(each[1]), default=None)
    widest = max(functions, key=lambda each: complexity(each[1]), default=None)
    return {
        "modules": f"{len(sources)}",
        "lines": f"{lines}",
        "lines of a module, median": f"{median(sizes.values()):.0f}",
        "lines of a module, most": f"{max(sizes.values())} ({max(sizes, key=sizes.__getitem__).name})",
        "functions": f"{len(functions)}",
        "lines of a function, median": f"{median(lengths):.0f}",
        "lines of a function, 90 %": f"{sorted(lengths)[int(0.9 * (len(lengths) - 1))]}",
        "lines of a function, most": f"{max(lengths)}{named(longest)}",
        "functions of more than 40 lines": f"{sum(length > 40 for length in lengths)}",
        "branches of a function, median": f"{median(branches):.0f}",
        "branches of a function, most": f"{max(branches)}{named(widest)}",
        "functions of more than 8 branches": f"{sum(count > 8 for count in branches)}",
        "comment lines": f"{comments} ({comments / max(lines, 1):.1%})",
        "parameters with a type": f"{sum(parameters)} of {len(parameters)}",
    }


def named(found: tuple[Path, Function] | None) -> str:
    return "" if found is None else f" ({found[0].name}: {found[1].name})"


def own_nodes(function: Function) -> Iterator[ast.AST]:
    """Walk through the body of a function, the functions within it left out: they are measured by themselves."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        if not isinstance(node, Function):
            yield node
            waiting += ast.iter_child_nodes(node)


def body_lines(function: Function) -> int:
    """Count the lines from the first statement to the last, without the docstring."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def complexity(function: Function) -> int:
    """Count the branches, as cyclomatic complexity less one does; each further operand of "and" and "or" is one."""
    nodes = list(own_nodes(function))
    operands = sum(len(node.values) - 1 for node in nodes if isinstance(node, ast.BoolOp))
    return sum(isinstance(node, BRANCHES) for node in nodes) + operands


def typed_parameters(function: Function) -> list[bool]:
    """Tell of every parameter but self and cls whether it has a type."""
    given = function.args
    parameters = [*given.posonlyargs, *given.args, *given.kwonlyargs, *filter(None, (given.vararg, given.kwarg))]
    return [each.annotation is not None for each in parameters if each.arg not in ("self", "cls")]


def comment_lines(text: str) -> int:
    """Count the lines that hold a comment, alone or behind code; directives to tools are none."""
    directives = ("# noqa", "# type:", "# pragma")
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return sum(token.type == tokenize.COMMENT and not token.string.startswith(directives) for token in tokens)


if __name__ == "__main__":
    main()
