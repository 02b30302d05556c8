"""The environments can be made: what shares the exact versions of the package asks for no others."""

from __future__ import annotations

import re

import pytest

from tests.conftest import ROOT

RECIPES = sorted((ROOT / "envs").glob("*.txt"))
SHARING = [path for path in RECIPES if path.name == "peers.txt" or "-c ../constraints.txt" in path.read_text("utf-8")]


def pins(text: str) -> dict[str, set[str]]:
    """Map the name of every package with an exact version to its versions, one for each kind of Python."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", text, flags=re.MULTILINE):
        found.setdefault(re.sub(r"[-_.]+", "-", name).lower(), set()).add(version)
    return found


def test_the_oracle_shares_versions() -> None:
    assert {"oracle.txt", "peers.txt", "engines.txt"} <= {path.name for path in SHARING}


@pytest.mark.parametrize("path", SHARING, ids=[path.name for path in SHARING])
def test_no_package_is_asked_for_in_two_versions(path) -> None:
    shared, own = pins((ROOT / "constraints.txt").read_text("utf-8")), pins(path.read_text("utf-8"))
    assert len(shared) > 20
    assert {name for name in own.keys() & shared.keys() if not own[name] <= shared[name]} == set()
