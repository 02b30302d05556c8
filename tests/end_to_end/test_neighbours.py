"""1,000 real inputs of three tasks: an int8 bundle answers alone, in a list, in any order and among long ones alike."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import roformer_edge
from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.deploy.options import DeployOptions
from roformer_edge.tasks import get_task
from tests.end_to_end.test_pipelines import inputs_of, save_checkpoint

pytestmark = pytest.mark.slow

COUNT = 1000
# one long input after so many others
CROWD = 20
LONG = 400


def long_one(task: str, value: Any) -> Any:
    """Make an input long, up to LONG characters."""
    if task == "question-answering":
        return {**value, "context": (value["context"] * LONG)[:LONG]}
    return (value * LONG)[:LONG]


@pytest.fixture(scope="module", params=["text-classification", "token-classification", "question-answering"])
def deployed(
    request: pytest.FixtureRequest,
    shared_data: Path,
    read_jsonl: Callable[[Path], list[dict]],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[str, Path, list[Any]]:
    """A task, the folder of its checkpoint and calibration texts, and inputs."""
    task, folder = request.param, tmp_path_factory.mktemp(request.param)
    inputs = inputs_of(task, shared_data, read_jsonl, COUNT)
    assert len(inputs) == COUNT
    save_checkpoint(task, folder / "checkpoint", shared_data / "vocab" / "roformer_chinese_base" / "vocab.txt")
    field = get_task(task).fields[0]
    rows = (value if isinstance(value, dict) else {field: value} for value in inputs[:100])
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (folder / "texts.jsonl").write_text(lines, encoding="utf-8")
    return task, folder, inputs


@pytest.mark.parametrize("recipe", ["int8-dynamic", "int8-static"])
@pytest.mark.parametrize("format_name", ["onnx", "tflite"])
def test_real_inputs_are_answered_alike_whatever_is_beside_them(
    deployed: tuple[str, Path, list[Any]], format_name: str, recipe: str
) -> None:
    task, folder, inputs = deployed
    options = DeployOptions(task=task, format=format_name, recipe=recipe, calibration=folder / "texts.jsonl")
    bundle = deploy_checkpoint(folder / "checkpoint", folder / f"{format_name}-{recipe}", options).bundle
    order = random.Random(1).sample(range(COUNT), COUNT)
    crowd: list[Any] = []
    for index, value in enumerate(inputs):
        crowd += [value] if index % CROWD else [long_one(task, value), value]
    with roformer_edge.load(bundle, threads=1) as answer:
        alone = [answer(value) for value in inputs]
        assert answer(inputs) == alone
        assert answer([inputs[index] for index in order]) == [alone[index] for index in order]
        crowded = iter(answer(crowd))
        for index, one in enumerate(alone):
            if index % CROWD == 0:
                next(crowded)
            assert next(crowded) == one
        if (format_name, recipe) == ("onnx", "int8-dynamic"):  # where neighbours would be seen
            assert answer(inputs[:64], batch_size=8) != alone[:64]
