"""The page: well-formed, whole in itself, readable, and taken over by nobody."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

import roformer_edge.validate.render
from roformer_edge.escape import visible
from roformer_edge.validate.baseline import Since, SinceCount, SinceExample, SinceFigure
from roformer_edge.validate.excerpts import Passage
from roformer_edge.validate.language import LANGUAGES, speaking
from roformer_edge.validate.render.html import to_html
from tests.validate.render.reading import Page
from tests.validate.render.shapes import HOSTILE, SHAPES

CSS = (Path(roformer_edge.validate.render.__file__).parent / "templates" / "report.css").read_text(encoding="utf-8")


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


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_an_earlier_report_says_is_not_obeyed_either(small_report, language):
    """Whoever writes the baseline writes names, answers and differences of it."""
    texts = tuple(visible(text) for text in HOSTILE[:9])
    since = Since(
        name=HOSTILE[0],
        recipe=HOSTILE[1],
        created=HOSTILE[2],
        differences=tuple(("machine", text, text) for text in HOSTILE[:9]),
        figures=(SinceFigure(name=HOSTILE[0], unit="number", earlier=1.0, now=2.0, drop=1.0),),
        counts=tuple(SinceCount(effect=effect, count=9) for effect in ("broke", "fixed", "moved")),
        changes=tuple(
            SinceExample(
                number=number,
                line=number,
                id=text,
                effect="broke",
                asked=(Passage(name=text, text=text), Passage(name="text", text=text)),
                gold=text,
                earlier=text,
                now=text,
            )
            for number, text in enumerate(HOSTILE, 1)
        ),
    )
    with speaking(language):
        source = to_html(dataclasses.replace(small_report, since=since))
    page = Page(source)
    assert source.count("<h1>") == 1
    assert not {tag for tag, _ in page.elements} & {"script", "img"}
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    for text in texts:
        assert page.text.count(text[:40]) >= 3, text
