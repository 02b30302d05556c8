"""Says what keeps a release from being made, one line each; exit code 1 where there is anything.

make wheels && python scripts/check_release.py
"""

from __future__ import annotations

import re
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MOST_BYTES = 5_000_000


def problems(root: Path = ROOT) -> Iterator[str]:
    """What is not ready yet."""
    texts = {name: (root / name).read_text("utf-8") for name in ("CHANGELOG.md", "pyproject.toml")}
    version = version_of(root)
    heading = re.search(r"^## (.+)$", texts["CHANGELOG.md"], re.MULTILINE)
    if heading is None or not re.fullmatch(rf"{re.escape(version)} \(\d{{4}}-\d\d-\d\d\)", heading[1]):
        yield f"CHANGELOG.md begins with {heading and heading[1]!r}; expected {version} and the date of the release"
    for name, address in re.findall(r'^(\w+) = "(https?://[^"]+)"', texts["pyproject.toml"], re.MULTILINE):
        if re.match(r"https?://[^/]*\.example(/|$)", address):
            yield f"{name} of [project.urls] is {address}; put the public address of this repository there"
    wheel = root / "dist" / f"roformer_edge-{version}-py3-none-any.whl"
    if not wheel.is_file():
        yield f"{wheel.relative_to(root)} is not there; run make wheels"
        return
    if wheel.stat().st_size > MOST_BYTES:
        yield f"{wheel.name} has {wheel.stat().st_size:,} bytes, more than the {MOST_BYTES:,} that a device should load"
    with zipfile.ZipFile(wheel) as archive:
        strange = [name for name in archive.namelist() if not name.startswith(("roformer_edge/", "roformer_edge-"))]
    if strange:
        yield f"{wheel.name} holds {strange[0]}, which is not part of the package"


def version_of(root: Path) -> str:
    """The version that the package says."""
    match = re.search(
        r'^__version__ = "(.+)"$', (root / "roformer_edge" / "_version.py").read_text("utf-8"), re.MULTILINE
    )
    assert match
    return match[1]


def main() -> int:
    found = [*problems()]
    for line in found:
        print(line)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
