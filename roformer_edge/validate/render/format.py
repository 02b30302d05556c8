"""Numbers and hostile text, made fit to be read."""

from __future__ import annotations

import html
import re

MINUS = "\N{MINUS SIGN}"

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f]")
_SURROGATES = re.compile("[\ud800-\udfff]")
# these would turn the text around them; a reader must see that they are there
_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_JOINTS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[_./:-])(?=\w)")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]#!|~$@])")


def percent(share: float) -> str:
    """A share in [0, 1] in percent."""
    return f"{100 * share:.2f} %"


def signed(value: float, digits: int = 2) -> str:
    """A change with its sign; no sign where it rounds to 0."""
    text = f"{abs(value):.{digits}f}"
    if float(text) == 0:
        return text
    return f"{'+' if value > 0 else MINUS}{text}"


def decimal(value: float, digits: int = 2) -> str:
    """A number with a fixed number of decimals and a proper minus."""
    return signed(value, digits).removeprefix("+")


def significant(value: float, digits: int = 3) -> str:
    """A positive number with about ``digits`` significant digits and no exponent unless it is tiny."""
    if value == 0:
        return "0"
    if abs(value) < 1e-4:
        return f"{value:.{digits - 1}e}"
    decimals = next((d for d in range(digits + 3) if abs(value) * 10**d >= 10 ** (digits - 1)), digits - 1)
    return f"{value:.{decimals}f}"


def size(count: int) -> str:
    """Bytes in decimal units, three significant digits."""
    value, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 999.5:
            break
        value, unit = value / 1000, larger
    return f"{value:.0f} B" if unit == "B" else f"{significant(value)} {unit}"


def milliseconds(value: float) -> str:
    """A time, three significant digits."""
    return f"{significant(value)} ms"


def counted(number: int, noun: str) -> str:
    """``1 text``, ``1,200 texts``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def moment(created: str) -> str:
    """``2026-01-31T23:59:59Z`` as a person writes it, to the minute."""
    return f"{created[:10]} {created[11:16]} UTC"


def clipped(text: str, limit: int) -> str:
    """At most ``limit`` characters, with an ellipsis where something was cut."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def visible(text: str) -> str:
    """``text`` on one line that any encoder takes: controls become their pictures, bidi marks their code points."""
    text = _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", text)
    text = _CONTROLS.sub(_picture, text)
    return _BIDI.sub(lambda match: f"<U+{ord(match[0]):04X}>", text.replace("\u2028", "␤").replace("\u2029", "␤"))


def as_html(text: str, limit: int = 400) -> str:
    """``text`` for the content or a quoted attribute of an HTML element."""
    return html.escape(visible(clipped(text, limit)))


def label_as_html(label: str) -> str:
    """A label, cut to 60 characters, that may break where its words join: ``HassTurnOn``, ``ask_hotel``."""
    parts = _JOINTS.split(visible(clipped(label, 60)))
    return "<wbr>".join(html.escape(part) for part in parts)


def as_markdown(text: str, limit: int = 200) -> str:
    """``text`` for a cell of a Markdown table, with nothing left that Markdown or HTML would act on."""
    return _MARKDOWN.sub(r"\\\1", html.escape(visible(clipped(text, limit)), quote=False))


def _picture(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "\N{SYMBOL FOR DELETE}" if code == 0x7F else f"<U+{code:04X}>"
