"""JSON holds the whole report, and is read back."""

from __future__ import annotations

import json
import re

from roformer_edge.validate.render import RENDERERS
from roformer_edge.validate.report import Report
from tests.validate.render.golden import FOLDER


def test_the_small_report_holds_the_recorded_figures(small_report):
    recorded = Report.from_dict(json.loads((FOLDER / "report.json").read_text(encoding="utf-8")))
    assert _rounded(recorded.to_dict()) == _rounded(small_report.to_dict())


def _rounded(value):
    """The last digits of an exponential function are the machine's own."""
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return round(value, 9) if isinstance(value, float) else value


def test_json_is_read_back_whole(reports):
    render = RENDERERS["json"].render
    for report in reports.values():
        # half a surrogate pair is no text, and nothing that is read brings one
        text = re.sub(r"(?<!\\)\\ud800", "?", render(report))
        read = Report.from_dict(json.loads(text))
        assert render(read) == text
        assert read == report or "?" in text
