"""The command line in this process, a tiny checkpoint and a bundle made of it."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from roformer_edge.cli.main import main
from tests.tiny_checkpoint import WORDS, labelled, write_checkpoint, write_lines


@dataclass(frozen=True)
class Outcome:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line of an error that was meant; anything else fails."""
        assert self.code not in (0, 2), self
        assert self.err.count("\n") == 1, self.err
        assert self.err.startswith("roformer-edge: error: "), self.err
        return self.err


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """Run a command and return its outcome, as if no build server were there."""
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)

    def run(*arguments: object) -> Outcome:
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny checkpoint; tests that change it copy it first."""
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint") / "tiny")


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labelled data for it."""
    return labelled(tmp_path_factory.mktemp("data") / "dev.jsonl")


@pytest.fixture(scope="session")
def bundle(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An int8-dynamic bundle of the tiny checkpoint."""
    out = tmp_path_factory.mktemp("bundle") / "tiny-int8"
    assert main(["deploy", str(checkpoint), "--out", str(out)]) == 0
    return out


def leftovers(folder: Path) -> list[str]:
    """Everything in a folder, hidden things included."""
    return sorted(path.name for path in folder.iterdir())


def rows(outcome: Outcome) -> list[dict]:
    """The JSON Lines that a command printed."""
    assert outcome.code == 0, outcome.err
    return [json.loads(line) for line in outcome.out.splitlines()]


def in_a_process(*arguments: object, **options: object) -> subprocess.Popen[str]:
    """Start a command in a process of its own."""
    command = [sys.executable, "-m", "roformer_edge", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


@pytest.fixture
def budget_case(cli, checkpoint, tmp_path) -> tuple[Path, Path]:
    """A checkpoint that knows nothing of the tiny one, and data labelled with the tiny one's own answers."""
    assert cli("export", checkpoint, "--out", tmp_path / "reference").code == 0
    order = random.Random(5)
    texts = ["".join(order.choices(WORDS[:21], k=order.randint(2, 9))) for _ in range(120)]
    answers = rows(cli("run", tmp_path / "reference", *texts))
    data = write_lines(tmp_path / "dev.jsonl", [{"text": row["text"], "label": row["label"]} for row in answers])
    return write_checkpoint(tmp_path / "stranger", seed=11), data
