"""What is computed beside an input changes nothing of its answer, unless larger batches are asked for."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from roformer_edge.bundle.reader import open_bundle
from roformer_edge.deploy.journey import DeployOptions, deploy_checkpoint
from roformer_edge.runtime.loading import load
from roformer_edge.tasks import TASKS
from tests.runtime.tiny_tasks import bundle_of

TEXTS = ["今天天气好", "把客厅的灯打开", "好", "现在几点？现在几点？", "abc 12", "今天，我关灯。", "灯", "几点"]
LONG = "今天天气好，把客厅的灯打开。现在几点？" * 4
BATCHING = {"int8-dynamic": "single", "int8-static": "equal_lengths", "int8-embeddings": "any", "fp32": "any"}


def inputs_of(task: str) -> tuple[list[Any], Any]:
    """Inputs of a task, and a long one."""
    if task == "question-answering":
        return [{"question": "几点", "context": text} for text in TEXTS], {"question": "几点", "context": LONG}
    if task == "multiple-choice":
        short = [{"context": text, "choices": ["把灯打开", "好", "现在几点"]} for text in TEXTS]
        return short, {"context": LONG[:30], "choices": ["灯", LONG[:9]]}
    if task == "fill-mask":
        return [f"{text}[MASK]" for text in TEXTS], f"{LONG[:30]}[MASK]"
    return TEXTS, LONG[:36]


@pytest.fixture(scope="module", params=TASKS)
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A task and a checkpoint for it, with texts to calibrate on beside it."""
    folder = tmp_path_factory.mktemp(request.param)
    bundle_of(request.param, folder, "fp32")
    rows = [{"text": value} if isinstance(value, str) else value for value in inputs_of(request.param)[0]]
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (folder / "texts.jsonl").write_text(lines, encoding="utf-8")
    return request.param, folder


def alike(one: Any, other: Any) -> bool:
    return np.array_equal(one, other) if isinstance(one, np.ndarray) else bool(one == other)


@pytest.mark.parametrize("recipe", ["int8-dynamic", "int8-static"])
def test_answers_of_an_int8_bundle_do_not_depend_on_neighbours(checkpoint: tuple[str, Path], recipe: str) -> None:
    task, folder = checkpoint
    options = DeployOptions(task=task, recipe=recipe, calibration=folder / "texts.jsonl")
    bundle = deploy_checkpoint(folder / "checkpoint", folder / recipe, options).bundle
    inputs, long = inputs_of(task)
    order = list(range(len(inputs)))
    random.Random(1).shuffle(order)
    with load(bundle, threads=1) as pipeline:
        alone = [pipeline(value) for value in inputs]
        together = pipeline(inputs)
        shuffled = pipeline([inputs[index] for index in order])
        crowded = pipeline([value for one in inputs for value in (one, long)])[::2]
        streamed = list(pipeline(iter(inputs)))
    assert all(map(alike, together, alone))
    assert all(map(alike, shuffled, [alone[index] for index in order]))
    assert all(map(alike, crowded, alone))
    assert all(map(alike, streamed, alone))


@pytest.mark.parametrize("recipe", BATCHING)
def test_a_bundle_says_what_may_be_computed_together(tmp_path: Path, recipe: str) -> None:
    texts = tmp_path / "texts.jsonl"
    texts.write_text("".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in TEXTS), encoding="utf-8")
    bundle_of("token-classification", tmp_path, "fp32")
    calibration = texts if recipe in ("int8-dynamic", "int8-static") else None
    options = DeployOptions(task="token-classification", recipe=recipe, calibration=calibration)
    bundle = deploy_checkpoint(tmp_path / "checkpoint", tmp_path / recipe, options).bundle
    with open_bundle(bundle) as opened:
        assert opened.manifest.batching == BATCHING[recipe]


def test_larger_batches_of_a_dynamic_bundle_are_computed_when_asked_for(tmp_path: Path) -> None:
    bundle = bundle_of("text-classification", tmp_path, "int8-dynamic")
    with load(bundle, threads=1) as pipeline:
        alone, asked = pipeline.logits(TEXTS), pipeline.logits(TEXTS, batch_size=8)
    assert not np.array_equal(alone, asked)
    assert np.abs(alone - asked).max() < 0.1 * alone.std()
