"""Checks a built APK: what it asks for, what it holds and where, its signature, and that telemetry is off first.

python android_demo/tools/check.py out/android/roformer-arm64-v8a.apk
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from android_demo.tools import jdk as tools
from android_demo.tools.build import LEAST, LICENCES, MIN_SDK, PAGE, SUMS, run
from android_demo.tools.fetch import Fetched, fetch

VARIABLE = "ORT_DISABLE_TELEMETRY"
# what the DEX must define: the app, the core, the engine and what the engine's libraries call back
CLASSES = (
    "edge/roformer/app/MainActivity", "edge/roformer/tasks/Pipeline", "edge/roformer/ort/OnnxEngine",
    "ai/onnxruntime/OrtEnvironment", "ai/onnxruntime/OnnxTensor",
)  # fmt: skip
STARTER = "edge.roformer.ort.OnnxEngine.<init>"
FOUR_BYTES = 4
ELF_LOAD = 1


def check(fetched: Fetched, jdk: Path, apk: Path) -> None:
    """Leave with every problem of an APK, if it has any."""
    found = list(problems(fetched, jdk, apk))
    if found:
        raise SystemExit("\n".join(f"{apk.name}: {problem}" for problem in found))


def problems(fetched: Fetched, jdk: Path, apk: Path) -> Iterator[str]:
    """Every problem of an APK, in words."""
    with zipfile.ZipFile(apk) as archive:
        yield from layout_problems(archive)
        yield from asset_problems(archive)
        yield from licence_problems(archive)
        names = [name for name in archive.namelist() if name.endswith(".dex")]
        dex = archive.read(names[0]) if names == ["classes.dex"] else b""
    if not dex:
        yield f"it must hold classes.dex and no other DEX, and holds {names}"
        return
    badging = run(fetched, fetched.tool("aapt2"), "dump", "badging", apk)
    yield from manifest_problems(badging)
    tree = run(fetched, fetched.tool("aapt2"), "dump", "xmltree", "--file", "AndroidManifest.xml", apk)
    yield from telemetry_problems(tree, disassembled(fetched, dex))
    yield from signature_problems(fetched, jdk, apk)


def layout_problems(archive: zipfile.ZipFile) -> Iterator[str]:
    """Libraries must lie stored on pages of 16 KB, and be linked for such; other stored entries at four bytes."""
    libraries = [entry for entry in archive.infolist() if entry.filename.startswith("lib/")]
    if len({entry.filename.split("/")[1] for entry in libraries}) != 1:
        yield "it must hold the libraries of one processor"
    for entry in archive.infolist():
        alignment = PAGE if entry in libraries else FOUR_BYTES
        stored = entry.compress_type == zipfile.ZIP_STORED
        if not stored and (entry in libraries or entry.filename.startswith("assets/")):
            yield f"{entry.filename} is compressed: it cannot be mapped out of the APK"
        elif stored and start_of(archive, entry) % alignment:
            yield f"{entry.filename} begins at {start_of(archive, entry)}, which is no multiple of {alignment}"
    for entry in libraries:
        page = least_alignment(archive.read(entry))
        if page < PAGE:
            yield f"{entry.filename} is linked for pages of {page} bytes; {PAGE} are needed"


def start_of(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> int:
    """Where the bytes of an entry begin in the file."""
    assert archive.fp
    archive.fp.seek(entry.header_offset + 26)
    sizes = archive.fp.read(4)
    return entry.header_offset + 30 + int.from_bytes(sizes[:2], "little") + int.from_bytes(sizes[2:], "little")


def least_alignment(library: bytes) -> int:
    """The smallest alignment of a segment that is loaded, of an ELF file of either width; 0 where there is none."""
    if library[:4] != b"\x7fELF" or library[4] not in (1, 2):
        return 0
    # offsets and widths of the fields of the header and of its table of segments, by the width of addresses
    table, size, count, aligned, width = (28, 42, 44, 28, 4) if library[4] == 1 else (32, 54, 56, 48, 8)

    def number(at: int, length: int) -> int:
        return int.from_bytes(library[at : at + length], "little")

    segments = [number(table, width) + number(size, 2) * place for place in range(number(count, 2))]
    return min((number(at + aligned, width) for at in segments if number(at, 4) == ELF_LOAD), default=0)


def asset_problems(archive: zipfile.ZipFile) -> Iterator[str]:
    """Every asset must be listed with its digest, and every file of a bundle agree with the bundle's own manifest."""
    names = {name for name in archive.namelist() if name.startswith("assets/")} - {SUMS}
    if SUMS not in archive.namelist():
        yield f"{SUMS} is missing"
        return
    digests = {name: hashlib.sha256(archive.read(name)).hexdigest() for name in names}
    lines = archive.read(SUMS).decode("utf-8").splitlines()
    listed = {f"assets/{name}": digest for digest, _, name in (line.partition("  ") for line in lines)}
    for name in sorted(names | set(listed)):
        if name not in digests or listed.get(name) != digests[name]:
            yield f"{name} is not the file that was packed"
    manifests = [name for name in names if re.fullmatch("assets/bundles/[^/]+/manifest.json", name)]
    if not manifests:
        yield "it holds no bundle"
    for manifest in manifests:
        for entry in json.loads(archive.read(manifest))["files"]:
            name = manifest.replace("manifest.json", entry["path"])
            if digests.get(name) != entry["sha256"]:
                yield f"{name} is not the file that its bundle lists"


def licence_problems(archive: zipfile.ZipFile) -> Iterator[str]:
    """The licences and notices of all that is inside must be there."""
    for name, beginning in LICENCES.items():
        path = f"assets/licences/{name}"
        text = archive.read(path).decode("utf-8").strip() if path in archive.namelist() else ""
        if not text.startswith(beginning):
            yield f"{path} is missing, or does not begin with {beginning!r}"


def manifest_problems(badging: str) -> Iterator[str]:
    """The app may ask for nothing, and must say which systems it is for."""
    for permission in re.findall(r"^uses-permission[^:]*: name='([^']*)'", badging, re.MULTILINE):
        yield f"it asks for the permission {permission}; it must ask for none"
    if "application-debuggable" in badging:
        yield "it can be debugged"
    if f"sdkVersion:'{MIN_SDK}'" not in badging or "launchable-activity:" not in badging:
        yield f"it must have an activity that can be started, for Android's API {MIN_SDK} and newer"


def telemetry_problems(tree: str, disassembly: str) -> Iterator[str]:
    """The application's class must set the variable to 1 before anything else runs, as its first call."""
    for name in CLASSES:
        if f"Class descriptor  : 'L{name};'" not in disassembly:
            yield f"the DEX lacks {name.replace('/', '.')}"
    # the application's own attributes stand before those of its activities
    application = tree.partition("E: application")[2].partition("E: activity")[0]
    named = re.search(r'android:name\(0x01010003\)="([\w.]+)"', application)
    package = re.search(r'A: package="([\w.]+)"', tree)
    name = named[1] if named else "(none)"
    name = f"{package[1]}{name}" if package and name.startswith(".") else name
    body = re.search(rf"\] {re.escape(name)}\.attachBaseContext:.*?\n(.*?)return-void", disassembly, re.DOTALL)
    calls = re.findall(r"invoke-\S+ \{[^}]*\}, (\S+:\S+)", body[1]) if body else []
    strings = re.findall(r'const-string v\d+, "([^"]*)"', body[1]) if body else []
    if not calls or not calls[0].startswith("Landroid/system/Os;.setenv:") or strings[:2] != [VARIABLE, "1"]:
        yield (
            f"the engine's telemetry is not switched off: attachBaseContext of the application's class {name} must set "
            f"{VARIABLE} to 1 first"
        )
    methods = re.split(r"^[0-9a-f]+: +\|\[[0-9a-f]+\] ", disassembly, flags=re.MULTILINE)[1:]
    for method in methods:
        where = method.partition(":")[0]
        # the engine's class refuses to start where the variable is not set
        before, starts, _ = method.partition("Lai/onnxruntime/OrtEnvironment;.getEnvironment:")
        looks = where == STARTER and f'"{VARIABLE}"' in before and "Ljava/lang/System;.getenv:" in before
        if starts and not looks and not where.startswith("ai.onnxruntime."):
            yield f"{where} starts the engine without a look at {VARIABLE}"


def disassembled(fetched: Fetched, dex: bytes) -> str:
    """The classes and instructions of a DEX, which is parsed whole."""
    with tempfile.NamedTemporaryFile(suffix=".dex") as file:
        file.write(dex)
        file.flush()
        return run(fetched, fetched.tool("dexdump"), "-d", file.name)


def signature_problems(fetched: Fetched, jdk: Path, apk: Path) -> Iterator[str]:
    """The signature must cover every byte, by the schemes 2 and 3."""
    jar = fetched.tool("apksigner.jar")
    command = [jdk / "bin" / "java", "-jar", jar, "verify", "-v", "--min-sdk-version", str(MIN_SDK), apk]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    for scheme in ("v2", "v3"):
        if not re.search(rf"^Verified using {scheme} scheme .*: true$", done.stdout, re.MULTILINE):
            reason = (done.stderr.strip().splitlines() or ["no such signature"])[-1]
            yield f"its signature of the scheme {scheme} does not hold: {reason}"


def main() -> None:
    """Check APKs."""
    jdk = tools.find_jdk(LEAST)
    if jdk is None:
        sys.exit(f"no JDK {LEAST} or newer: set JAVA_HOME")
    fetched = fetch(Path(".cache/android"))
    for path in sys.argv[1:]:
        check(fetched, jdk, Path(path))
        sys.stdout.write(f"{path}: nothing to object\n")


if __name__ == "__main__":
    main()
