"""Ids are equal whatever the interpreter's version of Unicode."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from roformer_edge.tokenizer import Vocabulary
from roformer_edge.tokenizer.unicode_tables import UNICODE

SCRIPT = Path(__file__).parent / "interpreter_ids.py"
VERSIONS = ("3.10", "3.11", "3.12", "3.13")


def interpreter(version: str) -> str | None:
    if sys.version_info[:2] == tuple(map(int, version.split("."))):
        return sys.executable
    found = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    return str(found[-1]) if found else shutil.which(f"python{version}")


def telling_vocabulary() -> Iterator[str]:
    """Every character that a table could turn another into, so that no difference hides behind the unknown token."""
    yield from ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "x", "y", "##y")
    for code in range(0x110000):
        if not 0xD800 <= code < 0xE000 and code not in (0x0A, 0x0D):
            character = chr(code)
            if any(table.lower(character) != character for table in (UNICODE.slow, UNICODE.fast)):
                yield from {lowered for table in (UNICODE.slow, UNICODE.fast) for lowered in table.lower(character)}
            elif (
                0x80 <= code < 0x3000
                or 0xA640 <= code < 0xAC00
                or 0x10000 <= code < 0x17000
                or 0x1D000 <= code < 0x1FB00
            ):
                yield character


@pytest.mark.slow
def test_equal_on_all_versions(tmp_path: Path):
    vocabulary = tmp_path / "vocab.txt"
    tokens = [token for token in dict.fromkeys(telling_vocabulary()) if token not in "\u2028\x85"]
    Vocabulary.from_tokens(tokens).save(vocabulary)
    pythons = [found for found in map(interpreter, VERSIONS) if found]
    if len(pythons) < 2:
        pytest.skip("no other Python is installed")
    running = [subprocess.Popen([python, str(SCRIPT), str(vocabulary)], stdout=subprocess.PIPE) for python in pythons]
    digests = {python: process.communicate()[0].strip() for python, process in zip(pythons, running, strict=True)}
    assert all(process.returncode == 0 for process in running)
    assert len(set(digests.values())) == 1, digests
