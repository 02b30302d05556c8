"""Writing under a temporary name: all or nothing, whatever happens in between."""

from __future__ import annotations

from pathlib import Path

import pytest

from roformer_edge.errors import OutputError
from roformer_edge.temporary import TemporaryPath, write_file


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_what_is_published_has_its_final_name_and_nothing_else_is_left(tmp_path: Path, kind: str) -> None:
    out = tmp_path / "a" / "b" / "out"
    with TemporaryPath(out) as temporary:
        assert temporary.path.parent == out.parent
        assert not temporary.path.exists()
        if kind == "file":
            write_file(temporary.path, (b"one", b"two"), out)
        else:
            write_file(temporary.path / "inner" / "file", (b"one",), out)
        assert not out.exists()
        assert temporary.publish() == out
    assert [path.name for path in out.parent.iterdir()] == ["out"]
    assert (out if kind == "file" else out / "inner" / "file").read_bytes().startswith(b"one")


def test_what_is_not_published_leaves_no_folder_behind(tmp_path: Path) -> None:
    with TemporaryPath(tmp_path / "a" / "b" / "out") as temporary:
        write_file(temporary.path / "file", (b"one",), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "old").write_text("old")

    def write_and_stop() -> None:
        with TemporaryPath(out) as temporary:
            write_file(temporary.path / "new", (b"new",), out)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_and_stop()
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "old"]


def test_a_directory_that_is_there_is_replaced(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "old").write_text("old")
    with TemporaryPath(out) as temporary:
        write_file(temporary.path / "new", (b"new",), out)
        temporary.publish()
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "new"]


def test_size_and_digest_are_those_of_what_was_written(tmp_path: Path) -> None:
    size, digest = write_file(tmp_path / "file", (b"a", b"bc"), tmp_path)
    assert size == 3
    assert digest == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    with pytest.raises(OutputError, match=r"cannot write .*: File exists; nothing was left behind"):
        write_file(tmp_path / "file", (b"d",), tmp_path)
    assert (tmp_path / "file").read_bytes() == b"abc"


@pytest.mark.parametrize("out", ["a\0b", "/"])
def test_a_place_that_cannot_be_written_is_refused(out: str) -> None:
    with pytest.raises(OutputError, match="cannot write"):
        TemporaryPath(out)
