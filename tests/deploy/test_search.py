"""The recipe ``auto`` on a real model: one part is made terrible in int8, and the search finds that one."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from safetensors.numpy import load_file, save_file

from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.deploy.options import DeployOptions
from roformer_edge.deploy.search import allowed_schemes
from roformer_edge.deploy.sensitivity import measure_parts
from roformer_edge.errors import BudgetExceededError, ComparisonError, DatasetError, OptionError
from roformer_edge.tasks import get_task
from roformer_edge.validate.openers import open_predictor
from roformer_edge.validate.report import Report
from tests.runtime.tiny_tasks import write_task
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


def test_attention_in_integers_is_not_tried_where_keys_and_values_are_kept(tmp_path):
    asked = options(tmp_path / "data.jsonl", max_drop=1000.0, schemes=(*SCHEMES, "int8-attention"))
    for task, possible in (("text-classification", {*SCHEMES, "int8-attention"}), ("text-generation", {*SCHEMES})):
        work = SimpleNamespace(options=asked, batches=None, model=SimpleNamespace(task=get_task(task)))
        assert allowed_schemes(work) == possible
    write_task("text-generation", tmp_path / "checkpoint")
    write_lines(tmp_path / "data.jsonl", [{"text": f"今天天气很好{number}"} for number in range(8)])
    made = deploy_checkpoint(tmp_path / "checkpoint", tmp_path / "out", replace(asked, task="text-generation"))
    assert made.searched.found.chosen.recipe == "int8-dynamic"


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
    monkeypatch.setattr(Report, "within_budget", property(lambda _: False))
    with pytest.raises(BudgetExceededError, match="accuracy dropped; on the 80 examples that it was chosen by"):
        deploy_checkpoint(checkpoint, tmp_path / "out", options(data))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("format_name", ["onnx", "tflite"])
def test_what_a_pruned_vocabulary_loses_counts_against_the_budget(checkpoint, data, tmp_path, format_name):
    errors, references = {}, set()
    for name, words in (("all", WORDS[:25]), ("few", WORDS[20:25])):
        corpus = write_lines(tmp_path / f"{name}.jsonl", [{"text": word} for word in words])
        changed = options(data, format=format_name, schemes=("float32",), max_drop=100.0, prune_vocab=corpus)
        made = deploy_checkpoint(checkpoint, tmp_path / name, changed)
        errors[name] = made.searched.found.chosen.outcome.error
        tokens = (tmp_path / name / "vocab.txt").read_text("utf-8").splitlines()
        assert (WORDS[0] in tokens) == (name == "all")
        references.add(made.manifest.measured.reference)
    assert len(references) == 1
    assert errors["all"] < 1e-5 < 1e-2 < errors["few"]
    with pytest.raises(BudgetExceededError, match=r"the nearest is fp32, .* which drops by"):
        deploy_checkpoint(
            checkpoint, tmp_path / "out", options(data, schemes=("float32",), max_drop=0.0, prune_vocab=corpus)
        )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("format_name", ["onnx", "tflite"])
def test_the_recipe_found_for_a_pruned_model_makes_it_again(checkpoint, data, tmp_path, format_name):
    corpus = write_lines(tmp_path / "corpus.jsonl", [{"text": word} for word in WORDS[:25]])
    asked = {"format": format_name, "prune_vocab": corpus}
    made = deploy_checkpoint(checkpoint, tmp_path / "one", options(data, calibration=data, **asked))
    assert made.searched.found.chosen.exceptions == {BAD: "float32"}
    again = DeployOptions(recipe=str(tmp_path / "one/recipe.json"), calibration=data, **asked)
    deploy_checkpoint(checkpoint, tmp_path / "two", again)
    for name in (f"model.{format_name}", "vocab.txt", "recipe.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


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


@pytest.mark.parametrize(
    "changes",
    [
        {"max_drop": 0.0},
        {"slices": ("length",)},
        {"report": Path("report")},
        {"prune_vocab": Path("corpus.jsonl")},
        {"overwrite": True},
    ],
)
def test_sensitivity_refuses_what_it_makes_nothing_of(checkpoint, data, changes):
    with pytest.raises(OptionError, match=f"^{next(iter(changes))} must be left out"):
        measure_parts(checkpoint, DeployOptions(evaluation=data, **changes), limit=40)


def test_sensitivity_puts_the_terrible_part_first(checkpoint, data):
    found = measure_parts(checkpoint, DeployOptions(evaluation=data), limit=40).sensitivity
    assert found.parts[0].scope == BAD
    assert found.parts[0].alone.error > 5 * found.parts[1].alone.error
    assert found.parts[0].all_but.error < found.whole.error
