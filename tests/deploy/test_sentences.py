"""Vectors of texts that are asked for: the pooler of a RoFormer-sim, and poolings, from the checkpoint to answers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

import roformer_edge
from roformer_edge.cli.main import main
from roformer_edge.config import RoFormerConfig
from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.deploy.options import DeployOptions
from roformer_edge.errors import BundleError, ComparisonError, OptionError, UnknownNameError
from roformer_edge.models.torch.heads import RoFormerForMaskedLM
from roformer_edge.validate.openers import open_predictor
from roformer_edge.validate.options import CompareOptions
from roformer_edge.validate.runner import compare
from tests.tiny_checkpoint import TEXTS, TOKENS, write_lines

HIDDEN = 32
FEATURES = "feature-extraction"


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A masked language model with a linear pooler over the state of [CLS], as RoFormer-sim is stored."""
    folder = tmp_path_factory.mktemp("sim") / "checkpoint"
    torch.manual_seed(2)
    config = RoFormerConfig(
        vocab_size=len(TOKENS),
        hidden_size=HIDDEN,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=48,
        max_position_embeddings=32,
        extra={"pooler_activation": "linear"},
    )
    RoFormerForMaskedLM(config).save_pretrained(folder)
    rng = np.random.default_rng(3)
    pooler = {"weight": (HIDDEN, HIDDEN), "bias": (HIDDEN,)}
    arrays = {
        f"roformer.pooler.dense.{name}": rng.normal(0, 1, shape).astype(np.float32) for name, shape in pooler.items()
    }
    save_file({**load_file(folder / "model.safetensors"), **arrays}, folder / "model.safetensors")
    (folder / "vocab.txt").write_text("\n".join(TOKENS) + "\n", encoding="utf-8")
    return folder


def states_of(sim: Path, text: str) -> np.ndarray:
    tokenizer = roformer_edge.RoFormerTokenizer.from_pretrained(sim)
    encoder = RoFormerForMaskedLM.from_pretrained(sim).roformer
    with torch.inference_mode():
        return encoder(torch.tensor([tokenizer.encode(text)])).last_hidden_state[0].numpy()


@pytest.fixture(scope="module")
def pooled(sim: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    options = DeployOptions(task=FEATURES, recipe="fp32", pooling="pooler", keep_weights=True)
    return deploy_checkpoint(sim, tmp_path_factory.mktemp("sim") / "pooled", options).bundle


@pytest.fixture(scope="module")
def plain(sim: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    options = DeployOptions(task=FEATURES, recipe="fp32")
    return deploy_checkpoint(sim, tmp_path_factory.mktemp("sim") / "plain", options).bundle


def test_the_pooler_is_a_linear_layer_on_the_first_state(sim: Path, pooled: Path) -> None:
    arrays = load_file(sim / "model.safetensors")
    weight, bias = (arrays[f"roformer.pooler.dense.{name}"] for name in ("weight", "bias"))
    with roformer_edge.load(pooled) as embed:
        found = embed(list(TEXTS))
        assert embed.sentence.asked == "pooler"
        assert np.array_equal(embed(TEXTS[0], pooling="pooler"), embed(TEXTS[0]))
    for text, vector in zip(TEXTS, found, strict=True):
        assert np.abs(vector - (weight @ states_of(sim, text)[0] + bias)).max() < 1e-4
    manifest = json.loads((pooled / "manifest.json").read_text())
    assert "the activation linear, as asked" in manifest["notes"][-1]
    assert manifest["parity"]["checked"]


def test_without_it_states_are_given_and_words_are_guessed(sim: Path, plain: Path, tmp_path: Path) -> None:
    with roformer_edge.load(plain) as embed:
        assert np.abs(embed(TEXTS[0]) - states_of(sim, TEXTS[0])).max() < 1e-4
        with pytest.raises(OptionError, match=r"holds no pooler; DeployOptions\(pooling='pooler'\) adds it"):
            embed(TEXTS[0], pooling="pooler")
    notes = json.loads((plain / "manifest.json").read_text())["notes"]
    assert "a pooler is stored (roformer.pooler.dense), and states are given without it" in notes[-1]
    made = deploy_checkpoint(sim, tmp_path / "mlm", DeployOptions(task="fill-mask", recipe="fp32"))
    with roformer_edge.load(made.bundle) as fill:
        assert len(fill("今天[MASK]好")) > 0


@pytest.mark.parametrize("pooling", ["mean", "max"])
def test_poolings_of_a_checkpoint_without_modules(sim: Path, tmp_path: Path, pooling: str) -> None:
    made = deploy_checkpoint(sim, tmp_path / "out", DeployOptions(task=FEATURES, recipe="fp32", pooling=pooling))
    with roformer_edge.load(made.bundle) as embed:
        expected = getattr(states_of(sim, TEXTS[1]), pooling)(axis=0)
        assert np.abs(embed(TEXTS[1]) - expected).max() < 1e-4
        with pytest.raises(OptionError, match="pooling must be left out: the graph makes the"):
            embed(TEXTS[1], pooling="first")


def test_a_quantised_bundle_of_a_float_one_makes_vectors_too(pooled: Path, tmp_path: Path) -> None:
    made = deploy_checkpoint(pooled, tmp_path / "int8", DeployOptions())
    with roformer_edge.load(made.bundle) as near, roformer_edge.load(pooled) as exact:
        for text in TEXTS:
            first, second = near(text), exact(text)
            assert 0.99 < first @ second / np.linalg.norm(first) / np.linalg.norm(second) < 1 - 1e-9
    decisions = json.loads((made.bundle / "recipe.json").read_text())["decisions"]
    assert {one["scope"]: one["scheme"] for one in decisions}["sentence.1"] == "float32"
    with pytest.raises(OptionError, match="pooling must be left out for a bundle"):
        deploy_checkpoint(pooled, tmp_path / "other", DeployOptions(pooling="mean"))


def test_the_dense_layer_can_be_quantised(pooled: Path, tmp_path: Path) -> None:
    rules = [{"pattern": pattern, "scheme": "int8-dynamic"} for pattern in ("layer.*", "sentence.1")]
    (tmp_path / "recipe.json").write_text(json.dumps({"name": "mine", "rules": rules}))
    made = deploy_checkpoint(pooled, tmp_path / "int8", DeployOptions(recipe=str(tmp_path / "recipe.json")))
    with roformer_edge.load(made.bundle) as near, roformer_edge.load(pooled) as exact:
        first, second = near(TEXTS[0]), exact(TEXTS[0])
    assert 0.98 < first @ second / np.linalg.norm(first) / np.linalg.norm(second) < 1 - 1e-9


def test_vectors_of_two_kinds_are_not_compared(sim: Path, pooled: Path, plain: Path) -> None:
    sides = open_predictor(pooled), open_predictor(sim, task=FEATURES)
    with pytest.raises(ComparisonError, match="the mean of the states: vectors of one kind are compared"):
        compare(*sides, [], CompareOptions(task=FEATURES, data_name="none"))
    again = open_predictor(sim, task=FEATURES, pooling="pooler")
    assert again.method == sides[0].method


def test_the_commands(sim: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, data = tmp_path / "out", write_lines(tmp_path / "data.jsonl", [{"text": text} for text in TEXTS])
    source = [str(sim), "--task", FEATURES, "--out", str(out)]
    assert main(["deploy", *source, "--pooling", "median"]) == 1
    assert "unknown pooling 'median'" in capsys.readouterr().err
    assert main(["deploy", *source, "--recipe", "fp32", "--pooling", "pooler"]) == 0
    assert "note: the vector of a text is the state of [CLS]" in capsys.readouterr().err
    assert main(["run", str(out), "--pooling", "pooler", TEXTS[0]]) == 0
    assert len(json.loads(capsys.readouterr().out)["features"]) == HIDDEN
    # the reference makes what the bundle makes
    assert main(["validate", str(out), "--reference", str(sim), "--data", str(data), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)["figures"]
    assert [figure["candidate"] for figure in figures] == pytest.approx([1, 1, 1], abs=1e-6)


def test_options_are_checked_at_once() -> None:
    with pytest.raises(UnknownNameError, match="unknown pooling 'average'; choose one of: tokens, pooler, cls"):
        DeployOptions(pooling="average")


@pytest.mark.parametrize(
    "change", [{"steps": []}, {"asked": 3}, {"more": 1}, {"steps": [{"kind": "attention", "inputs": 1, "width": 1}]}]
)
def test_a_file_of_steps_that_is_malformed(pooled: Path, tmp_path: Path, change: dict) -> None:
    copy = shutil.copytree(pooled, tmp_path / "bundle")
    (copy / "sentence.json").write_text(json.dumps(json.loads((copy / "sentence.json").read_text()) | change))
    manifest = json.loads((copy / "manifest.json").read_text())
    entry = next(entry for entry in manifest["files"] if entry["role"] == "sentence")
    entry["bytes"] = (copy / "sentence.json").stat().st_size
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match=r"sentence\.json"):
        roformer_edge.load(copy, verify=False)
