"""Recipes: ordered rules, scope pattern -> scheme, of which the last that matches wins.

A recipe says nothing about ONNX or TFLite; an exporter reads the decisions that :func:`resolve` makes of it.
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal

from roformer_edge.errors import RecipeError, UnknownNameError
from roformer_edge.records import OPTIONAL_KEY, Constraint, parse_object, read_record, to_values
from roformer_edge.scopes import Scope

FLOAT = "float32"
HALF = "float16"
DYNAMIC = "int8-dynamic"
STATIC = "int8-static"
ATTENTION = "int8-attention"
INT4 = "int4-dynamic"
ROWS = "int8-rows"
INT4_ROWS = "int4-rows"


@dataclass(frozen=True, kw_only=True)
class Scheme:
    """A way to store and compute a scope.

    Attributes:
        kinds: The kinds of scope that it applies to.
        stored: The numbers that weights are stored as. A product can multiply by the rows of an embedding table only if
            both are stored alike.
        effect: What it does.
        rounds_input: Whether the input of a product is rounded to integers, so that its outlier channels matter.
    """

    kinds: tuple[str, ...]
    stored: Literal["float32", "float16", "int8", "int4"]
    effect: str
    rounds_input: bool = False

    @property
    def bits(self) -> int:
        """Number of bits of a stored weight."""
        return int(self.stored.removeprefix("float").removeprefix("int"))


SCHEMES: dict[str, Scheme] = {
    FLOAT: Scheme(kinds=("embedding", "linear", "attention"), stored="float32", effect="32-bit floating point"),
    HALF: Scheme(
        kinds=("embedding", "linear", "attention"),
        stored="float16",
        effect="16-bit floating point weights, computed with in 32 bits",
    ),
    DYNAMIC: Scheme(
        kinds=("linear", "attention"),
        stored="int8",
        effect="8-bit weights per output channel; the input's range is measured at each run",
        rounds_input=True,
    ),
    STATIC: Scheme(
        kinds=("linear", "attention"),
        stored="int8",
        effect="8-bit weights per output channel; the input's range comes from calibration",
        rounds_input=True,
    ),
    ATTENTION: Scheme(
        kinds=("attention",),
        stored="int8",
        effect="8-bit weights per output channel; the input's range is measured at each run, and those of query, "
        "key, value and attention weights, which multiply in 8 bits too",
        rounds_input=True,
    ),
    INT4: Scheme(
        kinds=("linear", "attention"),
        stored="int4",
        effect="4-bit weights; the input's range, in 8 bits, is measured at each run",
        rounds_input=True,
    ),
    ROWS: Scheme(kinds=("embedding",), stored="int8", effect="8-bit rows, each with a scale of its own"),
    INT4_ROWS: Scheme(
        kinds=("embedding",), stored="int4", effect="4-bit rows, each with a scale of its own for every block"
    ),
}

_ONE_LINE = Constraint("one line of text that can be printed", lambda value: value.strip() and value.isprintable())


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Scopes whose name matches the shell-style ``pattern`` get ``scheme``; ``reason`` says why, for the report."""

    pattern: str
    scheme: str
    reason: Annotated[str, OPTIONAL_KEY] = ""

    def __post_init__(self) -> None:
        if self.scheme not in SCHEMES:
            raise UnknownNameError("quantisation scheme", self.scheme, SCHEMES)

    def matches(self, scope: str) -> bool:
        """Tell whether the rule is for the scope of this name."""
        return fnmatch.fnmatchcase(scope, self.pattern)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A named list of rules. Scopes that no rule matches stay in float32.

    Attributes:
        name: Shown in manifests and reports.
        rules: The rules in order; the last one that matches a scope decides.
    """

    name: Annotated[str, _ONE_LINE]
    rules: tuple[Rule, ...]

    @property
    def digest(self) -> str:
        """SHA-256 of the recipe's canonical JSON."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as JSON values."""
        return to_values(self)  # type: ignore[no-any-return]  # a dataclass becomes an object

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Recipe:
        """Read a recipe; unknown keys and malformed rules are refused.

        Raises:
            RecipeError: The values are not a recipe, or a rule names a scheme that does not exist.
        """
        return read_record(cls, values, "the recipe", RecipeError)

    def with_float(self, patterns: Iterable[str], reason: str) -> Recipe:
        """Copy the recipe, with the scopes matching ``patterns`` left in float32."""
        extra = tuple(Rule(pattern=pattern, scheme=FLOAT, reason=reason) for pattern in patterns)
        return Recipe(name=self.name, rules=self.rules + extra) if extra else self

    def with_exact_logits(self, rounding: Collection[str]) -> Recipe:
        """Copy the recipe, with the logits over a vocabulary left in floating point.

        Args:
            rounding: Schemes whose results are rounded to integers.
        """
        decoder = [rule.scheme for rule in self.rules if rule.matches("head.decoder")]
        rounded = decoder and decoder[-1] in rounding
        return Recipe(name=self.name, rules=(*self.rules, _EXACT_LOGITS)) if rounded else self


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What a recipe decided for one scope, and why."""

    scope: Scope
    scheme: str
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Return the decision as JSON-able data."""
        return {
            "scope": self.scope.name,
            "scheme": self.scheme,
            "parameters": self.scope.parameters,
            "reason": self.reason,
        }


def batching_of(decisions: Iterable[Decision]) -> str:
    """Tell which rows may be computed together without changing each other's answers: a key of ``BATCHING``."""
    schemes = {decision.scheme for decision in decisions}
    return "single" if schemes & {DYNAMIC, ATTENTION} else "equal_lengths" if schemes & {STATIC, INT4} else "any"


def preset_matters(schemes: Iterable[str]) -> bool:
    """Tell whether the integer types of a preset change anything: those of 8 bits alone depend on the processor."""
    return any(SCHEMES[scheme].stored == "int8" for scheme in schemes)


_NO_RULE = "no rule of the recipe matches it"
_KEPT = (
    Rule(pattern="embeddings.type", scheme=FLOAT, reason="a few rows: nothing to save"),
    Rule(pattern="head.output", scheme=FLOAT, reason="makes the logits: its rounding error would be the answer's"),
    Rule(pattern="sentence.*", scheme=FLOAT, reason="makes the vector: its rounding error would be the answer's"),
)
_EXACT_LOGITS = Rule(
    pattern="head.decoder",
    scheme=DYNAMIC,
    reason="makes one logit for every token of the vocabulary, and the format rounds the results of int8-static to "
    "256 steps",
)
_ROWS = Rule(pattern="embeddings.word", scheme=ROWS)
_INT4_ROWS = Rule(pattern="embeddings.word", scheme=INT4_ROWS)


def _linears(scheme: str) -> tuple[Rule, ...]:
    patterns = ("embeddings.project", "layer.*", "head.dense", "head.decoder")
    return tuple(Rule(pattern=pattern, scheme=scheme) for pattern in patterns)


RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe(name="fp32", rules=()),
        Recipe(name="fp16", rules=(Rule(pattern="*", scheme=HALF),)),
        Recipe(name="int8-embeddings", rules=(_ROWS, *_KEPT)),
        Recipe(name="int8-dynamic", rules=(_ROWS, *_linears(DYNAMIC), *_KEPT)),
        Recipe(
            name="int8-attention",
            rules=(_ROWS, *_linears(DYNAMIC), Rule(pattern="layer.*.attention.qkv", scheme=ATTENTION), *_KEPT),
        ),
        Recipe(name="int8-static", rules=(_ROWS, *_linears(STATIC), *_KEPT)),
        Recipe(name="int4", rules=(_INT4_ROWS, *_linears(INT4), *_KEPT)),
    )
}


# what the search for a recipe is called: not a recipe, but it ends in one
AUTO = "auto"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a recipe's file may say beside its rules: how they were carried out, and are to be carried out again.

    Attributes:
        preset: A key of ``presets.PRESETS``.
        observer: A key of ``observers.OBSERVERS``.
    """

    preset: Annotated[str | None, OPTIONAL_KEY] = None
    observer: Annotated[str | None, OPTIONAL_KEY] = None


# What the recipe.json of a bundle tells of its making: it is decided and measured anew whenever the recipe is used.
OUTCOME = ("decisions", "always_float", "calibration", "selection")


def get_recipe(name: str) -> Recipe:
    """Return the recipe of :func:`open_recipe` alone."""
    return open_recipe(name)[0]


def open_recipe(name: str) -> tuple[Recipe, Settings]:
    """Return a built-in recipe, or read one from the JSON file that ``name`` is the path of.

    The ``recipe.json`` of a bundle is such a file.

    Raises:
        UnknownNameError: Neither a built-in recipe nor a path ending in ``.json``.
        RecipeError: The file cannot be read as a recipe; the message names the place.
    """
    if name in RECIPES:
        return RECIPES[name], Settings()
    if not name.endswith(".json"):
        raise UnknownNameError("recipe", name, (*RECIPES, AUTO, "PATH.json"))
    try:
        data = Path(name).read_bytes()
    except OSError as error:
        raise RecipeError(f"cannot read the recipe {name}: {error.strerror or error}") from None
    where = f"the recipe {name}"
    values = parse_object(data, where, RecipeError)
    told = {field.name: values.pop(field.name) for field in fields(Settings) if field.name in values}
    rules = {key: value for key, value in values.items() if key not in OUTCOME}
    return read_record(Recipe, rules, where, RecipeError), read_record(Settings, told, where, RecipeError)


def resolve(recipe: Recipe, scopes: Iterable[Scope]) -> dict[str, Decision]:
    """Decide every scope.

    Args:
        recipe: The rules.
        scopes: All scopes of a model, in order.

    Returns:
        A decision per scope name, in the order of ``scopes``.

    Raises:
        RecipeError: A rule applies a scheme to a kind of scope that it is not for, or a rule that is not built in
            matches no scope at all.
    """
    scopes = tuple(scopes)
    names = {scope.name for scope in scopes}
    # the built-in patterns name parts that some models lack; a pattern of the user's that fits nothing is a typo
    built_in = (*RECIPES[recipe.name].rules, _EXACT_LOGITS) if recipe.name in RECIPES else ()
    for rule in recipe.rules:
        if rule not in built_in and not any(map(rule.matches, names)):
            raise RecipeError(
                f"recipe {recipe.name!r}: the pattern {rule.pattern!r} matches no part of this model; "
                f"its parts are: {', '.join(sorted(names))}"
            )
    return {scope.name: _decide(recipe, scope) for scope in scopes}


def _decide(recipe: Recipe, scope: Scope) -> Decision:
    decision = Decision(scope=scope, scheme=FLOAT, reason=_NO_RULE)
    for rule in recipe.rules:
        if not rule.matches(scope.name):
            continue
        scheme = SCHEMES[rule.scheme]
        if scope.kind not in scheme.kinds:
            raise RecipeError(
                f"recipe {recipe.name!r}: the scheme {rule.scheme!r} is for a scope of kind "
                f"{' or '.join(scheme.kinds)}, "
                f"but the pattern {rule.pattern!r} gives it to {scope.name!r}, which is of kind {scope.kind}"
            )
        decision = Decision(scope=scope, scheme=rule.scheme, reason=rule.reason or scheme.effect)
    return decision
