"""Pages of a mapped file leave the process's memory, and come back when they are read."""

from __future__ import annotations

import mmap
import re
import sys
from pathlib import Path

import pytest

from roformer_edge.errors import BackendError
from roformer_edge.runtime import mapped_file
from roformer_edge.runtime.mapped_file import MappedFile, let_go_of_pages, mappings_of

SIZE = 8 << 20


def resident(path: Path) -> int:
    """Bytes of a mapping that are in memory."""
    blocks = Path("/proc/self/smaps").read_text(encoding="utf-8").split(str(path))[1:]
    return sum(1024 * int(re.search(r"^Rss: +(\d+) kB", block, re.MULTILINE)[1]) for block in blocks)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux only")
def test_pages_are_let_go_of_and_come_back(tmp_path: Path) -> None:
    path, other = tmp_path / "model", tmp_path / "other"
    maps = []
    for one in (path, other):
        one.write_bytes(b"\1" * SIZE)
        with one.open("rb") as stream:
            maps.append(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
        assert sum(maps[-1][:: mmap.PAGESIZE]) == SIZE // mmap.PAGESIZE
        assert resident(one) >= SIZE // 2
    let_go_of_pages(mappings_of(path))
    assert resident(path) < SIZE // 4
    assert resident(other) >= SIZE // 2
    assert maps[0][SIZE - 1] == 1
    for one in maps:
        one.close()


def test_what_is_not_mapped_or_cannot_be_told_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model").write_bytes(b"x")
    assert mappings_of(tmp_path / "model") == mappings_of(tmp_path / "absent") == ()
    monkeypatch.setattr(mapped_file, "_MAPS", tmp_path / "closed")
    assert mappings_of(tmp_path / "model") == ()
    let_go_of_pages(())


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is renamed over a file in use there")
def test_a_file_that_is_moved_away_for_another_is_what_it_was(tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.write_bytes(b"x" * 100)
    mapped = MappedFile(path)
    path.rename(tmp_path / "before")
    path.write_bytes(b"y" * 100)
    mapped.check_unchanged()
    with (tmp_path / "before").open("r+b") as stream:
        stream.write(b"z")
    with pytest.raises(BackendError, match="was written to"):
        mapped.check_unchanged()
