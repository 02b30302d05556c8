from __future__ import annotations

from tests.validate.render.shapes import hostile_report, reports

__all__ = ["hostile_report", "reports"]
