"""Links, as files and as folders on the way, and other things that are no files."""

from __future__ import annotations

import os
import socket
import zipfile
from pathlib import Path

import pytest

from roformer_edge.bundle.pack import pack_directory
from roformer_edge.bundle.reader import open_bundle
from roformer_edge.errors import BundleIntegrityError
from tests.tiny_bundle import CONTENT, listed, read_manifest, rewrite_manifest


@pytest.mark.parametrize("name", ["model.onnx", "words.bin", "manifest.json"])
@pytest.mark.parametrize("relative", [True, False])
def test_a_link_is_refused_even_to_the_right_content(bundle: Path, name: str, relative: bool) -> None:
    target = bundle.parent / "elsewhere"
    (bundle / name).rename(target)
    (bundle / name).symlink_to("../elsewhere" if relative else target)
    with pytest.raises(BundleIntegrityError, match=f"{name} in .* goes through a link"):
        open_bundle(bundle)


def test_a_link_inside_the_bundle_is_refused(bundle: Path) -> None:
    (bundle / "words.bin").rename(bundle / "real.bin")
    (bundle / "words.bin").symlink_to("real.bin")
    with pytest.raises(BundleIntegrityError, match="goes through a link"):
        open_bundle(bundle)


def test_a_dangling_link_is_refused(bundle: Path) -> None:
    (bundle / "words.bin").unlink()
    (bundle / "words.bin").symlink_to("nowhere")
    with pytest.raises(BundleIntegrityError, match="goes through a link"):
        open_bundle(bundle)


def test_a_folder_that_is_a_link_is_refused(bundle: Path) -> None:
    outside = bundle.parent / "outside"
    outside.mkdir()
    (outside / "passwd").write_bytes(b"root")
    (bundle / "sub").symlink_to(outside)
    values = read_manifest(bundle)
    values["files"].append(listed("sub/passwd", b"root"))
    rewrite_manifest(bundle, values)
    with pytest.raises(BundleIntegrityError, match=r"sub/passwd in .* goes through a link"):
        open_bundle(bundle)


def test_a_link_made_after_opening_is_refused(bundle: Path) -> None:
    with open_bundle(bundle) as opened:
        (bundle / "vocab.txt").rename(bundle.parent / "elsewhere")
        (bundle / "vocab.txt").symlink_to("../elsewhere")
        with pytest.raises(BundleIntegrityError, match="goes through a link"):
            opened.read_bytes("vocabulary")


def test_an_unlisted_link_is_reported_by_verify(bundle: Path) -> None:
    (bundle / "loop").symlink_to(".")
    with open_bundle(bundle) as opened, pytest.raises(BundleIntegrityError, match="does not list, for one 'loop'"):
        opened.verify()


def test_the_bundle_itself_may_be_reached_by_a_link(bundle: Path) -> None:
    (bundle.parent / "latest").symlink_to(bundle.name)
    with open_bundle(bundle.parent / "latest") as opened:
        assert opened.read_bytes("model") == CONTENT["model.onnx"][1]


@pytest.mark.parametrize("kind", ["fifo", "socket", "folder"])
@pytest.mark.parametrize("name", ["manifest.json", "model.onnx"])
def test_what_is_no_file_is_refused_without_waiting_for_it(
    bundle: Path, kind: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bundle / name).unlink()
    if kind == "fifo":
        os.mkfifo(bundle / name)
    elif kind == "folder":
        (bundle / name).mkdir()
    else:
        monkeypatch.chdir(bundle)  # the address of a socket must be short
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(name)
    with pytest.raises(BundleIntegrityError, match=f"{name} in .* is not a file"):
        open_bundle(bundle)


@pytest.mark.parametrize("mode", [0o120777, 0o010644, 0o020644, 0o040755])
def test_an_archive_may_not_hold_links_or_devices(bundle: Path, tmp_path: Path, mode: int) -> None:
    archive = pack_directory(bundle, tmp_path / "evil.rfe")
    with zipfile.ZipFile(archive, "a") as opened:
        info = zipfile.ZipInfo("link")
        info.create_system = 3
        info.external_attr = mode << 16
        opened.writestr(info, "/etc/passwd")
    with pytest.raises(BundleIntegrityError, match="is a link or a device"):
        open_bundle(archive)
