from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from roformer_edge import temporary
from roformer_edge.bundle.reader import open_bundle
from roformer_edge.bundle.writer import BundleWriter
from roformer_edge.errors import BundleError, BundleFormatError, OutputError
from tests.tiny_bundle import CONTENT, manifest, write_bundle


def everything(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_bundle_holds_what_was_added_and_a_card(tmp_path: Path) -> None:
    out = write_bundle(tmp_path / "deep" / "er" / "intent")
    assert out == (tmp_path / "deep" / "er" / "intent").resolve()
    found = everything(out)
    assert set(found) == {*CONTENT, "README.md", "manifest.json"}
    assert all(found[path] == data for path, (_, data) in CONTENT.items())
    with open_bundle(out) as bundle:
        bundle.verify()
        assert [entry.path for entry in bundle.manifest.files] == [*CONTENT, "README.md"]
    assert [path.name for path in out.parent.iterdir()] == ["intent"]


def test_files_are_copied_with_their_digest(tmp_path: Path) -> None:
    source = tmp_path / "big.bin"
    source.write_bytes(os.urandom(3_000_001))
    with BundleWriter(tmp_path / "out") as writer:
        copied = writer.add_file("model.onnx", "model", source)
        inline = writer.add_bytes("again.bin", "notice", source.read_bytes())
        assert (copied.bytes, copied.sha256) == (inline.bytes, inline.sha256) == (3_000_001, copied.sha256)
        writer.finish(manifest())
    assert (tmp_path / "out" / "model.onnx").read_bytes() == source.read_bytes()


def test_leaving_without_finish_writes_nothing(tmp_path: Path) -> None:
    with BundleWriter(tmp_path / "new" / "intent") as writer:
        writer.add_bytes("model.onnx", "model", b"graph")
        assert (writer.directory / "model.onnx").read_bytes() == b"graph"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit, ZeroDivisionError])
def test_an_interruption_leaves_the_old_bundle_alone(tmp_path: Path, interruption: type[BaseException]) -> None:
    out = write_bundle(tmp_path / "intent")
    before = everything(tmp_path)

    def write() -> None:
        with BundleWriter(out, overwrite=True) as writer:
            writer.add_bytes("model.onnx", "model", b"other")
            raise interruption

    with pytest.raises(interruption):
        write()
    assert everything(tmp_path) == before


def test_what_exists_is_not_overwritten_unasked(tmp_path: Path) -> None:
    out = write_bundle(tmp_path / "intent")
    with pytest.raises(BundleError, match="exists already"):
        write_bundle(out)
    (tmp_path / "empty").mkdir()
    with pytest.raises(BundleError, match="exists already"):
        write_bundle(tmp_path / "empty")


def test_overwriting_replaces_a_bundle_and_an_empty_directory(tmp_path: Path) -> None:
    out = write_bundle(tmp_path / "intent")
    write_bundle(out, overwrite=True, max_length=32)
    with open_bundle(out) as bundle:
        bundle.verify()
        assert bundle.manifest.max_length == 32
    (tmp_path / "empty").mkdir()
    write_bundle(tmp_path / "empty", overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "intent"]


def test_overwriting_follows_a_link_and_keeps_it(tmp_path: Path) -> None:
    write_bundle(tmp_path / "v1")
    (tmp_path / "latest").symlink_to("v1")
    write_bundle(tmp_path / "latest", overwrite=True, max_length=32)
    assert (tmp_path / "latest").is_symlink()
    with open_bundle(tmp_path / "v1") as bundle:
        assert bundle.manifest.max_length == 32


@pytest.mark.parametrize("stranger", ["notes.txt", "data/train.jsonl", ".hidden"])
def test_a_bundle_with_somebodys_files_in_it_is_not_overwritten(tmp_path: Path, stranger: str) -> None:
    out = write_bundle(tmp_path / "intent")
    (out / stranger).parent.mkdir(exist_ok=True)
    (out / stranger).write_text("mine")
    with pytest.raises(BundleError, match="holds files that are no part of one"):
        write_bundle(out, overwrite=True)
    assert (out / stranger).read_text() == "mine"


@pytest.mark.parametrize("content", ["{}", "not JSON", '{"manifest_version": 3, "name": "browser extension"}'])
def test_a_directory_with_another_manifest_is_not_overwritten(tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(BundleError, match="is not a bundle"):
        write_bundle(tmp_path, overwrite=True)
    assert (tmp_path / "manifest.json").read_text() == content


def test_a_file_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "model").write_text("mine")
    with pytest.raises(BundleError, match="is a file"):
        write_bundle(tmp_path / "model", overwrite=True)
    with pytest.raises(OutputError, match=r"cannot write .*; nothing was left behind"):
        write_bundle(tmp_path / "model" / "intent")


def test_a_damaged_bundle_can_be_overwritten(tmp_path: Path) -> None:
    out = write_bundle(tmp_path / "intent")
    (out / "model.onnx").write_bytes(b"")
    (out / "vocab.txt").unlink()
    write_bundle(out, overwrite=True)
    with open_bundle(out) as bundle:
        bundle.verify()


class FullDisk:
    """Stands for a file on a disk that fills up."""

    def __init__(self, stream: object, room: list[int], code: int) -> None:
        self.stream, self.room, self.code = stream, room, code

    def write(self, data: bytes) -> int:
        self.room[0] -= len(data)
        if self.room[0] < 0:
            raise OSError(self.code, os.strerror(self.code))
        return self.stream.write(data)

    def __getattr__(self, name: str) -> object:
        return getattr(self.stream, name)

    def __enter__(self) -> FullDisk:
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.close()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EIO])
@pytest.mark.parametrize("room", [0, 5_000, 11_000, 12_500])
def test_a_full_disk_is_one_line_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, room: int
) -> None:
    out = write_bundle(tmp_path / "intent")
    before = everything(tmp_path)
    left = [room]
    open_as_it_is = Path.open

    def open_on_a_full_disk(path: Path, mode: str = "r", *args: object, **more: object) -> object:
        stream = open_as_it_is(path, mode, *args, **more)
        return FullDisk(stream, left, code) if "x" in mode else stream

    monkeypatch.setattr(Path, "open", open_on_a_full_disk)
    with pytest.raises(OutputError) as caught:
        write_bundle(out, overwrite=True)
    monkeypatch.undo()
    assert os.strerror(code) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert everything(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == ["intent"]


def test_a_limit_on_file_sizes_leaves_nothing(tmp_path: Path) -> None:
    """The same with the system's own error, in a process that may write no file above 8 kB."""
    resource = pytest.importorskip("resource")
    assert resource
    program = (
        "import resource, signal, sys; from pathlib import Path\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))\n"
        "from roformer_edge.errors import OutputError\n"
        "from tests.tiny_bundle import write_bundle\n"
        "try: write_bundle(Path(sys.argv[1]))\n"
        "except OutputError as error: print(error)\n"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "new" / "intent")],
        capture_output=True,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        check=True,
    )
    assert os.strerror(errno.EFBIG) in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_from_the_keyboard_leaves_nothing(tmp_path: Path) -> None:
    if os.name != "posix":
        pytest.skip("signals are of POSIX systems")
    program = (
        "import sys, time; from pathlib import Path\n"
        "from roformer_edge.bundle.writer import BundleWriter\n"
        "with BundleWriter(Path(sys.argv[1])) as writer:\n"
        "    writer.add_bytes('model.onnx', 'model', bytes(100_000))\n"
        "    print('written', flush=True)\n"
        "    time.sleep(60)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "new" / "intent")]
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=root,
        text=True,
        # a suite that runs in the background has interrupts ignored, and its children inherit that
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no thread runs yet
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "written\n"
        assert len(list(tmp_path.rglob("model.onnx"))) == 1
        process.send_signal(signal.SIGINT)
        _, complaint = process.communicate()
    assert "KeyboardInterrupt" in complaint
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("failing", [1, 2])
def test_the_old_bundle_comes_back_if_the_swap_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    out = write_bundle(tmp_path / "intent")
    before = everything(tmp_path)
    rename, calls = Path.rename, []

    def rename_or_fail(path: Path, target: Path) -> Path:
        calls.append(path)
        if len(calls) == failing:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        return rename(path, target)

    monkeypatch.setattr(temporary.Path, "rename", rename_or_fail)
    monkeypatch.setattr(temporary, "_rename_with", lambda *arguments: False)  # as where the system cannot exchange
    with pytest.raises(OutputError, match="cannot write"):
        write_bundle(out, overwrite=True)
    assert everything(tmp_path) == before


def test_an_interrupt_between_the_renames_puts_the_old_bundle_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = write_bundle(tmp_path / "intent")
    before = everything(tmp_path)
    rename, calls = Path.rename, []

    def rename_then_interrupt(path: Path, target: Path) -> Path:
        calls.append(path)
        moved = rename(path, target)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return moved

    monkeypatch.setattr(temporary.Path, "rename", rename_then_interrupt)
    monkeypatch.setattr(temporary, "_rename_with", lambda *arguments: False)  # as where the system cannot exchange
    with pytest.raises(KeyboardInterrupt):
        write_bundle(out, overwrite=True)
    assert everything(tmp_path) == before


def test_a_draft_can_be_opened_and_is_replaced(tmp_path: Path) -> None:
    with BundleWriter(tmp_path / "intent") as writer:
        for path, (role, data) in CONTENT.items():
            writer.add_bytes(path, role, data)
        with open_bundle(writer.draft(manifest(measured=None))) as draft:
            draft.verify()
            assert draft.manifest.measured is None
        assert not (tmp_path / "intent").exists()
        writer.add_bytes("selftest.json", "selftest", b"{}")
        out = writer.finish(manifest())
    with open_bundle(out) as bundle:
        bundle.verify()
        assert bundle.manifest.measured is not None
        assert bundle.manifest.find("selftest") is not None


def test_a_manifest_that_no_reader_would_take_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(BundleFormatError, match="role 'model'"), BundleWriter(tmp_path / "a") as writer:
        writer.finish(manifest())
    with pytest.raises(BundleFormatError, match="max_length"):
        write_bundle(tmp_path / "b", max_length=-1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["../out", "/etc/passwd", "a\\b", "", ".hidden", "a//b", "manifest.json"])
def test_paths_that_a_reader_would_refuse_are_not_written(tmp_path: Path, path: str) -> None:
    def write() -> None:
        with BundleWriter(tmp_path / "a") as writer:
            writer.add_bytes("model.onnx", "model", b"graph")
            writer.add_bytes(path, "notice", b"")
            writer.finish(manifest())

    with pytest.raises(BundleFormatError):
        write()
    assert list(tmp_path.iterdir()) == []


def test_a_path_is_added_once(tmp_path: Path) -> None:
    with BundleWriter(tmp_path / "a") as writer:
        writer.add_bytes("model.onnx", "model", b"graph")
        with pytest.raises(BundleFormatError, match=r"added to .* before"):
            writer.add_bytes("model.onnx", "model", b"graph")


def test_a_missing_source_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"cannot read .*absent\.txt"), BundleWriter(tmp_path / "a") as writer:
        writer.add_file("vocab.txt", "vocabulary", tmp_path / "absent.txt")


def test_permissions_follow_the_umask(tmp_path: Path) -> None:
    if os.name != "posix":
        pytest.skip("permissions are of POSIX systems")
    before = os.umask(0o027)
    try:
        out = write_bundle(tmp_path / "intent")
    finally:
        os.umask(before)
    assert out.stat().st_mode & 0o777 == 0o750
    assert (out / "model.onnx").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("out", ["/", "", "a\0b"])
def test_a_place_without_a_name_is_refused(out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises((BundleError, OutputError)):
        write_bundle(Path(out))
