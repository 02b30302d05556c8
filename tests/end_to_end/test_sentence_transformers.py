"""Directories of sentence-transformers: the vectors of a bundle are those of ``SentenceTransformer.encode``."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

import roformer_edge
from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.deploy.options import DeployOptions
from tests.tiny_checkpoint import write_lines

pytestmark = pytest.mark.oracle

SCRIPT = Path(__file__).with_name("sentence_transformers_vectors.py")
TEXTS = (
    "今天天气很好。", "把客厅的灯打开", "", "好", "ab A B É é", "我 今天", "今天天气很好，" * 9, "ÁB 非常 [MASK] 好",
)  # fmt: skip
CASES = ("cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken", "all poolings", "dense",
         "first and dense", "layers", "old")  # fmt: skip
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def oracle(oracle_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sentences")
    (folder / "texts.json").write_text(json.dumps(TEXTS))
    command = [oracle_python, "-W", "ignore", SCRIPT, folder]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return folder


def vectors(oracle: Path, case: str) -> np.ndarray:
    return np.array(json.loads((oracle / f"{case}.json").read_text()), np.float32)


@pytest.fixture(scope="module")
def bundles(oracle: Path) -> Path:
    """Bundles in float, their weights beside them."""
    out = oracle / "bundles"
    for case in CASES:
        deploy_checkpoint(oracle / case, out / case, DeployOptions(recipe="fp32", keep_weights=True))
    return out


@pytest.mark.parametrize("case", CASES)
def test_vectors(oracle: Path, bundles: Path, case: str) -> None:
    expected = vectors(oracle, case)
    with roformer_edge.load(bundles / case, self_test=True) as embed:
        found = np.stack(embed(list(TEXTS), truncation=True))
        alone = np.stack([embed(text, truncation=True) for text in TEXTS])
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= TOLERANCE
    assert np.abs(alone - expected).max() <= TOLERANCE
    # texts differ, so that equal vectors mean something
    assert np.abs(expected - expected[:1]).max(axis=1)[1:].min() > 10 * TOLERANCE


def test_the_limit_is_that_of_the_files(oracle: Path, bundles: Path) -> None:
    limits = {"all poolings": 11, "first and dense": 12, "old": 9, "dense": 40}
    for case, limit in limits.items():
        with roformer_edge.load(bundles / case) as embed:
            assert embed.max_length == limit
            with pytest.raises(roformer_edge.errors.TextTooLongError, match=f"the model takes {limit} at most"):
                embed(TEXTS[6])


def test_a_bundle_says_how_its_vectors_are_made(bundles: Path) -> None:
    manifest = json.loads((bundles / "layers" / "manifest.json").read_text())
    (output,) = manifest["signatures"]["default"]["outputs"]
    assert output == {"name": "sentence_embedding", "dtype": "float32", "axes": ["batch", "5"]}
    (note,) = [note for note in manifest["notes"] if "vector" in note]
    assert note == (
        "the vector of a text is a dense layer (modules.1) to 32 with the activation linear, the mean of the states, a "
        "layer norm, divided by its length, a dense layer (modules.6) to 5 with the activation silu (modules.json)"
    )


@pytest.mark.parametrize("case", ["all poolings", "layers", "first and dense"])
def test_tflite(oracle: Path, case: str) -> None:
    pytest.importorskip("ai_edge_litert")
    made = deploy_checkpoint(oracle / case, oracle / f"tflite {case}", DeployOptions(recipe="fp32", format="tflite"))
    with roformer_edge.load(made.bundle) as embed:
        found = np.stack(embed(list(TEXTS), truncation=True))
    assert np.abs(found - vectors(oracle, case)).max() <= TOLERANCE


@pytest.mark.parametrize("case", ["all poolings", "layers"])
def test_what_int8_loses_is_measured(oracle: Path, bundles: Path, case: str, tmp_path: Path) -> None:
    data = write_lines(tmp_path / "data.jsonl", [{"text": text} for text in TEXTS if text])
    options = DeployOptions(evaluation=data, truncation=True)
    made = deploy_checkpoint(oracle / case, tmp_path / "int8", options)
    assert made.report is not None
    assert made.report.gated.reference == 1.0
    assert 0.95 < made.report.gated.candidate < 1.0
    # a float bundle that kept its weights makes the same one
    again = deploy_checkpoint(bundles / case, tmp_path / "again", DeployOptions())
    assert (again.bundle / "model.onnx").read_bytes() == (made.bundle / "model.onnx").read_bytes()
