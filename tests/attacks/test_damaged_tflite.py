"""A damaged TFLite model whose digest was computed anew is refused or answers, and never ends the process."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("ai_edge_litert", reason="the engine is not installed: pip install 'roformer-edge[tflite]'")
pytest.importorskip("resource", reason="there is no limit on a process's memory here")

from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.deploy.options import DeployOptions
from roformer_edge.processes import run_fresh
from tests.runtime.tiny_tasks import bundle_of
from tests.tflite_export import build_tiny

SECONDS = 300


def try_all(model: Path, kind: str, count: int, bundle: Path | None = None) -> Counter[str]:
    """Open as many damaged models in a process of its own, and in another from where one was ended."""
    found: Counter[str] = Counter()
    start = 0
    while start < count:
        request = {"model": str(model), "bundle": bundle and str(bundle), "kind": kind, "start": start, "count": count}
        command = [sys.executable, "-m", "tests.attacks.damaged_tflite", json.dumps(request)]
        done = run_fresh(command, timeout=SECONDS)
        lines = [line.split(" ", 2) for line in done.output.splitlines()]
        for line in lines:
            if len(line) > 1 and line[1]:
                found[line[1]] += 1
        if done.code == 0:
            break
        last = int(lines[-1][0])
        found[f"crash at {last}, exit code {done.code}"] += 1
        start = last + 1
    return found


def write(model: bytes, folder: Path) -> Path:
    (folder / "model.tflite").write_bytes(model)
    return folder / "model.tflite"


def test_two_thousand_flipped_bits(tmp_path: Path) -> None:
    found = try_all(write(build_tiny(recipe="int8-dynamic").to_bytes(), tmp_path), "bit", 2000)
    assert found.keys() <= {"refused", "answered", "not"}, found
    assert found["refused"] > 500
    assert found["answered"] > 500
    assert found.total() == 2000


@pytest.mark.parametrize("kind", ["bits", "word", "copy"])
@pytest.mark.parametrize(
    ("task", "recipe", "options"),
    [
        ("text-generation", "int8-dynamic", {}),
        ("text-classification", "fp32", {"lengths": (4, 8)}),
        ("fill-mask", "int8-dynamic", {"runtime": "tflite-2.14"}),
    ],
)
def test_other_damage_of_other_models(tmp_path: Path, kind: str, task: str, recipe: str, options: dict) -> None:
    found = try_all(write(build_tiny(task, recipe, **options).to_bytes(), tmp_path), kind, 150)
    assert found.keys() <= {"refused", "answered", "not"}, found
    assert found.total() == 150


def test_flipped_bits_of_a_bundle_are_one_line_or_an_answer(tmp_path: Path) -> None:
    bundle_of("text-classification", tmp_path, "fp32")
    options = DeployOptions(task="text-classification", format="tflite", recipe="int8-dynamic")
    bundle = deploy_checkpoint(tmp_path / "checkpoint", tmp_path / "tflite", options).bundle
    found = try_all(write((bundle / "model.tflite").read_bytes(), tmp_path), "bit", 100, bundle)
    # what is not finite is refused by the pipeline
    assert found.keys() == {"refused", "answered"}, found
    assert found.total() == 100
