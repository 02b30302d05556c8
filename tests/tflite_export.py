"""TFLite exports of a checkpoint, as short as tests want them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import tflite

from roformer_edge.checkpoint.loading import Checkpoint
from roformer_edge.checkpoint.names import shapes_of
from roformer_edge.config import RoFormerConfig
from roformer_edge.export.artifact import Builder
from roformer_edge.export.calibration import Batches
from roformer_edge.export.exporter import Exported, compare_network, export_checkpoint
from roformer_edge.export.network.weights import Weights
from roformer_edge.export.tflite.model import TFLiteModel, build_model
from roformer_edge.quantize.recipe import resolve
from roformer_edge.scopes import scopes_of
from roformer_edge.tasks import Task, get_task
from tests.onnx_export import recipe_options, reference_answers


def float_model(checkpoint: Checkpoint, task: Task, **options: object) -> TFLiteModel:
    weights = Weights(config=checkpoint.config, arrays=checkpoint.arrays)
    return build_model(weights, task, dataclasses.replace(recipe_options("fp32"), **options))


def export_tflite(
    checkpoint: Checkpoint, task: Task, recipe: str, batches: Batches | None = None, **options: object
) -> Exported:
    chosen = dataclasses.replace(recipe_options(recipe), **options)
    compare_network(checkpoint, task, chosen, build=build_model, answers=lambda: reference_answers(checkpoint, task))
    return export_checkpoint(checkpoint, task, chosen, build=build_model, batches=batches)


def read(content: bytes) -> tflite.Model:
    """Read a file with classes of another origin than those that wrote it."""
    assert tflite.Model.ModelBufferHasIdentifier(content, 0)
    return tflite.Model.GetRootAsModel(content, 0)


def operators(model: tflite.Model, graph: int = 0) -> Iterator[tuple[str, int]]:
    """Names and versions of a graph's operators, in their order."""
    names = {value: name for name, value in vars(tflite.BuiltinOperator).items() if isinstance(value, int)}
    subgraph = model.Subgraphs(graph)
    for place in range(subgraph.OperatorsLength()):
        code = model.OperatorCodes(subgraph.Operators(place).OpcodeIndex())
        yield names[code.BuiltinCode()], code.Version()


def tensors(model: tflite.Model, graph: int = 0) -> dict[str, tflite.Tensor]:
    subgraph = model.Subgraphs(graph)
    found = [subgraph.Tensors(place) for place in range(subgraph.TensorsLength())]
    return {one.Name().decode(): one for one in found}


def data(model: tflite.Model, tensor: tflite.Tensor) -> np.ndarray:
    """The bytes of a constant."""
    return model.Buffers(tensor.Buffer()).DataAsNumpy()


def build_tiny(
    task: str = "text-classification",
    recipe: str = "fp32",
    *,
    build: Builder = build_model,
    fields: dict[str, object] | None = None,
    **options: object,
) -> TFLiteModel:
    """A model of random weights that no checkpoint holds: a vocabulary of 40, 32 positions, 3 labels."""
    chosen = get_task(task)
    fields = {
        "vocab_size": 40,
        "embedding_size": 12,
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 24,
        "max_position_embeddings": 32,
        "is_decoder": chosen.causal,
        "id2label": {0: "off", 1: "on", 2: "dim"},
        **(fields or {}),
    }
    config = RoFormerConfig(**fields)
    random = np.random.default_rng(7)
    shapes = shapes_of(config, chosen.model_class)
    arrays = {name: random.normal(0, 0.3, shape).astype(np.float32) for name, shape in shapes.items()}
    settings = dataclasses.replace(recipe_options(recipe), **options)
    weights = Weights(config=config, arrays=arrays, decisions=resolve(settings.recipe, scopes_of(config, chosen)))
    return build(weights, chosen, settings)
