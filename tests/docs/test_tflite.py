"""The tables of docs/tflite.md are those of the code."""

from __future__ import annotations

import re

from roformer_edge.deploy.targets import TARGETS
from roformer_edge.quantize.recipe import RECIPES
from roformer_edge.runtime.delegates import DELEGATES
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "tflite.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading, without its head."""
    section = PAGE.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_targets_are_listed_with_their_choices_and_reasons() -> None:
    expected = [
        [
            f"`{target.name}`",
            f"{target.format}, `{target.recipe}`",
            ", ".join(map(str, target.lengths)) or "any",
            f"`{target.runtime}`",
            target.reason,
        ]
        for target in TARGETS.values()
    ]
    assert rows("Targets") == expected


def test_every_recipe_and_delegate_is_listed() -> None:
    assert {name for row in rows("Recipes") for name in re.findall(r"`(.+?)`", row[0])} == RECIPES.keys()
    named = {name for row in rows("Delegates") for name in re.findall(r"`([a-z]+)`", row[0])}
    assert named == DELEGATES.keys()


def test_which_delegates_have_a_library_is_said() -> None:
    (others,) = [row for row in rows("Delegates") if row[2].startswith("their delegate library")]
    named = set(re.findall(r"`([a-z]+)`", others[0]))
    assert named == {name for name, row in DELEGATES.items() if row.libraries}
