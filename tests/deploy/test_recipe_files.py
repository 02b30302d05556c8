"""Recipes from files: documentation, and the recipe.json of a bundle, which makes the same model again."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from roformer_edge.cli.main import main
from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.deploy.options import DeployOptions
from roformer_edge.errors import OptionError
from roformer_edge.models.torch.heads import RoFormerForMaskedLM
from roformer_edge.runtime.loading import load
from tests.conftest import ROOT
from tests.tiny_checkpoint import TEXTS, tiny_config, write_checkpoint, write_lines, write_vocabulary

BLOCKS = re.compile(r"^```(json|bash)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("recipes") / "checkpoint")


def test_the_documented_recipe_and_commands(checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "docs" / "quantization.md").read_text(encoding="utf-8")
    (_, recipe), (_, commands), *_ = BLOCKS.findall(page)
    monkeypatch.chdir(tmp_path)
    Path("checkpoint").symlink_to(checkpoint)
    Path("careful.json").write_text(recipe, encoding="utf-8")
    *deployments, comparison = map(shlex.split, commands.splitlines())
    for words in deployments:
        assert words[0] == "roformer-edge"
        assert main(words[1:]) == 0
    assert Path(comparison[1]).read_bytes() == Path(comparison[2]).read_bytes()
    made = json.loads(Path("dist/careful/recipe.json").read_text(encoding="utf-8"))
    schemes = {decision["scope"]: decision["scheme"] for decision in made["decisions"]}
    assert (schemes["layer.0.ffn.up"], schemes["layer.0.ffn.down"]) == ("int8-dynamic", "float32")
    assert made["preset"] == "arm"


@pytest.mark.parametrize(
    "options",
    [
        DeployOptions(recipe="fp32"),
        DeployOptions(recipe="fp16"),
        DeployOptions(recipe="int4"),
        DeployOptions(recipe="int8-embeddings"),
        DeployOptions(recipe="int8-dynamic", preset="arm", keep_float=("layer.1.ffn.*",)),
        DeployOptions(recipe="int8-dynamic", calibration=Path("texts.jsonl")),
        DeployOptions(recipe="int8-static", calibration=Path("texts.jsonl"), observer="mse", preset="x86-vnni"),
    ],
    ids=lambda options: options.recipe,
)
def test_the_recipe_of_a_bundle_makes_it_again(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: DeployOptions
) -> None:
    monkeypatch.chdir(tmp_path)
    write_lines(Path("texts.jsonl"), [{"text": text} for text in TEXTS])
    deploy_checkpoint(checkpoint, "one", options)
    deploy_checkpoint(checkpoint, "two", DeployOptions(recipe="one/recipe.json", calibration=options.calibration))
    for name in ("model.onnx", "recipe.json", "selftest.json", "config.json"):
        assert Path("one", name).read_bytes() == Path("two", name).read_bytes(), name
    one, two = (json.loads(Path(place, "manifest.json").read_text())["recipe"] for place in ("one", "two"))
    assert one == two


def test_what_a_file_says_is_overruled_by_options_and_refused_where_nothing_comes_of_it(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rules = [{"pattern": "layer.*", "scheme": "int8-dynamic"}]
    Path("mine.json").write_text(json.dumps({"name": "mine", "rules": rules, "preset": "arm"}))
    deploy_checkpoint(checkpoint, "one", DeployOptions(recipe="mine.json", preset="x86"))
    assert json.loads(Path("one/recipe.json").read_text())["preset"] == "x86"
    for told in ({"rules": [], "preset": "arm"}, {"rules": rules, "observer": "mse"}):
        Path("mine.json").write_text(json.dumps({"name": "mine", **told}))
        with pytest.raises(OptionError, match=f"{[*told][1]} must be left out, because it changes nothing in the reci"):
            deploy_checkpoint(checkpoint, "two", DeployOptions(recipe="mine.json"))


def test_a_bundle_says_which_engine_its_schemes_need(checkpoint: Path, tmp_path: Path) -> None:
    rules = [{"pattern": "embeddings.word", "scheme": "int4-rows"}, {"pattern": "layer.0.*", "scheme": "int8-dynamic"}]
    mixed = tmp_path / "mixed.json"
    mixed.write_text(json.dumps({"name": "mixed", "rules": rules}))
    needed = {"fp16": "1.18", "int8-dynamic": "1.18", "int4": "1.22", str(mixed): "1.22"}
    for recipe, version in needed.items():
        made = deploy_checkpoint(checkpoint, tmp_path / "bundle", DeployOptions(recipe=recipe, overwrite=True))
        assert made.manifest.minimum_runtime == {"onnxruntime": version}
    with pytest.raises(OptionError, match=r"left out, because the recipe int4 needs onnxruntime 1\.22, found 'onnxru"):
        deploy_checkpoint(checkpoint, tmp_path / "old", DeployOptions(recipe="int4", runtime="onnxruntime-1.18"))
    old = DeployOptions(recipe="fp16", runtime="onnxruntime-1.18")
    assert deploy_checkpoint(checkpoint, tmp_path / "old", old).manifest.minimum_runtime == {"onnxruntime": "1.18"}


def test_a_text_has_the_same_answer_in_4_bits_in_any_company(checkpoint: Path, tmp_path: Path) -> None:
    made = deploy_checkpoint(checkpoint, tmp_path / "bundle", DeployOptions(recipe="int4"))
    assert made.manifest.batching == "equal_lengths"
    with load(made.bundle, self_test=True) as pipeline:
        alone = [pipeline.logits([text])[0] for text in TEXTS]
        np.testing.assert_array_equal(pipeline.logits(TEXTS), alone)
        np.testing.assert_array_equal(pipeline.logits(TEXTS[::-1] * 2)[: len(TEXTS)], alone[::-1])


def test_tflite_keeps_the_logits_of_a_static_language_model_in_floating_point(tmp_path: Path) -> None:
    """It rounds the results of static products: 256 steps would be all that a vocabulary is told apart by."""
    RoFormerForMaskedLM(tiny_config(num_hidden_layers=1)).save_pretrained(tmp_path / "checkpoint")
    write_vocabulary(tmp_path / "checkpoint")
    texts = write_lines(tmp_path / "texts.jsonl", [{"text": text} for text in TEXTS])

    def deploy(name: str, **changes: object) -> dict[str, str]:
        options = {"task": "fill-mask", "calibration": texts, "recipe": "int8-static", **changes}
        made = deploy_checkpoint(tmp_path / "checkpoint", tmp_path / name, DeployOptions(**options))
        decisions = json.loads((made.bundle / "recipe.json").read_text())["decisions"]
        return {row["scope"]: row["scheme"] for row in decisions}

    tflite, onnx = deploy("tflite", format="tflite"), deploy("onnx")
    assert {scope for scope in onnx if onnx[scope] != tflite[scope]} == {"head.decoder"}
    assert (onnx["head.decoder"], tflite["head.decoder"]) == ("int8-static", "int8-dynamic")
    assert deploy("again", format="tflite", recipe=str(tmp_path / "tflite" / "recipe.json")) == tflite
    assert (tmp_path / "tflite" / "model.tflite").read_bytes() == (tmp_path / "again" / "model.tflite").read_bytes()
    # what is asked for wins
    assert deploy("float", format="tflite", keep_float=("head.*",))["head.decoder"] == "float32"
