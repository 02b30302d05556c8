"""The search for the smallest model within an accuracy budget. It knows parts and schemes; trials are handed in.

1. *Whole recipes*, from the cheapest up, until one keeps the budget. If that is the first, the search is over.
2. Every part is measured alone: how far it moves the outputs in each of the schemes below the one that kept the budget,
   with all other parts in float32. Rounding errors of parts are independent of each other, so their squares add up.
3. From the cheapest recipe, parts are put back into larger schemes, the one first whose squared error shrinks most for
   every byte. How many of these moves it takes is found by doubling and halving their number, each time measured.
4. What was put back and turns out not to be needed is taken back: all of it at once, or by halves.

What is measured decides throughout; the order of the moves alone is predicted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from roformer_edge.errors import ExportError
from roformer_edge.progress import SILENT, ProgressListener
from roformer_edge.quantize.recipe import FLOAT, SCHEMES, Recipe, Rule, resolve
from roformer_edge.scopes import Scope

# scope name -> scheme, of all scopes of a model
Schemes: TypeAlias = Mapping[str, str]

# trials that may be spent on taking back what was put back
_TAKEN_BACK = 16


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a trial found.

    Attributes:
        bytes: The size of the model file.
        error: How far outputs moved, root of the mean square over examples.
        drop: What was lost of the task's metric, in points.
        high: The same with a standard error on top, which is what has to keep the budget: a drop that keeps it on some
            examples by chance breaks it on others.
    """

    bytes: int
    error: float
    drop: float
    high: float


class Trials(Protocol):
    """Builds models and measures them."""

    def error(self, schemes: Schemes) -> float:
        """Measure how far outputs move, on a few examples.

        Raises:
            ExportError: The format cannot say these schemes.
        """

    def judge(self, schemes: Schemes) -> Outcome:
        """Measure all there is to know.

        Raises:
            ExportError: The format cannot say these schemes.
        """

    def latencies(self, models: Sequence[Schemes]) -> Sequence[float]:
        """Time several models in turn, in milliseconds."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What a model may cost.

    Attributes:
        max_drop: Largest drop of the task's metric, in points.
        max_bytes: Largest size of the model file; ``None`` for any.
    """

    max_drop: float
    max_bytes: int | None = None

    def holds(self, outcome: Outcome) -> bool:
        """Tell whether the accuracy is kept, whatever the size."""
        return outcome.high <= self.max_drop

    def has_room_for(self, outcome: Outcome) -> bool:
        """Tell whether the model is small enough, whatever it loses."""
        return self.max_bytes is None or outcome.bytes <= self.max_bytes


@dataclass(frozen=True, kw_only=True)
class Move:
    """One part put into a larger scheme.

    Attributes:
        scope: Its name.
        before: The scheme it had.
        after: The scheme it gets.
        gain: What the squared error shrinks by.
        bytes: What it costs.
    """

    scope: str
    before: str
    after: str
    gain: float
    bytes: float


@dataclass(frozen=True, kw_only=True)
class Step:
    """One trial of the search.

    Attributes:
        recipe: The name of the built-in recipe that the model is nearest to.
        exceptions: Scope name -> scheme, of the parts that differ from it.
        outcome: What was found.
        within: Whether the accuracy is kept.
    """

    recipe: str
    exceptions: Mapping[str, str]
    outcome: Outcome
    within: bool


@dataclass(frozen=True, kw_only=True)
class Found:
    """What the search ended with.

    Attributes:
        budget: What was asked for.
        steps: Every trial in order, each on all examples.
        chosen: The smallest model that keeps the accuracy; ``None`` where none does.
        errors: Scope name -> scheme -> how far that part alone moves the outputs, as far as it was measured.
    """

    budget: Budget
    steps: tuple[Step, ...]
    chosen: Step | None
    errors: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def fits(self) -> bool:
        """Whether the chosen model is small enough, too."""
        return self.chosen is not None and self.budget.has_room_for(self.chosen.outcome)


def affordable(recipes: Mapping[str, Recipe], scopes: Sequence[Scope], schemes: frozenset[str]) -> dict[str, Schemes]:
    """Decide every part by each recipe that needs no other schemes than these.

    Args:
        recipes: The recipes by name.
        scopes: All parts of a model.
        schemes: What can be computed.

    Returns:
        Recipe name -> scheme of every part, those first that take the fewest bits; one of several equal ones.
    """
    found: dict[str, Schemes] = {}
    for name, recipe in recipes.items():
        decided = {scope: decision.scheme for scope, decision in resolve(recipe, scopes).items()}
        if schemes.issuperset(decided.values()) and decided not in found.values():
            found[name] = decided
    return dict(sorted(found.items(), key=lambda row: _bits(row[1], scopes)))


def search(
    recipes: Mapping[str, Schemes],
    scopes: Sequence[Scope],
    trials: Trials,
    budget: Budget,
    progress: ProgressListener = SILENT,
) -> Found:
    """Find the smallest, then quickest model that keeps a budget.

    Args:
        recipes: What :func:`affordable` gives, one at least.
        scopes: All parts of the model.
        trials: Measures models.
        budget: What to keep.
        progress: Told of every trial.
    """
    return _Search(recipes, scopes, trials, budget, progress).run()


def recipe_of(step: Step, recipes: Mapping[str, Recipe], scopes: Sequence[Scope], found: Found, name: str) -> Recipe:
    """Write a recipe down, so that it makes the model of a step again.

    Args:
        step: One of ``found.steps``.
        recipes: Those that the search began with, by name.
        scopes: All parts of the model.
        found: Knows why a part is an exception.
        name: The name of the new recipe.
    """
    # patterns that are there for other models would be taken for slips of the pen
    rules = tuple(rule for rule in recipes[step.recipe].rules if any(rule.matches(scope.name) for scope in scopes))
    return Recipe(
        name=name,
        rules=rules
        + tuple(
            Rule(pattern=scope, scheme=scheme, reason=_reason(found.errors.get(scope, {})))
            for scope, scheme in step.exceptions.items()
        ),
    )


def _reason(errors: Mapping[str, float]) -> str:
    moved = ", ".join(f"by {error:.3g} in {scheme}" for scheme, error in errors.items())
    return f"measured: alone it moves the outputs {moved}" if moved else "chosen by measurement"


def _bits(schemes: Schemes, scopes: Sequence[Scope]) -> int:
    return sum(scope.parameters * SCHEMES[schemes[scope.name]].bits for scope in scopes)


class _Search:
    """The state of one search: what was tried, and what came of it."""

    def __init__(
        self,
        recipes: Mapping[str, Schemes],
        scopes: Sequence[Scope],
        trials: Trials,
        budget: Budget,
        progress: ProgressListener,
    ) -> None:
        self._recipes = dict(recipes)
        self._scopes = {scope.name: scope for scope in scopes}
        self._trials, self._budget, self._progress = trials, budget, progress
        self._tried: dict[tuple[str, ...], Step] = {}
        self._errors: dict[str, dict[str, float]] = {}
        self._expected = len(recipes)

    def run(self) -> Found:
        self._progress.stage("recipes")
        ladder = self._whole_recipes()
        if ladder:
            start, *_ = ladder
            self._expected = len(self._tried)
            moves = self._moves(start, self._rungs(ladder))
            self._progress.stage("search")
            self._climb(start, moves)
        within = [step for step in self._tried.values() if step.within]
        chosen = min(within, key=lambda step: step.outcome.bytes) if within else None
        return Found(budget=self._budget, steps=tuple(self._tried.values()), chosen=chosen, errors=self._errors)

    # whole recipes

    def _whole_recipes(self) -> list[Schemes]:
        """Try recipes from the cheapest up.

        Returns:
            Those up to the first that keeps the budget, if it takes a search to do better, and else none.
        """
        ladder: list[Schemes] = []
        for group in self._groups():
            best = math.inf
            for schemes in self._by_speed(group):
                step = self._try(schemes)
                if step is None:
                    continue
                # of equally large ones the slower is of use only where it is more accurate
                if step.outcome.error < best:
                    ladder.append(schemes)
                    best = step.outcome.error
                if step.within:
                    return ladder if len(ladder) > 1 else []
                if len(self._tried) == 1 and not self._budget.has_room_for(step.outcome):
                    return []  # and nothing is smaller
        return []

    def _groups(self) -> list[list[Schemes]]:
        """Put recipes of equal size together."""
        groups: dict[int, list[Schemes]] = {}
        for schemes in self._recipes.values():
            groups.setdefault(_bits(schemes, tuple(self._scopes.values())), []).append(schemes)
        return list(groups.values())

    def _by_speed(self, group: list[Schemes]) -> list[Schemes]:
        if len(group) == 1:
            return group
        times = self._trials.latencies(group)
        return [group[index] for index in sorted(range(len(group)), key=times.__getitem__)]

    # parts alone

    def _rungs(self, ladder: Sequence[Schemes]) -> dict[str, list[str]]:
        """List for every part the schemes it climbs through: in the order of the recipes, never to fewer bits."""
        rungs: dict[str, list[str]] = {}
        for name in self._scopes:
            climbed: list[str] = []
            for schemes in ladder:
                scheme = schemes[name]
                if scheme not in climbed and (not climbed or SCHEMES[scheme].bits >= SCHEMES[climbed[-1]].bits):
                    climbed.append(scheme)
            rungs[name] = climbed
        return rungs

    def _moves(self, start: Schemes, rungs: Mapping[str, list[str]]) -> list[Move]:
        """Order all moves to larger schemes, the one first that gains most for every byte."""
        self._measure_alone({name: found for name, found in rungs.items() if len(found) > 1})
        state = dict(start)
        moves: list[Move] = []
        while True:
            possible = [
                self._move(name, state[name], after)
                for name, found in rungs.items()
                for after in found[found.index(state[name]) + 1 :]
            ]
            if not possible:
                return moves
            # without a gain it is last, and the cheapest of those first
            best = max(possible, key=lambda move: (_ratio(move), -move.bytes))
            moves.append(best)
            state[best.scope] = best.after

    def _measure_alone(self, rungs: Mapping[str, list[str]]) -> None:
        floats = dict.fromkeys(self._scopes, FLOAT)
        wanted = [(name, scheme) for name, found in rungs.items() for scheme in found if scheme != FLOAT]
        self._progress.stage("parts alone")
        for number, (name, scheme) in enumerate(wanted, start=1):
            try:
                error = self._trials.error({**floats, name: scheme})
            except ExportError:  # what cannot be said is not gone to
                if scheme != rungs[name][0]:
                    rungs[name].remove(scheme)
            else:
                self._errors.setdefault(name, {})[scheme] = error
            self._progress.step(number, len(wanted))

    def _move(self, name: str, before: str, after: str) -> Move:
        squares = [self._errors.get(name, {}).get(scheme, 0.0) ** 2 for scheme in (before, after)]
        bits = SCHEMES[after].bits - SCHEMES[before].bits
        return Move(
            scope=name,
            before=before,
            after=after,
            gain=squares[0] - squares[1],
            bytes=self._scopes[name].parameters * bits / 8,
        )

    # climbing

    def _climb(self, start: Schemes, moves: Sequence[Move]) -> None:
        """Find how many moves it takes, and take back those that it does not."""
        self._expected = len(self._tried) + 2 * len(moves).bit_length() + _TAKEN_BACK // 2
        low, high = 0, 1
        while (step := self._try(_after(start, moves[:high]))) is None or not step.within:
            if high >= len(moves) or (step is not None and not self._budget.has_room_for(step.outcome)):
                return
            low, high = high, min(2 * high, len(moves))
        while high - low > 1:
            middle = (low + high) // 2
            step = self._try(_after(start, moves[:middle]))
            if step is not None and step.within:
                high = middle
            else:
                low = middle
        needed = moves[high - 1].scope  # without which the budget was broken
        others = sorted(
            {move.scope: move for move in moves[:high] if move.scope != needed}.values(), key=lambda move: -move.bytes
        )
        self._allowance = _TAKEN_BACK
        self._take_back(start, _after(start, moves[:high]), [move.scope for move in others])
        self._progress.step(len(self._tried), len(self._tried))

    def _take_back(self, start: Schemes, state: Schemes, names: Sequence[str]) -> Schemes:
        """Take back all of some parts, or what can be taken back of either half.

        Returns:
            The smallest state that was found to keep the budget.
        """
        if not names or self._allowance <= 0:
            return state
        self._allowance -= 1
        smaller = {**state, **{name: start[name] for name in names}}
        step = self._try(smaller)
        if step is not None and step.within:
            return smaller
        if len(names) == 1:
            return state
        middle = len(names) // 2
        state = self._take_back(start, state, names[:middle])
        return self._take_back(start, state, names[middle:])

    # trials

    def _try(self, schemes: Schemes) -> Step | None:
        """Measure a model once; ``None`` where the format cannot say it."""
        key = tuple(schemes[name] for name in self._scopes)
        if key in self._tried:
            return self._tried[key]
        try:
            outcome = self._trials.judge(schemes)
        except ExportError:
            return None
        recipe, exceptions = self._nearest(schemes)
        step = Step(recipe=recipe, exceptions=exceptions, outcome=outcome, within=self._budget.holds(outcome))
        self._tried[key] = step
        self._progress.step(len(self._tried), max(len(self._tried) + 1, self._expected))
        return step

    def _nearest(self, schemes: Schemes) -> tuple[str, dict[str, str]]:
        """Find the recipe with the fewest exceptions to it."""
        exceptions = {
            name: {scope: scheme for scope, scheme in schemes.items() if recipe[scope] != scheme}
            for name, recipe in self._recipes.items()
        }
        name = min(exceptions, key=lambda one: len(exceptions[one]))
        return name, exceptions[name]


def _after(start: Schemes, moves: Sequence[Move]) -> Schemes:
    return {**start, **{move.scope: move.after for move in moves}}


def _ratio(move: Move) -> float:
    if move.bytes > 0:
        return move.gain / move.bytes
    return math.inf if move.gain > 0 else -math.inf
