"""Finds a JDK and compiles the core and the command-line runner; tests, benchmarks and the build of the app share it.

python android_demo/tools/jdk.py out/android/jvm
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

DEMO = Path(__file__).resolve().parents[1]
# java.lang.foreign is final since 22
LEAST = 22


def find_jdk(least: int = LEAST) -> Path | None:
    """The home of a JDK that is new enough: that of JAVA_HOME, of the path, or any where Linux keeps them."""
    on_path = shutil.which("javac")
    homes = [
        *([Path(os.environ["JAVA_HOME"])] if "JAVA_HOME" in os.environ else []),
        *([Path(on_path).resolve().parents[1]] if on_path else []),
        *sorted(Path("/usr/lib/jvm").glob("*")),
    ]
    return next((home for home in homes if (version_of(home) or 0) >= least), None)


def version_of(home: Path) -> int | None:
    """The major version of a JDK; None where there is no compiler."""
    compiler = home / "bin" / "javac"
    if not compiler.exists():
        return None
    told = subprocess.run([compiler, "-version"], capture_output=True, text=True, check=False)
    found = re.search(r"javac (\d+)", told.stdout + told.stderr)
    return int(found[1]) if found else None


def sources(module: str) -> list[str]:
    """The source files of a module."""
    return sorted(map(str, (DEMO / module / "src" / "main" / "java").rglob("*.java")))


def compile_module(
    jdk: Path, module: str, out: Path, release: int, classpath: list[Path], *, generated: Iterable[Path] = ()
) -> Path:
    """Compile a module; every warning is an error. Java 8 is old enough for compilers to warn of it, and meant."""
    out.mkdir(parents=True, exist_ok=True)
    command = [
        jdk / "bin" / "javac",
        "--release",
        str(release),
        "-Xlint:all,-options,-restricted,-classfile,-path",
        "-Werror",
    ]
    paths = ["-cp", os.pathsep.join(map(str, classpath))] if classpath else []
    subprocess.run([*command, *paths, "-d", out, *sources(module), *map(str, generated)], check=True)
    return out


def build(jdk: Path, out: Path) -> list[Path]:
    """Compile the core as Java 8 and the runner; return the class path of both."""
    core = compile_module(jdk, "core", out / "core", 8, [])
    return [core, compile_module(jdk, "jvm", out / "jvm", LEAST, [core])]


def command(jdk: Path, classpath: list[Path], *arguments: object, main: str = "edge.roformer.jvm.Main") -> list[str]:
    """The command that runs the runner."""
    paths = os.pathsep.join(map(str, classpath))
    return [str(jdk / "bin" / "java"), "--enable-native-access=ALL-UNNAMED", "-cp", paths, main, *map(str, arguments)]


def find_library() -> Path | None:
    """The engine's own library in the installed package onnxruntime, which is not imported for that."""
    spec = find_spec("onnxruntime")
    if spec is None or spec.origin is None:
        return None
    return next(iter(sorted((Path(spec.origin).parent / "capi").glob("libonnxruntime.so*"))), None)


def main() -> None:
    """Compile into a folder, and tell the command that runs the runner."""
    jdk = find_jdk()
    if jdk is None:
        sys.exit(f"no JDK {LEAST} or newer: set JAVA_HOME")
    out = Path(sys.argv[1] if len(sys.argv) > 1 else "out/android/jvm")
    sys.stdout.write(" ".join(command(jdk, build(jdk, out))) + "\n")


if __name__ == "__main__":
    main()
