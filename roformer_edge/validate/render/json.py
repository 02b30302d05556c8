"""The report as JSON, for machines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from roformer_edge.records import to_values
from roformer_edge.validate.render.overview import overview
from roformer_edge.validate.report import Report


def to_json(report: Report) -> str:
    """Render indented JSON with a final newline; ``Report.from_dict`` reads its content back."""
    return _dumped(report.to_dict())


def overview_json(reports: Sequence[Report]) -> str:
    """Render what a build asks of several candidates, and where the report of each lies."""
    words = overview(reports)
    candidates = [
        {
            "name": report.candidate.name,
            "recipe": report.candidate.facts.recipe,
            "engine": report.candidate.facts.engine,
            "passed": report.passed,
            "figures": {figure.name: figure.candidate for figure in report.figures},
            "drop": report.gated.drop,
            "gates": to_values(report.all_gates),
            "report": f"{column.folder}/report.json",
        }
        for column, report in zip(words.candidates, reports, strict=True)
    ]
    figures = {figure.name: figure.reference for figure in reports[0].figures}
    return _dumped({"reference": {"name": reports[0].reference.name, "figures": figures}, "candidates": candidates})


def _dumped(values: Any) -> str:
    # ASCII: a text that slipped in with half a surrogate pair still makes a file that can be written and read
    return json.dumps(values, ensure_ascii=True, indent=1, allow_nan=False) + "\n"
