"""What drives the Java core: a JDK, the compiled classes, and the engine that Python uses too."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from android_demo.tools import jdk as tools
from tests.tokenizer.conftest import real_texts, real_vocab, vocab_path

__all__ = ["real_texts", "real_vocab", "vocab_path"]

Lines = list[Any]
# the counts of docs/android.md; without it a share of each
LONG = os.environ.get("PORTS") == "long"


def missing(reason: str) -> NoReturn:
    """Skip with the reason, or fail where the Java core must be tested."""
    if os.environ.get("REQUIRE_ANDROID"):
        pytest.fail(f"REQUIRE_ANDROID is set, and {reason}")
    pytest.skip(reason)


class Runner:
    """The command-line runner of the Java core."""

    def __init__(self, jdk: Path, classpath: list[Path]) -> None:
        self.jdk = jdk
        self.classpath = classpath

    def run(self, *arguments: object, text: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command once."""
        command = tools.command(self.jdk, self.classpath, *arguments)
        return subprocess.run(command, input=text, capture_output=True, text=True, encoding="utf-8", check=False)

    def ask(self, *arguments: object, lines: Iterable[object]) -> Lines:
        """Run a command on lines of JSON; one answer for each."""
        told = self.run(*arguments, text="".join(json.dumps(line) + "\n" for line in lines))
        assert told.returncode == 0, told.stderr
        return [json.loads(line) for line in told.stdout.splitlines()]


@pytest.fixture(scope="session")
def tally() -> Iterator[Callable[..., None]]:
    """Takes down what was compared; the long form prints the table of docs/android.md at the end."""
    rows: list[tuple[object, ...]] = []
    yield lambda *row: rows.append(row)
    if LONG:
        print("\n\n| compared | mode | number | tokens |\n|---|---|---:|---:|")
        for what, mode, number, tokens in rows:
            print(f"| {what} | {mode} | {number:,} | {tokens:,} |")


@pytest.fixture(scope="session")
def java(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """The compiled core and its runner."""
    jdk = tools.find_jdk()
    if jdk is None:
        missing(f"there is no JDK {tools.LEAST} or newer: set JAVA_HOME")
    return Runner(jdk, tools.build(jdk, tmp_path_factory.mktemp("classes")))


@pytest.fixture(scope="session")
def library() -> Path:
    """The library that the package onnxruntime loads."""
    found = tools.find_library()
    if found is None:
        missing("the package onnxruntime has no library libonnxruntime.so here")
    return found


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The demo bundle of a recipe, made once."""
    from tests.android.bundles import demo_bundle

    folder = tmp_path_factory.mktemp("bundles")

    def make(recipe: str) -> Path:
        return folder / recipe if (folder / recipe).exists() else demo_bundle(folder, recipe)

    return make
