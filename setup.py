"""Make the links of the README absolute for the package page; everything else stands in pyproject.toml."""

from __future__ import annotations

import re
from pathlib import Path

from setuptools import setup

ROOT = Path(__file__).resolve().parent
LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?://|#)([^)]+)\)")


def package_page(readme: str, repository: str, version: str) -> str:
    """Let every link and picture of a README lead to the repository, as of the tag of a version."""

    def absolute(match: re.Match[str]) -> str:
        picture, text, target = match.groups()
        return f"{picture}[{text}]({repository}/{'raw' if picture else 'blob'}/v{version}/{target})"

    return LINK.sub(absolute, readme)


def found(pattern: str, path: str) -> str:
    """Find the group of a pattern in a file of the repository."""
    match = re.search(pattern, (ROOT / path).read_text("utf-8"), re.MULTILINE)
    assert match, f"{path} has no {pattern}"
    return match[1]


if __name__ == "__main__":
    page = package_page(
        (ROOT / "README.md").read_text("utf-8"),
        found(r'^Repository = "(.+)"$', "pyproject.toml"),
        found(r'^__version__ = "(.+)"$', "roformer_edge/_version.py"),
    )
    setup(long_description=page, long_description_content_type="text/markdown")
