"""What commands print is one line each, whatever the names in it hold."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from roformer_edge.cli import output
from roformer_edge.cli.output import print_json, say, say_lines, tell


def test_a_line_of_json_is_whole_and_readable(capsys):
    print_json({"text": "天\n气", "score": 0.5})
    assert capsys.readouterr().out == '{"text": "天\\n气", "score": 0.5}\n'


def test_controls_are_shown_and_not_obeyed(capsys):
    say("one\ntwo\x1b[31m\u202e")
    tell("three\rfour")
    assert capsys.readouterr() == ("one␊two␛[31m<U+202E>\n", "three␍four\n")


def test_lines_of_harmless_parts_stay_lines(capsys):
    say_lines("a\nb\x07")
    say()
    assert capsys.readouterr().out == "a\nb␇\n\n"


@pytest.mark.parametrize("text", ["\x7f\x9f", "\u2028\u202e", "\ud800", "天\x1b"])
def test_json_means_the_same_and_holds_nothing_raw(capsys, text):
    print_json({text: [text]})
    line = capsys.readouterr().out
    assert json.loads(line) == {text: [text]}
    assert line.isprintable() or line[:-1].isprintable()


def test_no_other_module_of_commands_prints():
    for path in Path(output.__file__).parent.glob("*.py"):
        calls = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
        printed = [node for node in calls if isinstance(node.func, ast.Name) and node.func.id == "print"]
        assert not printed or path.name == "output.py", path
