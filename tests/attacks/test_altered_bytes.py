"""Flipped bytes and truncated files: every byte of every file counts."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roformer_edge.bundle.pack import pack_directory
from roformer_edge.bundle.reader import open_bundle
from roformer_edge.errors import BundleError, BundleIntegrityError
from tests.tiny_bundle import CONTENT

FILES = [*CONTENT, "README.md"]
fresh_each_time = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)


def unchanged_or_one_line(path: Path) -> None:
    """Either the bundle is refused in one line, or no file of it differs."""
    try:
        with open_bundle(path) as opened:
            opened.verify()
            found = {role: opened.read_bytes(role) for role, _ in CONTENT.values()}
    except BundleError as error:
        complaint = str(error)
    else:
        complaint = ""
        assert found == dict(CONTENT.values())
    assert "\n" not in complaint


@pytest.mark.parametrize("name", FILES)
@fresh_each_time
@given(data=st.data())
def test_a_flipped_bit_is_found(bundle: Path, name: str, data: st.DataObject) -> None:
    whole = (bundle / name).read_bytes()
    altered = bytearray(whole)
    altered[data.draw(st.integers(0, len(whole) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    (bundle / name).write_bytes(altered)
    try:
        with open_bundle(bundle) as opened, pytest.raises(BundleIntegrityError, match=name):
            opened.verify()
    finally:
        (bundle / name).write_bytes(whole)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("change", ["empty", "short", "long"])
def test_another_size_is_found_at_opening(bundle: Path, name: str, change: str) -> None:
    whole = (bundle / name).read_bytes()
    (bundle / name).write_bytes({"empty": b"", "short": whole[:-1], "long": whole + b"\0"}[change])
    with pytest.raises(
        BundleIntegrityError, match=rf"{name} in .* is of \d+ bytes, and manifest\.json lists {len(whole)}"
    ):
        open_bundle(bundle, verify=False)


@fresh_each_time
@given(position=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_of_the_manifest_is_an_error_or_changes_no_file(bundle: Path, position: float, bit: int) -> None:
    """The manifest has no digest of its own; what it cannot do is make another file pass."""
    path = bundle / "manifest.json"
    whole = path.read_bytes()
    altered = bytearray(whole)
    altered[int(position * len(whole))] ^= 1 << bit
    path.write_bytes(altered)
    try:
        unchanged_or_one_line(bundle)
    finally:
        path.write_bytes(whole)


@fresh_each_time
@given(position=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_of_an_archive_is_an_error_or_changes_no_file(bundle: Path, position: float, bit: int) -> None:
    (bundle.parent / "x.rfe").unlink(missing_ok=True)
    archive = pack_directory(bundle, bundle.parent / "x.rfe")
    altered = bytearray(archive.read_bytes())
    altered[int(position * len(altered))] ^= 1 << bit
    archive.write_bytes(altered)
    unchanged_or_one_line(archive)


@fresh_each_time
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_truncated_archive_is_refused(bundle: Path, share: float) -> None:
    (bundle.parent / "x.rfe").unlink(missing_ok=True)
    archive = pack_directory(bundle, bundle.parent / "x.rfe")
    whole = archive.read_bytes()
    archive.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(BundleError):
        open_bundle(archive)
