"""docs/python.md has every option of a deployment, and names what is there."""

from __future__ import annotations

import dataclasses
import re

import roformer_edge
from roformer_edge.deploy.options import DeployOptions
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")


def test_every_option_of_a_deployment_is_described() -> None:
    _, _, section = PAGE.partition("## Deploying")
    rows = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    assert sorted(rows) == sorted(field.name for field in dataclasses.fields(DeployOptions))


def test_the_names_of_the_table_are_all_of_the_package() -> None:
    table, _, _ = PAGE.partition("## Answers")
    names = set(re.findall(r"`(\w+)(\.\.\.)?`", table))
    known = set(roformer_edge._HOMES)
    for name, more in names:
        assert any(one.startswith(name) for one in known) if more else name in known, name
    starts = tuple(name for name, more in names if more)
    left = {one for one in known if not one.startswith(starts) and (one, "") not in names}
    # errors stand in a tree, and models of every framework in their own page
    assert {one for one in left if not one.endswith("Error")} == {
        "RoFormerModel",
        "TFRoFormerModel",
        "FlaxRoFormerModel",
    }
