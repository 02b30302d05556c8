"""The report as JSON, for machines."""

from __future__ import annotations

import json

from roformer_edge.validate.report import Report


def to_json(report: Report) -> str:
    """Render indented JSON with a final newline; ``Report.from_dict`` reads its content back."""
    # ASCII: a text that slipped in with half a surrogate pair still makes a file that can be written and read
    return json.dumps(report.to_dict(), ensure_ascii=True, indent=1, allow_nan=False) + "\n"
