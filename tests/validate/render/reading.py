"""Reads a page as a strict browser would: every element closed in order, ids unique, nothing from elsewhere."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"meta", "br", "wbr", "img", "link", "input", "hr"}
BLOCKS = {"h1", "h2", "h3", "p", "tr", "dt", "dd", "title", "desc", "summary", "figcaption", "text", "span"}


class Page(HTMLParser):
    """The elements, ids, references and lines of text of a page; raises where it is not well-formed."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.lines: list[str] = []
        self.style = ""
        self._line = ""
        self.feed(source)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"doubled attribute in <{tag} {attrs}>"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag in ("td", "th") and self._line:
            self._line += " | "
        elif tag == "br":
            self._line += " / "

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open[-1] == tag, f"</{tag}> inside {self.open}"
        self.open.pop()
        if tag in BLOCKS:
            self.lines.append(" ".join(self._line.split()))
            self._line = ""

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "style":
            self.style += data
        else:
            self._line += data

    def find(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of all elements of a kind."""
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self) -> str:
        """All visible text, a line a block."""
        return "\n".join(line for line in self.lines if line)
