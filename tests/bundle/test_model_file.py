"""A bundle as one ``.tflite`` file: the model in front, the other files in a ZIP at its end."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from roformer_edge.bundle.pack import pack_directory, unpack
from roformer_edge.bundle.reader import open_bundle
from roformer_edge.errors import BundleError, BundleFormatError, BundleIntegrityError
from tests import tiny_bundle
from tests.tiny_bundle import CONTENT, write_bundle

MODEL = b"\x1c\0\0\0TFL3" + bytes(range(256)) * 30
OTHERS = {name: entry for name, entry in CONTENT.items() if name != "model.onnx"}


@pytest.fixture
def tflite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of a bundle whose model begins as TFLite models do."""
    monkeypatch.setattr(tiny_bundle, "CONTENT", {"model.tflite": ("model", MODEL), **OTHERS})
    return write_bundle(tmp_path / "intent", format="tflite")


@pytest.fixture
def packed(tflite: Path, tmp_path: Path) -> Path:
    return pack_directory(tflite, tmp_path / "intent.tflite")


def test_there_and_back(tflite: Path, packed: Path, tmp_path: Path) -> None:
    again = unpack(packed, tmp_path / "again")
    assert {p.name: p.read_bytes() for p in again.iterdir()} == {p.name: p.read_bytes() for p in tflite.iterdir()}
    assert pack_directory(again, tmp_path / "twice.tflite").read_bytes() == packed.read_bytes()


def test_the_file_is_the_model_to_an_engine_and_an_archive_to_others(tflite: Path, packed: Path) -> None:
    data = packed.read_bytes()
    assert data.startswith(MODEL)
    assert data[len(MODEL) :].startswith(b"PK\3\4")
    with zipfile.ZipFile(packed) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
    assert names == ["manifest.json", *OTHERS, "README.md"]


def test_the_model_is_read_where_it_is(packed: Path) -> None:
    with open_bundle(packed) as bundle:
        bundle.verify()
        assert bundle.entry("model").bytes == len(MODEL)
        assert bundle.read_bytes("model") == MODEL
        assert bundle.file_path("model") == packed
        bundle.check_unchanged()
        with packed.open("ab") as file:
            file.write(b"more")
        with pytest.raises(BundleIntegrityError, match="was changed while it was being loaded"):
            bundle.check_unchanged()


def test_a_changed_model_is_found(packed: Path) -> None:
    data = bytearray(packed.read_bytes())
    data[100] ^= 1
    packed.write_bytes(data)
    with open_bundle(packed) as bundle, pytest.raises(BundleIntegrityError, match="has another SHA-256"):
        bundle.file_path("model")


def test_a_model_that_is_shorter_than_listed_is_found(packed: Path) -> None:
    data = packed.read_bytes()
    body = io.BytesIO(data[len(MODEL) :])
    # an archive whose table of contents counts from its own beginning
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    body = io.BytesIO()
    body.write(MODEL[:-7])
    with zipfile.ZipFile(body, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    packed.write_bytes(body.getvalue())
    with pytest.raises(BundleIntegrityError, match=f"model.tflite in .* is of {len(MODEL) - 7} bytes"):
        open_bundle(packed)


@pytest.mark.parametrize("front", [b"#!/bin/sh\n", b"\0" * 64])
def test_nothing_else_may_stand_in_front_of_an_archive(bundle: Path, tmp_path: Path, front: bytes) -> None:
    plain = pack_directory(bundle, tmp_path / "plain.rfe")
    with zipfile.ZipFile(plain) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    body = io.BytesIO()
    body.write(front)
    with zipfile.ZipFile(body, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    (tmp_path / "odd.rfe").write_bytes(body.getvalue())
    with pytest.raises(BundleFormatError, match=f"holds {len(front)} bytes in front of its archive"):
        open_bundle(tmp_path / "odd.rfe")


def test_a_model_that_is_an_entry_too_is_refused(tflite: Path, packed: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(packed, "a") as archive:
        archive.writestr("model.tflite", b"another")
    with pytest.raises(BundleFormatError, match="only a TFLite model that is in it nowhere else"):
        open_bundle(packed)


def test_a_bundle_of_another_format_is_no_model_file(bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"is to be a TFLite model, and the bundle is one of onnx; .* ends in \.rfe"):
        pack_directory(bundle, tmp_path / "intent.tflite")
    assert not (tmp_path / "intent.tflite").exists()


def test_a_model_of_another_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiny_bundle, "CONTENT", {"net.tflite": ("model", MODEL), **OTHERS})
    directory = write_bundle(tmp_path / "intent", format="tflite")
    with pytest.raises(BundleError, match=r"calls its model net\.tflite"):
        pack_directory(directory, tmp_path / "intent.tflite")


def test_a_packed_bundle_is_an_archive_like_others(tflite: Path, tmp_path: Path) -> None:
    archive = pack_directory(tflite, tmp_path / "intent.rfe")
    with open_bundle(archive) as bundle:
        bundle.verify()
        assert bundle.read_bytes("model") == MODEL
