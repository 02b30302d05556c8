"""What a deployment works on: the model, its labelled examples, its calibration batches, and how it is exported."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from roformer_edge.deploy import defaults
from roformer_edge.deploy.options import DeployOptions
from roformer_edge.deploy.source import SourceModel, open_source
from roformer_edge.errors import OptionError, advice
from roformer_edge.formats import resolve as resolve_address
from roformer_edge.processors import SAFE_PRESET
from roformer_edge.quantize.presets import get_preset
from roformer_edge.quantize.recipe import (
    AUTO,
    DYNAMIC,
    FLOAT,
    RECIPES,
    SCHEMES,
    STATIC,
    Recipe,
    Settings,
    open_recipe,
    preset_matters,
)
from roformer_edge.runtime.inference import EncodedRow, encode_within, padded_feeds
from roformer_edge.runtime.windows import cut_windows
from roformer_edge.validate.data.examples import Example, check_inputs, read_examples
from roformer_edge.validate.data.inputs import TextRow, find_row_problem, read_rows
from roformer_edge.validate.gates import resolve_gates
from roformer_edge.validate.tasks import measure_of_model

if TYPE_CHECKING:
    from roformer_edge.export.artifact import ExportOptions
    from roformer_edge.export.calibration import Batches

_CALIBRATION_BATCH = 8


@contextmanager
def open_model(source: str | Path, options: DeployOptions) -> Iterator[SourceModel]:
    """Open what a deployment is made from, as the options say; see :func:`~roformer_edge.deploy.source.open_source`.

    Raises:
        OptionError: Lengths that the model has too few positions for.
    """
    with _opened(source, options, _max_length(source, options)) as model:
        yield model


@contextmanager
def _opened(source: str | Path, options: DeployOptions, max_length: int | None) -> Iterator[SourceModel]:
    with open_source(
        source,
        options.task,
        options.tokenizer,
        max_length=max_length,
        ignore_weights=options.ignore_weights,
        pooling=options.pooling,
        revision=options.revision,
    ) as model:
        yield model


def _max_length(source: str | Path, options: DeployOptions) -> int | None:
    """Return the most tokens that are asked for: with fixed lengths the longest of them.

    Raises:
        OptionError: The model has fewer positions, and more of them were not asked for.
    """
    if not options.lengths:
        return options.max_length
    with _opened(source, options, options.max_length) as model:
        positions = model.config.max_position_embeddings
    if options.lengths[-1] > positions:
        more = advice(python="max_length=", command="--max-length")
        allowed = f"at most {positions}, the model's number of positions ({more} gives it more)"
        raise OptionError("lengths", options.lengths[-1], allowed)
    return options.lengths[-1]


def export_options_of(options: DeployOptions) -> ExportOptions:
    """Read the recipe, and refuse what would change nothing in it.

    Where it is to be searched for, what is read is the one that the search ends in if nothing smaller will do.

    Raises:
        RecipeError: A file that cannot be read as a recipe.
        UnknownNameError: No such recipe or preset.
        OptionError: An option that nothing would come of.
    """
    from roformer_edge.export.artifact import ExportOptions

    if options.recipe == AUTO:
        recipe, settings = RECIPES["fp32"], Settings()
        schemes = {rule.scheme for one in RECIPES.values() for rule in one.rules}
    else:
        name = options.recipe or defaults.RECIPE
        recipe, settings = open_recipe(name)
        recipe = built_in_recipes(options).get(name, recipe.with_float(options.keep_float, "asked for"))
        schemes = {rule.scheme for rule in recipe.rules}
        _check_runtime(options, schemes)
        _check_schemes(options, schemes)
    _refuse_without_effect(options, settings, schemes)
    return ExportOptions(
        recipe=recipe,
        preset=get_preset(options.preset or settings.preset or SAFE_PRESET),
        index_dtype=options.index_dtype,
        observer=options.observer or settings.observer or defaults.OBSERVER,
        runtime=options.runtime,
        lengths=options.lengths,
    )


def built_in_recipes(options: DeployOptions) -> dict[str, Recipe]:
    """Return the built-in recipes by name, as they suit the format and what was asked for."""
    rounding = options.row.rounds_outputs
    exact = not options.schemes or DYNAMIC in options.schemes
    return {
        name: (recipe.with_exact_logits(rounding) if exact else recipe).with_float(options.keep_float, "asked for")
        for name, recipe in RECIPES.items()
    }


def _refuse_without_effect(options: DeployOptions, settings: Settings, schemes: set[str]) -> None:
    """Refuse options, also those in the recipe's file, that nothing would come of with its schemes or in the format."""
    rounding = {scheme for scheme in schemes if SCHEMES[scheme].rounds_input}
    for name, value, needed in (
        ("preset", options.preset or settings.preset, preset_matters(schemes)),
        ("keep_float", options.keep_float or None, schemes - {FLOAT}),
        ("keep_weights", options.keep_weights or None, schemes <= {FLOAT}),
        ("calibration", options.calibration, rounding),
        ("observer", options.observer or settings.observer, schemes & {STATIC}),
    ):
        if value is not None and not needed:
            recipe = options.recipe or defaults.RECIPE
            raise OptionError(name, value, f"left out, because it changes nothing in the recipe {recipe}")
    if options.preset is not None and not options.row.presets:
        raise OptionError("preset", options.preset, f"left out: {options.row.name} computes alike on every processor")


def _check_runtime(options: DeployOptions, schemes: set[str]) -> None:
    """Refuse a runtime that was asked for if it is too old for a scheme."""
    row = options.row
    needed = row.minimum_runtime(options.runtime, schemes)
    if options.runtime is not None and needed != row.minimum_runtime(options.runtime):
        versions = " and ".join(f"{package} {version}" for package, version in needed.items())
        allowed = f"left out, because the recipe {options.recipe or defaults.RECIPE} needs {versions}"
        raise OptionError("runtime", options.runtime, allowed)


def _check_schemes(options: DeployOptions, schemes: set[str]) -> None:
    """Refuse a recipe with a scheme that the format does not have."""
    row = options.row
    runtime = options.runtime or next(iter(row.runtimes))
    unknown = schemes - resolve_address(row.schemes)(runtime)
    if unknown:
        named = " and ".join(sorted(map(repr, unknown)))
        allowed = f"one without the scheme {named}, which {row.name} does not have for {runtime}"
        raise OptionError("recipe", options.recipe or defaults.RECIPE, allowed)


def labelled_examples(options: DeployOptions, *models: SourceModel) -> tuple[Example, ...]:
    """Read the labelled data before the long work, so that a broken line is reported at once; none where none is given.

    Args:
        options: Names the file.
        models: All that are to answer to it, of one architecture.

    Raises:
        DatasetError: A line cannot be used, or is too long for a model.
        OptionError, UnknownNameError: A gate that cannot be judged.
    """
    if options.evaluation is None:
        return ()
    measure = measure_of_model(models[0].task.name, models[0].config)
    examples = tuple(read_examples(options.evaluation, measure, options.fields))
    resolve_gates(options.gates, measure, examples)
    limit, truncation = models[0].config.max_position_embeddings, options.truncation
    for tokenizer in dict.fromkeys(model.tokenizer for model in models):
        check_inputs(examples, partial(measure.find_problem, tokenizer, limit, truncation=truncation))
    return examples


def calibration_batches(options: DeployOptions, model: SourceModel) -> Batches | None:
    """Read and encode the calibration data; what is returned makes its batches, shortest texts first, at each call."""
    if options.calibration is None:
        return None
    most = options.calibration_texts or defaults.CALIBRATION_TEXTS
    rows = encoded_rows(options.calibration, options, model, most=most)
    pad_id = model.config.pad_token_id or 0
    return lambda: (
        padded_feeds(rows[start : start + _CALIBRATION_BATCH], pad_id=pad_id, pad_left=model.task.pad_left)
        for start in range(0, len(rows), _CALIBRATION_BATCH)
    )


def encoded_rows(path: Path, options: DeployOptions, model: SourceModel, *, most: int) -> list[EncodedRow]:
    """Read and encode what a model is asked, as the runtime does; the shortest rows first.

    Args:
        path: A file of the task's inputs.
        options: Say which key is which field, and whether long texts are cut.
        model: Gives task and tokenizer.
        most: The number of texts after which no more are read.

    Raises:
        DatasetError: A line cannot be used, or is too long for the model.
    """
    find_problem = partial(find_row_problem, model.tokenizer, model.config, model.task, truncation=options.truncation)
    texts = read_rows(path, model.task, options.fields, find_problem, most=min(most, sys.maxsize))
    encode = partial(_rows_of, model, truncation=options.truncation)
    return sorted(chain.from_iterable(map(encode, texts)), key=lambda row: len(row.ids))


def _rows_of(model: SourceModel, text: TextRow, *, truncation: bool) -> Sequence[EncodedRow]:
    """Encode a text as the runtime does: in windows, where the task reads long texts so and they are not to be cut."""
    limit = model.config.max_position_embeddings
    if model.task.windowed is not None and not truncation:
        return cut_windows(model.tokenizer.encode_text(*text), model.task.windowed, limit)
    if truncation:
        limit = min(limit, model.tokenizer.model_max_length)
    return [encode_within(model.tokenizer, *text, limit)]
