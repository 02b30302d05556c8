"""The recipe ``auto``: the search of ``quantize.search``, with the trials of ``export.trial``, on half of the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from roformer_edge.deploy.inputs import built_in_recipes
from roformer_edge.deploy.options import MOST_TUNED, DeployOptions
from roformer_edge.deploy.reference import predictor_of_source
from roformer_edge.deploy.source import SourceModel
from roformer_edge.errors import BudgetExceededError
from roformer_edge.export.artifact import ExportOptions
from roformer_edge.export.calibration import Batches
from roformer_edge.export.exporter import prepare
from roformer_edge.export.trial import ArtifactTrials
from roformer_edge.formats import resolve
from roformer_edge.progress import ProgressListener
from roformer_edge.quantize.recipe import (
    ATTENTION,
    AUTO,
    ROWS,
    SCHEMES,
    STATIC,
    Decision,
    Recipe,
)
from roformer_edge.quantize.search import Budget, Found, Schemes, Step, affordable, recipe_of, search
from roformer_edge.runtime.session import Session
from roformer_edge.scopes import Scope, scopes_of
from roformer_edge.validate.data.examples import Example, spread_sample
from roformer_edge.validate.format import counted, size
from roformer_edge.validate.gates import beside_limit
from roformer_edge.validate.openers import predictor_of_checkpoint
from roformer_edge.validate.predictors import Opening, Predictor
from roformer_edge.validate.scoring import Standard, standard_of

# Examples that parts are measured by alone: how far outputs move needs fewer than how often answers change.
SAMPLED = 64
_THREADS = 1


@dataclass(frozen=True, kw_only=True)
class Searched:
    """What came of a search.

    Attributes:
        found: Every step of it.
        metric: The name of the metric that was kept.
        examples: Number of examples that it was kept on.
    """

    found: Found
    metric: str
    examples: int

    @property
    def drop(self) -> float:
        """What the chosen model lost, in points."""
        assert self.found.chosen is not None  # or there were no such model
        return self.found.chosen.outcome.drop


@dataclass(frozen=True, kw_only=True, eq=False)
class SearchWork:
    """What models are built and measured with.

    Attributes:
        original: What they are measured against.
        model: What they are made of: the same, or with fewer tokens.
        reference: Computes the original.
        options: Budget, format, and what may be chosen from.
        export: Preset, observer, dtypes.
        batches: Makes the calibration batches.
    """

    original: SourceModel
    model: SourceModel
    reference: Session
    options: DeployOptions
    export: ExportOptions
    batches: Batches | None

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """All parts of the model."""
        return scopes_of(self.model.config, self.model.task)


def search_recipe(work: SearchWork, tuned: Sequence[Example], progress: ProgressListener) -> tuple[Recipe, Searched]:
    """Search for the smallest, then quickest model that keeps the budget of the options.

    Args:
        work: What models are built and measured with.
        tuned: The examples to choose by.
        progress: Told of stages and steps.

    Returns:
        The recipe of the model that was chosen, and how it was found.

    Raises:
        BudgetExceededError: No model keeps it; the message says what came nearest.
    """
    options, scopes = work.options, work.scopes
    assert options.max_drop is not None  # which the options demand
    recipes = built_in_recipes(options)
    decided = affordable(recipes, scopes, allowed_schemes(work))
    standard = standard_of_work(work, spread_sample(tuned, MOST_TUNED), progress)
    trials = trials_of(work, standard, list(decided.values()), progress)
    megabytes = options.max_size
    budget = Budget(max_drop=options.max_drop, max_bytes=None if megabytes is None else int(megabytes * 1e6))
    found = search(decided, scopes, trials, budget, progress)
    searched = Searched(found=found, metric=standard.metric.name, examples=len(standard.examples))
    if found.chosen is None or not found.fits:
        raise BudgetExceededError(_nearest(searched))
    return recipe_of(found.chosen, recipes, scopes, found, AUTO), searched


def allowed_schemes(work: SearchWork) -> frozenset[str]:
    """List the schemes that the format can say to the runtime, the target can compute, and the data allows."""
    options = work.options
    row = options.row
    schemes: frozenset[str] = resolve(row.schemes)(options.runtime or next(iter(row.runtimes)))
    if options.runtime is not None:  # asked for, and with what its newer versions alone can do it would be another
        schemes -= frozenset(row.newer)
    if options.schemes:
        schemes &= frozenset(options.schemes)
    if work.model.task.causal:  # see the emitter of ONNX
        schemes -= {ATTENTION}
    return schemes if work.batches is not None else schemes - {STATIC}


def trials_of(
    work: SearchWork, standard: Standard, possible: Sequence[Schemes], progress: ProgressListener
) -> ArtifactTrials:
    """Prepare a model once, so that it can be built with many schemes.

    Args:
        work: What models are built with.
        standard: What they are measured against.
        possible: Schemes of all parts, one mapping for each recipe that parts are mixed of.
        progress: Told of stages and steps.
    """
    model, scopes = work.model, work.scopes
    row = work.options.row
    decisions = {scope.name: Decision(scope=scope, scheme=_widest(scope, possible), reason="") for scope in scopes}
    prepared = prepare(
        model.checkpoint,
        model.task,
        work.export,
        decisions,
        static=[scope.name for scope in scopes if any(schemes[scope.name] == STATIC for schemes in possible)],
        build=resolve(row.builder),
        batches=work.batches,
        progress=progress,
    )
    opening = Opening(
        path=str(model.path),
        task=model.task.name,
        threads=_THREADS,
        truncate=work.options.truncation,
        tokenizer=work.options.tokenizer,
    )

    def side_of(session: Session) -> Predictor:
        return predictor_of_checkpoint(session, model.tokenizer, model.checkpoint, opening, "the model that is tried")

    return ArtifactTrials(prepared.build, scopes, row, side_of, standard, sampled=SAMPLED, threads=_THREADS)


def standard_of_work(work: SearchWork, examples: Sequence[Example], progress: ProgressListener) -> Standard:
    """Let the reference answer the examples that models are measured on."""
    side = predictor_of_source(work.original, work.reference, _THREADS, truncation=work.options.truncation)
    progress.stage("reference")
    return standard_of(side, examples, work.model.task.name, progress)


def _widest(scope: Scope, possible: Sequence[Schemes]) -> str:
    """Choose for one part, of all schemes it may get, the one that asks for the most preparation."""
    schemes = sorted((chosen[scope.name] for chosen in possible), key=lambda scheme: scheme != ATTENTION)
    return next((scheme for scheme in schemes if SCHEMES[scheme].rounds_input or scheme == ROWS), schemes[0])


def _nearest(searched: Searched) -> str:
    """Say that no model keeps the budget, and what came nearest."""
    found, budget = searched.found, searched.found.budget
    asked = f"keeps the drop of {searched.metric} within {budget.max_drop:g} points"
    where = f"with a standard error to spare, on the {counted(searched.examples, 'example')} that were tuned on"
    if budget.max_bytes is None:
        best = min(found.steps, key=lambda step: (step.outcome.high, step.outcome.bytes))
        return f"no recipe {asked} {where}; the nearest is {_told(best, budget)}"
    small = [step for step in found.steps if budget.has_room_for(step.outcome)]
    message = f"no model of at most {size(budget.max_bytes)} {asked} {where}"
    if not small:
        smallest = min(found.steps, key=lambda step: step.outcome.bytes)
        return f"{message}; the smallest is {_told(smallest, budget)}"
    best = min(small, key=lambda step: (step.outcome.high, step.outcome.bytes))
    message += f"; the nearest of that size is {_told(best, budget)}"
    return message if found.chosen is None else f"{message}, and what keeps it is {_told(found.chosen, budget)}"


def _told(step: Step, budget: Budget) -> str:
    mixed = f" with {counted(len(step.exceptions), 'exception')}" if step.exceptions else ""
    outcome = step.outcome
    drop = beside_limit(outcome.drop, budget.max_drop)
    return f"{step.recipe}{mixed}, {size(outcome.bytes)}, which drops by {drop} points ({outcome.high:.2f} with it)"
