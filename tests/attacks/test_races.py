"""What others put at the output while it is being made is theirs: it is neither deleted nor replaced."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import roformer_edge
from roformer_edge import temporary
from roformer_edge.bundle import pack
from roformer_edge.bundle.pack import pack_directory, unpack
from roformer_edge.bundle.reader import open_bundle
from roformer_edge.bundle.writer import BundleWriter
from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.deploy.options import DeployOptions
from roformer_edge.errors import BundleError, OutputError
from tests.tiny_bundle import CONTENT, manifest, write_bundle
from tests.tiny_checkpoint import labelled, write_checkpoint

ROOT = Path(roformer_edge.__file__).parents[1]


@pytest.fixture(params=["native", "portable"], autouse=True)
def renames(request, monkeypatch):
    """Both ways of publishing: by the system's calls, and by what every system has."""
    if request.param == "portable":
        monkeypatch.setattr(temporary, "_rename_with", lambda *arguments: False)


@contextmanager
def writing(out: Path, *, overwrite: bool = False) -> Iterator[Callable[[], Path]]:
    with BundleWriter(out, overwrite=overwrite) as writer:
        for path, (role, data) in CONTENT.items():
            writer.add_bytes(path, role, data)
        yield lambda: writer.finish(manifest())


def put_folder(out: Path) -> None:
    out.mkdir()
    (out / "precious.txt").write_text("thesis")


def put_empty_folder(out: Path) -> None:
    out.mkdir()


def put_file(out: Path) -> None:
    out.write_text("thesis")


def put_link(out: Path) -> None:
    out.symlink_to("nowhere")


def put_bundle(out: Path) -> None:
    write_bundle(out, max_length=32)


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.mark.parametrize("put", [put_folder, put_empty_folder, put_file, put_link, put_bundle])
@pytest.mark.parametrize("overwrite", [False, True])
def test_what_appears_stays(tmp_path, put, overwrite):
    out = tmp_path / "out"
    with writing(out, overwrite=overwrite) as finish:
        put(out)
        before = (out.is_symlink(), out.is_dir(), names(out))
        with pytest.raises(OutputError, match=r"out was made, replaced or removed by another program meanwhile"):
            finish()
    assert (out.is_symlink(), out.is_dir(), names(out)) == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("put", [put_folder, put_file, put_bundle])
def test_what_takes_the_place_of_a_bundle_stays(tmp_path, put):
    out = write_bundle(tmp_path / "out")
    with writing(out, overwrite=True) as finish:
        out.rename(tmp_path / "moved")
        put(out)
        before = (out.is_dir(), names(out))
        with pytest.raises(OutputError, match="meanwhile"):
            finish()
    assert (out.is_dir(), names(out)) == before


def test_a_file_put_into_the_old_bundle_keeps_it_there(tmp_path):
    out = write_bundle(tmp_path / "out")
    with writing(out, overwrite=True) as finish:
        (out / "precious.txt").write_text("thesis")
        with pytest.raises(BundleError, match="holds files that are no part of one"):
            finish()
    assert (out / "precious.txt").read_text() == "thesis"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_file_put_into_it_at_the_last_moment_keeps_it_there(tmp_path, monkeypatch):
    out = write_bundle(tmp_path / "out")
    exchange = temporary.TemporaryPath._exchange
    monkeypatch.setattr(
        temporary.TemporaryPath,
        "_exchange",
        lambda self: ((out / "precious.txt").write_text("thesis"), exchange(self)),
    )
    with writing(out, overwrite=True) as finish, pytest.raises(BundleError, match="no part of one"):
        finish()
    assert (out / "precious.txt").read_text() == "thesis"


def test_a_name_taken_at_the_last_moment_is_not_taken_back(tmp_path, monkeypatch):
    rename = temporary.rename_to_new
    for put in (put_folder, put_file, put_link):
        out = tmp_path / put.__name__
        monkeypatch.setattr(
            temporary, "rename_to_new", lambda source, target, put=put, out=out: (put(out), rename(source, target))
        )
        with writing(out) as finish, pytest.raises(OutputError, match="meanwhile"):
            finish()
        assert os.path.lexists(out)
    assert names(tmp_path / "put_folder") == ["precious.txt"]


def test_an_archive_replaces_archives_of_bundles_only(bundle, tmp_path, monkeypatch):
    out = tmp_path / "x.rfe"
    for content in (b"thesis", b"PK\5\6" + bytes(18)):
        out.write_bytes(content)
        with pytest.raises(BundleError, match="no archive of a bundle, so it will not be overwritten"):
            pack_directory(bundle, out, overwrite=True)
        assert out.read_bytes() == content
    out.unlink()
    contents = pack._contents
    for put in (put_file, put_folder):
        monkeypatch.setattr(pack, "_contents", lambda *args, put=put, **more: (put(out), contents(*args, **more))[1])
        with pytest.raises(OutputError, match="meanwhile"):
            pack_directory(bundle, out)
        assert out.exists()
        (out / "precious.txt" if put is put_folder else out).unlink()
    monkeypatch.undo()
    out.rmdir()
    whole = pack_directory(bundle, out).read_bytes()
    for content in (whole, whole[: len(whole) // 2], b""):
        out.write_bytes(content)
        assert pack_directory(bundle, out, overwrite=True).read_bytes() == whole


def test_unpacking_does_not_replace_what_appeared(bundle, tmp_path, monkeypatch):
    archive, out = pack_directory(bundle, tmp_path / "x.rfe"), tmp_path / "out"
    contents = pack._contents
    monkeypatch.setattr(pack, "_contents", lambda *args, **more: (put_folder(out), contents(*args, **more))[1])
    with pytest.raises(OutputError, match="meanwhile"):
        unpack(archive, out)
    assert names(out) == ["precious.txt"]


WRITER = """
import sys
from pathlib import Path
from tests.tiny_bundle import write_bundle
print("ready", flush=True)
sys.stdin.readline()
try:
    write_bundle(Path(sys.argv[1]), max_length=int(sys.argv[2]))
except Exception as error:
    print(type(error).__name__, flush=True)
else:
    print("ok", flush=True)
"""


def test_of_two_writers_one_wins_and_one_is_told(tmp_path, renames):
    def start(length: int) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", WRITER, str(tmp_path / "out"), str(length)]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)

    with start(32) as first, start(48) as second:
        both = (first, second)
        for process in both:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in both:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        said = [process.communicate()[0].strip() for process in both]
    assert sorted(said) == ["OutputError", "ok"]
    with open_bundle(tmp_path / "out") as opened:
        opened.verify()
        assert opened.manifest.max_length == (32, 48)[said.index("ok")]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


class Intruder:
    """Does something when a deployment begins to write."""

    def __init__(self, intrude: Callable[[], object]) -> None:
        self.intrude = intrude

    def stage(self, name: str) -> None:
        if name == "write":
            self.intrude()

    def step(self, done: int, total: int | None) -> None: ...


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("races") / "checkpoint")


def test_a_whole_deployment_leaves_what_appeared(checkpoint, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(OutputError, match="meanwhile"):
        deploy_checkpoint(checkpoint, out, progress=Intruder(lambda: put_folder(out)))
    assert names(out) == ["precious.txt"]


@pytest.mark.parametrize("options", [DeployOptions(recipe="fp32"), DeployOptions(recipe="fp32", overwrite=True)])
@pytest.mark.parametrize("put", [put_file, put_folder, put_link, "archive"])
def test_a_deployment_to_one_file_leaves_what_appeared(checkpoint, bundle, tmp_path, put, options):
    out = tmp_path / "x.rfe"
    intrude = (lambda: pack_directory(bundle, out)) if put == "archive" else (lambda: put(out))
    with pytest.raises(OutputError, match=r"x\.rfe was made, replaced or removed by another program meanwhile"):
        deploy_checkpoint(checkpoint, out, options, progress=Intruder(intrude))
    assert os.path.lexists(out)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["intent", "x.rfe"]


def test_a_report_leaves_what_appeared(checkpoint, tmp_path):
    out, folder = tmp_path / "out", tmp_path / "report"

    def intrude() -> None:
        folder.mkdir()
        (folder / "report.md").write_text("thesis")

    options = DeployOptions(recipe="fp32", evaluation=labelled(tmp_path / "dev.jsonl"), report=folder)
    with pytest.raises(OutputError, match=r"report\.md is no report, .*; the bundle is finished, in .*out, and only"):
        deploy_checkpoint(checkpoint, out, options, progress=Intruder(intrude))
    assert (folder / "report.md").read_text() == "thesis"
    assert names(folder) == ["report.md"]
    with open_bundle(out) as opened:
        opened.verify()
