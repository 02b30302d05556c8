"""Models with outlier channels of each kind that docs/accuracy.md measures, deployed with texts and without."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import roformer_edge
from benchmarks.hostile_arrays import EXACT, VARIANTS, Arrays
from roformer_edge.checkpoint.loading import load_architecture
from roformer_edge.checkpoint.saving import save_checkpoint
from roformer_edge.cli.main import main
from roformer_edge.config import RoFormerConfig
from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.deploy.options import DeployOptions
from roformer_edge.formats import FORMATS
from tests.tiny_checkpoint import TEXTS, labelled, write_checkpoint, write_vocabulary

ARCHITECTURE = "RoFormerForSequenceClassification"
# in how many parts a warning finds the outliers of a kind, and which it names
PARTS = {
    "values": "2 parts of the network (layer.0.attention.output, layer.1.attention.output)",
    "rotary_pairs": "2 parts of the network (layer.0.attention.qkv, layer.1.attention.qkv)",
    "norms": "5 parts of the network (layer.0.attention.qkv, layer.0.ffn.up, layer.1.attention.qkv ...)",
}


def ordinary(arrays: Arrays, _: RoFormerConfig) -> None:
    """Make layer norms what they are before training; the tiny checkpoint's are random, with outliers of their own."""
    for name in arrays:
        if ".LayerNorm." in name:
            arrays[name][:] = name.endswith(".weight")


def changed(source: Path, name: str, change: Callable[[Arrays, RoFormerConfig], None]) -> Path:
    """Save a checkpoint with other arrays beside another."""
    checkpoint = load_architecture(source, ARCHITECTURE)
    arrays = {key: np.array(array) for key, array in checkpoint.arrays.items()}
    change(arrays, checkpoint.config)
    save_checkpoint(source.with_name(name), checkpoint.config, ARCHITECTURE, arrays)
    return write_vocabulary(source.with_name(name))


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    # wide enough that a few channels are few
    made = write_checkpoint(tmp_path / "random", hidden_size=128, num_attention_heads=4, intermediate_size=256)
    return changed(made, "plain", ordinary)


def hostile(plain: Path, variant: str) -> Path:
    return changed(plain, variant, VARIANTS[variant])


def logits(bundle: Path) -> np.ndarray:
    with roformer_edge.load(bundle) as classify:
        return np.stack([classify.logits([text])[0] for text in TEXTS])


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_warning_without_texts_and_none_with_them(
    plain: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], variant: str, form: str
) -> None:
    def told(model: Path, *more: object) -> str:
        words = ("deploy", model, "--out", tmp_path / "bundle", "--format", form, "--recipe", "int8-dynamic")
        assert main([*map(str, (*words, "--overwrite", *more))]) == 0
        return capsys.readouterr().err

    model, texts = hostile(plain, variant), labelled(tmp_path / "texts.jsonl")
    warning = told(model)
    assert f"warning: the weights show outlier channels in {PARTS[variant]} and no texts were given" in warning
    assert "Give texts like those that the model will see (--calibration)" in warning
    assert told(model, "--calibration", texts) == told(plain) == ""


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("variant", EXACT)
def test_the_same_function_that_is_as_good_in_int8(plain: Path, tmp_path: Path, variant: str, form: str) -> None:
    texts, models = labelled(tmp_path / "texts.jsonl"), {"plain": plain, variant: hostile(plain, variant)}
    found = {}
    for name, model in models.items():
        for recipe in ("fp32", "int8-dynamic", "int8-static"):
            calibration = None if recipe == "fp32" else texts
            options = DeployOptions(format=form, recipe=recipe, calibration=calibration)
            found[name, recipe] = logits(deploy_checkpoint(model, tmp_path / f"{name}-{recipe}", options).bundle)
    wanted = found["plain", "fp32"]
    np.testing.assert_allclose(found[variant, "fp32"], wanted, atol=1e-4)
    for recipe in ("int8-dynamic", "int8-static"):
        usual, error = (np.abs(found[name, recipe] - wanted).max() for name in ("plain", variant))
        assert error < 2 * usual


@pytest.mark.parametrize("form", FORMATS)
def test_large_channels_behind_an_activation_are_warned_of_without_texts(
    plain: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    def enlarge(arrays: Arrays, _: RoFormerConfig) -> None:
        arrays["roformer.encoder.layer.0.intermediate.dense.weight"][[3, 40, 90]] *= 100

    model = changed(plain, "large", enlarge)
    assert main(["deploy", str(model), "--out", str(tmp_path / "bundle"), "--format", form]) == 0
    told = capsys.readouterr().err
    assert "warning: the weights show outlier channels in 1 part of the network (layer.0.ffn.down) and no texts" in told
