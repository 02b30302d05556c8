"""The documentation site: every page is in its list, links fit their places, decisions have a date and a status."""

from __future__ import annotations

import re

import pytest

from scripts.site_pages import PAGES, REPOSITORY, rewrite
from tests.conftest import ROOT

DECISIONS = sorted((ROOT / "docs" / "decisions").glob("0*.md"))


@pytest.mark.parametrize(
    ("link", "source", "place", "expected"),
    [
        ("docs/runtime.md", "README.md", "index.md", "runtime.md"),
        ("docs/tflite.md#targets", "README.md", "index.md", "tflite.md#targets"),
        ("docs/decisions", "README.md", "index.md", "decisions/index.md"),
        ("README.zh.md", "README.md", "index.md", "README.zh.md"),
        ("../SECURITY.md", "docs/device.md", "device.md", "SECURITY.md"),
        ("../README.md", "docs/device.md", "device.md", "index.md"),
        ("../docs/bundle.md", "android_demo/README.md", "android_demo/README.md", "../bundle.md"),
        ("../../android_demo/README.md", "docs/start/app.md", "start/app.md", "../android_demo/README.md"),
        ("#figures", "README.md", "index.md", "#figures"),
        ("https://github.com/x/y", "README.md", "index.md", "https://github.com/x/y"),
    ],
)
def test_a_link_fits_the_place_of_its_page(link: str, source: str, place: str, expected: str) -> None:
    assert rewrite(f"see [it]({link}).", source, place) == f"see [it]({expected})."


def test_a_file_that_is_no_page_is_looked_up_in_the_repository() -> None:
    assert REPOSITORY
    assert rewrite("[it](NOTICE)", "README.md", "index.md") == f"[it]({REPOSITORY[1]}/blob/main/NOTICE)"


def test_every_page_is_in_the_list() -> None:
    listed = re.findall(r"^ +- (?:.+: )?(\S+\.md)$", (ROOT / "mkdocs.yml").read_text("utf-8"), re.MULTILINE)
    there = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert sorted(listed) == sorted(there | {*PAGES.values()})


def test_every_link_of_the_documentation_leads_to_a_file() -> None:
    found = 0
    for page in [*(ROOT / "docs").rglob("*.md"), *(ROOT / source for source in PAGES)]:
        text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
        for target in re.findall(r"\]\((?!https?://|#)([^)\s#]+)", re.sub(r"`[^`\n]*`(?!\])", "", text)):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)}: {target}"
            found += 1
    assert found > 60


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.name[:4])
def test_a_decision_has_a_date_and_a_status(page) -> None:
    title, _, line, *_ = page.read_text("utf-8").splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d, (in force|replaced by \d{4}|given up)", line), line
    date, status = line.split(", ")
    row = f"| {page.name[:4]} | [{title[2:]}]({page.name}) | {date} | {status} |"
    assert row in (ROOT / "docs" / "decisions" / "index.md").read_text("utf-8")
