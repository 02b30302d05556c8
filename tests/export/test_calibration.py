"""Calibration of whole models: what it sees, and outlier channels, which are found, cured, recorded and warned of."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
import onnx
import pytest

from roformer_edge.checkpoint.loading import Checkpoint
from roformer_edge.export.network.weights import Weights
from roformer_edge.export.onnx.emitter import build_graph
from roformer_edge.export.parity import probe_feeds
from roformer_edge.quantize import outliers
from roformer_edge.tasks import Task, get_task
from tests.export.conftest import TASK
from tests.onnx_export import export_onnx, float_graph, recipe_options

CHANNELS = {5: 20.0, 17: 30.0}
INT8 = ("int8-dynamic", "int8-static")
TASKS = [get_task(name) for name in ("text-classification", "token-classification", "fill-mask")]
Feeds = dict[str, np.ndarray]


def readers(checkpoint: Checkpoint) -> Iterator[tuple[str, list[str]]]:
    """Every layer norm with the linear layers that read it."""
    heads = ("classifier.dense", "classifier", "cls.predictions.transform.dense")
    head = [name for name in heads if f"{name}.weight" in checkpoint.arrays]
    layers = [f"roformer.encoder.layer.{layer}" for layer in range(checkpoint.config.num_hidden_layers)]
    projections = [[f"{layer}.attention.self.{part}" for part in ("query", "key", "value")] for layer in layers]
    yield "roformer.embeddings.LayerNorm", projections[0]
    for layer, after in zip(layers, [*projections[1:], head], strict=True):
        yield f"{layer}.attention.output.LayerNorm", [f"{layer}.intermediate.dense"]
        yield f"{layer}.output.LayerNorm", after


@pytest.fixture
def hostile(make_checkpoint: Callable[..., Checkpoint]) -> Callable[..., Checkpoint]:
    """A model whose layer norms make two channels large, and whose products that read them have small columns."""

    def make(task: Task, **fields: object) -> Checkpoint:
        plain = make_checkpoint(task, **fields)
        arrays = {name: np.array(array) for name, array in plain.arrays.items()}
        channels, sizes = np.array(list(CHANNELS)), np.array(list(CHANNELS.values()), np.float32)
        for norm, modules in readers(plain):
            # an ordinary norm, then the outliers
            arrays[f"{norm}.weight"][:] = 1
            arrays[f"{norm}.weight"][channels] = sizes
            for module in modules:
                arrays[f"{module}.weight"][:, channels] /= sizes
        return dataclasses.replace(plain, arrays=arrays)

    return make


def some_feeds(task: Task) -> Feeds:
    ids = np.random.default_rng(2).integers(5, 120, (64, 12))
    return {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}


def error(checkpoint: Checkpoint, task: Task, recipe: str, batches: Callable[[], list[Feeds]] | None) -> float:
    """Measure how far the logits are off, as a share of their spread."""
    feeds = some_feeds(task)
    wanted = float_graph(checkpoint, task).open()(feeds)["logits"]
    found = export_onnx(checkpoint, task, recipe_options(recipe), batches).artifact.open()(feeds)["logits"]
    return float(np.sqrt(np.mean((found - wanted) ** 2)) / wanted.std())


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("recipe", INT8)
@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_int8_is_as_good_as_without_outliers(make_checkpoint, hostile, monkeypatch, task, recipe):
    def batches() -> list[Feeds]:
        return [some_feeds(task)]

    ordinary = error(make_checkpoint(task), task, recipe, batches)
    model = hostile(task)
    treated = error(model, task, recipe, batches)
    monkeypatch.setattr(outliers, "OUTLIER_RATIO", np.inf)
    untreated = error(model, task, recipe, batches)
    assert treated < 4 * ordinary
    assert treated < untreated / 3


def test_every_product_that_reads_a_layer_norm_is_treated_and_the_record_says_so(hostile):
    task = TASKS[0]
    exported = export_onnx(hostile(task), task, recipe_options("int8-dynamic"), lambda: [some_feeds(task)])
    treated = [d.scope.name for d in exported.decisions if "2 of 48 input channels are outliers" in d.reason]
    layers = [name for n in range(3) for name in (f"layer.{n}.attention.qkv", f"layer.{n}.ffn.up")]
    assert treated == [*layers, "head.dense"]
    assert all(
        d.reason.startswith("8-bit weights per output channel") for d in exported.decisions if "input" in d.reason
    )
    assert exported.warnings == ()
    assert exported.calibration.texts == 64


def test_without_texts_the_norms_tell_and_a_warning_is_given(make_checkpoint, hostile):
    task = TASKS[0]
    model = hostile(task)
    exported = export_onnx(model, task, recipe_options("int8-dynamic"))
    (warning,) = exported.warnings
    assert "outlier channels in 7 parts of the network (layer.0.attention.qkv, layer.0.ffn.up" in warning
    assert "calibration=" in warning
    estimated, measured = (error(model, task, "int8-dynamic", b) for b in (None, lambda: [some_feeds(task)]))
    assert estimated < 4 * measured
    assert export_onnx(model, task, recipe_options("int8-embeddings")).warnings == ()
    assert export_onnx(model, task, recipe_options("fp32")).warnings == ()


def test_the_worst_channels_are_multiplied_in_floating_point(hostile, monkeypatch):
    task = TASKS[0]
    monkeypatch.setattr(outliers, "SPLIT_RATIO", 4.0)
    model = hostile(task)
    exported = export_onnx(model, task, recipe_options("int8-static"), lambda: [some_feeds(task)])
    parts = onnx.load_model_from_string(exported.artifact.to_bytes())
    picked = [node.name for node in parts.graph.node if node.op_type == "Gather" and ".outliers" in node.name]
    # the last layer multiplies query, and key and value, apart
    assert len(picked) == 3 + 3 + 1 + 1
    assert error(model, task, "int8-static", lambda: [some_feeds(task)]) < 0.02


def test_multipliers_are_folded_into_a_norm_that_one_product_reads(make_checkpoint):
    task = get_task("fill-mask")
    plain = make_checkpoint(task, embedding_size=24, tie_word_embeddings=False)
    arrays = {name: np.array(array) for name, array in plain.arrays.items()}
    for norm, reader in (
        ("roformer.embeddings.LayerNorm", "roformer.embeddings_project"),
        ("cls.predictions.transform.LayerNorm", "cls.predictions.decoder"),
    ):
        arrays[f"{norm}.weight"][:] = 1
        arrays[f"{norm}.weight"][3] = 40
        arrays[f"{reader}.weight"][:, 3] /= 40
    model = dataclasses.replace(plain, arrays=arrays)
    for recipe in INT8:
        exported = export_onnx(model, task, recipe_options(recipe), lambda: [some_feeds(task)])
        reasons = {d.scope.name: d.reason for d in exported.decisions}
        for scope in ("embeddings.project", "head.decoder"):
            assert "1 of 24 input channels are outliers" in reasons[scope]
            assert f"{scope}.smoothed/Mul" not in [node.name for node in exported.artifact.nodes]
        assert error(model, task, recipe, lambda: [some_feeds(task)]) < 0.05


def test_a_table_that_two_share_is_not_scaled(make_checkpoint):
    task = get_task("fill-mask")
    plain = make_checkpoint(task)
    arrays = {name: np.array(array) for name, array in plain.arrays.items()}
    norm = "cls.predictions.transform.LayerNorm"
    arrays[f"{norm}.weight"][:] = 1
    arrays[f"{norm}.weight"][3] = 30
    model = dataclasses.replace(plain, arrays=arrays)
    exported = export_onnx(model, task, recipe_options("int8-dynamic"), lambda: [some_feeds(task)])
    reason = next(d.reason for d in exported.decisions if d.scope.name == "head.decoder")
    assert "1 multiplied in float32" in reason
    assert "head.decoder/weight" not in exported.artifact.tensors
    # the norm's channel stays large, for the float product reads it
    assert exported.artifact.tensors["head.norm/weight"][3] == 30


@pytest.mark.parametrize("fields", [{}, {"embedding_size": 24}], ids=["plain", "projected"])
def test_rounding_errors_of_embeddings_do_not_become_outliers(make_checkpoint, monkeypatch, fields):
    task = TASKS[0]
    plain = make_checkpoint(task, **fields)
    arrays = {name: np.array(array) for name, array in plain.arrays.items()}
    large = "roformer.embeddings_project.weight" if fields else "roformer.embeddings.LayerNorm.weight"
    arrays["roformer.embeddings.LayerNorm.weight"][:] = 1
    arrays[large][[5, 17]] *= 40
    model = dataclasses.replace(plain, arrays=arrays)
    exported = export_onnx(model, task, recipe_options("int8-embeddings"))
    assert "the rows' rounding errors in them are kept" in exported.decisions[0].reason
    assert exported.warnings == ()
    kept = error(model, task, "int8-embeddings", None)
    monkeypatch.setattr(outliers, "OUTLIER_RATIO", np.inf)
    assert kept < error(model, task, "int8-embeddings", None) / 3


def test_a_float_product_knows_of_no_outliers(hostile):
    task = TASKS[0]
    model = hostile(task)
    smoothing = {
        "head.dense": outliers.smooth(np.where(np.arange(48) == 5, 20.0, 1.0), model.arrays["classifier.dense.weight"])
    }
    weights = Weights(config=model.config, arrays=model.arrays, smoothing=smoothing)
    graph = build_graph(weights, task, recipe_options("fp32"))
    assert graph.to_bytes() == float_graph(model, task).to_bytes()


def flat(feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Calibration knows rows of texts only."""
    return {name: array.reshape(-1, array.shape[-1]) for name, array in feeds.items()}


def test_static_calibration_does_not_see_padding(make_checkpoint):
    checkpoint = make_checkpoint()
    feeds = list(probe_feeds(checkpoint.config, TASK))[-1]
    padded = {name: np.concatenate([array, np.zeros((1, 4), np.int64)], axis=1) for name, array in feeds.items()}
    padded = {name: array[:, -60:] for name, array in padded.items()}
    bare = {name: array[:, :-4] for name, array in padded.items()}
    options = recipe_options("int8-static")
    first = export_onnx(checkpoint, TASK, options, batches=lambda: [padded]).calibration
    second = export_onnx(checkpoint, TASK, options, batches=lambda: [bare]).calibration
    assert first.digest == second.digest
    for name, bounds in first.ranges.items():
        np.testing.assert_allclose(bounds, second.ranges[name], atol=1e-4, err_msg=name)


def test_the_range_of_the_first_position_is_its_own(make_checkpoint):
    checkpoint = make_checkpoint()
    batches = [flat(feeds) for feeds in probe_feeds(checkpoint.config, TASK)]
    ranges = export_onnx(checkpoint, TASK, recipe_options("int8-static"), batches=lambda: batches).calibration.ranges
    every, first = ranges["layer.2.attention.qkv"], ranges["layer.2.attention.qkv.first"]
    assert every[0] <= first[0] < first[1] <= every[1]
    assert every != first
