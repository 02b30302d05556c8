"""A deployment reads what it is made of once: counted in a fresh process, by what is opened and what is built."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.deploy.options import DeployOptions
from roformer_edge.errors import ParityError
from roformer_edge.export.network.emitter import Product
from roformer_edge.export.network.weights import Weights
from tests.tiny_checkpoint import LABELS, TEXTS, labelled, write_checkpoint

ROOT = Path(__file__).resolve().parents[2]

# Python's own opens are audited; those of safetensors, which is written in Rust, are counted where they are asked for
COUNTING = """
import collections, json, sys
from pathlib import Path
import safetensors
opened = collections.Counter()
sys.addaudithook(lambda event, args: event == "open" and opened.update([Path(str(args[0])).name]))
counted = collections.Counter()
safe_open = safetensors.safe_open
def counting_open(path, *args, **kwargs):
    counted["safe_open"] += 1
    return safe_open(path, *args, **kwargs)
safetensors.safe_open = counting_open
from roformer_edge.models.torch import pretrained
from_arrays = pretrained.RoFormerPreTrainedModel.from_arrays.__func__
def counting_arrays(cls, *args, **kwargs):
    counted["torch model"] += 1
    return from_arrays(cls, *args, **kwargs)
pretrained.RoFormerPreTrainedModel.from_arrays = classmethod(counting_arrays)
from roformer_edge import DeployOptions, deploy_checkpoint
checkpoint, out, data = map(Path, sys.argv[1:4])
options = DeployOptions(evaluation=data, calibration=data, recipe=sys.argv[4])
deploy_checkpoint(checkpoint, out, options)
print(json.dumps({"opened": opened, "counted": counted}))
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, int]]:
    folder = tmp_path_factory.mktemp("counted")
    checkpoint = write_checkpoint(folder / "checkpoint")
    rows = [{"text": text, "label": LABELS[number % 3]} for number, text in enumerate(TEXTS)]
    data = folder / "dev.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    command = [sys.executable, "-c", COUNTING, checkpoint, folder / "bundle", data, "int8-static"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_weights_are_opened_once_and_read_once_more_for_their_digest(made) -> None:
    assert made["counted"]["safe_open"] == 1
    assert made["opened"]["model.safetensors"] == 1


def test_the_model_in_torch_is_built_once(made) -> None:
    assert made["counted"]["torch model"] == 1


def test_other_files_of_the_checkpoint_are_read_once_by_each_who_needs_them(made) -> None:
    # of each name one is read in the checkpoint, written into the bundle, and read there when its answers are recorded;
    # the tokenizer looks for its own settings in the config too
    assert made["opened"]["config.json"] == 4
    assert made["opened"]["vocab.txt"] == 3


def test_the_manifest_of_the_draft_is_read_once(made) -> None:
    # written for the draft, read, and written in the end
    assert made["opened"]["manifest.json"] == 3


def test_the_data_is_read_once_for_each_use(made) -> None:
    assert made["opened"]["dev.jsonl"] == 2


@pytest.mark.parametrize("torch", [True, False])
def test_stages_are_those_of_what_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, torch: bool) -> None:
    class Listener:
        stages: ClassVar[list[str]] = []

        def stage(self, name: str) -> None:
            self.stages.append(name)

        def step(self, done: int, total: int | None) -> None: ...

    monkeypatch.setattr("roformer_edge.deploy.journey.available", lambda package: torch)
    deployment = deploy_checkpoint(write_checkpoint(tmp_path / "checkpoint"), tmp_path / "out", progress=Listener())
    assert ("parity" in Listener.stages) == ("reference answers" in Listener.stages) == torch
    assert deployment.manifest.parity.checked == torch


@pytest.mark.parametrize("way", ["here", "in a process of its own", "with labelled data"])
@pytest.mark.parametrize("format_name", ["onnx", "tflite"])
def test_a_network_that_is_not_the_references_is_no_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, format_name: str
) -> None:
    right = Weights.product

    def wrong(self: Weights, scope: str, module: str) -> Product:
        product = right(self, scope, module)
        return dataclasses.replace(product, weight=product.weight * np.float32(1.01))

    monkeypatch.setattr(Weights, "product", wrong)
    if way == "in a process of its own":
        monkeypatch.setattr("roformer_edge.deploy.reference.LARGE", 0)
        monkeypatch.setattr("roformer_edge.deploy.reference_process.probe", None)
    evaluation = labelled(tmp_path / "dev.jsonl") if way == "with labelled data" else None
    options = DeployOptions(format=format_name, evaluation=evaluation)
    with pytest.raises(ParityError, match=r"layer\.0"):
        deploy_checkpoint(write_checkpoint(tmp_path / "checkpoint"), tmp_path / "out", options)
    assert not (tmp_path / "out").exists()
