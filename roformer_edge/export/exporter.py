"""From a checkpoint to an artifact in some format: float network, parity, calibration, quantised network."""

from __future__ import annotations

from dataclasses import dataclass

from roformer_edge._extras import available
from roformer_edge.checkpoint.loading import Checkpoint
from roformer_edge.errors import RecipeError
from roformer_edge.export.artifact import Artifact, Builder, ExportOptions
from roformer_edge.export.calibration import Batches, calibrate_products, equalised_arrays, output_maxima
from roformer_edge.export.network.weights import Weights
from roformer_edge.export.parity import Parity, check_parity, torch_answers
from roformer_edge.progress import SILENT, ProgressListener
from roformer_edge.quantize.calibrate import Calibration
from roformer_edge.quantize.recipe import DYNAMIC, FLOAT, STATIC, Decision, resolve
from roformer_edge.scopes import scopes_of
from roformer_edge.tasks import Task

NO_TORCH = "torch is not installed, so the graph was not compared with the reference model"


@dataclass(frozen=True, kw_only=True)
class Exported:
    """An artifact and what is known about it.

    Attributes:
        artifact: The model.
        decisions: One per scope, in the order of the network.
        parity: Of the float32 network that the artifact was quantised from.
        calibration: Present where the recipe needed ranges.
    """

    artifact: Artifact
    decisions: tuple[Decision, ...]
    parity: Parity
    calibration: Calibration | None


def export_checkpoint(
    checkpoint: Checkpoint,
    task: Task,
    options: ExportOptions,
    *,
    build: Builder,
    batches: Batches | None = None,
    progress: ProgressListener = SILENT,
) -> Exported:
    """Export a checkpoint.

    Args:
        checkpoint: Weights and architecture.
        task: The head, inputs and outputs.
        options: Recipe, preset, dtypes.
        build: Makes the artifact in the wanted format.
        batches: Makes the calibration batches: feeds of int64 ``[batch, sequence]`` with ``attention_mask``. Needed
            by recipes with the static scheme; with others they serve to equalise outlier channels, as with static ones.
        progress: Told of each stage as it begins, and how many calibration texts were seen.

    Raises:
        ParityError: The float32 network does not compute what the torch model computes.
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
    weights = Weights(config=checkpoint.config, arrays=checkpoint.arrays)
    artifact = build(weights, task, options)
    parity = Parity(checked=False, reference=NO_TORCH)
    if answers is not None:
        parity = check_parity(artifact, answers, checkpoint.config, task)
    quantised = [name for name, decision in decisions.items() if decision.scheme in (STATIC, DYNAMIC)]
    calibration = None
    if quantised and batches is not None:
        progress.stage("calibrate")
        weights = Weights(
            config=weights.config, arrays=equalised_arrays(artifact, weights, quantised, batches, progress)
        )
        if static:
            artifact = build(weights, task, options)
            grid = options.preset.activations
            calibration = calibrate_products(artifact, static, batches, progress, grid=grid, observer=options.observer)
    if any(decision.scheme != FLOAT for decision in decisions.values()):
        progress.stage("quantize")
        del artifact  # one model in memory at a time
        weights = Weights(
            config=weights.config,
            arrays=weights.arrays,
            decisions=decisions,
            ranges=calibration.ranges if calibration else {},
            output_maxima=output_maxima(calibration) if calibration else {},
        )
        artifact = build(weights, task, options)
    return Exported(artifact=artifact, decisions=tuple(decisions.values()), parity=parity, calibration=calibration)
