"""ONNX exports of a checkpoint, as short as tests want them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from roformer_edge.checkpoint.loading import Checkpoint
from roformer_edge.config import RoFormerConfig
from roformer_edge.export.artifact import Artifact, ExportOptions
from roformer_edge.export.calibration import Batches
from roformer_edge.export.exporter import Exported, compare_network, export_checkpoint
from roformer_edge.export.network.weights import Weights
from roformer_edge.export.onnx.emitter import build_graph
from roformer_edge.export.onnx.graph import Graph
from roformer_edge.export.parity import Parity, Tensors, check_parity, open_for_parity, torch_answers
from roformer_edge.models.torch import heads
from roformer_edge.quantize.presets import get_preset
from roformer_edge.quantize.recipe import get_recipe
from roformer_edge.tasks import Task


def recipe_options(recipe: str, preset: str = "x86-vnni") -> ExportOptions:
    return ExportOptions(recipe=get_recipe(recipe), preset=get_preset(preset))


def export_onnx(checkpoint: Checkpoint, task: Task, options: ExportOptions, batches: Batches | None = None) -> Exported:
    """Export, after a comparison with the torch model."""
    compare_network(checkpoint, task, options, build=build_graph, answers=lambda: reference_answers(checkpoint, task))
    return export_checkpoint(checkpoint, task, options, build=build_graph, batches=batches)


def reference_answers(checkpoint: Checkpoint, task: Task) -> list[dict[str, np.ndarray]]:
    """What the torch model of a checkpoint answers to the probes of parity."""
    model = getattr(heads, task.model_class).from_arrays(checkpoint.config, checkpoint.arrays)
    return torch_answers(model, checkpoint.config, task)


def float_graph(checkpoint: Checkpoint, task: Task) -> Graph:
    return build_graph(Weights(config=checkpoint.config, arrays=checkpoint.arrays), task, recipe_options("fp32"))


def parity_of(artifact: Artifact, answers: Sequence[Tensors], config: RoFormerConfig, task: Task) -> Parity:
    """Compare a float artifact with the answers of a reference."""
    return check_parity(open_for_parity(artifact, config), answers, config, task)
