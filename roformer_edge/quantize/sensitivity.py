"""How much every part of a network loses when it is quantised, alone and together with the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from roformer_edge.progress import SILENT, ProgressListener
from roformer_edge.quantize.recipe import FLOAT, Decision
from roformer_edge.quantize.search import Outcome, Trials


@dataclass(frozen=True, kw_only=True)
class PartSensitivity:
    """One part of the network.

    Attributes:
        scope: Its name.
        scheme: What the recipe decided for it.
        parameters: Number of its weights.
        alone: What is lost where nothing else is quantised.
        all_but: What is lost where all else is quantised, as the recipe says.
    """

    scope: str
    scheme: str
    parameters: int
    alone: Outcome
    all_but: Outcome


@dataclass(frozen=True, kw_only=True)
class Sensitivity:
    """Every part that a recipe quantises.

    Attributes:
        recipe: The name of the recipe.
        floats: What the float32 network loses against the reference.
        whole: What is lost with the whole recipe.
        parts: The parts, that first which moves the outputs most alone.
    """

    recipe: str
    floats: Outcome
    whole: Outcome
    parts: tuple[PartSensitivity, ...]


def measure_sensitivity(
    recipe: str, decisions: Mapping[str, Decision], trials: Trials, progress: ProgressListener = SILENT
) -> Sensitivity:
    """Measure a model with one part quantised at a time, and with all but one.

    Args:
        recipe: The name of the recipe.
        decisions: What it decided for every scope.
        trials: Measures models.
        progress: Told of every trial.
    """
    whole = {name: decision.scheme for name, decision in decisions.items()}
    floats = dict.fromkeys(whole, FLOAT)
    quantised = [decision for decision in decisions.values() if decision.scheme != FLOAT]
    states = [floats, whole]
    for decision in quantised:
        name = decision.scope.name
        states += [{**floats, name: decision.scheme}, {**whole, name: FLOAT}]
    progress.stage("sensitivity")
    outcomes = []
    for number, state in enumerate(states, start=1):
        outcomes.append(trials.judge(state))
        progress.step(number, len(states))
    pairs = list(zip(outcomes[2::2], outcomes[3::2], strict=True))
    return Sensitivity(recipe=recipe, floats=outcomes[0], whole=outcomes[1], parts=_sorted(quantised, pairs))


def _sorted(decisions: Sequence[Decision], pairs: Sequence[tuple[Outcome, Outcome]]) -> tuple[PartSensitivity, ...]:
    parts = [
        PartSensitivity(
            scope=decision.scope.name,
            scheme=decision.scheme,
            parameters=decision.scope.parameters,
            alone=alone,
            all_but=all_but,
        )
        for decision, (alone, all_but) in zip(decisions, pairs, strict=True)
    ]
    return tuple(sorted(parts, key=lambda part: -part.alone.error))
