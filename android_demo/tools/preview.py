"""Draw the app's screen without a phone: its layout, colours and strings as a page, in a headless Chromium.

    python android_demo/tools/preview.py [--bundle dist/intent] [--sentence TEXT] [--language zh] [--night] [--out FILE]

What is the app's own: the widgets of ``res/layout/main.xml``, their order, sizes, margins, texts and colours, by
language and by day or night, and answers of the bundle, computed by the Python package. What is not: the looks of the
framework's widgets and its fonts, which are the browser's, and the line of times, which only a phone can tell. A widget
or an attribute of the layout that is not translated here is an error.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
import tempfile
import time
from html import escape
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

APP = Path(__file__).resolve().parent.parent / "app" / "src" / "main" / "res"
ANDROID = "{http://schemas.android.com/apk/res/android}"
WIDTH, HEIGHT, SCALE = 360, 700, 2
# attributes that say nothing about looks
_SILENT = {"id", "contentDescription", "accessibilityLiveRegion", "textIsSelectable", "inputType", "fillViewport"}
_SILENT |= {"fitsSystemWindows", "scrollbars", "maxLines", "enabled"}


STYLE = """
body { margin: 0; background: BACKGROUND; color: INK; font: 16px/1.3 Roboto, "Noto Sans CJK SC", sans-serif; }
.row { display: flex; flex-direction: row; }
.Spinner { display: flex; align-items: center; justify-content: space-between; padding: 0 12px 0 8px; }
.EditText { border-bottom: 1px solid FAINT; padding: 8px 4px; font-size: 18px; display: flex; align-items: center; }
.Spinner, .EditText { box-sizing: border-box; }
.hint { color: FAINT; }
.HorizontalScrollView { overflow: hidden; white-space: nowrap; }
.Button { background: BUTTON; border-radius: 2px; height: 36px; margin: 6px 4px; font-size: 14px; font-weight: 500;
  display: flex; align-items: center; justify-content: center; text-transform: uppercase; padding: 0 16px; }
.borderless { background: none; align-self: flex-start; justify-content: flex-start; width: max-content; }
.sentence { background: SURFACE; border-radius: 16px; padding: 13px 16px; margin-right: 8px; font-size: 14px; }
.bar { position: relative; height: 44px; font-size: 15px; }
.bar .name { display: inline-block; max-width: 75%; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.bar .share { float: right; }
.bar .track, .bar .part { position: absolute; left: 0; top: 24px; height: 8px; border-radius: 4px; }
.bar .track { width: 100%; background: SURFACE; }
.bar .part { background: BAR; min-width: 8px; }
"""


def main() -> None:
    """Write one picture."""
    args = parse_args()
    screen = Screen(args.language, args.night)
    screen.answer(args.bundle, args.sentence)
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("preview: Chromium was not found")
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        page.write_text(screen.page(), "utf-8")
        command = [chromium, "--headless", "--no-sandbox", "--hide-scrollbars", f"--force-device-scale-factor={SCALE}"]
        command += [f"--window-size={WIDTH},{HEIGHT}", f"--screenshot={args.out.resolve()}", page.as_uri()]
        subprocess.run(command, check=True, capture_output=True)
    sys.stdout.write(f"{args.out}\n")


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Draw the app's screen in a browser.")
    parser.add_argument("--bundle", type=Path, default=Path("out/demo/onnx"))
    parser.add_argument("--sentence", help="default: the first of the app's own for the task")
    parser.add_argument("--language", default="en", choices=["en", "zh"])
    parser.add_argument("--night", action="store_true", help="the dark theme")
    parser.add_argument("--out", type=Path, default=Path("screen.png"))
    return parser.parse_args()


class Screen:
    """The layout as a page.

    Args:
        language: ``"en"`` or ``"zh"``.
        night: Whether the dark theme is on.
    """

    def __init__(self, language: str, night: bool) -> None:
        self._values = values("values") | (values("values-zh") if language == "zh" else {})
        self._values |= values("values-night") if night else {}
        self._night = night
        self._tree = ElementTree.parse(APP / "layout" / "main.xml").getroot()
        # what the activity puts into widgets, by id
        self._contents: dict[str, str] = {}
        self._shown: dict[str, bool] = {}

    def answer(self, path: Path, sentence: str | None) -> None:
        """Fill in what ``MainActivity`` shows of a bundle's answer to a text."""
        import roformer_edge

        start = time.perf_counter()
        with roformer_edge.load(path, self_test=True) as pipeline:
            opened = round(1000 * (time.perf_counter() - start))
            task = str(pipeline.task)
            offered = self._values[f"sentences_{task.replace('-', '_')}"]
            text = sentence or offered[0]
            marked, marks, bars = answers(pipeline, task, text)
            report = pipeline.model.session.report
        digest = hashlib.sha256((path / "manifest.json").read_bytes()).hexdigest()[:12]
        self._contents = {
            "bundles": f"<span>{escape(path.name)}</span><span>▾</span>",
            "text": escape(text),
            "sentences": "".join(f'<div class="sentence">{escape(one)}</div>' for one in offered),
            "told": self._marked(marked, marks),
            "bars": "".join(bar(name, score) for name, score in bars),
            "facts": "<br>".join(
                escape(java_format(self._values[key], *of))
                for key, of in (
                    (
                        "engine",
                        (
                            f"{report.engine} {report.version}",
                            report.used.removesuffix("ExecutionProvider"),
                            task,
                            digest,
                        ),
                    ),
                    ("tested", (pipeline.self_test,)),
                    ("opened", (opened,)),
                )
            ),
        }
        self._shown = {"told": bool(marked)}

    def page(self) -> str:
        """Write the page."""
        style = STYLE
        for name in ("background", "ink", "faint", "surface", "bar"):
            style = style.replace(name.upper(), self._values[name])
        style = style.replace("BUTTON", "#5A595B" if self._night else "#D6D7D7")
        return f'<!doctype html><meta charset="utf-8"><style>{style}</style>{self._element(self._tree)}'

    def _element(self, element: ElementTree.Element) -> str:
        attributes = {name.removeprefix(ANDROID): value for name, value in element.attrib.items()}
        key = attributes.get("id", "").removeprefix("@+id/")
        if not self._shown.get(key, attributes.pop("visibility", "visible") == "visible"):
            return ""
        classes, style = [element.tag], []
        hint, inside = "", "".join(map(self._element, element))
        for name, value in attributes.items():
            if name == "style":
                classes.append({"?android:attr/borderlessButtonStyle": "borderless"}[value])
            elif name == "orientation":
                classes += ["row"] if value == "horizontal" else []
            elif name == "text":
                inside = escape(self._resolved(value))
            elif name == "hint":
                hint = f'<span class="hint">{escape(self._resolved(value))}</span>'
            elif name in _STYLES:
                style += [f"{_STYLES[name]}: {self._resolved(value)}"] if _STYLES[name] else []
            elif name not in _SILENT:
                raise SystemExit(f"preview: {element.tag} has {name}={value!r}, which is not translated")
        if element.tag not in _WIDGETS:
            raise SystemExit(f"preview: {element.tag} is not translated")
        inside = self._contents.get(key, inside) or hint
        return f'<div class="{" ".join(classes)}" style="{"; ".join(style)}">{inside}</div>'

    def _resolved(self, value: str) -> str:
        if value.startswith("@"):
            return str(self._values[value.rpartition("/")[2]])
        return value.replace("dp", "px").replace("sp", "px")

    def _marked(self, text: str, marks: list[tuple[int, int, str]]) -> str:
        colours: dict[str, str] = {}
        parts, at = [], 0
        for start, end, label in marks:
            # Android writes the opacity first
            colour = colours.setdefault(label, f"#{self._values['marks'][len(colours) % 6][3:]}")
            parts += [escape(text[at:start]), f'<span style="background: {colour}">{escape(text[start:end])}</span>']
            at = end
        return "".join(parts) + escape(text[at:])


_WIDGETS = ("ScrollView", "LinearLayout", "TextView", "Spinner", "EditText", "HorizontalScrollView", "Button")
# attribute -> property of CSS; sizes of the layout are those of a block, or of what is inside
_STYLES = {
    "layout_width": "",
    "layout_height": "",
    "layout_marginTop": "margin-top",
    "padding": "padding",
    "minHeight": "min-height",
    "textColor": "color",
    "textSize": "font-size",
}


def values(folder: str) -> dict[str, Any]:
    """Read strings, colours and lists of a folder of resources, by name."""
    found: dict[str, Any] = {}
    for path in sorted((APP / folder).glob("*.xml")):
        for element in ElementTree.parse(path).getroot():
            if element.tag in ("string", "color"):
                found[element.attrib["name"]] = element.text or ""
            elif element.tag in ("array", "string-array"):
                found[element.attrib["name"]] = [item.text or "" for item in element]
    return found


def answers(pipeline: Any, task: str, text: str) -> tuple[str, list[tuple[int, int, str]], list[tuple[str, float]]]:
    """Take of an answer what ``Answer.java`` takes: a text, stretches of it, and bars."""
    if task == "text-classification":
        return "", [], [(one.label, one.score) for one in pipeline(text, top_k=5)]
    if task == "token-classification":
        entities = pipeline(text)
        return (
            text,
            [(one.start, one.end, one.label) for one in entities],
            [(f"{one.label} {one.text}", one.score) for one in entities],
        )
    raise SystemExit(f"preview: answers of {task} are not drawn; text-classification and token-classification are")


def bar(name: str, score: float) -> str:
    """Draw what ``BarView`` draws."""
    share = f"{100 * score:.1f} %"
    part = f'<div class="part" style="width: {100 * min(1.0, max(0.0, score)):.2f}%"></div>'
    labels = f'<span class="name">{escape(name)}</span><span class="share">{share}</span>'
    return f'<div class="bar">{labels}<div class="track"></div>{part}</div>'


def java_format(pattern: str, *arguments: object) -> str:
    """Fill in ``%1$s``, ``%1$d`` and ``%1$.2g`` as Java does."""
    for place, argument in enumerate(arguments, 1):
        for kind in ("s", "d", ".1f", ".2g"):
            if f"%{place}${kind}" in pattern:
                pattern = pattern.replace(f"%{place}${kind}", f"%{kind}" % argument)
    return pattern


if __name__ == "__main__":
    main()
