"""A report in the forms that people and machines read; adding one is a module and a row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from roformer_edge._extras import require
from roformer_edge.errors import OptionError, OutputError, UnknownNameError
from roformer_edge.temporary import TemporaryPath, write_file
from roformer_edge.validate.render.json import to_json
from roformer_edge.validate.render.markdown import to_markdown
from roformer_edge.validate.report import Report


def _to_html(report: Report) -> str:
    require("jinja2", "to write report.html")
    from roformer_edge.validate.render.html import to_html

    return to_html(report)


@dataclass(frozen=True, kw_only=True)
class Renderer:
    """The file that a form is written to, what makes its content, and the package that this needs beside numpy."""

    file_name: str
    render: Callable[[Report], str]
    needs: str | None = None


RENDERERS = {
    "json": Renderer(file_name="report.json", render=to_json),
    "markdown": Renderer(file_name="report.md", render=to_markdown),
    "html": Renderer(file_name="report.html", render=_to_html, needs="jinja2"),
}


def check_report(folder: str | Path, bundle: str | Path, forms: Sequence[str] = tuple(RENDERERS)) -> None:
    """Refuse, before any work, a report that could not be kept.

    In a folder inside the bundle it would be lost when the bundle is put in its place, or be files that the manifest
    does not list.

    Raises:
        OptionError: The folder is the bundle's own, or lies in it.
        OutputError: The folder cannot be written.
        MissingDependencyError: A form needs a package that is not installed.
        UnknownNameError: There is no such form.
    """
    resolved = Path(folder).resolve()
    if Path(bundle).resolve() in (resolved, *resolved.parents):
        raise OptionError("report", str(folder), "a folder outside of the bundle")
    for form in forms:
        if form not in RENDERERS:
            raise UnknownNameError("form of report", form, RENDERERS)
        if package := RENDERERS[form].needs:
            require(package, f"to write {RENDERERS[form].file_name}")
        place = Path(folder) / RENDERERS[form].file_name
        if place.is_dir():
            raise OutputError(f"cannot write {place}: it is a folder")
        with TemporaryPath(place) as temporary:
            write_file(temporary.path, (), place)


def write_report(report: Report, folder: str | Path, forms: Sequence[str] = tuple(RENDERERS)) -> list[Path]:
    """Write the report in some forms, each to a temporary file that is then renamed; older reports are replaced.

    Args:
        report: What to write.
        folder: Made where absent.
        forms: Keys of ``RENDERERS``; all of them by default.

    Returns:
        The files, in the order of ``forms``.

    Raises:
        OutputError: The folder cannot be written; no half-written file is left.
        MissingDependencyError: A form needs a package that is not installed.
    """
    folder = Path(folder)
    rows = [RENDERERS[form] for form in forms]
    contents = {folder / row.file_name: row.render(report).encode("utf-8") for row in rows}
    with ExitStack() as stack:
        temporary = [stack.enter_context(TemporaryPath(path)) for path in contents]
        for place, (path, content) in zip(temporary, contents.items(), strict=True):
            write_file(place.path, (content,), path)
        for place in temporary:
            place.publish()
    return list(contents)
