"""Recipes: read strictly, and the last rule that matches wins."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import RecipeError, UnknownNameError
from roformer_edge.quantize.recipe import (
    ATTENTION,
    DYNAMIC,
    FLOAT,
    RECIPES,
    ROWS,
    STATIC,
    Recipe,
    Rule,
    Settings,
    batching_of,
    get_recipe,
    open_recipe,
    resolve,
)
from roformer_edge.scopes import scopes_of
from roformer_edge.tasks import get_task

SCOPES = scopes_of(RoFormerConfig(num_hidden_layers=2), get_task("text-classification"))
RULE: dict[str, Any] = {"pattern": "layer.*", "scheme": DYNAMIC, "reason": "because"}


def written(tmp_path: Path, values: object) -> str:
    path = tmp_path / "mine.json"
    path.write_text(values if isinstance(values, str) else json.dumps(values), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("name", RECIPES)
def test_built_in_recipes_are_written_and_read_back_equal(tmp_path: Path, name: str) -> None:
    recipe = get_recipe(name)
    assert recipe.name == name
    assert get_recipe(written(tmp_path, recipe.to_dict())) == recipe
    assert Recipe.from_dict(recipe.to_dict()).digest == recipe.digest


def test_digests_of_recipes_are_pinned() -> None:
    """Manifests record them: a recipe that is written otherwise would look like another one."""
    assert {name: recipe.digest[:16] for name, recipe in RECIPES.items()} == {
        "fp32": "bb903ca8cf6e7f3f",
        "fp16": "9a4c3a4c169582cd",
        "int4": "55ba93795cf52bbd",
        "int8-embeddings": "0b8f767a96d656f2",
        "int8-dynamic": "601a6b06a26b2233",
        "int8-attention": "7ebe1299b2b346c6",
        "int8-static": "c3eb6797dd439832",
    }


def test_logits_over_a_vocabulary_stay_exact_where_results_are_rounded() -> None:
    static, dynamic = RECIPES["int8-static"], RECIPES["int8-dynamic"]
    assert static.with_exact_logits(()) is static
    assert dynamic.with_exact_logits((STATIC,)) is dynamic
    scopes = scopes_of(RoFormerConfig(num_hidden_layers=1), get_task("fill-mask"))
    before, after = (resolve(recipe, scopes) for recipe in (static, static.with_exact_logits((STATIC,))))
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"head.decoder"}
    assert (before["head.decoder"].scheme, after["head.decoder"].scheme) == (STATIC, DYNAMIC)
    assert "256 steps" in after["head.decoder"].reason
    # a model without a vocabulary at its end has no such part, which is no slip of the pen
    assert resolve(static.with_exact_logits((STATIC,)), SCOPES) == resolve(static, SCOPES)


def test_attention_in_integers_is_for_the_part_that_has_an_attention_and_for_texts_alone() -> None:
    decisions = resolve(RECIPES["int8-attention"], SCOPES)
    chosen = {name for name, decision in decisions.items() if decision.scheme == ATTENTION}
    assert chosen == {"layer.0.attention.qkv", "layer.1.attention.qkv"}
    dynamic = resolve(RECIPES["int8-dynamic"], SCOPES)
    assert {name: decision for name, decision in decisions.items() if name not in chosen} == {
        name: decision for name, decision in dynamic.items() if name not in chosen
    }
    # ranges of a whole batch would make answers depend on the company
    assert batching_of(decisions.values()) == batching_of([decisions["layer.0.attention.qkv"]]) == "single"
    with pytest.raises(RecipeError, match=r"'int8-attention' is for a scope of kind attention, but .*ffn\.up"):
        resolve(Recipe(name="mine", rules=(Rule(pattern="layer.*.ffn.up", scheme=ATTENTION),)), SCOPES)


def test_a_reason_may_be_left_out(tmp_path: Path) -> None:
    rule = {"pattern": "layer.*", "scheme": DYNAMIC}
    assert get_recipe(written(tmp_path, {"name": "mine", "rules": [rule]})).rules == (Rule(**rule),)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "x"}, "lacks key 'rules'"),
        ({"name": "x", "rules": [], "by": "me"}, "has the unknown key 'by'"),
        ({"name": 1, "rules": []}, "name must be a string, found 1"),
        ({"name": " ", "rules": []}, "name must be one line of text that can be printed, found ' '"),
        ({"name": "a\nb", "rules": []}, r"name must be one line .*found 'a\\nb'"),
        ({"name": "\u202eb", "rules": []}, "name must be one line"),
        ({"name": "x", "rules": {}}, "rules must be a list, found an object"),
        ({"name": "x", "rules": [RULE, 1]}, r"rules\[1\] must be an object, found 1"),
        ({"name": "x", "rules": [{**RULE, "reason": None}]}, r"rules\[0\]: reason must be a string, found null"),
        ({"name": "x", "rules": [{**RULE, "schema": 1}]}, r"rules\[0\] has the unknown key 'schema'"),
        ({"name": "x", "rules": [{"scheme": DYNAMIC}]}, r"rules\[0\] lacks key 'pattern'"),
        (
            {"name": "x", "rules": [{**RULE, "scheme": "int7"}]},
            r"rules\[0\]: unknown quantisation scheme 'int7'; choose",
        ),
        ([], "must hold a JSON object, found a list"),
        ('{"name": "x", "name": "y", "rules": []}', "the key 'name' comes twice"),
        ('{"name": "x", "rules": [NaN]}', "NaN is not a JSON number"),
        ('{"name": "x", "rules": %s}' % ("9" * 5000), "a whole number of 5000 digits does not fit into 64 bits"),
        ("{" * 100_000, "is not valid JSON"),
        ('{"name": "x", "rules": %s' % ("[" * 100_000), "is nested too deeply"),
    ],
)
def test_a_file_that_is_no_recipe_says_where(tmp_path: Path, values: object, message: str) -> None:
    path = written(tmp_path, values)
    with pytest.raises(RecipeError, match=message) as caught:
        get_recipe(path)
    assert str(caught.value).startswith(f"the recipe {path}")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_file_that_cannot_be_read_and_a_name_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"cannot read the recipe .*absent\.json: No such file"):
        get_recipe(str(tmp_path / "absent.json"))
    with pytest.raises(UnknownNameError, match=r"choose one of: fp32, .*PATH\.json"):
        get_recipe("int7")


def test_the_last_rule_that_matches_wins() -> None:
    rules = (Rule(pattern="layer.*", scheme=DYNAMIC), Rule(pattern="layer.1.ffn.*", scheme=FLOAT, reason="kept"))
    decisions = resolve(Recipe(name="mine", rules=rules), SCOPES)
    assert [*decisions] == [scope.name for scope in SCOPES]
    assert decisions["layer.0.ffn.up"].scheme == decisions["layer.1.attention.qkv"].scheme == DYNAMIC
    assert (decisions["layer.1.ffn.up"].scheme, decisions["layer.1.ffn.up"].reason) == (FLOAT, "kept")
    assert decisions["embeddings.word"].scheme == FLOAT
    kept = RECIPES["int8-dynamic"].with_float(["embeddings.*"], "asked for")
    assert resolve(kept, SCOPES)["embeddings.word"].reason == "asked for"
    assert resolve(RECIPES["int8-dynamic"], SCOPES)["embeddings.word"].scheme == ROWS


def test_rules_that_do_not_fit_the_model_are_refused() -> None:
    with pytest.raises(RecipeError, match=r"the pattern 'head\.none' matches no part of this model"):
        resolve(Recipe(name="mine", rules=(Rule(pattern="head.none", scheme=FLOAT),)), SCOPES)
    with pytest.raises(RecipeError, match=r"gives it to 'embeddings\.word', which is of kind embedding"):
        resolve(Recipe(name="mine", rules=(Rule(pattern="*", scheme=DYNAMIC),)), SCOPES)


def test_a_file_may_name_preset_and_observer_and_what_came_of_it(tmp_path: Path) -> None:
    told = {"name": "mine", "rules": [RULE], "preset": "arm", "observer": "mse"}
    outcome = {"decisions": [{"scope": "layer.0"}], "always_float": [], "calibration": None}
    recipe, settings = open_recipe(written(tmp_path, {**told, **outcome}))
    assert recipe == Recipe(name="mine", rules=(Rule(**RULE),))
    assert settings == Settings(preset="arm", observer="mse")
    with pytest.raises(RecipeError, match="preset must be a string, found 1"):
        open_recipe(written(tmp_path, {**told, "preset": 1}))
    with pytest.raises(RecipeError, match="has the unknown key 'presets'"):
        open_recipe(written(tmp_path, {**told, "presets": "arm"}))
