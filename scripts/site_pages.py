"""A hook of MkDocs: pages of the site that lie outside ``docs/``, and links that fit the place of each page.

The README is the site's first page. A link to a file of the repository that is no page leads to the repository.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
# file of the repository -> its page, where that has another name
PAGES = {
    "README.md": "index.md",
    **{
        name: name
        for name in (
            "README.zh.md", "CHANGELOG.md", "CONTRIBUTING.md", "RELEASING.md", "SECURITY.md", "examples/README.md",
            "android_demo/README.md", "web_demo/README.md", "benchmarks/results/README.md",
        )
    },
}  # fmt: skip
LINK = re.compile(r"\]\((?!https?://|#)([^)\s#]+)(#[^)\s]*)?\)")
REPOSITORY = re.search(r'^Repository = "(.+)"$', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that lie elsewhere."""
    from mkdocs.structure.files import File

    for source, page in PAGES.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Rewrite the links of a page, outside of code."""
    sources = {page: source for source, page in PAGES.items()}
    place = page.file.src_uri
    source = sources.get(place, f"docs/{place}")
    parts = re.split(r"(^```.*?^```$)", markdown, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if part.startswith("```") else rewrite(part, source, place) for part in parts)


def rewrite(text: str, source: str, place: str) -> str:
    """Let the links of a file of the repository fit the page that it becomes."""

    def target(match: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), match[1]))
        anchor = match[2] or ""
        if path in PAGES:
            found = PAGES[path]
        elif path.startswith("docs/"):
            found = path.removeprefix("docs/")
            found += "/index.md" if (ROOT / path).is_dir() else ""
        else:
            assert REPOSITORY
            return f"]({REPOSITORY[1]}/blob/main/{path}{anchor})"
        return f"]({posixpath.relpath(found, posixpath.dirname(place) or '.')}{anchor})"

    return LINK.sub(target, text)
