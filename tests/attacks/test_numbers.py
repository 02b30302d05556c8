"""Numbers of any size, for every option of every command that takes one: an answer, or one line."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from roformer_edge.cli.main import COMMANDS, main, parser_of
from roformer_edge.cli.options import numbers
from tests.tiny_checkpoint import labelled, write_checkpoint
from tests.tiny_runtime import write_runnable

# command -> a use of it that soon ends
USES = {
    "deploy": ("{checkpoint}", "--out", "{out}", "--recipe", "int8-static", "--calibration", "{data}"),
    "export": ("{checkpoint}", "--out", "{out}"),
    "quantize": ("{checkpoint}", "--out", "{out}", "--recipe", "int8-static", "--calibration", "{data}"),
    "sensitivity": ("{checkpoint}", "--data", "{data}", "--recipe", "int8-static", "--calibration", "{data}"),
    "run": ("{bundle}", "今天"),
    "validate": ("{bundle}", "--reference", "{bundle}", "--data", "{bundle_data}"),
    "bench": ("{bundle}", "--lengths", "4", "--batch-sizes", "1", "--runs", "1", "--cold-starts", "0"),
}
# what an option needs beside it
NEEDS = {("deploy", "--max-drop"): ("--eval", "{data}"), ("export", "--lengths"): ("--format", "tflite")}
# several of these are refused by everything, and several are as good as no limit for some
HUGE = ("-1", str(2**31), str(2**63), str(10**18), "9" * 400, "9" * 5000, "1e400", "nan", "-inf", "x" * 3000, "")


def options_with_numbers() -> list[tuple[str, str]]:
    """Find every option of every command that a number is read from."""
    found = []
    for command in COMMANDS:
        for action in parser_of(command)._actions:
            if action.type in (int, float, numbers):
                found.append((command, action.option_strings[-1]))
        assert not any(isinstance(one, argparse._SubParsersAction) for one in parser_of(command)._actions) or (
            command == "bundle"
        )
    return found


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("numbers")
    checkpoint, bundle = write_checkpoint(folder / "checkpoint"), write_runnable(folder / "bundle")
    (folder / "bundle.jsonl").write_text('{"text": "今天", "label": "ask"}\n', encoding="utf-8")
    return {
        "checkpoint": checkpoint,
        "bundle": bundle,
        "data": labelled(folder / "dev.jsonl"),
        "bundle_data": folder / "bundle.jsonl",
    }


def test_commands_with_numbers_are_these():
    assert {command for command, _ in options_with_numbers()} == set(USES)


@pytest.mark.parametrize(("command", "option"), options_with_numbers())
def test_any_number_is_used_or_refused_in_one_line(command, option, places, tmp_path, capsys):
    refused = 0
    for number, value in enumerate(HUGE):
        places = places | {"out": tmp_path / str(number)}
        words = [word.format(**places) for word in (*USES[command], *NEEDS.get((command, option), ()))]
        try:
            code = main([command, *words, f"{option}={value}"])
        except SystemExit as ended:  # the parser's
            code = ended.code
        lines = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("note: ")]
        assert code in (0, 1, 2, 3), value
        assert len(lines) == (1 if code else 0), (value, lines)
        assert all("error: " in line and len(line) < 700 for line in lines), (value, lines)
        refused += bool(code)
    # the least of it: what is no number
    assert refused >= 3
