"""The whole journey in one call: checkpoint in, validated bundle out. Composes the floors below, computes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from roformer_edge.errors import UnknownNameError

if TYPE_CHECKING:
    from roformer_edge.bundle.manifest import Manifest
    from roformer_edge.validate.report import Report

FORMATS = ("onnx",)
CALIBRATION_TEXTS = 512
_CALIBRATION_BATCH = 8


class ProgressListener(Protocol):
    """Is told how far a deployment has come."""

    def stage(self, name: str) -> None:
        """A stage begins."""

    def step(self, done: int, total: int | None) -> None:
        """``done`` of ``total`` steps of the stage are finished."""


@dataclass(frozen=True, kw_only=True)
class DeployOptions:
    """What can be chosen about a deployment.

    Attributes:
        task: A key of ``tasks.TASKS``.
        format: Of the model file; one of ``FORMATS``.
        recipe: A key of ``quantize.recipe.RECIPES``, or the path of a recipe in JSON.
        keep_float: Shell-style patterns of scopes to leave in float32 whatever the recipe says.
        preset: A key of ``quantize.presets.PRESETS``: integer types that suit the target's processor.
        observer: A key of ``quantize.observers.OBSERVERS``, for recipes with calibrated ranges.
        index_dtype: Of the graph's inputs, ``"int64"`` or ``"int32"``.
        tokenizer: ``"slow"``, ``"fast"``, or ``"auto"`` for the one that the checkpoint was trained with.
        calibration: JSON Lines of texts to calibrate on; the first ``calibration_texts`` are used.
        calibration_texts: How many texts at most.
        evaluation: Labelled JSON Lines to measure the loss on.
        max_drop: Largest loss of the task's metric allowed, in percentage points.
        report: Folder for the report's files.
        truncation: Cut texts that are longer than the model allows, instead of refusing them.
        overwrite: Replace a bundle that is there already.
    """

    task: str = "text-classification"
    format: str = "onnx"
    recipe: str = "int8-dynamic"
    keep_float: tuple[str, ...] = ()
    preset: str = "x86"
    observer: str = "percentile"
    index_dtype: str = "int64"
    tokenizer: str = "auto"
    calibration: Path | None = None
    calibration_texts: int = CALIBRATION_TEXTS
    evaluation: Path | None = None
    max_drop: float | None = None
    report: Path | None = None
    truncation: bool = False
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise UnknownNameError("format", self.format, FORMATS)


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """What a deployment made.

    Attributes:
        bundle: Where it lies.
        manifest: What it is.
        report: What was lost, where evaluation data was given.
        report_files: The files of the report.
    """

    bundle: Path
    manifest: Manifest
    report: Report | None
    report_files: tuple[Path, ...]
