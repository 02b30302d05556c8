"""Real sides: a checkpoint in PyTorch and its bundles, opened, compared, measured in fresh processes."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from roformer_edge.bundle.pack import pack_directory
from roformer_edge.deploy import reference as deploy_reference
from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.deploy.options import DeployOptions
from roformer_edge.deploy.reference import open_reference
from roformer_edge.errors import CheckpointError, ComparisonError, TextTooLongError, UnknownNameError
from roformer_edge.models.torch.heads import RoFormerForSequenceClassification
from roformer_edge.processes import run_fresh
from roformer_edge.tasks import get_task
from roformer_edge.tokenizer import load_tokenizer
from roformer_edge.validate.openers import open_predictor, task_of_bundle
from roformer_edge.validate.render.html import to_html
from roformer_edge.validate.runner import compare
from roformer_edge.validate.timing import measure_memory
from tests.tiny_checkpoint import LABELS, TEXTS, write_checkpoint
from tests.validate.tables import UNTIMED, text_example

EXAMPLES = tuple(text_example(text, LABELS[index % 3]) for index, text in enumerate(TEXTS))
INPUTS = [example.inputs for example in EXAMPLES]


@pytest.fixture(scope="module")
def sides(tmp_path_factory) -> dict[str, Path]:
    """A checkpoint, its float32 bundle and its int8 bundle."""
    folder = tmp_path_factory.mktemp("sides")
    paths = {name: folder / name for name in ("checkpoint", "fp32", "int8-dynamic")}
    write_checkpoint(paths["checkpoint"])
    for recipe in ("fp32", "int8-dynamic"):
        deploy_checkpoint(paths["checkpoint"], paths[recipe], DeployOptions(recipe=recipe))
    return paths


@pytest.mark.parametrize("torch_is_there", [True, False])
def test_a_reference_is_called_what_was_asked_for(sides, monkeypatch, torch_is_there):
    monkeypatch.setattr(deploy_reference, "available", lambda package: torch_is_there)
    with open_reference(sides["checkpoint"], "text-classification") as reference:
        found = reference.answer(INPUTS, batch_size=4)
        assert reference.facts.engine.startswith("torch" if torch_is_there else "onnxruntime")
        assert reference.name == sides["checkpoint"].name + ("" if torch_is_there else ", as a float32 network")
    np.testing.assert_allclose(found, open_predictor(sides["checkpoint"]).answer(INPUTS, batch_size=4), atol=1e-5)


def test_a_checkpoint_answers_as_its_model_does_text_by_text(sides):
    model = RoFormerForSequenceClassification.from_pretrained(sides["checkpoint"])
    tokenizer = load_tokenizer(sides["checkpoint"])
    with torch.inference_mode():
        expected = [model(torch.tensor([tokenizer.encode_text(text).ids])).logits[0].numpy() for text in TEXTS]
    predictor = open_predictor(sides["checkpoint"])
    assert predictor.labels == LABELS
    for batch_size in (1, 3, 16):
        found = predictor.answer(INPUTS, batch_size=batch_size)
        np.testing.assert_allclose(found, expected, atol=2e-5)


def test_a_float_bundle_is_its_checkpoint(sides):
    report = compare(open_predictor(sides["checkpoint"]), open_predictor(sides["fp32"]), EXAMPLES, UNTIMED)
    assert report.detail.distance.worst <= get_task("text-classification").tolerance
    assert report.agreement.share == 1
    assert report.gated.drop == 0
    assert report.reference.facts.engine.startswith("torch ")
    assert report.candidate.facts.engine.startswith("onnxruntime ")


def test_the_facts_are_those_of_the_files(sides):
    checkpoint, bundle = open_predictor(sides["checkpoint"]), open_predictor(sides["int8-dynamic"], threads=2)
    for predictor, folder in ((checkpoint, sides["checkpoint"]), (bundle, sides["int8-dynamic"])):
        for file in predictor.facts.files:
            assert (folder / file.path).stat().st_size == file.bytes
    on_disk = sum(path.stat().st_size for path in sides["int8-dynamic"].rglob("*") if path.is_file())
    assert bundle.facts.bytes == on_disk
    assert {file.path for file in checkpoint.facts.files} >= {"model.safetensors", "config.json", "vocab.txt"}
    assert (bundle.facts.recipe, bundle.facts.threads) == ("int8-dynamic", 2)
    assert (checkpoint.facts.recipe, checkpoint.facts.threads) == ("float32", 1)
    assert bundle.name == str(sides["int8-dynamic"])
    assert open_predictor(sides["fp32"], name="baseline").name == "baseline"


def test_an_archive_is_a_side_too(sides, tmp_path):
    archive = pack_directory(sides["fp32"], tmp_path / "intent.rfe")
    packed, folder = open_predictor(archive), open_predictor(sides["fp32"])
    assert np.array_equal(packed.answer(INPUTS, batch_size=1), folder.answer(INPUTS, batch_size=1))
    assert packed.facts.bytes == folder.facts.bytes


def test_a_whole_comparison_with_timing_and_memory(sides):
    options = dataclasses.replace(UNTIMED, timed=4, watched=2, max_drop=100)
    report = compare(open_predictor(sides["checkpoint"]), open_predictor(sides["int8-dynamic"]), EXAMPLES, options)
    assert report.timing is not None
    assert 0 < report.timing.candidate.p50 <= report.timing.candidate.p90 <= report.timing.candidate.p99
    for side in (report.reference, report.candidate):
        assert side.memory.note == "fresh process: opened, then answered 2 inputs one at a time"
        assert 20e6 < side.memory.peak < 2e9
    # torch against a runtime without it
    assert report.candidate.memory.peak < 0.7 * report.reference.memory.peak
    assert 0 < report.detail.distance.worst < 1


def test_memory_is_measured_with_the_same_settings(sides):
    long = {"text": "天气" * 200}
    refused = measure_memory(open_predictor(sides["fp32"]), [long])
    assert "tokens" in refused.note
    assert refused.peak is None
    assert measure_memory(open_predictor(sides["fp32"], truncate=True), [long]).peak is not None


@pytest.mark.parametrize("name", ["checkpoint", "fp32"])
def test_long_texts_are_refused_unless_cutting_was_asked_for(sides, name):
    long = text_example("天气" * 200, LABELS[0])
    refusing = open_predictor(sides[name])
    with pytest.raises(TextTooLongError):
        refusing.answer([long.inputs], batch_size=1)
    assert refusing.find_problem(long.inputs).reason == "202 tokens, the model takes 32"
    cutting = open_predictor(sides[name], truncate=True)
    assert cutting.find_problem(long.inputs) is None
    assert len(cutting.answer([long.inputs], batch_size=1)) == 1
    assert cutting.facts.truncates
    assert "long texts cut" in to_html(compare(cutting, cutting, [long], UNTIMED))


def test_a_bundle_of_another_task_is_refused(sides):
    with pytest.raises(ComparisonError, match="for text-classification, and models for fill-mask are"):
        open_predictor(sides["fp32"], task="fill-mask")
    assert task_of_bundle(sides["fp32"]) == "text-classification"


def test_paths_and_tasks_that_do_not_exist(sides, tmp_path):
    with pytest.raises(CheckpointError, match="no such checkpoint directory"):
        open_predictor(tmp_path / "nowhere")
    with pytest.raises(UnknownNameError, match="unknown task 'ranking'"):
        open_predictor(sides["fp32"], task="ranking")


def test_two_bundles_are_compared_without_a_training_framework(sides):
    code = f"""
import sys
from roformer_edge.validate.data.examples import Example
from roformer_edge.validate.openers import open_predictor
from roformer_edge.validate.options import CompareOptions
from roformer_edge.validate.render import write_report
from roformer_edge.validate.render.terminal import summary_table
from roformer_edge.validate.runner import compare
sides = [open_predictor(path) for path in ({str(sides["fp32"])!r}, {str(sides["int8-dynamic"])!r})]
example = Example(inputs={{"text": "打开灯"}}, gold={LABELS[0]!r})
report = compare(*sides, [example], CompareOptions(task="text-classification", timed=1, watched=0))
for row in write_report(report, {str(sides["fp32"].parent / "report")!r}, ["json", "markdown"]):
    assert row.stat().st_size > 1000
assert summary_table(report)
print(sorted({{"torch", "onnx", "safetensors", "transformers", "jieba", "jinja2"}} & set(sys.modules)))
"""
    done = run_fresh([sys.executable, "-c", code])
    assert done.complaint == ""
    assert done.output.strip() == "[]"
