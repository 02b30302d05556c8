"""From a checkpoint to an artifact: what is decided, in which order it is done, and what is told of it."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from functools import partial

import numpy as np
import pytest

from roformer_edge.errors import ParityError, RecipeError
from roformer_edge.export.exporter import NOT_COMPARED, compare_network, export_checkpoint
from roformer_edge.export.onnx.emitter import build_graph
from roformer_edge.export.parity import probe_feeds
from roformer_edge.scopes import scopes_of
from tests.export.conftest import TASK
from tests.numpy_format import build_numpy
from tests.onnx_export import export_onnx, recipe_options, reference_answers


class Listener:
    def __init__(self) -> None:
        self.stages: list[str] = []

    def stage(self, name: str) -> None:
        self.stages.append(name)

    def step(self, done: int, total: int | None) -> None:
        pass


@pytest.mark.parametrize(
    ("recipe", "texts", "stages"),
    [
        ("fp32", False, ["float network"]),
        ("int8-embeddings", False, ["quantize"]),
        ("int8-dynamic", False, ["quantize"]),
        ("int8-dynamic", True, ["calibrate", "quantize"]),
        ("int8-static", True, ["calibrate", "quantize"]),
    ],
)
def test_each_recipe_goes_through_the_stages_that_it_needs(make_checkpoint, recipe, texts, stages):
    checkpoint, listener = make_checkpoint(), Listener()
    exported = export_checkpoint(
        checkpoint,
        TASK,
        recipe_options(recipe),
        build=build_graph,
        batches=(lambda: list(probe_feeds(checkpoint.config, TASK))) if texts else None,
        progress=listener,
    )
    assert listener.stages == stages
    assert (exported.calibration is not None) is texts


def test_the_static_scheme_asks_for_texts_before_anything_is_built(make_checkpoint):
    def build(*asked: object) -> None:
        raise AssertionError("something was built")

    with pytest.raises(RecipeError, match=r"recipe 'int8-static' needs calibration texts for \d+ parts"):
        export_checkpoint(make_checkpoint(), TASK, recipe_options("int8-static"), build=build)


def test_a_network_in_any_format_is_compared_with_the_reference(make_checkpoint):
    checkpoint, listener = make_checkpoint(), Listener()
    answers = reference_answers(checkpoint, TASK)
    comparing = partial(compare_network, checkpoint, TASK, recipe_options("int8-dynamic"), build=build_numpy)
    parity = comparing(answers=lambda: answers, progress=listener)
    assert parity.checked
    assert parity.absolute_difference < 2e-5
    assert listener.stages == ["reference answers", "float network", "parity"]
    wrong = [{**answer, "logits": answer["logits"] + 1} for answer in answers]
    with pytest.raises(ParityError, match="logits"):
        comparing(answers=lambda: wrong)


def test_without_a_reference_it_says_that_nothing_was_compared(make_checkpoint):
    parity = compare_network(make_checkpoint(), TASK, recipe_options("fp32"), build=build_numpy, answers=None)
    assert (parity.checked, parity) == (False, NOT_COMPARED)


def test_what_is_done_about_outliers_stands_in_the_reason(make_checkpoint):
    plain = make_checkpoint()
    arrays = {name: np.array(array) for name, array in plain.arrays.items()}
    module = "roformer.encoder.layer.0.attention.output.LayerNorm"
    arrays[f"{module}.weight"][:] = 1
    arrays[f"{module}.weight"][5] = 200
    arrays["roformer.encoder.layer.0.intermediate.dense.weight"][:, 5] /= 200
    checkpoint = dataclasses.replace(plain, arrays=arrays)
    exported = export_onnx(checkpoint, TASK, recipe_options("int8-dynamic"))
    reasons = {decision.scope.name: decision.reason for decision in exported.decisions}
    assert "input channels are outliers" in reasons["layer.0.ffn.up"]
    assert "outliers" not in reasons["layer.1.ffn.up"]
    assert len(exported.warnings) == 1  # found from the weights alone


def test_decisions_list_every_scope_and_say_why_it_stays_float(make_checkpoint):
    checkpoint = make_checkpoint(embedding_size=24)
    exported = export_onnx(checkpoint, TASK, recipe_options("int8-dynamic"))
    schemes = {decision.scope.name: decision.scheme for decision in exported.decisions}
    assert set(schemes) == {scope.name for scope in scopes_of(checkpoint.config, TASK)}
    assert {name for name, scheme in schemes.items() if scheme == "float32"} == {"embeddings.type", "head.output"}
    assert all(decision.reason for decision in exported.decisions)
    assert schemes["embeddings.word"] == "int8-rows"


def test_exporting_needs_no_torch(make_checkpoint):
    checkpoint = make_checkpoint()
    code = f"""
import sys
sys.modules["torch"] = None
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == "torch" else find(name, package)
from roformer_edge.export.artifact import ExportOptions
from roformer_edge.export.exporter import compare_network, export_checkpoint
from roformer_edge.export.onnx.emitter import build_graph
from roformer_edge.checkpoint.loading import load_checkpoint
from roformer_edge.quantize.presets import get_preset
from roformer_edge.quantize.recipe import get_recipe
from roformer_edge.tasks import get_task
task = get_task("text-classification")
checkpoint = load_checkpoint({str(checkpoint.source_directory)!r}, task)
options = ExportOptions(recipe=get_recipe("int8-dynamic"), preset=get_preset("x86"))
exported = export_checkpoint(checkpoint, task, options, build=build_graph)
parity = compare_network(checkpoint, task, options, build=build_graph, answers=None)
print(parity.checked, len(exported.artifact.to_bytes()) > 1000, parity.reference)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("False True torch is not installed")
