"""All forms of the report: golden text, escaping, self-containment, files on disk."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import roformer_edge.validate.render
from roformer_edge.errors import OutputError
from roformer_edge.validate.data.examples import Example
from roformer_edge.validate.predictors import Facts, FileFact
from roformer_edge.validate.render import RENDERERS, write_report
from roformer_edge.validate.render.escape import as_html, as_markdown, visible
from roformer_edge.validate.render.html import to_html
from roformer_edge.validate.render.terminal import COLUMNS, summary_table, width
from roformer_edge.validate.report import Memory, Report
from roformer_edge.validate.runner import compare
from tests.validate.render.golden import FILES, FOLDER
from tests.validate.render.reading import Page
from tests.validate.tables import UNTIMED, example_rows, example_sides, table_predictor, text_example

CSS = (Path(roformer_edge.validate.render.__file__).parent / "templates" / "report.css").read_text(encoding="utf-8")

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style></svg></bdi><h1>taken over",
    "' onmouseover='alert(1)",
    "&lt;b&gt; & &amp;",
    "a|b `c` [d](javascript:e) ![f](http://g.example/h) *i* _j_",
    "line\nbreak\r\n\t\x00\x07\x1b[31mred",
    "\u202egnp.exe\u2066",
    "half \ud800 pair",
    "x" * 3000,
)


@pytest.fixture(scope="module")
def hostile_report() -> Report:
    """Everything that comes from outside is hostile: texts, labels, names, facts."""
    labels = HOSTILE
    texts = [f"{text} {index}" for index, text in enumerate(HOSTILE * 3)]
    count = len(labels)
    ours = {text: [float(i == n % count) for i in range(count)] for n, text in enumerate(texts)}
    theirs = {text: [float(i == (n + n // count) % count) for i in range(count)] for n, text in enumerate(texts)}
    facts = Facts(
        engine=HOSTILE[0],
        provider=HOSTILE[1],
        recipe=HOSTILE[2],
        threads=2,
        files=(FileFact(path=HOSTILE[3], role="model", bytes=5),),
    )
    report = compare(
        table_predictor(HOSTILE[0], labels, ours, facts),
        table_predictor(HOSTILE[1], labels, theirs, facts),
        [
            Example(inputs={"text": text}, gold=labels[index % count], id=HOSTILE[index % count], others={"key": text})
            for index, text in enumerate(texts)
        ],
        dataclasses.replace(UNTIMED, data_name=HOSTILE[2], max_drop=1, slices=("key", "length")),
    )
    side = dataclasses.replace(report.candidate, memory=Memory(peak=1, note=HOSTILE[4]))
    return dataclasses.replace(report, candidate=side)


@pytest.fixture(scope="module")
def reports(small_report, hostile_report) -> dict[str, Report]:
    """Reports of every shape."""
    reference, candidate = example_sides()
    return {
        "small": small_report,
        "hostile": hostile_report,
        "no budget": dataclasses.replace(small_report, budget=None),
        "failed": dataclasses.replace(small_report, budget=0.5),
        "perfect": compare(reference, reference, example_rows(), UNTIMED),
        "one example": compare(reference, candidate, example_rows()[2:3], UNTIMED),
        "untimed": compare(reference, candidate, example_rows(), UNTIMED),
        "many labels": _many_labels(),
    }


def _many_labels() -> Report:
    labels = [f"label_{index}" for index in range(300)]
    examples = [text_example(f"text {index}", labels[index]) for index in range(150)]
    table = {e.inputs["text"]: [float(i == n) for i in range(300)] for n, e in enumerate(examples)}
    shifted = {e.inputs["text"]: [float(i == n + (n % 3 == 0)) for i in range(300)] for n, e in enumerate(examples)}
    return compare(table_predictor("a", labels, table), table_predictor("b", labels, shifted), examples, UNTIMED)


SHAPES = ("small", "hostile", "no budget", "failed", "perfect", "one example", "untimed", "many labels")


@pytest.mark.parametrize("name", sorted(set(FILES) - {"report.json"}))
def test_the_small_report_reads_as_recorded(small_report, name):
    assert FILES[name](small_report) == (FOLDER / name).read_text(encoding="utf-8")


def test_the_small_report_holds_the_recorded_figures(small_report):
    recorded = Report.from_dict(json.loads((FOLDER / "report.json").read_text(encoding="utf-8")))
    assert _rounded(recorded.to_dict()) == _rounded(small_report.to_dict())


def _rounded(value):
    """The last digits of an exponential function are the machine's own."""
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return round(value, 9) if isinstance(value, float) else value


@pytest.mark.parametrize("shape", SHAPES)
def test_the_page_is_well_formed_and_needs_nothing_from_elsewhere(reports, shape):
    source = to_html(reports[shape])
    page = Page(source)
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "img", "link", "iframe", "object", "embed", "form", "base", "image", "use"}
    ids = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    for tag, attributes in page.elements:
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            assert name not in ("src", "xlink:href", "srcset", "action", "background"), (tag, name)
            # links lead to places of this page only
            assert name != "href" or (tag == "a" and value[1:] in ids and value[0] == "#"), (tag, value)
            assert "url(" not in (value or ""), (tag, name, value)
    assert "url(" not in page.style
    assert "@import" not in page.style
    assert page.style.strip() == CSS.strip()
    assert "default-src 'none'" in source


@pytest.mark.parametrize("shape", SHAPES)
def test_charts_have_names_and_ids_are_unique(reports, shape):
    page = Page(to_html(reports[shape]))
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    named = 0
    for attributes in page.find("svg"):
        if attributes.get("aria-hidden") != "true":
            assert attributes["role"] == "img"
            assert set(attributes["aria-labelledby"].split()) <= set(ids)
            named += 1
    assert named >= (1 if shape == "perfect" else 3), shape


@pytest.mark.parametrize("shape", SHAPES)
def test_nothing_is_drawn_outside_its_chart(reports, shape):
    page = Page(to_html(reports[shape]))
    places = [
        float(value[:-1])
        for tag, attributes in page.elements
        for name, value in attributes.items()
        if name in ("x", "x1", "x2", "cx", "width") and value.endswith("%") and tag != "svg"
    ]
    assert len(places) > 10
    assert min(places) >= 0
    assert max(places) <= 100
    assert not re.search(r"\b(nan|inf)\b", to_html(reports[shape]))


def test_hostile_text_is_shown_and_not_obeyed(hostile_report):
    source = to_html(hostile_report)
    page = Page(source)
    assert source.count("<h1>") == 1
    assert "<script>alert(1)</script> 10" in page.text
    assert '"><img src=x onerror=alert(1)>' in page.text
    assert "&lt;b&gt; & &amp;" in page.text
    assert "line␊break␍␊␉␀␇␛[31mred" in page.text
    assert "<U+202E>gnp.exe<U+2066>" in page.text
    assert "half � pair" in page.text
    assert "x" * 401 not in source
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", source)


def test_hostile_text_stays_in_its_markdown_cell(hostile_report):
    text = RENDERERS["markdown"].render(hostile_report)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f<>\u202a-\u202e\ud800-\udfff]", text)
    for heading, rule, *rows in _tables(text):
        columns = _cells(heading)
        assert _cells(rule) == columns
        assert {_cells(row) for row in rows} <= {columns}
    bare = re.sub(r"\\.", "", text)
    assert "[d]" not in bare
    assert "![" not in bare
    assert "`" not in bare


def _tables(text: str) -> list[list[str]]:
    groups = itertools.groupby(text.split("\n"), key=lambda line: line.startswith("| "))
    return [list(lines) for is_table, lines in groups if is_table]


def _cells(row: str) -> int:
    return len(re.findall(r"(?<!\\)\|", row)) - 1


@pytest.mark.parametrize("shape", SHAPES)
def test_the_terminal_table_is_narrow_and_plain(reports, shape):
    table = summary_table(reports[shape])
    assert max(width(line) for line in table.split("\n")) <= COLUMNS
    assert table.endswith("\n")
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e\ud800-\udfff]", table)


def test_columns_line_up_with_chinese_labels():
    labels = ("天气", "turn_on")
    rows = {"一": (1.0, 0.0), "二": (1.0, 0.0), "三": (0.0, 1.0), "四": (0.0, 1.0)}
    worse = {"一": (0.0, 1.0), "二": (1.0, 0.0), "三": (1.0, 0.0), "四": (0.0, 1.0)}
    examples = [text_example(text, labels[int(logits[1])]) for text, logits in rows.items()]
    table = summary_table(
        compare(table_predictor("参考", labels, rows), table_predictor("b", labels, worse), examples, UNTIMED)
    )
    lines = [line for line in table.split("\n") if "points" in line and line.startswith(("天气", "turn_on"))]
    assert len(lines) == 2
    assert len({width(line[: line.index("100.0")]) for line in lines}) == 1


@pytest.mark.parametrize(
    ("text", "columns"),
    [("abc", 3), ("天气", 4), ("ｱ", 1), ("e\u0301", 1), ("👍", 2), ("\u200b", 0), ("", 0), ("Ａ", 2)],
)
def test_width_on_a_terminal(text, columns):
    assert width(text) == columns


def test_the_same_report_gives_the_same_bytes(reports):
    for report in reports.values():
        for row in RENDERERS.values():
            assert row.render(report) == row.render(report)


def test_json_is_read_back_whole(reports):
    render = RENDERERS["json"].render
    for report in reports.values():
        # half a surrogate pair is no text, and nothing that is read brings one
        text = re.sub(r"(?<!\\)\\ud800", "?", render(report))
        read = Report.from_dict(json.loads(text))
        assert render(read) == text
        assert read == report or "?" in text


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


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ("small", "Within the budget"),
        ("failed", "Over the budget"),
        ("no budget", "No budget set"),
        ("perfect", "Accuracy did not change"),
    ],
)
def test_every_form_states_the_verdict(reports, shape, words):
    report = reports[shape]
    assert words in Page(to_html(report)).text
    assert words in RENDERERS["markdown"].render(report)
    assert words in summary_table(report)


@given(st.text(st.characters()))
def test_escapes_never_let_a_special_character_through(text):
    assert not re.search("[<>\"'\x00-\x1f]", re.sub(r"&(lt|gt|quot|amp|#x27);", "", as_html(text)))
    as_html(text).encode("utf-8")
    assert not re.search(r"(?<!\\)(\\\\)*[|`*_\[\]]", as_markdown(text))
    assert visible(visible(text)) == visible(text)


def _themes() -> dict[str, dict[str, str]]:
    light, dark = re.findall(r":root\{([^}]*)\}", CSS)
    read = dict(re.findall(r"--([\w-]+):(#\w+)", light))
    return {"light": read, "dark": read | dict(re.findall(r"--([\w-]+):(#\w+)", dark))}


def _luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    channels = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_and_marks_stand_out_from_their_ground(theme):
    colours = _themes()[theme]

    def contrast(front: str, ground: str) -> float:
        lights = sorted(_luminance(colours[name]) for name in (front, ground))
        return (lights[1] + 0.05) / (lights[0] + 0.05)

    grounds = ("page", "card", "faint", "good-soft", "bad-soft", "open-soft")
    for ground in grounds:
        assert contrast("ink", ground) >= 7, ground
        assert contrast("soft", ground) >= 4.5, ground
    for tone in ("good", "bad", "open"):
        assert contrast(tone, f"{tone}-soft") >= 4.5, tone
        assert contrast(tone, "card") >= 4.5, tone
    for mark in ("ref", "cand"):
        assert contrast(mark, "card") >= 3, mark
