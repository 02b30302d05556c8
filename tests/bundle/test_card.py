from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest

from roformer_edge.bundle.card import model_card
from roformer_edge.bundle.manifest import CalibrationRecord, FileEntry, ParityRecord
from roformer_edge.tasks import get_task
from tests.tiny_bundle import LABELS, MEASURED, manifest
from tests.tiny_runtime import fixed_signatures


def test_the_card_tells_what_the_manifest_knows(bundle: Path) -> None:
    card = (bundle / "README.md").read_text(encoding="utf-8")
    assert card.startswith("# intent\n")
    for fact in (
        "text-classification",
        "int8-dynamic",
        "64 tokens",
        *LABELS,
        'roformer_edge.load("intent")',
        "onnxruntime 1.20 or newer",
        "| accuracy | 91.25 % | 91.00 % | 0.25 (95 % interval -0.10 to 0.60) | 99.50 % |",
        "400 examples of `dev.jsonl`",
        "`logits`, the largest absolute difference is 2.5e-07, and 5e-08 of the tensor's largest value",
        "the smaller of the two may be 0.0001",
        "Of the checkpoint's files:\n\n- `pooler.dense.weight`",
        "`optimization.disable_specified_optimizers` is `SkipLayerNormFusion`",
        "| `model.onnx` | the graph that the engine runs | 10.2 kB |",
        "`my-checkpoint`",
        "`LICENSE-words.txt`",
        "2025-01-31T23:59:59Z, with onnx 1.17.0",
    ):
        assert fact in card
    for placeholder in ("TODO", "None", "null", "More information", "[", "<"):
        assert placeholder not in card.replace("[PAD]", "")


@pytest.mark.parametrize("name", ['my "best"', "C:\\new", "意图"])
def test_the_code_is_python_whatever_the_bundle_is_called(name: str) -> None:
    code = model_card(manifest(), name).split("```python\n")[1].split("```")[0]
    assert name in [node.value for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Constant)]


def test_what_was_not_done_is_said() -> None:
    card = model_card(
        manifest(
            measured=None,
            parity=ParityRecord(checked=False, reason="torch is not installed"),
            calibration=CalibrationRecord(texts=512, sha256="0" * 64, observer="percentile"),
            minimum_runtime={},
            session={},
            notes=(),
        ),
        "x",
    )
    assert "checkpoint's files" not in card
    assert "options of the engine" not in card
    assert "was not measured" in card
    assert "not compared with a reference: torch is not installed" in card
    assert "512 texts by the observer `percentile`" in card
    assert "None" not in card


@pytest.mark.parametrize(
    ("size", "shown"), [(0, "0 B"), (999, "999 B"), (30_100_000, "30.1 MB"), (2_000_000_000, "2 GB")]
)
def test_sizes(size: int, shown: str) -> None:
    entry = FileEntry(path="model.onnx", role="model", bytes=size, sha256="0" * 64)
    assert f"| {shown} |" in model_card(manifest(files=(entry,)), "x")


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"unit": ""}, "| F1 | 0.91 | 0.90 | 0.01 (95 % interval 0.00 to 0.02) | 99.50 % |"),
        ({"unit": "%", "low": None}, "| F1 | 0.91 % | 0.90 % | 0.01 | 99.50 % |"),
        ({"unit": "ms", "agreement": None, "high": None}, "| F1 | 0.91 ms | 0.90 ms | 0.01 |  |"),
    ],
)
def test_what_was_measured_is_in_its_own_unit(changes: dict, line: str) -> None:
    figures = {"metric": "F1", "reference": 0.91, "candidate": 0.9, "drop": 0.01, "low": 0.0, "high": 0.02}
    card = model_card(manifest(measured=replace(MEASURED, **{**figures, **changes})), "x")
    assert line in card
    assert ("drop in points" in card) == (changes["unit"] == "%")


def test_lengths_that_the_graph_is_made_for_are_told() -> None:
    fixed = fixed_signatures(get_task("text-classification").signature, 64, 16)
    assert "up to 64 tokens at a time, padded to 16 or 64." in model_card(manifest(signatures=fixed), "x")
    assert "up to 64 tokens at a time." in model_card(manifest(), "x")


def test_labels_cannot_break_the_page() -> None:
    card = model_card(manifest(labels=("a`b", "c|d", "e\nf")), "x")
    assert "Labels (3): `` a`b ``, `c\\|d`, `e f`." in card
