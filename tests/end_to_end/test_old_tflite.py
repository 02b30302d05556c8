"""tflite-runtime 2.14, the last of its name: its own bundles are right there, and others refused with a sentence."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert", reason="the engine is not installed: pip install 'roformer-edge[tflite]'")

from roformer_edge.demo.embedded import embedded_checkpoint, embedded_evaluation
from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.deploy.options import DeployOptions
from roformer_edge.export.tflite import linear
from roformer_edge.formats import FORMATS
from roformer_edge.runtime.loading import load
from tests.conftest import ROOT

OLD, NEW = "tflite-2.14", "litert-2"
ASK = """
import json, sys
import roformer_edge
from roformer_edge.errors import RoFormerEdgeError
texts = json.load(sys.stdin)
try:
    pipeline = roformer_edge.load(sys.argv[1])
except RoFormerEdgeError as error:
    print(json.dumps({"error": f"{type(error).__name__}: {error}"}))
else:
    report = pipeline.backend_report()
    answers = pipeline.logits(texts).tolist()
    print(json.dumps({"logits": answers, "engine": f"{report.engine} {report.version}", "self_test": report.self_test}))
"""


def ask(python: Path, bundle: Path, texts: list[str]) -> dict:
    done = subprocess.run(
        [python, "-c", ASK, bundle], input=json.dumps(texts), capture_output=True, text=True, cwd=ROOT, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def texts() -> list[str]:
    with embedded_evaluation() as path:
        return [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines()]


def deploy(out: Path, runtime: str, recipe: str, lengths: tuple[int, ...] = ()) -> Path:
    options = DeployOptions(format="tflite", runtime=runtime, recipe=recipe, lengths=lengths)
    with embedded_checkpoint() as checkpoint:
        return deploy_checkpoint(checkpoint, out, options).bundle


# recipe -> how far the logits of the two engines may be apart; with 8 bits they round a few inputs otherwise
BOUNDS = {"fp32": 1e-5, "fp16": 1e-5, "int8-dynamic": 0.1}


@pytest.mark.parametrize("recipe", BOUNDS)
@pytest.mark.parametrize("lengths", [(), (32,)], ids=["any length", "32 tokens"])
def test_its_bundles_answer_alike_on_both(old_tflite_python, texts, tmp_path, recipe, lengths) -> None:
    bundle = deploy(tmp_path / "bundle", OLD, recipe, lengths)
    found = ask(old_tflite_python, bundle, texts)
    assert found["engine"] == "tflite-runtime 2.14.0"
    assert found["self_test"] is None  # nothing to doubt: it is what the bundle is for
    with load(bundle, self_test=True) as pipeline:
        wanted = pipeline.logits(texts)
    logits = np.array(found["logits"])
    assert len(logits) == len(texts) == 475
    assert (logits.argmax(axis=1) == wanted.argmax(axis=1)).all()
    assert np.abs(logits - wanted).max() < BOUNDS[recipe]


def test_a_bundle_for_new_engines_is_refused_with_a_sentence(old_tflite_python, texts, tmp_path) -> None:
    error = ask(old_tflite_python, deploy(tmp_path / "bundle", NEW, "int8-dynamic"), texts[:1])["error"]
    assert error.startswith("BackendError: tflite-runtime 2.14.0 cannot load the model: ")
    assert "tflite-runtime 2.14.0 is none of the engines that the bundle was made for" in error
    assert error.endswith(
        "install ai-edge-litert 1.4 or newer, or deploy for this engine (DeployOptions(runtime='tflite-2.14'))"
    )


def test_operators_that_call_themselves_older_than_they_are_are_found_out(
    old_tflite_python, texts, tmp_path, monkeypatch
) -> None:
    # what ai-edge-quantizer 0.10 writes: the old engine loads it, and takes one scale for all rows
    monkeypatch.setattr(linear, "_ROW_SCALES_PRODUCT", 5)
    monkeypatch.setattr(linear, "_ROW_SCALES_LOOKUP", 1)
    bundle = deploy(tmp_path / "bundle", NEW, "int8-dynamic")
    error = ask(old_tflite_python, bundle, texts[:1])["error"]
    assert error.startswith("SelfTestError: ")
    assert error.endswith("(DeployOptions(runtime='tflite-2.14'))")
    # even where the manifest says that this engine will do, whoever asks is told
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["minimum_runtime"] = FORMATS["tflite"].runtimes[OLD]
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    asking = ASK.replace("load(sys.argv[1])", "load(sys.argv[1], self_test=True)")
    assert asking != ASK
    monkeypatch.setattr("tests.end_to_end.test_old_tflite.ASK", asking)
    assert ask(old_tflite_python, bundle, texts[:1])["error"].startswith("SelfTestError: ")
