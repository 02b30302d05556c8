"""Completion: bash completes with the script, and each script knows every option."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from roformer_edge.cli.completion import SHELLS, VALUES
from roformer_edge.cli.main import COMMANDS, parser_of

DRIVER = """
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_roformer_edge
echo "${COMPREPLY[*]}"
"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["de"], "deploy demo"),
        (["--v"], "--version"),
        (["deploy", "--rec"], "--recipe"),
        (["deploy", "ckpt", "--recipe", "int8-s"], "int8-static"),
        (["export", "--format", ""], "onnx tflite"),
        (["run", "b", "--on-error", ""], "stop skip"),
        (["bundle", "ver"], "verify"),
        (["bundle", "verify", "--dig"], "--digest"),
        (["completion", "z"], "zsh"),
        (["deploy", ""], ""),  # a file
        (["deploy", "--out", "d"], ""),
    ],
)
def test_bash_completes(words: list[str], expected: str) -> None:
    command = ["bash", "-c", SHELLS["bash"]() + DRIVER, "bash", "roformer-edge", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), done.stderr) == (expected, "")


@pytest.mark.parametrize("shell", SHELLS)
def test_every_option_of_every_command_is_in_the_script(shell: str) -> None:
    script = SHELLS[shell]()
    for name in COMMANDS:
        for option in parser_of(name)._option_string_actions:
            assert (f"-l {option[2:]}" if shell == "fish" and option.startswith("--") else option[1:]) in script


@pytest.mark.parametrize("shell", SHELLS)
def test_the_shell_reads_its_script(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell}")
    done = subprocess.run([shell, "-n"], input=SHELLS[shell](), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_option_with_values_is_one_of_a_command() -> None:
    known = {option for name in COMMANDS for option in parser_of(name)._option_string_actions}
    assert VALUES.keys() <= known


def test_the_command_prints_the_script(cli) -> None:
    outcome = cli("completion", "bash")
    assert (outcome.code, outcome.out, outcome.err) == (0, SHELLS["bash"](), "")
