"""Text from files, made fit to be read on terminals, in JSON, HTML and Markdown."""

from __future__ import annotations

import html
import re

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f]")
_SURROGATES = re.compile("[\ud800-\udfff]")
# these would turn the text around them; a reader must see that they are there
_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
# where a label may break into two lines: HassTurnOn, ask_hotel
JOINTS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[_./:-])(?=\w)")
_IN_JSON = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]#!|~$@])")


def clipped(text: str, limit: int) -> str:
    """Keep at most ``limit`` characters, with an ellipsis where something was cut."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def visible(text: str) -> str:
    """Put ``text`` on one line that any encoder takes: controls become their pictures, bidi marks their code points."""
    text = _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", text)
    text = _CONTROLS.sub(_picture, text)
    return _BIDI.sub(lambda match: f"<U+{ord(match[0]):04X}>", text.replace("\u2028", "␤").replace("\u2029", "␤"))


def as_json(text: str) -> str:
    """Escape in JSON text what no reader of it should meet raw; what a parser makes of it stays the same."""
    return _IN_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def as_html(text: str, limit: int = 400) -> str:
    """Escape ``text`` for the content or a quoted attribute of an HTML element."""
    return html.escape(visible(clipped(text, limit)))


def as_markdown(text: str, limit: int = 200) -> str:
    """Escape ``text`` for a cell of a Markdown table, with nothing left that Markdown or HTML would act on."""
    return _MARKDOWN.sub(r"\\\1", html.escape(visible(clipped(text, limit)), quote=False))


def _picture(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "\N{SYMBOL FOR DELETE}" if code == 0x7F else f"<U+{code:04X}>"
