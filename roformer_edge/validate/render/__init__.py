"""A report in the forms that people and machines read; adding one is a module and a row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from roformer_edge._extras import require
from roformer_edge.errors import OptionError, OutputError, UnknownNameError
from roformer_edge.temporary import TemporaryPath, writable, write_file
from roformer_edge.validate.language import ENGLISH, speaking
from roformer_edge.validate.render.json import overview_json, to_json
from roformer_edge.validate.render.markdown import overview_markdown, to_markdown
from roformer_edge.validate.render.overview import folder_of
from roformer_edge.validate.report import Report

T = TypeVar("T")


def _to_html(report: Report) -> str:
    require("jinja2", "to write report.html")
    from roformer_edge.validate.render.html import to_html

    return to_html(report)


def _overview_html(reports: Sequence[Report]) -> str:
    require("jinja2", "to write report.html")
    from roformer_edge.validate.render.html import overview_html

    return overview_html(reports)


@dataclass(frozen=True, kw_only=True)
class Renderer:
    """A form.

    Attributes:
        file_name: The file that it is written to.
        render: Makes the content.
        overview: Makes what stands above the reports of several candidates.
        marks: Texts that hardly stand in files of other forms, and at least one of them in every file of this form.
        needs: The package that this needs beside numpy.
        translated: Whether this is for people who may read it in another language than English.
    """

    file_name: str
    render: Callable[[Report], str]
    overview: Callable[[Sequence[Report]], str]
    marks: tuple[str, ...]
    needs: str | None = None
    translated: bool = False


RENDERERS = {
    "json": Renderer(
        file_name="report.json", render=to_json, overview=overview_json, marks=('"reference": {\n  "name": ',)
    ),
    "markdown": Renderer(
        file_name="report.md",
        render=to_markdown,
        overview=overview_markdown,
        marks=("- made by roformer-edge ", "](candidate-1/report.md): "),
    ),
    "html": Renderer(
        file_name="report.html",
        render=_to_html,
        overview=_overview_html,
        marks=('<p class="eyebrow">Validation', '<p class="eyebrow">验证'),
        needs="jinja2",
        translated=True,
    ),
}


def check_report(folder: str | Path, bundle: str | Path, forms: Sequence[str] = tuple(RENDERERS)) -> None:
    """Refuse, before any work, a report that could not be kept.

    In a folder inside the bundle it would be lost when the bundle is put in its place, or be files that the manifest
    does not list.

    Raises:
        OptionError: The folder is the bundle's own, or lies in it.
        OutputError: The folder cannot be written, or has a file of a report's name that is none.
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
        _check_ours(place, place)
        with TemporaryPath(place) as temporary:
            write_file(temporary.path, (), place)


def write_report(
    report: Report, folder: str | Path, forms: Sequence[str] = tuple(RENDERERS), *, language: str = ENGLISH
) -> list[Path]:
    """Write the report in some forms, each to a temporary file that is then renamed; older reports are replaced,
    and nothing else.

    Args:
        report: What to write.
        folder: Made where absent.
        forms: Keys of ``RENDERERS``; all of them by default.
        language: The language of the page, a key of ``language.LANGUAGES``.

    Returns:
        The files, in the order of ``forms``.

    Raises:
        OutputError: The folder cannot be written, or has a file of a report's name that is none; no half-written file
            is left.
        MissingDependencyError: A form needs a package that is not installed.
    """
    rows = list(map(RENDERERS.__getitem__, forms))
    return _write(Path(folder), {row.file_name: _said(row, row.render, report, language) for row in rows})


def write_reports(
    reports: Sequence[Report], folder: str | Path, forms: Sequence[str] = tuple(RENDERERS), *, language: str = ENGLISH
) -> list[Path]:
    """Write the reports of several candidates, each in a folder of its own, and what puts them side by side.

    Args:
        reports: One report at least, from ``runner.compare_all``; one alone is written like :func:`write_report`.
        folder: Made where absent.
        forms: Keys of ``RENDERERS``; all of them by default.
        language: The language of the pages, a key of ``language.LANGUAGES``.

    Returns:
        The files in ``folder`` itself, in the order of ``forms``.

    Raises:
        OutputError, MissingDependencyError: See :func:`write_report`.
    """
    if len(reports) == 1:
        return write_report(reports[0], folder, forms, language=language)
    for number, report in enumerate(reports, start=1):
        write_report(report, Path(folder) / folder_of(number), forms, language=language)
    rows = list(map(RENDERERS.__getitem__, forms))
    return _write(Path(folder), {row.file_name: _said(row, row.overview, reports, language) for row in rows})


def _said(row: Renderer, render: Callable[[T], str], found: T, language: str) -> str:
    with speaking(language if row.translated else ENGLISH):
        return render(found)


def check_file(option: str, path: str | Path, bundle: str | Path, mark: str) -> None:
    """Refuse, before any work, a file beside the report that could not be written, or that would replace another one.

    Args:
        option: The name of the option that asks for it.
        path: The file.
        bundle: A bundle or checkpoint, in which it must not lie.
        mark: A text that stands in every file of its form.

    Raises:
        OptionError, OutputError: See :func:`check_report`.
    """
    place = Path(path).resolve()
    if Path(bundle).resolve() in (place, *place.parents):
        raise OptionError(option, str(path), "a file outside of the bundle")
    _refuse_others(place, place, (mark,))
    with TemporaryPath(place) as temporary:
        write_file(temporary.path, (), place)


def write_beside(path: str | Path, text: str, mark: str, encoding: str = "utf-8") -> Path:
    """Write a file beside the report under a temporary name that is then changed; an older one of its form is replaced.

    Raises:
        OutputError: It cannot be written, or something else is there.
    """
    place = Path(path)
    with TemporaryPath(place) as temporary:
        _refuse_others(place, place, (mark,))
        write_file(temporary.path, (text.encode(encoding),), place)
        temporary.publish(lambda older: _refuse_others(place, older, (mark,)))
    return place


def _write(folder: Path, texts: Mapping[str, str]) -> list[Path]:
    contents = {folder / name: text.encode("utf-8") for name, text in texts.items()}
    with ExitStack() as stack:
        temporary = [stack.enter_context(TemporaryPath(path)) for path in contents]
        for place, (path, content) in zip(temporary, contents.items(), strict=True):
            _check_ours(path, path)
            write_file(place.path, (content,), path)
        for place, path in zip(temporary, contents, strict=True):
            place.publish(partial(_check_ours, path))
    return list(contents)


def _check_ours(path: Path, place: Path) -> None:
    """Refuse to replace what is no report.

    Args:
        path: Where a report is to be.
        place: Where what is there lies.
    """
    _refuse_others(path, place, next(row.marks for row in RENDERERS.values() if row.file_name == path.name))


def _refuse_others(path: Path, place: Path, marks: Sequence[str]) -> None:
    if place.exists() and not place.is_file():
        raise OutputError(f"cannot write {path}: something that is no file is there")
    with writable(path):
        content = place.read_bytes() if place.exists() else b""
    if content and not any(mark.encode() in content for mark in marks):
        raise OutputError(f"{path} is no report, so it will not be replaced; choose another place for the report")
