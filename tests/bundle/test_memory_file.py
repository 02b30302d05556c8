"""A file without a name: complete or not there, and gone when its last reader is."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from roformer_edge.bundle.memory_file import MemoryFile

pytestmark = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="no files in memory here")


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_the_pieces_are_read_one_after_the_other() -> None:
    before = descriptors()
    made = MemoryFile.holding([b"a" * 70_000, b"", b"bc"])
    assert made is not None
    assert made.path.read_bytes() == b"a" * 70_000 + b"bc"
    made.close()
    assert descriptors() == before
    assert not made.path.exists()


def test_a_mapping_outlives_the_file() -> None:
    made = MemoryFile.holding([b"model"])
    assert made is not None
    with made.path.open("rb") as stream:
        mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    made.close()
    assert mapped[:] == b"model"
    mapped.close()


def test_short_writes_are_gone_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:3]))
    made = MemoryFile.holding([b"0123456789", b"ab"])
    assert made is not None
    assert made.path.read_bytes() == b"0123456789ab"
    made.close()


def test_where_there_is_no_room_there_is_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, data: memoryview) -> int:
        raise OSError(28, "No space left on device")

    before = descriptors()
    monkeypatch.setattr(os, "write", full)
    assert MemoryFile.holding([b"model"]) is None
    assert descriptors() == before


def test_an_error_of_the_pieces_is_raised_and_nothing_is_left() -> None:
    def pieces() -> Iterator[bytes]:
        yield b"model"
        raise ValueError("altered")

    before = descriptors()
    with pytest.raises(ValueError, match="altered"):
        MemoryFile.holding(pieces())
    assert descriptors() == before
