"""What commands print is one line each, and nothing in it acts on a terminal."""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path

import pytest

from roformer_edge import cli
from roformer_edge.cli.output import print_json, quietly, remark, say, say_json, say_lines, show_line, tell

HOSTILE = "label\x1b[31m\u202e\x9b2J\nroformer-edge: error: forged"


@pytest.mark.parametrize("way", [say, tell])
def test_a_line_stays_a_line(way, capsys: pytest.CaptureFixture[str]) -> None:
    way(f"note: {HOSTILE}")
    captured = capsys.readouterr()
    shown = captured.err if way is tell else captured.out
    assert (captured.out if way is tell else captured.err) == ""
    assert shown.count("\n") == 1
    assert not set("\x1b\u202e\x9b") & set(shown)
    assert shown.startswith("note: label")
    assert "forged" in shown


def test_lines_stay_as_many_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    say_lines("a\nb\x1b[0m\n\nc")
    lines = capsys.readouterr().out.split("\n")
    assert [line[:1] for line in lines] == ["a", "b", "", "c", ""]
    assert "\x1b" not in lines[1]


def test_json_is_one_line_that_means_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"label": HOSTILE, "text": "今天"})
    say_json(json.dumps([HOSTILE], ensure_ascii=False))
    first, second = capsys.readouterr().out.splitlines()
    assert json.loads(first) == {"label": HOSTILE, "text": "今天"}
    assert json.loads(second) == [HOSTILE]
    assert "今天" in first
    assert not set("\x1b\u202e\x9b") & set(first + second)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("roformer-edge: error: no", "roformer-edge: \x1b[1;31merror:\x1b[0m no"),
        ("warning: mind", "\x1b[33mwarning:\x1b[0m mind"),
        ("note: so", "\x1b[2mnote:\x1b[0m so"),
        ("skipped: a line", "\x1b[33mskipped:\x1b[0m a line"),
        ("notes are no note", "notes are no note"),
        ("note: \x1b[31mforged", "\x1b[2mnote:\x1b[0m ␛[31mforged"),
    ],
)
def test_a_terminal_shows_colours_unless_they_are_unwanted(
    line: str, shown: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    tell(line)
    assert capsys.readouterr().err == f"{shown}\n"
    for name, value in (("NO_COLOR", "1"), ("TERM", "dumb")):
        with monkeypatch.context() as plain:
            plain.setenv(name, value)
            tell("note: plain")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False)
    tell("note: plain")
    assert capsys.readouterr().err == "note: plain\n" * 3


def test_quiet_leaves_remarks_out(capsys: pytest.CaptureFixture[str]) -> None:
    with quietly(True):
        remark("note: a")
        tell("error: b")
    remark("note: c")
    assert capsys.readouterr().err == "error: b\nnote: c\n"


@pytest.mark.parametrize("way", [say, tell, say_json])
def test_a_moving_line_makes_room_for_what_is_printed(way, capsys: pytest.CaptureFixture[str]) -> None:
    class Line:
        hidden = 0

        def hide(self) -> None:
            assert capsys.readouterr() == ("", "")
            self.hidden += 1

    line = Line()
    show_line(line)
    try:
        way("1")
    finally:
        show_line(None)
    way("2")
    assert line.hidden == 1


def test_no_other_module_of_commands_prints() -> None:
    folder = Path(cli.__file__).parent
    for path in folder.glob("*.py"):
        calls = (node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call))
        printing = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"]
        assert bool(printing) == (path.name == "output.py"), path.name
