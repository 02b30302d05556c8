"""README.md and README.zh.md say the same: code, figures, pictures, links and sections."""

from __future__ import annotations

import re

import pytest

from benchmarks import table
from tests.conftest import ROOT
from tests.docs.test_blocks import blocks_of

ENGLISH, CHINESE = ROOT / "README.md", ROOT / "README.zh.md"
PICTURE = ROOT / "docs" / "pictures" / "report.png"
LINK = re.compile(r"\]\(([^)]+)\)")


def test_both_have_the_same_blocks() -> None:
    ours, theirs = ([(block.language, block.text) for block in blocks_of(page)] for page in (ENGLISH, CHINESE))
    assert len(ours) > 4
    assert theirs == ours


def test_both_have_the_same_figures() -> None:
    ours, theirs = (cells_with_figures(page.read_text("utf-8")) for page in (ENGLISH, CHINESE))
    assert len(ours) > 70
    assert theirs == ours


def cells_with_figures(text: str) -> list[str]:
    """The cells of all tables that hold a number and nothing else, in order."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [cell.strip() for line in lines for cell in line.split("|") if re.fullmatch(r" *-?[\d.]+ *", cell)]


def test_both_have_the_same_sections_and_links() -> None:
    ours, theirs = (page.read_text("utf-8") for page in (ENGLISH, CHINESE))
    assert len(re.findall(r"^#+ ", theirs, re.MULTILINE)) == len(re.findall(r"^#+ ", ours, re.MULTILINE))
    to_each_other = {"README.md", "README.zh.md", "#figures", "#数据"}
    assert set(LINK.findall(theirs)) - to_each_other == set(LINK.findall(ours)) - to_each_other


@pytest.mark.parametrize("page", [ENGLISH, CHINESE], ids=lambda page: page.name)
def test_every_link_leads_somewhere(page) -> None:
    for target in LINK.findall(page.read_text("utf-8")):
        path, _, anchor = target.partition("#")
        assert (ROOT / path).exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", ((ROOT / path) if path else page).read_text("utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}, target


def test_the_first_screen_has_what_a_stranger_looks_for() -> None:
    first = ENGLISH.read_text("utf-8").partition("\n## ")[0]
    for wanted in (
        f"]({PICTURE.relative_to(ROOT)})",
        "pip install",
        "roformer_edge.load(",
        "| model file",
        "make demo",
    ):
        assert wanted in first


def test_the_picture_is_small() -> None:
    assert PICTURE.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert PICTURE.stat().st_size < 150_000


def test_the_tables_are_those_of_the_results(tmp_path, monkeypatch) -> None:
    results = table.RESULTS.relative_to(ROOT)
    written = (
        ENGLISH.name,
        CHINESE.name,
        table.ACCURACY_PAGE,
        table.BENCHMARKS_PAGE,
        table.SCALE_PAGE,
        results / "README.md",
    )
    (tmp_path / results).mkdir(parents=True)
    (tmp_path / "docs").mkdir()
    for path in (*map(ROOT.joinpath, written), *table.RESULTS.glob("*.json")):
        (tmp_path / path.relative_to(ROOT)).write_bytes(path.read_bytes())
    readme = str(tmp_path / ENGLISH.name)
    monkeypatch.setattr("sys.argv", ["table", "--results", str(tmp_path / results), "--readme", readme])
    table.main()
    for page in written:
        assert (tmp_path / page).read_text("utf-8") == (ROOT / page).read_text("utf-8"), (
            "run python -m benchmarks.table"
        )


def test_no_word_of_the_figures_is_left_in_english() -> None:
    text = CHINESE.read_text("utf-8")
    for words in table.TRANSLATIONS["README.zh.md"].values():
        assert words in text, f"{words!r} is not there: its English words changed"
