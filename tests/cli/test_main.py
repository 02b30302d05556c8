"""The command line as a whole: usage, exit codes, streams."""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import os
import re
import subprocess
import sys

import pytest

from roformer_edge._version import __version__
from roformer_edge.cli import tokenize
from roformer_edge.cli.main import COMMANDS, parser_of
from roformer_edge.errors import BudgetExceededError, OptionError, RoFormerEdgeError
from tests.cli.conftest import in_a_process
from tests.tiny_checkpoint import TEXTS, write_lines


def test_version_help_and_wrong_usage():
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "roformer_edge", *words]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert run("--version").stdout == f"roformer-edge {__version__}\n"
    assert "deploy" in run("--help").stdout
    assert run().returncode == 2
    assert run("deploy").returncode == 2


def test_a_reader_that_goes_away_is_no_error(bundle, tmp_path):
    path = write_lines(tmp_path / "in.jsonl", [{"text": text} for text in TEXTS * 200])
    process = subprocess.Popen(
        [sys.executable, "-m", "roformer_edge", "run", str(bundle), "--input", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(timeout=60) == 141


@pytest.mark.parametrize(
    "words", [["run", "--top-k", "x", "b"], ["bench", "--lengths", "8,x", "b"], ["export"], ["unheard-of"], []]
)
def test_wrong_usage_is_one_line_too(cli, capsys, words):
    with pytest.raises(SystemExit) as stop:
        cli(*words)
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert re.fullmatch(r"roformer-edge[ a-z]*: error: .+ \(see roformer-edge[ a-z]* --help\)\n", error)
    assert "_numbers" not in error


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["depoly", "x"], "deploy"),
        (["--verison"], "--version"),
        (["run", "b", "今天", "--treshold", "0.5"], "--threshold"),
        (["run", "b", "今天", "--treshold=0.5"], "--threshold"),
        (["run", "b", "--on-error", "skpi"], "skip"),
        (["bundle", "verfy", "b"], "verify"),
        (["completion", "bsh"], "bash"),
    ],
)
def test_a_slip_of_the_finger_is_understood(cli, capsys, words, meant):
    with pytest.raises(SystemExit) as stop:
        cli(*words)
    assert stop.value.code == 2
    assert f"(did you mean {meant}?)" in capsys.readouterr().err


def test_what_looks_like_nothing_is_not_guessed(cli, capsys):
    with pytest.raises(SystemExit):
        cli("run", "b", "今天", "--xyzzy")
    assert "did you mean" not in capsys.readouterr().err


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_can_be_told_how_much_to_say(name):
    parser = parser_of(name)
    nested = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    for one in (parser, *(inner for action in nested for inner in action.choices.values())):
        assert {"-q", "--quiet", "-v", "--verbose"} <= one._option_string_actions.keys()


def test_quiet_leaves_answers_and_errors(cli, bundle, data):
    usual = cli("run", bundle, "今天", "--delegate", "npu,cpu")
    quiet = cli("run", bundle, "今天", "--delegate", "npu,cpu", "--quiet")
    assert "note: not used: npu" in usual.err
    assert (quiet.code, quiet.out, quiet.err) == (0, usual.out, "")
    assert cli("run", bundle, "今天", "--threads", "0", "-q").error
    assert cli("bundle", "show", bundle, "-q").code == cli("bundle", "-q", "show", bundle).code == 0


def test_verbose_says_what_logging_is_told(bundle):
    def run(*words: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "roformer_edge", *map(str, words)]
        return subprocess.run(command, capture_output=True, encoding="utf-8", check=True)

    usual, verbose = run("run", bundle, "今天"), run("run", bundle, "今天", "--verbose")
    assert usual.stderr == ""
    assert verbose.stdout == usual.stdout
    first, *more = verbose.stderr.splitlines()
    assert re.fullmatch(r"info: roformer_edge\.runtime: TextClassifier\(.*onnxruntime .* computes on .*", first)
    # and what the weights would be better for, where the processor has VNNI
    assert all(line.startswith("info: roformer_edge.runtime: the weights are bounded") for line in more)


def test_verbose_leaves_logging_as_it_was(cli, bundle):
    logger = logging.getLogger("roformer_edge")
    before = list(logger.handlers), logger.level
    assert "info: roformer_edge.runtime" in cli("run", bundle, "今天", "--verbose").err
    assert (logger.handlers, logger.level) == before


ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.parametrize("setting", [ASCII, {"PYTHONIOENCODING": "latin-1"}], ids=["C locale", "latin-1 pipe"])
def test_answers_are_utf8_in_every_locale(bundle, setting):
    process = in_a_process("run", bundle, "今天", env={**os.environ, **setting})
    process.stdout.reconfigure(encoding="utf-8")
    out, err = process.communicate(timeout=120)
    assert err == ""
    assert json.loads(out)["text"] == "今天"


@pytest.mark.parametrize(
    ("closed", "words", "code", "says"),
    [
        (0, [], 1, "roformer-edge: error: <standard input>:1: no example in the file"),
        (1, ["今天"], 0, ""),
        (2, ["a\udc80b"], 1, ""),
    ],
    ids=["input", "output", "errors"],
)
def test_closed_streams(bundle, closed, words, code, says):
    process = in_a_process("run", bundle, *words, preexec_fn=lambda: os.close(closed), stdin=subprocess.DEVNULL)
    out, err = process.communicate(timeout=120)
    assert process.returncode == code
    assert out == ""
    assert err.startswith(says)
    assert err.count("\n") == bool(says)


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (OptionError("index_dtype", "int8", "int64 or int32"), 1, "--inputs must be int64 or int32, found int8"),
        (OptionError("batch_size", 0), 1, "--batch-size must be a whole number of at least 1, found 0"),
        (OptionError("--limit", "a\nb"), 1, "--limit must be a whole number of at least 1, found a\\nb"),
        (BudgetExceededError("accuracy dropped"), 3, "accuracy dropped"),
        (RoFormerEdgeError("two\nlines"), 1, "two lines"),
        (FileNotFoundError(2, "No such file or directory", "dev.jsonl"), 1, "No such file or directory: dev.jsonl"),
        (MemoryError(), 1, "out of memory; use a smaller batch or a smaller model"),
        (KeyboardInterrupt(), 130, "interrupted; nothing was left half-written"),
    ],
    ids=repr,
)
def test_errors_are_one_line_and_a_code(cli, monkeypatch, error, code, says):
    def run(args: object) -> int:
        raise error

    monkeypatch.setattr(tokenize, "run", run)
    outcome = cli("tokenize", "checkpoint")
    assert (outcome.code, outcome.out, outcome.err) == (code, "", f"roformer-edge: error: {says}\n")


def test_what_nobody_expected_is_not_hidden(cli, monkeypatch):
    monkeypatch.setattr(tokenize, "run", lambda args: {}["absent"])
    with pytest.raises(KeyError, match="absent"):
        cli("tokenize", "checkpoint")


def test_every_command_is_there_with_what_it_does():
    done = subprocess.run([sys.executable, "-m", "roformer_edge", "--help"], capture_output=True, text=True, check=True)
    for name, (module, summary) in COMMANDS.items():
        assert f"  {name:<11} {summary}\n" in done.stdout
        made = importlib.import_module(module)
        parser = argparse.ArgumentParser()
        made.add_arguments(parser)
        assert callable(made.run)
