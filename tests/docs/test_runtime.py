"""docs/runtime.md has a line for each task."""

from __future__ import annotations

from roformer_edge.runtime.loading import PIPELINES
from tests.conftest import ROOT


def test_every_task_is_described() -> None:
    text = (ROOT / "docs" / "runtime.md").read_text(encoding="utf-8")
    for task, address in PIPELINES.items():
        assert f"| {task} | `{address.partition(':')[2]}` |" in text
