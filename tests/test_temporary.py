"""Writing under a temporary name: all or nothing, whatever happens in between."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from roformer_edge import temporary
from roformer_edge.errors import OutputError
from roformer_edge.temporary import TemporaryPath, remove_litter, scratch_folder, write_file


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


def finished_pid() -> int:
    """The number of a process that is no more."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        return process.pid


def litter(folder: Path, name: str = "out", *, machine: str | None = None, pid: int | None = None) -> Path:
    """What a killed process leaves."""
    machine = temporary._machine() if machine is None else machine
    left = folder / f".{name}.{machine}-{finished_pid() if pid is None else pid}-0123abcd.partial"
    left.mkdir()
    (left / "model.onnx").write_text("half")
    return left


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path: Path) -> None:
    with TemporaryPath(tmp_path / "out") as running:
        running.path.mkdir()
        assert running.path.name.startswith(f".out.{temporary._machine()}-{os.getpid()}-")
        left, archive = litter(tmp_path), tmp_path / litter(tmp_path, "x.rfe").name
        with TemporaryPath(tmp_path / "out"):
            assert not left.exists()
            assert running.path.exists()
            assert archive.exists()


def test_what_is_not_surely_left_over_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = [
        litter(tmp_path, machine="0" * 8),
        litter(tmp_path, pid=os.getpid()),
        litter(tmp_path, pid=1),
        litter(tmp_path, "out2"),
        litter(tmp_path, machine="not-hex-"),
    ]
    remove_litter(tmp_path / "out")
    assert all(path.exists() for path in kept)
    # another machine's, a day later
    for path in kept:
        os.utime(path, (0, 0))
    remove_litter(tmp_path / "out")
    assert [path.exists() for path in kept] == [False, True, True, True, True]
    mine = litter(tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    remove_litter(tmp_path / "out")
    assert mine.exists()


def test_the_content_from_before_is_not_litter_while_nothing_took_its_place(tmp_path: Path) -> None:
    old = litter(tmp_path).rename(tmp_path / f".out.{temporary._machine()}-{finished_pid()}-0123abcd.old")
    remove_litter(tmp_path / "out")
    assert old.exists()
    (tmp_path / "out").mkdir()
    remove_litter(tmp_path / "out")
    assert not old.exists()


def test_links_in_litter_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "thesis").write_text("mine")
    (litter(tmp_path) / "link").symlink_to(tmp_path / "precious")
    left = f".out.{temporary._machine()}-{finished_pid()}-"
    (tmp_path / f"{left}0123abce.partial").symlink_to(tmp_path / "precious")
    remove_litter(tmp_path / "out")
    assert (tmp_path / "precious" / "thesis").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


def test_a_scratch_folder_goes_and_takes_those_of_killed_processes_along(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left = litter(tmp_path, "roformer-edge")
    with scratch_folder() as folder:
        assert not left.exists()
        assert list(tmp_path.iterdir()) == [folder]
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        (folder / "x").write_text("x")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "file" / "x"))
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"cannot write .*: Not a directory"), scratch_folder():
        pass
