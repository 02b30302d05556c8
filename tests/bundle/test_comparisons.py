"""What was compared before is not read again, and whatever was touched since is."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from roformer_edge.bundle.comparisons import Comparisons
from roformer_edge.bundle.reader import Bundle, open_bundle
from roformer_edge.bundle.storage import identity_of
from roformer_edge.errors import BundleIntegrityError, OptionError
from tests.tiny_bundle import write_bundle

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there it compares every time")
LONG_AGO = 1_600_000_000


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    made = write_bundle(tmp_path / "bundle")
    settle(made)
    return made


def settle(bundle: Path) -> None:
    """Make the model look as if it had been left alone for long; the time of this itself is young."""
    os.utime(bundle / "model.onnx", (LONG_AGO, LONG_AGO))


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of notes, a day after everything was written."""
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now + 86_400 * 10**9)
    return tmp_path / "notes"


def read(bundle: Path, notes: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Ask for the model's path; the number of times that its content was read for that."""
    reads = []
    pieces = Bundle.pieces
    monkeypatch.setattr(Bundle, "pieces", lambda self, *args: reads.append(args) or pieces(self, *args))
    comparisons = Comparisons(notes)
    with open_bundle(bundle, comparisons=comparisons) as opened:
        opened.file_path("model")
        opened.check_unchanged()
        comparisons.keep()
    monkeypatch.setattr(Bundle, "pieces", pieces)
    return len(reads)


def test_a_file_is_read_once(bundle: Path, notes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [read(bundle, notes, monkeypatch) for _ in range(3)] == [1, 0, 0]
    (note,) = notes.iterdir()
    assert note.stat().st_mode & 0o077 == 0
    assert notes.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("change", ["written to", "written to and set back", "replaced", "cut"])
def test_what_was_touched_is_compared(bundle: Path, notes: Path, change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read(bundle, notes, monkeypatch)
    model = bundle / "model.onnx"
    before, content = model.stat(), model.read_bytes()
    other = bytes([content[0] ^ 1]) + content[1:]
    if change == "replaced":
        (bundle.parent / "other").write_bytes(other)
        (bundle.parent / "other").replace(model)
    else:
        model.write_bytes(content[:-1] if change == "cut" else other)
    if "set back" in change:
        os.utime(model, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(BundleIntegrityError):
        read(bundle, notes, monkeypatch)


def test_another_digest_is_another_file(bundle: Path, notes: Path) -> None:
    identity = identity_of((bundle / "model.onnx").stat())
    comparisons = Comparisons(notes)
    comparisons.add("a" * 64, identity)
    assert not comparisons.has("a" * 64, identity)  # not before it is kept
    comparisons.keep()
    assert comparisons.has("a" * 64, identity)
    assert not comparisons.has("b" * 64, identity)
    for place in range(5):
        assert not comparisons.has("a" * 64, [one + (place == number) for number, one in enumerate(identity)])


def test_what_is_young_may_change_once_more_at_the_same_time(bundle: Path, tmp_path: Path) -> None:
    identity = identity_of((bundle / "model.onnx").stat())
    comparisons = Comparisons(tmp_path / "notes")
    comparisons.add("a" * 64, identity)
    comparisons.keep()
    assert not comparisons.has("a" * 64, identity)
    comparisons.add("a" * 64, identity, written_here=True)
    comparisons.keep()
    assert comparisons.has("a" * 64, identity)


@pytest.mark.parametrize("damage", ["of somebody else", "writable", "cut", "no text", "a folder"])
def test_a_note_that_another_may_have_written_counts_for_nothing(
    bundle: Path, notes: Path, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(bundle, notes, monkeypatch)
    (note,) = notes.iterdir()
    if damage == "of somebody else":
        owner = note.stat().st_uid
        monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    elif damage == "writable":
        note.chmod(0o620)
    elif damage == "a folder":
        note.unlink()
        note.mkdir()
    else:
        note.write_bytes(note.read_bytes()[:-9] if damage == "cut" else b"\xff")
    assert read(bundle, notes, monkeypatch) == 1


def test_notes_that_cannot_be_written_cost_the_saving_only(
    bundle: Path, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes.write_text("a file")
    assert [read(bundle, notes, monkeypatch) for _ in range(2)] == [1, 1]


def test_a_user_without_a_home_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "expanduser", lambda _: (_ for _ in ()).throw(RuntimeError()))
    with pytest.raises(OptionError, match="no home folder"):
        Comparisons()
