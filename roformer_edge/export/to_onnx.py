"""From a checkpoint to the bytes of one ONNX model: float graph, parity, calibration, quantised graph."""

from __future__ import annotations

from dataclasses import dataclass

from roformer_edge._extras import available
from roformer_edge.checkpoint.loading import Checkpoint
from roformer_edge.errors import RecipeError
from roformer_edge.export.calibration import Batches, calibrate_graph, equalised_arrays
from roformer_edge.export.onnx.build import build_graph
from roformer_edge.export.onnx.graph import Graph
from roformer_edge.export.onnx.linear import Precision
from roformer_edge.export.parity import Parity, check_parity, torch_answers
from roformer_edge.progress import SILENT, ProgressListener
from roformer_edge.quantize.calibrate import Calibration
from roformer_edge.quantize.presets import Preset
from roformer_edge.quantize.recipe import DYNAMIC, FLOAT, STATIC, Decision, Recipe, resolve
from roformer_edge.scopes import scopes_of
from roformer_edge.tasks import Task, TensorSpec

NO_TORCH = "torch is not installed, so the graph was not compared with the reference model"


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """What can be chosen about an export.

    Attributes:
        recipe: Which parts are quantised, and how.
        preset: Integer types that suit the processor.
        index_dtype: Of the graph's inputs, ``int64`` or ``int32``.
        observer: How calibration turns the values it saw into a range; a key of ``observers.OBSERVERS``.
    """

    recipe: Recipe
    preset: Preset
    index_dtype: str = "int64"
    observer: str = "percentile"


@dataclass(frozen=True, kw_only=True)
class Exported:
    """An exported model and what is known about it.

    Attributes:
        model: The serialised ONNX model.
        decisions: One per scope, in the order of the network.
        parity: Of the float32 graph that the model was quantised from.
        calibration: Present where the recipe needed ranges.
        inputs: Of the model.
        outputs: Of the model.
    """

    model: bytes
    decisions: tuple[Decision, ...]
    parity: Parity
    calibration: Calibration | None
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


def float_graph(checkpoint: Checkpoint, task: Task, index_dtype: str = "int64") -> Graph:
    """The float32 graph of a checkpoint."""
    return build_graph(checkpoint.config, checkpoint.arrays, task, index_dtype=index_dtype)


def export_onnx(
    checkpoint: Checkpoint,
    task: Task,
    options: ExportOptions,
    *,
    batches: Batches | None = None,
    progress: ProgressListener = SILENT,
) -> Exported:
    """Export a checkpoint.

    Args:
        checkpoint: Weights and architecture.
        task: The head, inputs and outputs.
        options: Recipe, preset, dtypes.
        batches: Makes the calibration batches: feeds of int64 ``[batch, sequence]`` with ``attention_mask``. Needed
            by recipes with the static scheme; with others they serve to spread loud channels, as with static ones.
        progress: Told of each stage as it begins, and how many calibration texts were seen.

    Raises:
        ParityError: The float32 graph does not compute what the torch model computes.
        RecipeError: The recipe does not fit the model, or needs calibration batches that are not there.
        CalibrationError: The calibration batches hold nothing, or make values that are not finite.
    """
    decisions = resolve(options.recipe, scopes_of(checkpoint.config, task))
    static = [name for name, decision in decisions.items() if decision.scheme == STATIC]
    if static and batches is None:
        raise RecipeError(
            f"recipe {options.recipe.name!r} needs calibration texts for {len(static)} parts of the network; "
            "give a JSON Lines file of texts like those that the model will see (--calibration)"
        )
    progress.stage("parity")
    answers = torch_answers(checkpoint, task) if available("torch") else None
    graph = float_graph(checkpoint, task, options.index_dtype)
    parity = Parity(checked=False, reference=NO_TORCH)
    if answers is not None:
        parity = check_parity(graph, answers, checkpoint.config, task)
    quantised = [name for name, decision in decisions.items() if decision.scheme in (STATIC, DYNAMIC)]
    arrays, calibration = checkpoint.arrays, None
    if quantised and batches is not None:
        progress.stage("calibrate")
        arrays = equalised_arrays(graph, checkpoint, quantised, batches, progress)
        if static:
            graph = build_graph(checkpoint.config, arrays, task, index_dtype=options.index_dtype)
            grid = options.preset.activations
            calibration = calibrate_graph(graph, static, batches, progress, grid=grid, observer=options.observer)
    if any(decision.scheme != FLOAT for decision in decisions.values()):
        progress.stage("quantize")
        del graph
        graph = build_graph(
            checkpoint.config,
            arrays,
            task,
            decisions=decisions,
            precision=Precision(preset=options.preset, ranges=calibration.ranges if calibration else {}),
            index_dtype=options.index_dtype,
        )
    progress.stage("serialise")
    return Exported(
        model=graph.to_bytes(),
        inputs=graph.inputs,
        outputs=graph.outputs,
        decisions=tuple(decisions.values()),
        parity=parity,
        calibration=calibration,
    )
