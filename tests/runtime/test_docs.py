"""The Python in docs/runtime.md runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from roformer_edge.runtime.loading import PIPELINES
from tests.conftest import ROOT
from tests.runtime.tiny_tasks import bundle_of

# where the documentation says that a bundle lies
BUNDLES = {
    "dist/intent": "text-classification",
    "dist/names": "token-classification",
    "dist/reader": "question-answering",
    "dist/choice": "multiple-choice",
    "dist/mask": "fill-mask",
    "dist/writer": "text-generation",
    "dist/encoder": "feature-extraction",
}
TEXT = (ROOT / "docs" / "runtime.md").read_text(encoding="utf-8")


def test_the_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for place, task in BUNDLES.items():
        made = bundle_of(task, tmp_path / task, "fp32")
        (tmp_path / place).parent.mkdir(exist_ok=True)
        made.rename(tmp_path / place)
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {}
    blocks = re.findall(r"^```python\n(.*?)^```$", TEXT, flags=re.DOTALL | re.MULTILINE)
    assert len(blocks) >= 10
    for block in blocks:
        exec(compile(block, "docs/runtime.md", "exec"), namespace)
    assert "texts/s" in capsys.readouterr().out


def test_every_task_is_described() -> None:
    assert sorted(BUNDLES.values()) == sorted(PIPELINES)
    for task, address in PIPELINES.items():
        assert f"| {task} | `{address.partition(':')[2]}` |" in TEXT
