"""A small report whose every figure can be computed by hand."""

from __future__ import annotations

import pytest

from roformer_edge.validate.report import Report
from tests.validate.tables import make_small_report


@pytest.fixture(scope="session")
def small_report() -> Report:
    """Eight examples, three labels."""
    return make_small_report()
