"""The graph of one task, written straight from the arrays of a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import ExportError, UnknownNameError
from roformer_edge.export.onnx.graph import Graph, Parts
from roformer_edge.export.onnx.heads import HEADS
from roformer_edge.export.onnx.linear import Precision
from roformer_edge.export.onnx.network import Network
from roformer_edge.quantize.presets import PRESETS, SAFE_PRESET
from roformer_edge.quantize.recipe import Decision
from roformer_edge.signatures import TensorSpec
from roformer_edge.tasks import Task

INDEX_DTYPES = ("int64", "int32")
FLOAT_PRECISION = Precision(preset=PRESETS[SAFE_PRESET], ranges={})


def build_graph(
    config: RoFormerConfig,
    arrays: Mapping[str, np.ndarray],
    task: Task,
    *,
    decisions: Mapping[str, Decision] | None = None,
    precision: Precision = FLOAT_PRECISION,
    index_dtype: str = "int64",
) -> Graph:
    """Build the graph of one task.

    Args:
        config: The architecture.
        arrays: Canonical arrays by Hugging Face name; each is read once, in the order of the network.
        task: Decides the head, the inputs and the outputs.
        decisions: From :func:`roformer_edge.quantize.recipe.resolve`; everything float32 where absent.
        precision: Integer types, and the ranges that the static scheme needs.
        index_dtype: Of the three inputs, ``int64`` or ``int32``.

    Returns:
        A graph with inputs and outputs of ``task``, of any batch and length.

    Raises:
        ExportError: A static range is missing, or the model looks at other positions than ``task`` does.
        UnknownNameError: ``index_dtype`` is not offered.
    """
    if index_dtype not in INDEX_DTYPES:
        raise UnknownNameError("index dtype", index_dtype, INDEX_DTYPES)
    _check_direction(config, task)
    network = Network(config=config, arrays=arrays, decisions=decisions or {}, precision=precision)
    parts = Parts()
    HEADS[task.name](network, parts)
    sizes = {
        "labels": str(config.num_labels),
        "vocabulary": str(config.vocab_size),
        "hidden": str(config.hidden_size),
    }
    inputs = tuple(TensorSpec(name=spec.name, dtype=index_dtype, axes=spec.axes) for spec in task.inputs)
    outputs = tuple(
        TensorSpec(name=spec.name, dtype=spec.dtype, axes=tuple(sizes.get(axis, axis) for axis in spec.axes))
        for spec in task.outputs
    )
    return Graph(
        nodes=tuple(parts.nodes),
        inputs=inputs,
        outputs=outputs,
        tensors=parts.tensors,
        linear_inputs=parts.linear_inputs,
    )


def _check_direction(config: RoFormerConfig, task: Task) -> None:
    """A causal model for a causal task, and no other."""
    if config.add_cross_attention:
        raise ExportError(
            "config.add_cross_attention is set: the model reads another encoder's states, and no task gives it any"
        )
    if config.is_decoder and not task.causal:
        raise ExportError(f"config.is_decoder is set, but {task.name} is exported from an encoder; set it to false")
    if task.causal and not config.is_decoder:
        raise ExportError(
            f"config.is_decoder is not set, so the model sees what comes after a token too; {task.name} needs one that "
            "was trained to see what came before: set it to true if this one was"
        )
