"""Makes the golden files of this folder: ``python -m tests.validate.render.golden``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from roformer_edge.validate.render import RENDERERS
from roformer_edge.validate.render.terminal import summary_table
from roformer_edge.validate.report import Report
from tests.validate.render.reading import Page
from tests.validate.tables import make_small_report

FOLDER = Path(__file__).with_name("golden")


def page_text(report: Report) -> str:
    """What a reader of the HTML page sees, without its looks."""
    return Page(RENDERERS["html"].render(report)).text + "\n"


FILES: dict[str, Callable[[Report], str]] = {
    "report.md": RENDERERS["markdown"].render,
    "report.html.txt": page_text,
    "table.txt": summary_table,
    "report.json": lambda report: json.dumps(report.to_dict(), ensure_ascii=False, indent=1) + "\n",
}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, make in FILES.items():
        (FOLDER / name).write_text(make(make_small_report()), encoding="utf-8")
