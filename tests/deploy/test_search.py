"""The recipe ``auto`` on a real model: one part is made terrible in int8, and the search finds that one."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file

from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.deploy.options import DeployOptions
from roformer_edge.deploy.sensitivity import measure_parts
from roformer_edge.errors import BudgetExceededError, ComparisonError, DatasetError, OptionError
from roformer_edge.validate.openers import open_predictor
from tests.tiny_checkpoint import LABELS, WORDS, write_checkpoint, write_lines

BAD = "layer.1.ffn.down"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with one enormous column of weights, which reads a channel that is always zero."""
    folder = write_checkpoint(tmp_path_factory.mktemp("search") / "checkpoint")
    arrays = load_file(folder / "model.safetensors")
    layer = "roformer.encoder.layer.1"
    arrays[f"{layer}.intermediate.dense.weight"][0] = 0
    arrays[f"{layer}.intermediate.dense.bias"][0] = -30
    arrays[f"{layer}.output.dense.weight"][:, 0] = 1e4
    save_file(arrays, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.fixture(scope="module")
def data(checkpoint: Path) -> Path:
    """What the model itself answers."""
    draw = random.Random(0)
    texts = ["".join(draw.choices(WORDS[:25], k=draw.randint(3, 9))) for _ in range(160)]
    answers = open_predictor(checkpoint).answer([{"text": text} for text in texts], batch_size=8)
    rows: list[object] = [
        {"text": text, "label": LABELS[max(range(3), key=lambda index, found=found: found[index])]}
        for text, found in zip(texts, answers, strict=True)
    ]
    return write_lines(checkpoint.parent / "data.jsonl", rows)


def options(data: Path, **changes) -> DeployOptions:
    return DeployOptions(**{"recipe": "auto", "evaluation": data, "max_drop": 20.0, "schemes": SCHEMES, **changes})


SCHEMES = ("int8-dynamic", "int8-rows", "float32")


@pytest.mark.parametrize("format_name", ["onnx", "tflite"])
def test_the_terrible_part_is_found_and_the_recipe_makes_the_model_again(checkpoint, data, tmp_path, format_name):
    made = deploy_checkpoint(checkpoint, tmp_path / "one", options(data, format=format_name))
    assert made.searched is not None
    chosen = made.searched.found.chosen
    assert (chosen.recipe, chosen.exceptions) == ("int8-dynamic", {BAD: "float32"})
    assert made.report is not None
    assert made.report.passed
    assert made.report.data.examples + made.searched.examples == 160
    deploy_checkpoint(
        checkpoint, tmp_path / "two", DeployOptions(recipe=str(tmp_path / "one/recipe.json"), format=format_name)
    )
    model = f"model.{format_name}"
    assert (tmp_path / "one" / model).read_bytes() == (tmp_path / "two" / model).read_bytes()
    one, two = (json.loads((tmp_path / name / "recipe.json").read_text()) for name in ("one", "two"))
    assert one == two


def test_a_size_that_cannot_be_kept_is_refused_with_what_came_nearest(checkpoint, data, tmp_path):
    with pytest.raises(
        BudgetExceededError, match=r"no model of at most .* keeps the drop of accuracy within 20 points"
    ):
        deploy_checkpoint(checkpoint, tmp_path / "out", options(data, max_size=0.001))
    assert not (tmp_path / "out").exists()


def test_what_one_half_chose_is_refused_where_the_other_breaks_the_budget(checkpoint, data, tmp_path, monkeypatch):
    def broken(report):
        raise BudgetExceededError("accuracy dropped")

    monkeypatch.setattr("roformer_edge.deploy.journey.check_budget", broken)
    with pytest.raises(BudgetExceededError, match="accuracy dropped; on the 80 examples that the recipe was chosen by"):
        deploy_checkpoint(checkpoint, tmp_path / "out", options(data))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"evaluation": None, "max_drop": None}, OptionError),
        ({"max_drop": None}, OptionError),
        ({"max_drop": float("nan")}, ComparisonError),
        ({"max_size": 0.0}, OptionError),
        ({"max_size": 5.0, "recipe": "int8-dynamic", "schemes": ()}, OptionError),
    ],
)
def test_a_search_without_what_it_goes_by_is_refused(changes, error):
    with pytest.raises(error):
        options(Path("dev.jsonl"), **changes)


def test_one_example_has_no_halves(checkpoint, tmp_path):
    one = write_lines(tmp_path / "one.jsonl", [{"text": "今天", "label": "开"}] * 3)
    with pytest.raises(DatasetError, match=r"one\.jsonl:1: the data holds 1 different examples, and two halves need 2"):
        deploy_checkpoint(checkpoint, tmp_path / "out", options(one))


def test_sensitivity_puts_the_terrible_part_first(checkpoint, data):
    found = measure_parts(checkpoint, DeployOptions(evaluation=data), limit=40).sensitivity
    assert found.parts[0].scope == BAD
    assert found.parts[0].alone.error > 5 * found.parts[1].alone.error
    assert found.parts[0].all_but.error < found.whole.error
