"""Builds the app without Gradle: one signed APK for each processor, with bundles in its assets.

python android_demo/tools/build.py --bundle NAME=PATH

The core, the engine and the app are compiled as Java 8 and translated with the engine's classes by dx; libraries and
assets are stored as they are, libraries on pages of 16 KB, so that the system maps them out of the APK. Signed with a
key made for this build alone. Needs a JDK 24 or newer and what ``fetch.py`` fetches.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import secrets
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from android_demo.tools import jdk as tools
from android_demo.tools.fetch import Fetched, fetch, stage

ROOT = tools.DEMO.parent
# java.lang.classfile is final since 24
LEAST = 24
ABIS = ("arm64-v8a", "armeabi-v7a", "x86_64")
# names in the assets -> what each must begin with
LICENCES = {
    "roformer-edge-LICENSE.txt": "Apache License",
    "roformer-edge-NOTICE.txt": "roformer-edge",
    "onnxruntime-LICENSE.txt": "MIT License",
    "onnxruntime-ThirdPartyNotices.txt": "THIRD PARTY SOFTWARE NOTICES",
}
SUMS = "assets/SHA256SUMS"
MIN_SDK = 26
PAGE = 16384
# the field of an entry in which Android's tools keep its alignment, as zipalign and apksigner read it
ALIGNMENT_FIELD = 0xD935


def build(fetched: Fetched, jdk: Path, bundles: Mapping[str, Path], abis: tuple[str, ...], out: Path) -> list[Path]:
    """Build one APK for each processor; return their paths."""
    shutil.rmtree(out, ignore_errors=True)
    work = out / "work"
    work.mkdir(parents=True)
    stage("compile and translate the app")
    base, generated = link_resources(fetched, work)
    dex = translate(fetched, jdk, compiled(fetched, jdk, generated, work), work)
    assets = work / "assets"
    gather_assets(fetched, bundles, assets)
    key = make_key(jdk, work)
    built = []
    for abi in abis:
        stage(f"pack and sign {abi}")
        unsigned = work / f"{abi}.apk"
        libraries = {f"lib/{abi}/{path.name}": path for path in sorted((fetched.aar / "jni" / abi).glob("*.so"))}
        if not libraries:
            sys.exit(f"the engine has no library for {abi}")
        pack(unsigned, base, dex, {f"assets/{name}": path for name, path in files(assets)}, libraries)
        run(fetched, fetched.tool("zipalign"), "-c", "4", unsigned)
        signed = out / f"roformer-{abi}.apk"
        sign(fetched, jdk, unsigned, signed, key)
        built.append(signed)
    return built


def demo_bundle(out: Path) -> Path:
    """Deploy the embedded checkpoint."""
    from roformer_edge.demo.embedded import embedded_checkpoint
    from roformer_edge.deploy.journey import deploy_checkpoint
    from roformer_edge.deploy.options import DeployOptions

    shutil.rmtree(out, ignore_errors=True)
    with embedded_checkpoint() as checkpoint:
        options = DeployOptions(task="text-classification", recipe="int8-dynamic")
        return deploy_checkpoint(checkpoint, out, options).bundle


def link_resources(fetched: Fetched, out: Path) -> tuple[Path, Path]:
    """Compile and link resources and manifest; the archive of them, and the folder with ``R.java``."""
    source = tools.DEMO / "app" / "src" / "main"
    run(fetched, fetched.tool("aapt2"), "compile", "--dir", source / "res", "-o", out / "resources.zip")
    base, generated = out / "base.apk", out / "generated"
    run(
        fetched, fetched.tool("aapt2"), "link", "-o", base, "-I", fetched.resources, "--java", generated,
        "--manifest", source / "AndroidManifest.xml", out / "resources.zip",
    )  # fmt: skip
    return base, generated


def compiled(fetched: Fetched, jdk: Path, generated: Path, out: Path) -> list[Path]:
    """Compile the modules of the app; their folders."""
    framework, engine = fetched.framework, fetched.aar / "classes.jar"
    core = tools.compile_module(jdk, "core", out / "core", 8, [])
    ort = tools.compile_module(jdk, "engine-ort", out / "engine-ort", 8, [core, engine])
    app = tools.compile_module(jdk, "app", out / "app", 8, [core, ort, framework], generated=generated.rglob("*.java"))
    return [core, ort, app]


def translate(fetched: Fetched, jdk: Path, classes: list[Path], out: Path) -> Path:
    """Translate class files to DEX, those of the engine after their downgrade."""
    java = jdk / "bin" / "java"
    engine = out / "engine.jar"
    run(fetched, java, tools.DEMO / "tools" / "Downgrade.java", fetched.aar / "classes.jar", engine)
    dex = out / "classes.dex"
    run(fetched, java, "-jar", fetched.dx, "--dex", f"--min-sdk-version={MIN_SDK}", f"--output={dex}", *classes, engine)
    return dex


def gather_assets(fetched: Fetched, bundles: Mapping[str, Path], assets: Path) -> None:
    """Put bundles and licences in a folder, and their digests beside them."""
    for name, bundle in bundles.items():
        shutil.copytree(bundle, assets / "bundles" / name)
    sources = (ROOT / "LICENSE", ROOT / "NOTICE", fetched.engine / "LICENSE", fetched.engine / "ThirdPartyNotices.txt")
    (assets / "licences").mkdir(parents=True)
    for name, source in zip(LICENCES, sources, strict=True):
        shutil.copyfile(source, assets / "licences" / name)
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {name}\n" for name, path in files(assets)]
    (assets / Path(SUMS).name).write_text("".join(lines), "utf-8")


def pack(apk: Path, base: Path, dex: Path, assets: Mapping[str, Path], libraries: Mapping[str, Path]) -> None:
    """Write an unsigned APK: everything that is mapped is stored, libraries on pages of 16 KB."""
    with zipfile.ZipFile(base) as resources, zipfile.ZipFile(apk, "w") as archive:
        for entry in resources.infolist():
            add(archive, entry.filename, resources.read(entry), entry.compress_type)
        add(archive, "classes.dex", dex.read_bytes(), zipfile.ZIP_DEFLATED)
        for name, path in assets.items():
            add(archive, name, path.read_bytes(), zipfile.ZIP_STORED)
        for name, path in libraries.items():
            add(archive, name, path.read_bytes(), zipfile.ZIP_STORED, PAGE)


def add(archive: zipfile.ZipFile, name: str, data: bytes, compression: int, alignment: int = 4) -> None:
    """Write an entry; the bytes of a stored one begin at a multiple of its alignment."""
    entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    entry.compress_type = compression
    if compression == zipfile.ZIP_STORED:
        # a field of four bytes before its content, which is the alignment in two bytes, and then zeros
        start = archive.start_dir + 30 + len(name.encode()) + 6
        padding = -start % alignment
        content = alignment.to_bytes(2, "little") + bytes(padding)
        entry.extra = ALIGNMENT_FIELD.to_bytes(2, "little") + len(content).to_bytes(2, "little") + content
    archive.writestr(entry, data)


def make_key(jdk: Path, out: Path) -> tuple[Path, str]:
    """Make a key that signs this build alone; its store and the word that opens it."""
    store, word = out / "key.p12", secrets.token_urlsafe(24)
    command = [
        jdk / "bin" / "keytool", "-genkeypair", "-keystore", store, "-storetype", "PKCS12", "-alias", "key",
        "-keyalg", "EC", "-groupname", "secp256r1", "-validity", "10000", "-dname", "CN=roformer-edge demo",
    ]  # fmt: skip
    environment = {**os.environ, "STORE_WORD": word}
    subprocess.run([*command, "-storepass:env", "STORE_WORD"], check=True, capture_output=True, env=environment)
    return store, word


def sign(fetched: Fetched, jdk: Path, unsigned: Path, signed: Path, key: tuple[Path, str]) -> None:
    """Sign an APK with the schemes 2 and 3."""
    jar = fetched.tool("apksigner.jar")
    run(
        fetched, jdk / "bin" / "java", "-jar", jar, "sign", "--ks", key[0], "--ks-pass", "env:STORE_WORD",
        "--min-sdk-version", MIN_SDK, "--v1-signing-enabled", "false", "--v4-signing-enabled", "false",
        "--in", unsigned, "--out", signed, STORE_WORD=key[1],
    )  # fmt: skip


def files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Every file of a folder by its path in it, in order."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path


def run(fetched: Fetched, *command: object, **more: str) -> str:
    """Run a tool; what it prints, which is shown where it fails."""
    environment = {**fetched.environment(), **more}
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise SystemExit(f"{Path(words[0]).name} {' '.join(words[1:3])} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def main() -> None:
    """Build and check."""
    from android_demo.tools.check import check

    parser = argparse.ArgumentParser(description="Build the Android app.")
    told = "a bundle for the assets (default: the embedded checkpoint in int8)"
    parser.add_argument("--bundle", action="append", default=[], metavar="NAME=PATH", help=told)
    parser.add_argument("--abi", action="append", choices=ABIS, help="a processor (default: all)")
    parser.add_argument("--tools", type=Path, default=Path(".cache/android"), help="folder for what is fetched")
    parser.add_argument("--out", type=Path, default=Path("out/android"))
    args = parser.parse_args()
    jdk = tools.find_jdk(LEAST)
    if jdk is None:
        sys.exit(f"no JDK {LEAST} or newer: set JAVA_HOME")
    fetched = fetch(args.tools)
    bundles = {name: Path(path) for name, _, path in (given.partition("=") for given in args.bundle)}
    if not bundles:
        stage("deploy the embedded checkpoint")
        bundles = {"demo-int8": demo_bundle(args.out.with_name(f"{args.out.name}-bundle"))}
    for apk in build(fetched, jdk, bundles, tuple(args.abi or ABIS), args.out):
        stage(f"check {apk.name}")
        check(fetched, jdk, apk)
        sys.stdout.write(f"{apk}  {apk.stat().st_size / 1e6:.1f} MB\n")


if __name__ == "__main__":
    main()
