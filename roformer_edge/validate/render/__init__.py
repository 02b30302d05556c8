"""A report in the forms that people and machines read; adding one is a module and a row."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from roformer_edge.errors import OptionError
from roformer_edge.validate.render.html import to_html
from roformer_edge.validate.render.json import to_json
from roformer_edge.validate.render.markdown import to_markdown
from roformer_edge.validate.report import Report


@dataclass(frozen=True, kw_only=True)
class Renderer:
    """The file that a form is written to, and what makes its content."""

    file_name: str
    render: Callable[[Report], str]


RENDERERS = {
    "json": Renderer(file_name="report.json", render=to_json),
    "markdown": Renderer(file_name="report.md", render=to_markdown),
    "html": Renderer(file_name="report.html", render=to_html),
}


def check_report_folder(folder: str | Path, bundle: str | Path) -> None:
    """Refuse a folder inside the bundle, where the report would be lost when the bundle is put in its place, or be
    files that the manifest does not list.

    Raises:
        OptionError: The folder is the bundle's own, or lies in it.
    """
    resolved = Path(folder).resolve()
    if Path(bundle).resolve() in (resolved, *resolved.parents):
        raise OptionError("report", str(folder), "a folder outside of the bundle")


def write_report(report: Report, folder: str | Path) -> list[Path]:
    """Write the report in every form, each file aside first and then renamed; older reports there are replaced.

    Args:
        report: What to write.
        folder: Made where absent.

    Returns:
        The files, in the order of ``RENDERERS``.

    Raises:
        OSError: The folder cannot be written; no half-written file is left.
    """
    folder = Path(folder)
    contents = {folder / row.file_name: row.render(report).encode("utf-8") for row in RENDERERS.values()}
    folder.mkdir(parents=True, exist_ok=True)
    aside = {path: path.with_name(f".{path.name}.{os.getpid()}.partial") for path in contents}
    try:
        for path, content in contents.items():
            aside[path].write_bytes(content)
        for path in contents:
            aside[path].replace(path)
    finally:
        for leftover in aside.values():
            leftover.unlink(missing_ok=True)
    return list(contents)
