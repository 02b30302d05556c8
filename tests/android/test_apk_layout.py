"""What the check of an APK says of its layout, assets, licences and manifest, on archives made by hand."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
from collections.abc import Callable

import pytest

from android_demo.tools import build, check

LIBRARY = "lib/arm64-v8a/libonnxruntime.so"
BUNDLE = "assets/bundles/demo"
NOTICE = "assets/licences/onnxruntime-LICENSE.txt"


def elf(alignment: int, wide: bool = True) -> bytes:
    """A library of one segment that is loaded, and a note that is not."""
    if wide:
        header = b"\x7fELF\x02\x01\x01" + bytes(9)
        header += struct.pack("<HHIQQQIHHHHHH", 3, 183, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
        note, load = (struct.pack("<IIQQQQQQ", kind, 4, 0, 0, 0, 8, 8, at) for kind, at in ((4, 4), (1, alignment)))
    else:
        header = b"\x7fELF\x01\x01\x01" + bytes(9)
        header += struct.pack("<HHIIIIIHHHHHH", 3, 40, 1, 0, 52, 0, 0, 52, 32, 2, 0, 0, 0)
        note, load = (struct.pack("<IIIIIIII", kind, 0, 0, 0, 8, 8, 4, at) for kind, at in ((4, 4), (1, alignment)))
    return header + note + load


def contents() -> dict[str, bytes]:
    """An APK in small."""
    model = b"model"
    listed = {"files": [{"path": "model.onnx", "sha256": hashlib.sha256(model).hexdigest()}]}
    found = {
        f"{BUNDLE}/manifest.json": json.dumps(listed).encode(),
        f"{BUNDLE}/model.onnx": model,
        **{f"assets/licences/{name}": f"\n {text} and so on".encode() for name, text in build.LICENCES.items()},
    }
    found[build.SUMS] = sums(found)
    found["lib/arm64-v8a/liba.so"] = elf(build.PAGE)
    found[LIBRARY] = elf(4 * build.PAGE)
    return found


def sums(found: dict[str, bytes]) -> bytes:
    lines = (f"{hashlib.sha256(data).hexdigest()}  {name[7:]}\n" for name, data in found.items() if "assets/" in name)
    return "".join(lines).encode()


def objections(found: dict[str, bytes], alignments: dict[str, int] | None = None, packed: str = "") -> list[str]:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in found.items():
            alignment = build.PAGE if name.startswith("lib/") else 4
            compression = zipfile.ZIP_DEFLATED if name == packed else zipfile.ZIP_STORED
            build.add(archive, name, data, compression, (alignments or {}).get(name, alignment))
    with zipfile.ZipFile(file) as archive:
        steps = (check.layout_problems, check.asset_problems, check.licence_problems)
        return [problem for step in steps for problem in step(archive)]


def test_a_sound_archive():
    assert objections(contents()) == []


@pytest.mark.parametrize("wide", [True, False])
def test_libraries_are_linked_for_large_pages(wide: bool):
    for alignment in (0x1000, 0x2000, 0x4000, 0x10000):
        assert check.least_alignment(elf(alignment, wide)) == alignment
        told = objections({**contents(), LIBRARY: elf(alignment, wide)})
        assert told == ([f"{LIBRARY} is linked for pages of {alignment} bytes; 16384 are needed"] * (alignment < 16384))
    assert check.least_alignment(b"#!/bin/sh") == 0


def test_libraries_lie_on_large_pages():
    for alignment in (4, 4096):
        (told,) = objections(contents(), {LIBRARY: alignment})
        assert told.startswith(f"{LIBRARY} begins at ")
        assert "no multiple of 16384" in told


@pytest.mark.parametrize("name", [LIBRARY, f"{BUNDLE}/model.onnx"])
def test_what_is_mapped_is_stored(name: str):
    assert objections(contents(), packed=name) == [f"{name} is compressed: it cannot be mapped out of the APK"]


def removed(name: str) -> Callable[[dict[str, bytes]], None]:
    return lambda found: found.__delitem__(name)


def altered(name: str, listed: bool = False) -> Callable[[dict[str, bytes]], None]:
    def change(found: dict[str, bytes]) -> None:
        found[name] = found[name][:-1] + b"?"
        if listed:
            del found[build.SUMS]
            found[build.SUMS] = sums(found)

    return change


ASSETS: dict[str, tuple[Callable[[dict[str, bytes]], None], str]] = {
    "a changed model": (altered(f"{BUNDLE}/model.onnx"), "model.onnx is not the file that was packed"),
    "a changed model, listed anew": (
        altered(f"{BUNDLE}/model.onnx", listed=True), "model.onnx is not the file that its bundle lists"),
    "a changed notice": (altered(NOTICE), "is not the file that was packed"),
    "a model too many": (lambda found: found.update({f"{BUNDLE}/more.onnx": b""}), "more.onnx is not the file"),
    "a missing model": (removed(f"{BUNDLE}/model.onnx"), "model.onnx is not the file"),
    "no digests": (removed(build.SUMS), "assets/SHA256SUMS is missing"),
    "no bundle": (removed(f"{BUNDLE}/manifest.json"), "it holds no bundle"),
    "a missing notice": (removed(NOTICE), "begin with 'MIT License'"),
    "another notice": (lambda found: found.update({NOTICE: b"All rights reserved"}), "begin with 'MIT License'"),
    "two processors": (lambda found: found.update({"lib/x86/liba.so": elf(build.PAGE)}), "of one processor"),
    "no library": (lambda found: [found.pop(name) for name in list(found) if "lib/" in name], "of one processor"),
}  # fmt: skip


@pytest.mark.parametrize("case", ASSETS)
def test_assets(case: str):
    change, message = ASSETS[case]
    found = contents()
    change(found)
    assert any(message in problem for problem in objections(found)), objections(found)


SOUND = "package: name='a'\nsdkVersion:'26'\nlaunchable-activity: name='a.B'  label='' icon=''\n"


def test_permissions():
    assert list(check.manifest_problems(SOUND)) == []
    for line in (
        "uses-permission: name='android.permission.INTERNET'",
        "uses-permission-sdk-23: name='android.permission.INTERNET'",
        "uses-permission: name='android.permission.CAMERA' maxSdkVersion='30'",
    ):
        (told,) = check.manifest_problems(f"{SOUND}{line}\n")
        assert told.startswith("it asks for the permission android.permission.")
    assert list(check.manifest_problems(f"{SOUND}application-debuggable\n")) == ["it can be debugged"]
    assert len(list(check.manifest_problems(SOUND.replace("26", "21")))) == 1
