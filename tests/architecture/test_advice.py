"""Advice in messages is in the words of the place, and these words exist."""

from __future__ import annotations

import argparse
import ast
import dataclasses
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from roformer_edge import RoFormerModel
from roformer_edge.checkpoint.loading import load_checkpoint
from roformer_edge.cli.main import COMMANDS, parser_of
from roformer_edge.deploy.options import DeployOptions
from roformer_edge.runtime.loading import PIPELINES, load
from roformer_edge.tokenizer import load_tokenizer
from tests.conftest import ROOT

PACKAGE = ROOT / "roformer_edge"
FILES = [path for path in sorted(PACKAGE.rglob("*.py")) if "cli" not in path.parts]
_FLAG = re.compile(r"--[a-z][a-z-]+")


def advice_in(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "advice":
            yield node


ADVICE = [(path.relative_to(ROOT), call) for path in FILES for call in advice_in(ast.parse(path.read_text("utf-8")))]


def words(call: ast.Call, place: str) -> str:
    return next(ast.unparse(keyword.value) for keyword in call.keywords if keyword.arg == place)


def flags(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        yield from action.option_strings


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_package_speaks_of_options_of_the_command_line_in_advice_alone(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    excused = {id(node) for call in advice_in(tree) for node in ast.walk(call)}
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node) is not None:
            excused.add(id(node.body[0].value))  # type: ignore[attr-defined]  # a docstring is an expression
    found = [
        (node.lineno, node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in excused
        # the name of an option alone is for OptionError, which says it in the words of the place
        and not _FLAG.fullmatch(node.value)
        and re.search(r"(^|[\s(`])--[a-z]|roformer-edge [a-z]+\b(?! bundle)", node.value)
    ]
    assert found == []


@pytest.mark.parametrize(("path", "call"), ADVICE, ids=[f"{path}:{call.lineno}" for path, call in ADVICE])
def test_what_is_advised_can_be_typed(path: Path, call: ast.Call) -> None:
    command, python = words(call, "command"), words(call, "python")
    known = {flag for name in COMMANDS for flag in flags(parser_of(name))}
    assert set(_FLAG.findall(command)) <= known, command
    for name in re.findall(r"roformer-edge (\w+)", command):
        assert name in COMMANDS
    assert not _FLAG.search(python), "Python has no flags"
    functions = [load_checkpoint, load_tokenizer, load, RoFormerModel.from_pretrained]
    functions += (pipeline_of(task).__call__ for task in PIPELINES)
    arguments = {field.name for field in dataclasses.fields(DeployOptions)}
    arguments |= {name for function in functions for name in inspect.signature(function).parameters}
    arguments |= {"text", "pair"}  # keys of FieldNames.parse
    for name in re.findall(r"\b([a-z_]+)=", python):
        assert name in arguments, python


# where a checkpoint's own files are read -> the commands that do
_READERS = {
    "checkpoint": ("deploy", "export", "quantize", "validate"),
    "tokenizer": ("deploy", "export", "quantize", "validate", "tokenize"),
}


@pytest.mark.parametrize(("path", "call"), ADVICE, ids=[f"{path}:{call.lineno}" for path, call in ADVICE])
def test_what_is_advised_is_an_option_of_every_command_that_may_say_it(path: Path, call: ast.Call) -> None:
    for name in _READERS.get(path.parts[1], ()):
        missing = set(_FLAG.findall(words(call, "command"))) - set(flags(parser_of(name)))
        assert not missing, f"{name} says so and does not know it"


def pipeline_of(task: str) -> type:
    from roformer_edge.formats import resolve

    found: type = resolve(PIPELINES[task])
    return found


def test_there_is_advice() -> None:
    assert len(ADVICE) > 15
