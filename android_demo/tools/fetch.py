"""Fetches what the app is built with, by package name, into a folder: Debian's Android tools, and the engine's AAR.

python android_demo/tools/fetch.py .cache/android

Nothing is installed. Packages of Debian come by an apt configuration of their own, which checks their signatures, and
are unpacked; those of npm and PyPI are compared with the digests below. Needs apt-get, dpkg, npm and, for tests, pip.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

MIRROR = "http://deb.debian.org/debian"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# release of Debian -> its packages: tools, the last dx and classes to compile against, resources to link with
DEBS = {
    "bookworm": (
        "aapt", "zipalign", "apksigner", "dexdump", "enjarify", "libapksig-java", "android-libaapt",
        "android-libandroidfw", "android-libart", "android-libbacktrace", "android-libbase", "android-libcutils",
        "android-liblog", "android-libnativebridge", "android-libnativeloader", "android-libutils",
        "android-libziparchive", "libatomic1", "libexpat1", "liblz4-1", "libpng16-16",
        "libprotobuf-lite32", "libzopfli1", "p7zip-full",
    ),
    "bullseye": ("dalvik-exchange", "libandroid-23-java"),
    "trixie": ("android-framework-res",),
}  # fmt: skip
# ONNX Runtime 1.26.0, a full build for four processors: the last without telemetry in this package
AAR_PACKAGE = "com.github.asus4.onnxruntime@0.4.8"
AAR_SHA256 = "007a59a954d2161ffb1b3977a649c7945ee37bf30ad493891d4252c02e9536a4"
# carries onnxruntime.jar 1.17.0 for desktop processors, on whose JVM the app's own engine class can run
DESKTOP_PACKAGE = "pyserini==0.40.0"
DESKTOP_SHA256 = "fbda53e84dbded1b120055a900976c37d6a53cc841d518f40e2a8b00e454377f"


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """What was fetched, by the folder that it lies in.

    Attributes:
        folder: Everything.
    """

    folder: Path

    @property
    def root(self) -> Path:
        """Unpacked packages of Debian."""
        return self.folder / "root"

    @property
    def engine(self) -> Path:
        """Unpacked package of npm: licence, notices and the AAR."""
        return self.folder / "package"

    @property
    def aar(self) -> Path:
        """Unpacked AAR: ``classes.jar`` and ``jni``."""
        return self.folder / "aar"

    @property
    def desktop(self) -> Path:
        """Jar with ``ai.onnxruntime`` for a JVM."""
        return self.folder / "desktop.jar"

    @property
    def framework(self) -> Path:
        """Android's classes, API 23: what the app is compiled against."""
        return self.root / "usr/share/java/com.android.android-23.jar"

    @property
    def resources(self) -> Path:
        """Android's resources: what the app's own are linked with."""
        return self.root / "usr/share/android-framework-res/framework-res.apk"

    @property
    def dx(self) -> Path:
        """Translator of class files to DEX."""
        return self.root / "usr/lib/android-sdk/build-tools/debian/lib/dx.jar"

    def tool(self, name: str) -> Path:
        """A program of the Android SDK's build tools."""
        return self.root / "usr/lib/android-sdk/build-tools/debian" / name

    def environment(self) -> dict[str, str]:
        """Where the programs find their libraries."""
        folders = ("usr/lib", "usr/lib/p7zip", "usr/lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu/android")
        return {"LD_LIBRARY_PATH": ":".join(str(self.root / name) for name in folders), "PATH": "/usr/bin:/bin"}


def stage(what: str) -> None:
    """Say what begins, where somebody looks: in a pipe nothing is said."""
    if sys.stderr.isatty():
        sys.stderr.write(f"{what} ...\n")


def fetch(folder: Path) -> Fetched:
    """Fetch what the build needs, unless it is there."""
    fetched = Fetched(folder=folder.resolve())
    folder.mkdir(parents=True, exist_ok=True)
    for release, packages in DEBS.items():
        fetch_debs(fetched, release, packages)
    if not fetched.aar.exists():
        stage(f"fetch {AAR_PACKAGE}")
        run("npm", "pack", "--silent", AAR_PACKAGE, at=fetched.folder)
        name, _, version = AAR_PACKAGE.partition("@")
        archive = checked(fetched.folder / f"{name}-{version}.tgz", AAR_SHA256)
        with tarfile.open(archive) as package:
            package.extractall(fetched.folder, filter="data")
        with zipfile.ZipFile(fetched.engine / "Plugins/Android/onnxruntime.aar") as aar:
            aar.extractall(fetched.aar)
    return fetched


def fetch_desktop(fetched: Fetched) -> Path:
    """Fetch the jar for a JVM out of the package that carries it, unless it is there."""
    if not fetched.desktop.exists():
        pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:")
        run(*pip, DESKTOP_PACKAGE, at=fetched.folder)
        (wheel,) = fetched.folder.glob("pyserini-*.whl")
        with zipfile.ZipFile(checked(wheel, DESKTOP_SHA256)) as archive:
            (jar,) = (name for name in archive.namelist() if name.endswith("-fatjar.jar"))
            fetched.desktop.write_bytes(archive.read(jar))
        wheel.unlink()
    return fetched.desktop


def fetch_debs(fetched: Fetched, release: str, packages: tuple[str, ...]) -> None:
    """Download packages of one release of Debian, and unpack them over each other."""
    state = fetched.folder / release
    done = state / "unpacked"
    if done.exists() and done.read_text().split() == list(packages):
        return
    stage(f"fetch {len(packages)} packages of Debian {release}")
    for part in ("lists/partial", "cache/archives/partial", "debs"):
        (state / part).mkdir(parents=True, exist_ok=True)
    (state / "sources.list").write_text(f"deb [signed-by={KEYRING}] {MIRROR} {release} main\n")
    settings = {
        "Dir::Etc::SourceList": state / "sources.list", "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": state / "lists", "Dir::State::Status": "/dev/null", "Dir::Cache": state / "cache",
        "APT::Architecture": "amd64", "APT::Sandbox::User": "root",
    }  # fmt: skip
    options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
    run("apt-get", "-qq", *options, "update", at=state / "debs")
    run("apt-get", "-qq", *options, "download", *packages, at=state / "debs")
    for deb in sorted((state / "debs").glob("*.deb")):
        run("dpkg", "-x", str(deb), str(fetched.root), at=state)
    done.write_text("\n".join(packages))


def checked(path: Path, digest: str) -> Path:
    """Compare a file with its digest."""
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != digest:
        path.unlink()
        sys.exit(f"{path.name} has the SHA-256 {found}; expected {digest}")
    return path


def run(*command: str, at: Path) -> None:
    """Run a program; what it prints is shown only where it fails."""
    try:
        done = subprocess.run(command, cwd=at, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        sys.exit(f"{command[0]} is needed to fetch the Android tools, and is not here")
    if done.returncode:
        sys.exit(f"{' '.join(command[:3])} ... failed:\n{done.stdout}{done.stderr}")


def main() -> None:
    """Fetch into a folder."""
    fetched = fetch(Path(sys.argv[1] if len(sys.argv) > 1 else ".cache/android"))
    sys.stdout.write(f"{fetched.folder}\n")


if __name__ == "__main__":
    main()
