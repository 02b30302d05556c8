"""A transformers 4.57.6 in another process, to compare with."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SERVER = Path(__file__).parent / "oracle_server.py"


class OracleError(Exception):
    """transformers refused; the message is its own."""


class Oracle:
    """Asks ``oracle_server.py``, whose docstring says what can be asked."""

    def __init__(self, python: Path) -> None:
        self._process = subprocess.Popen(
            [str(python), str(SERVER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )

    def ask(self, **question: Any) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise OracleError(answer["error"])
        return answer["value"]

    def make(self, name: str, mode: str, path: Path, **options: Any) -> None:
        self.ask(make=name, mode=mode, path=str(path), options=options)

    def call(self, name: str, method: str, *args: Any, **options: Any) -> Any:
        return self.ask(use=name, method=method, args=args, options=options)

    def ids(self, name: str, texts: list[str]) -> list[list[int]]:
        return self.call(name, "__call__", texts, verbose=False)["input_ids"]

    def close(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            assert stream
            stream.close()
        self._process.wait()


def plain(value: Any) -> Any:
    """What JSON makes of it."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value.tolist() if hasattr(value, "tolist") else value
