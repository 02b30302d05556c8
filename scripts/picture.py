"""Photographs the report of ``make demo`` for the README, in a headless Chromium: writes docs/pictures/report.png.

    make demo && python scripts/picture.py

Make the report on a machine that has nothing else to do: its latencies are in the picture.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REPORT = ROOT / "out" / "demo" / "report" / "candidate-1" / "report.html"
PICTURE = ROOT / "docs" / "pictures" / "report.png"
# down to the end of its first two cards, in CSS pixels
SIZE = "1100,985"
MOST_BYTES = 150_000


def main() -> None:
    report = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else REPORT
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("picture: no chromium and no google-chrome was found")
    if not report.is_file():
        sys.exit(f"picture: {report} is not there; run make demo first, or name another report.html")
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "report.png"
        flags = ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run")
        places = (f"--user-data-dir={folder}/profile", f"--window-size={SIZE}", f"--screenshot={picture}")
        command = [browser, *flags, *places, report.as_uri()]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        size = picture.stat().st_size
        if size > MOST_BYTES:
            sys.exit(f"picture: {size:,} bytes are more than the {MOST_BYTES:,} that a README should load")
        PICTURE.parent.mkdir(exist_ok=True)
        shutil.copyfile(picture, PICTURE)
    print(f"{PICTURE.relative_to(ROOT)}: {size:,} bytes")


if __name__ == "__main__":
    main()
