"""What every part of a model loses when it is quantised: ``quantize.sensitivity`` with real trials."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from roformer_edge.deploy.inputs import calibration_batches, export_options_of, labelled_examples, open_model
from roformer_edge.deploy.options import DeployOptions
from roformer_edge.deploy.reference import open_session
from roformer_edge.deploy.search import SearchWork, standard_of_work, trials_of
from roformer_edge.errors import OptionError, RecipeError, advice
from roformer_edge.progress import SILENT, ProgressListener
from roformer_edge.quantize.recipe import AUTO, FLOAT, STATIC, resolve
from roformer_edge.quantize.sensitivity import Sensitivity, measure_sensitivity
from roformer_edge.validate.data.examples import spread_sample

_THREADS = 1
# options of a deployment that say nothing about parts, because no bundle is made and nothing is refused
_WITHOUT_EFFECT = ("max_drop", "slices", "report", "prune_vocab", "overwrite", "for_this_machine", "threads")


@dataclass(frozen=True, kw_only=True)
class MeasuredParts:
    """The sensitivity of a model's parts.

    Attributes:
        sensitivity: The figures.
        metric: The metric whose drop they give.
        examples: Number of examples that they were measured on.
    """

    sensitivity: Sensitivity
    metric: str
    examples: int


def measure_parts(
    source: str | Path, options: DeployOptions, *, limit: int, progress: ProgressListener = SILENT
) -> MeasuredParts:
    """Measure a model with one part quantised at a time, and with all but one.

    Args:
        source: A checkpoint or a float32 bundle; see ``deploy_checkpoint``.
        options: The recipe, and the labelled data (``evaluation``) that is measured on.
        limit: The most examples, spread over the data.
        progress: Told of stages and steps.

    Raises:
        OptionError: No data, no recipe of its own, a limit below 1, or what only counts where a bundle is made.
        RecipeError: The recipe quantises nothing, or needs calibration texts that are not there.
    """
    if options.evaluation is None or options.recipe == AUTO:
        raise OptionError("recipe", options.recipe, "one recipe, measured on labelled data (evaluation)")
    if limit < 1:
        raise OptionError("limit", limit)
    for name in _WITHOUT_EFFECT:
        if getattr(options, name) != getattr(DeployOptions, name):
            raise OptionError(name, getattr(options, name), "left out: parts are measured, and no bundle is made")
    export = export_options_of(options)
    progress.stage("read")
    with open_model(source, options) as model:
        examples = labelled_examples(options, model)
        work = SearchWork(
            original=model,
            model=model,
            reference=open_session(model, _THREADS),
            options=options,
            export=export,
            batches=calibration_batches(options, model),
        )
        decisions = resolve(export.recipe, work.scopes)
        schemes = {name: decision.scheme for name, decision in decisions.items()}
        if set(schemes.values()) == {FLOAT}:
            raise RecipeError(f"the recipe {export.recipe.name!r} leaves every part in {FLOAT}: nothing is lost")
        if STATIC in schemes.values() and work.batches is None:
            raise RecipeError(
                f"recipe {export.recipe.name!r} needs calibration texts "
                + advice(python="(calibration=)", command="(--calibration)")
            )
        standard = standard_of_work(work, spread_sample(examples, limit), progress)
        trials = trials_of(work, standard, [schemes], progress)
        found = measure_sensitivity(export.recipe.name, decisions, trials, progress)
        return MeasuredParts(sensitivity=found, metric=standard.metric.name, examples=len(standard.examples))
