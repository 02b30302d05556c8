"""The search finds the smallest model that keeps a budget, with trials whose outcome is known."""

from __future__ import annotations

import math

import pytest

from roformer_edge.errors import ExportError
from roformer_edge.quantize.recipe import RECIPES, SCHEMES, Recipe, resolve
from roformer_edge.quantize.search import Budget, Outcome, affordable, recipe_of, search
from roformer_edge.scopes import Scope

SCOPES = (
    Scope(name="embeddings.word", kind="embedding", weights=("w",), shape=(1000, 10)),
    *(
        Scope(name=f"layer.{layer}.ffn.{part}", kind="linear", weights=("w",), shape=(10, 40))
        for layer in range(4)
        for part in ("up", "down")
    ),
    Scope(name="head.output", kind="linear", weights=("w",), shape=(10, 2)),
)
NAMES = ("int4", "int8-static", "int8-dynamic", "fp32")
ROUNDING = {"float32": 0.0, "float16": 0.001, "int8": 0.01, "int4": 0.1}


class Known:
    """Errors of parts are known, and add up in squares; the drop is the error."""

    def __init__(self, terrible: dict[tuple[str, str], float], *, slow: str = "int8-dynamic") -> None:
        self.terrible, self.slow, self.judged = terrible, slow, 0

    def error(self, schemes) -> float:
        squares = [
            self.terrible.get((name, scheme), ROUNDING[SCHEMES[scheme].stored]) ** 2 for name, scheme in schemes.items()
        ]
        return math.sqrt(sum(squares))

    def judge(self, schemes) -> Outcome:
        self.judged += 1
        size = sum(scope.parameters * SCHEMES[schemes[scope.name]].bits for scope in SCOPES) // 8
        error = self.error(schemes)
        return Outcome(bytes=size, error=error, drop=error, high=error)

    def latencies(self, models) -> list[float]:
        return [2.0 if self.slow in schemes.values() else 1.0 for schemes in models]


def decided(*names: str, schemes=frozenset(SCHEMES)):
    return affordable({name: RECIPES[name] for name in names}, SCOPES, schemes)


def schemes_of(recipe: Recipe) -> dict[str, str]:
    return {name: decision.scheme for name, decision in resolve(recipe, SCOPES).items()}


@pytest.mark.parametrize("scope", [scope.name for scope in SCOPES[1:-1]])
def test_one_terrible_part_is_put_back_and_no_other(scope: str) -> None:
    trials = Known({(scope, "int8-dynamic"): 5.0})
    recipes = decided("int8-dynamic", "fp32")
    found = search(recipes, SCOPES, trials, Budget(max_drop=0.5))
    assert found.chosen is not None
    assert (found.chosen.recipe, found.chosen.exceptions) == ("int8-dynamic", {scope: "float32"})
    recipe = recipe_of(found.chosen, RECIPES, SCOPES, found, "auto")
    assert schemes_of(recipe) == {**recipes["int8-dynamic"], scope: "float32"}
    assert Recipe.from_dict(recipe.to_dict()) == recipe
    assert "by 5 in int8-dynamic" in recipe.rules[-1].reason


def test_a_part_that_is_terrible_in_4_bits_goes_to_8() -> None:
    found = search(decided(*NAMES), SCOPES, Known({("layer.2.ffn.up", "int4-dynamic"): 5.0}), Budget(max_drop=0.5))
    assert found.chosen is not None
    assert (found.chosen.recipe, found.chosen.exceptions) == ("int4", {"layer.2.ffn.up": "int8-static"})


def test_the_cheapest_recipe_is_enough_where_it_keeps_the_budget() -> None:
    trials = Known({})
    found = search(decided(*NAMES), SCOPES, trials, Budget(max_drop=1))
    assert found.chosen is not None
    assert (found.chosen.recipe, found.chosen.exceptions, trials.judged) == ("int4", {}, 1)


@pytest.mark.parametrize(("slow", "quick"), [("int8-dynamic", "int8-static"), ("int8-static", "int8-dynamic")])
def test_of_equally_small_recipes_the_quicker_is_taken(slow: str, quick: str) -> None:
    found = search(decided("int8-static", "int8-dynamic", "fp32"), SCOPES, Known({}, slow=slow), Budget(max_drop=0.5))
    assert found.chosen is not None
    assert found.chosen.recipe == quick


def test_several_bad_parts_are_all_put_back_and_what_was_put_back_in_vain_is_taken_back() -> None:
    bad = {("layer.0.ffn.up", "int8-dynamic"): 2.0, ("embeddings.word", "int8-rows"): 3.0}
    found = search(decided("int8-dynamic", "fp32"), SCOPES, Known(bad), Budget(max_drop=0.5))
    assert found.chosen is not None
    assert found.chosen.exceptions == {"layer.0.ffn.up": "float32", "embeddings.word": "float32"}


def test_a_budget_that_nothing_keeps_is_told() -> None:
    trials = Known({(scope.name, "float32"): 1.0 for scope in SCOPES})
    found = search(decided("int8-dynamic", "fp32"), SCOPES, trials, Budget(max_drop=0.5))
    assert found.chosen is None
    assert not found.fits


def test_a_model_that_is_too_large_does_not_fit() -> None:
    trials = Known({("embeddings.word", "int8-rows"): 5.0})
    size = trials.judge(decided("int8-dynamic")["int8-dynamic"]).bytes
    found = search(decided("int8-dynamic", "fp32"), SCOPES, trials, Budget(max_drop=0.5, max_bytes=size))
    assert found.chosen is not None
    assert not found.fits
    trials.judged = 0
    search(decided("int8-dynamic", "fp32"), SCOPES, trials, Budget(max_drop=0.5, max_bytes=10))
    assert trials.judged == 1  # nothing is smaller than the first


def test_schemes_that_cannot_be_computed_are_not_gone_to() -> None:
    assert "int4" not in decided(*NAMES, schemes=frozenset({"int8-dynamic", "int8-rows", "float32"}))
    assert next(iter(decided(*NAMES))) == "int4"

    class Refusing(Known):
        def judge(self, schemes) -> Outcome:
            if "int4-dynamic" in schemes.values():
                raise ExportError("an odd number of channels")
            return super().judge(schemes)

    found = search(decided(*NAMES), SCOPES, Refusing({}), Budget(max_drop=0.5))
    assert found.chosen is not None
    assert found.chosen.recipe == "int8-static"


def test_chance_does_not_choose() -> None:
    assert not Budget(max_drop=0.5).holds(Outcome(bytes=1, error=0.1, drop=0.4, high=0.6))
    assert Budget(max_drop=0.5).holds(Outcome(bytes=1, error=0.1, drop=0.4, high=0.5))
