"""All forms of the report: golden text, escaping, self-containment, files on disk."""

from __future__ import annotations

import os

import pytest

from roformer_edge.errors import OutputError
from roformer_edge.validate import render
from roformer_edge.validate.render import RENDERERS, check_report, write_report
from tests.validate.render.golden import FILES, FOLDER


@pytest.mark.parametrize("name", sorted(set(FILES) - {"report.json"}))
def test_the_small_report_reads_as_recorded(small_report, name):
    assert FILES[name](small_report) == (FOLDER / name).read_text(encoding="utf-8")


def test_the_same_report_gives_the_same_bytes(reports):
    for report in reports.values():
        for row in RENDERERS.values():
            assert row.render(report) == row.render(report)


def test_files_are_written_and_replaced(small_report, reports, tmp_path):
    folder = tmp_path / "new" / "report"
    assert write_report(reports["failed"], folder) == [folder / f"report.{end}" for end in ("json", "md", "html")]
    paths = write_report(small_report, folder)
    assert {path.name for path in folder.iterdir()} == {path.name for path in paths}
    for path, row in zip(paths, RENDERERS.values(), strict=True):
        assert path.read_bytes() == row.render(small_report).encode("utf-8")


def test_a_failure_leaves_the_old_files_alone(small_report, reports, tmp_path, monkeypatch):
    before = {path: path.read_bytes() for path in write_report(small_report, tmp_path)}
    flush, calls = os.fsync, []

    def full_disk(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 3:
            raise OSError(28, "No space left on device")
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OutputError, match=r"cannot write .*report\.html: No space left"):
        write_report(reports["failed"], tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("form", RENDERERS)
def test_what_is_no_report_is_not_replaced(small_report, tmp_path, form):
    path = tmp_path / RENDERERS[form].file_name
    path.write_text("# My thesis\n", encoding="utf-8")
    for write in (lambda: check_report(tmp_path, tmp_path / "bundle"), lambda: write_report(small_report, tmp_path)):
        with pytest.raises(OutputError, match=rf"{path.name} is no report, so it will not be replaced"):
            write()
        assert [(one, one.read_text("utf-8")) for one in tmp_path.iterdir()] == [(path, "# My thesis\n")]
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(OutputError, match="something that is no file is there"):
        write_report(small_report, tmp_path)
    path.unlink()
    path.touch()
    write_report(small_report, tmp_path)
    check_report(tmp_path, tmp_path / "bundle")


def test_what_becomes_another_file_at_the_last_moment_stays(small_report, tmp_path, monkeypatch):
    path = write_report(small_report, tmp_path)[1]
    write = render.write_file

    def write_and_intrude(*arguments):
        path.write_text("thesis", encoding="utf-8")
        return write(*arguments)

    monkeypatch.setattr(render, "write_file", write_and_intrude)
    with pytest.raises(OutputError, match="is no report"):
        write_report(small_report, tmp_path)
    assert path.read_text("utf-8") == "thesis"
    assert len(list(tmp_path.iterdir())) == 3


def test_every_form_knows_its_files(small_report, reports):
    everything = [*reports.values(), small_report]
    for row in RENDERERS.values():
        texts = [row.render(report) for report in everything] + [row.overview([small_report, small_report])]
        for text in texts:
            assert any(mark in text for mark in row.marks)
