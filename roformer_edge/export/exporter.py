"""From a checkpoint to an artifact in some format: calibration, quantised network; parity of the float network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from roformer_edge.checkpoint.loading import Checkpoint
from roformer_edge.errors import RecipeError, advice
from roformer_edge.export.artifact import Artifact, Builder, ExportOptions
from roformer_edge.export.calibration import (
    Batches,
    Treated,
    calibrate_products,
    split_outputs,
    treat_embeddings,
    treat_outliers,
)
from roformer_edge.export.network.emitter import FloatArray
from roformer_edge.export.network.weights import Weights
from roformer_edge.export.parity import Parity, Tensors, check_parity, open_for_parity
from roformer_edge.processes import give_back_memory
from roformer_edge.progress import SILENT, ProgressListener
from roformer_edge.quantize.calibrate import Calibration
from roformer_edge.quantize.recipe import ATTENTION, FLOAT, INT4_ROWS, ROWS, SCHEMES, STATIC, Decision, resolve
from roformer_edge.scopes import scopes_of
from roformer_edge.tasks import Task

NOT_COMPARED = Parity(
    checked=False, reference="torch is not installed, so the graph was not compared with the reference model"
)


@dataclass(frozen=True, kw_only=True)
class Exported:
    """An artifact and what is known about it.

    Attributes:
        artifact: The model.
        decisions: One per scope, in the order of the network.
        calibration: What was seen of calibration texts: the ranges where the recipe needed some, and otherwise the
            magnitudes that outlier channels were found by.
        warnings: What may make the artifact worse than it could be.
    """

    artifact: Artifact
    decisions: tuple[Decision, ...]
    calibration: Calibration | None
    warnings: tuple[str, ...] = ()


def export_checkpoint(
    checkpoint: Checkpoint,
    task: Task,
    options: ExportOptions,
    *,
    build: Builder,
    batches: Batches | None = None,
    progress: ProgressListener = SILENT,
) -> Exported:
    """Export a checkpoint; whether its network is the reference model's, :func:`compare_network` tells.

    Args:
        checkpoint: Weights and architecture.
        task: The head, inputs and outputs.
        options: Recipe, preset, dtypes.
        build: Makes the artifact in the wanted format.
        batches: Makes the calibration batches: feeds of int64 ``[batch, sequence]`` with ``attention_mask``. Needed
            by recipes with the static scheme; with all that quantise inputs they tell which channels are outliers.
        progress: Told of each stage as it begins, and how many calibration texts were seen.

    Raises:
        RecipeError: The recipe does not fit the model, or needs calibration batches that are not there.
        CalibrationError: The calibration batches hold nothing, or make values that are not finite.
    """
    decisions = resolve(options.recipe, scopes_of(checkpoint.config, task))
    static = [name for name, decision in decisions.items() if decision.scheme == STATIC]
    if static and batches is None:
        raise RecipeError(
            f"recipe {options.recipe.name!r} needs calibration texts for {len(static)} parts of the network; "
            "give a file of texts like those that the model will see "
            + advice(python="(calibration=)", command="(--calibration)")
        )
    prepared = prepare(
        checkpoint,
        task,
        options,
        decisions,
        static=static,
        build=build,
        batches=batches,
        progress=progress,
    )
    if any(decision.scheme != FLOAT for decision in decisions.values()):
        progress.stage("quantize")
    else:
        progress.stage("float network")
    return Exported(
        artifact=prepared.build(decisions),
        decisions=tuple(_with_treatment(decision, prepared.treatments) for decision in decisions.values()),
        calibration=prepared.calibration,
        warnings=prepared.warnings,
    )


def compare_network(
    checkpoint: Checkpoint,
    task: Task,
    options: ExportOptions,
    *,
    build: Builder,
    answers: Callable[[], Sequence[Tensors]] | None,
    progress: ProgressListener = SILENT,
) -> Parity:
    """Compare the float32 network that artifacts are made of with the reference model.

    Args:
        checkpoint: Weights and architecture.
        task: The head, inputs and outputs.
        options: Those of the export.
        build: Makes the artifact in the wanted format.
        answers: Gives what the reference model answers to ``parity.probe_feeds``; asked before the network is made.
            ``None`` where there is no reference.
        progress: Told of each stage as it begins.

    Raises:
        ParityError: The network does not compute what the reference model computes.
    """
    if answers is None:
        return NOT_COMPARED
    # first: a reference model in a process of its own is out of memory then
    progress.stage("reference answers")
    expected = answers()
    progress.stage("float network")
    give_back_memory()
    config = checkpoint.config
    artifact = build(Weights(config=config, arrays=checkpoint.arrays), task, options)
    run = open_for_parity(artifact, config)
    del artifact  # its arrays are gone before the engine makes its own of them, at the first run
    give_back_memory()
    progress.stage("parity")
    return check_parity(run, expected, config, task)


@dataclass(frozen=True, kw_only=True, eq=False)
class Prepared:
    """A model of which artifacts can be built by scheme: its outliers are treated, and its inputs calibrated.

    Attributes:
        build: Makes an artifact of what was decided for every scope.
        treatments: Scope name -> what was done about outliers there; of scopes with outliers only.
        calibration: What was seen of calibration texts.
        warnings: What may make artifacts worse than they could be.
    """

    build: Callable[[Mapping[str, Decision]], Artifact]
    treatments: Mapping[str, str]
    calibration: Calibration | None
    warnings: tuple[str, ...]


def prepare(
    checkpoint: Checkpoint,
    task: Task,
    options: ExportOptions,
    decisions: Mapping[str, Decision],
    *,
    static: Sequence[str],
    build: Builder,
    batches: Batches | None,
    progress: ProgressListener,
) -> Prepared:
    """Do all that comes before numbers become integers; see :func:`export_checkpoint`.

    Args:
        checkpoint: Weights and architecture.
        task: The head, inputs and outputs.
        options: Preset, observer, dtypes.
        decisions: Scope name -> decision; tells whose outliers are treated.
        static: Names of the scopes whose ranges are calibrated.
        build: Makes the artifact in the wanted format.
        batches: Makes the calibration batches, or ``None``.
        progress: Told of each stage as it begins.
    """
    weights = Weights(config=checkpoint.config, arrays=checkpoint.arrays)
    quantised = [decision.scope for decision in decisions.values() if SCHEMES[decision.scheme].rounds_input]
    treated = Treated(weights=weights)
    if quantised:
        if batches is not None:
            progress.stage("calibrate")
        treated = treat_outliers(
            lambda: build(weights, task, options),
            replace(weights, decisions=decisions),
            quantised,
            batches,
            progress,
            multiplied=[name for name, decision in decisions.items() if decision.scheme == ATTENTION],
        )
    calibration = treated.seen
    output_maxima: dict[str, FloatArray] = {}
    if static and batches is not None:
        calibration = calibrate_products(
            build(replace(treated.weights, decisions={}), task, options),
            treated.weights,
            static,
            batches,
            progress,
            grid=options.preset.activations,
            observer=options.observer,
        )
        calibration, output_maxima = split_outputs(calibration)
    warnings = (treated.warning,) if treated.warning else ()
    if decisions["embeddings.word"].scheme in (ROWS, INT4_ROWS):
        treated = treat_embeddings(treated)
    ranges = calibration.ranges if calibration is not None else {}
    ready = replace(treated.weights, ranges=ranges, output_maxima=output_maxima)
    return Prepared(
        build=lambda decided: build(replace(ready, decisions=decided), task, options),
        treatments=treated.treatments,
        calibration=calibration,
        warnings=warnings,
    )


def _with_treatment(decision: Decision, treatments: Mapping[str, str]) -> Decision:
    treatment = treatments.get(decision.scope.name)
    return replace(decision, reason=f"{decision.reason}; {treatment}") if treatment else decision
