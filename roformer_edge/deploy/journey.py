"""The whole journey in one call: checkpoint in, validated bundle out. Composes the floors below, computes nothing."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from roformer_edge._extras import available
from roformer_edge.bundle.pack import ARCHIVE_SUFFIX, MODEL_SUFFIX, check_packed, pack_directory
from roformer_edge.bundle.self_test_vectors import SELFTEST_NAME
from roformer_edge.bundle.writer import BundleWriter
from roformer_edge.deploy import defaults
from roformer_edge.deploy.contents import add_files, add_weights, manifest_of, measured_loss
from roformer_edge.deploy.options import Deployment, DeployOptions
from roformer_edge.deploy.reference import open_session, predictor_of_source
from roformer_edge.deploy.source import SourceModel, open_source
from roformer_edge.errors import BudgetExceededError, OptionError, OutputError, advice
from roformer_edge.formats import get_format, resolve
from roformer_edge.progress import SILENT, ProgressListener
from roformer_edge.quantize.presets import SAFE_PRESET, get_preset
from roformer_edge.quantize.recipe import FLOAT, SCHEMES, STATIC, Settings, open_recipe, preset_matters
from roformer_edge.runtime.inference import EncodedRow, encode_within, padded_feeds
from roformer_edge.runtime.loading import load
from roformer_edge.runtime.pipelines.base import Pipeline
from roformer_edge.runtime.self_test import record_self_test
from roformer_edge.runtime.windows import cut_windows
from roformer_edge.temporary import TemporaryPath
from roformer_edge.validate.data.examples import Example, check_inputs, read_examples
from roformer_edge.validate.data.inputs import TextRow, find_row_problem, read_rows
from roformer_edge.validate.openers import predictor_of_bundle
from roformer_edge.validate.options import CompareOptions
from roformer_edge.validate.predictors import Opening
from roformer_edge.validate.render import check_report, write_report
from roformer_edge.validate.report import Report, check_budget
from roformer_edge.validate.runner import compare
from roformer_edge.validate.tasks import measure_of_model
from roformer_edge.validate.torch_session import TorchSession

if TYPE_CHECKING:
    from roformer_edge.export.artifact import ExportOptions
    from roformer_edge.export.calibration import Batches

_CALIBRATION_BATCH = 8
# of both sides, so that they are timed alike
_THREADS = 1

# answers to these are recorded in every bundle, so that a runtime that computes something else is found out
SELF_TEST_TEXTS = ("把客厅的灯打开。", "今天天气非常好！", "这家酒店的服务很周到，只是房间小了一点，下次还会再来。")
SELF_TEST_PAIRS = (("谁打开了灯？", "妈妈打开了客厅的灯。"), ("今天天气怎么样？", "今天天气非常好，明天有雨。"))


def deploy_checkpoint(
    source: str | Path,
    out: str | Path,
    options: DeployOptions | None = None,
    *,
    progress: ProgressListener = SILENT,
) -> Deployment:
    """Make a bundle of a checkpoint and, where evaluation data is given, measure what it lost.

    Args:
        source: A Hugging Face checkpoint directory, the name of one on a hub, or a float32 bundle.
        out: The bundle's directory, or nothing there yet. A name that ends in ``.rfe`` or, with TFLite, in ``.tflite``
            makes one file of the bundle; see ``bundle.pack``.
        options: What to make of it; an int8 ONNX bundle for the task that the checkpoint names by default.
        progress: Told of stages and steps.

    Returns:
        Where the bundle lies, what it is and what it lost.

    Raises:
        RoformerEdgeError: One of its subclasses, whenever something is wrong; nothing is then left at ``out``, unless
            the message says that the bundle is finished and only its report could not be written.
        BudgetExceededError: The drop is larger than ``options.max_drop``. The report is written, the bundle is not.
    """
    from roformer_edge.export.exporter import export_checkpoint
    from roformer_edge.export.parity import torch_answers

    options = options or DeployOptions()
    if Path(out).suffix in (ARCHIVE_SUFFIX, MODEL_SUFFIX):
        return _deploy_packed(source, Path(out), options, progress)
    if options.report is not None:
        check_report(options.report, out)
    row = get_format(options.format)
    export = _export_options(options)
    with BundleWriter(out, overwrite=options.overwrite) as writer:
        progress.stage("read")
        with open_source(
            source,
            options.task,
            options.tokenizer,
            max_length=_max_length(source, options),
            ignore_weights=options.ignore_weights,
            pooling=options.pooling,
            revision=options.revision,
        ) as model:
            examples = _examples(options, model)
            batches = _calibration_batches(options, model)
            reference = None
            if examples or available("torch"):
                progress.stage("reference")
                reference = open_session(model, _THREADS)
            answers = None
            if isinstance(reference, TorchSession):
                answers = torch_answers(reference.model, model.config, model.task)
            if not examples:  # one model in memory at a time, unless the reference is to be measured as well
                reference = None
            exported = export_checkpoint(
                model.checkpoint,
                model.task,
                export,
                build=resolve(row.builder),
                answers=answers,
                batches=batches,
                progress=progress,
            )
            progress.stage("write")
            manifest = manifest_of(model, row, export, exported)
            add_files(writer, model, row, export, exported)
            if options.keep_weights:
                add_weights(writer, model)
            with load(writer.draft(manifest), threads=_THREADS) as pipeline:
                quantized = any(decision.scheme != FLOAT for decision in exported.decisions)
                _add_self_test(writer, pipeline, quantized=quantized)
                report: Report | None = None
                if reference is not None:
                    opening = Opening(
                        path=str(writer.directory),
                        task=model.task.name,
                        threads=_THREADS,
                        truncate=options.truncation,
                        tokenizer=options.tokenizer,
                    )
                    written = manifest.replace(files=writer.files)
                    sides = (
                        predictor_of_source(model, reference, _THREADS, truncation=options.truncation),
                        predictor_of_bundle(pipeline, model.config, written, opening, str(out)),
                    )
                    report = compare(*sides, examples, _compare_options(options, model), progress)
        if report is not None:
            _keep_budget(report, options.report)
            manifest = manifest.replace(measured=measured_loss(report))
        bundle = writer.finish(manifest)
        manifest = manifest.replace(files=writer.files)
    return Deployment(
        bundle=bundle,
        manifest=manifest,
        report=report,
        report_files=_report_files(report, options.report, bundle),
        warnings=exported.warnings,
    )


def _export_options(options: DeployOptions) -> ExportOptions:
    """Read the recipe, and refuse what would change nothing in it."""
    from roformer_edge.export.artifact import ExportOptions

    recipe, settings = open_recipe(options.recipe)
    recipe = recipe.with_float(options.keep_float, "asked for")
    schemes = {rule.scheme for rule in recipe.rules}
    _refuse_without_effect(options, settings, schemes)
    _check_runtime(options, schemes)
    return ExportOptions(
        recipe=recipe,
        preset=get_preset(options.preset or settings.preset or SAFE_PRESET),
        index_dtype=options.index_dtype,
        observer=options.observer or settings.observer or defaults.OBSERVER,
        runtime=options.runtime,
        lengths=options.lengths,
    )


def _deploy_packed(source: str | Path, out: Path, options: DeployOptions, progress: ProgressListener) -> Deployment:
    """Make a bundle as one file."""
    check_packed(out, options.format, overwrite=options.overwrite)
    with TemporaryPath(out) as temporary:
        directory = temporary.path / out.stem
        made = deploy_checkpoint(source, directory, options, progress=progress)
        temporary.check_unclaimed()
        return dataclasses.replace(made, bundle=pack_directory(directory, out, overwrite=options.overwrite))


def _max_length(source: str | Path, options: DeployOptions) -> int | None:
    """Return the most tokens that are asked for: with fixed lengths the longest of them.

    Raises:
        OptionError: The model has fewer positions, and more of them were not asked for.
    """
    if not options.lengths:
        return options.max_length
    with open_source(
        source,
        options.task,
        options.tokenizer,
        max_length=options.max_length,
        ignore_weights=options.ignore_weights,
        pooling=options.pooling,
        revision=options.revision,
    ) as model:
        positions = model.config.max_position_embeddings
    if options.lengths[-1] > positions:
        more = advice(python="max_length=", command="--max-length")
        allowed = f"at most {positions}, the model's number of positions ({more} gives it more)"
        raise OptionError("lengths", options.lengths[-1], allowed)
    return options.lengths[-1]


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
            raise OptionError(name, value, f"left out, because it changes nothing in the recipe {options.recipe}")
    if options.preset is not None and not get_format(options.format).presets:
        raise OptionError("preset", options.preset, f"left out: {options.format} computes alike on every processor")


def _check_runtime(options: DeployOptions, schemes: set[str]) -> None:
    """Refuse a runtime that was asked for if it is too old for a scheme."""
    row = get_format(options.format)
    needed = row.minimum_runtime(options.runtime, schemes)
    if options.runtime is not None and needed != row.minimum_runtime(options.runtime):
        versions = " and ".join(f"{package} {version}" for package, version in needed.items())
        allowed = f"left out, because the recipe {options.recipe} needs {versions}"
        raise OptionError("runtime", options.runtime, allowed)


def _examples(options: DeployOptions, model: SourceModel) -> tuple[Example, ...]:
    """Read the labelled data before the long work, so that a broken line is reported at once."""
    if options.evaluation is None:
        return ()
    measure = measure_of_model(model.task.name, model.config)
    examples = tuple(read_examples(options.evaluation, measure, options.fields))
    limit, truncation = model.config.max_position_embeddings, options.truncation
    check_inputs(examples, partial(measure.find_problem, model.tokenizer, limit, truncation=truncation))
    return examples


def _calibration_batches(options: DeployOptions, model: SourceModel) -> Batches | None:
    """Read and encode the calibration data; what is returned makes its batches, shortest texts first, at each call."""
    if options.calibration is None:
        return None
    task, config = model.task, model.config
    find_problem = partial(find_row_problem, model.tokenizer, config, task, truncation=options.truncation)
    texts = islice(
        read_rows(options.calibration, task, options.fields, find_problem),
        min(options.calibration_texts or defaults.CALIBRATION_TEXTS, sys.maxsize),
    )
    encode = partial(_calibration_rows, model, truncation=options.truncation)
    rows = sorted(chain.from_iterable(map(encode, texts)), key=lambda row: len(row.ids))
    pad_id = config.pad_token_id or 0
    return lambda: (
        padded_feeds(rows[start : start + _CALIBRATION_BATCH], pad_id=pad_id, pad_left=task.pad_left)
        for start in range(0, len(rows), _CALIBRATION_BATCH)
    )


def _calibration_rows(model: SourceModel, text: TextRow, *, truncation: bool) -> Sequence[EncodedRow]:
    """Encode a text as the runtime does: in windows, where the task reads long texts so and they are not to be cut."""
    limit = model.config.max_position_embeddings
    if model.task.windowed is not None and not truncation:
        return cut_windows(model.tokenizer.encode_text(*text), model.task.windowed, limit)
    if truncation:
        limit = min(limit, model.tokenizer.model_max_length)
    return [encode_within(model.tokenizer, *text, limit)]


def _add_self_test(writer: BundleWriter, pipeline: Pipeline, *, quantized: bool) -> None:
    """Record the answers of the bundle, as far as it is written, to a few texts."""
    model = pipeline.model
    texts = SELF_TEST_TEXTS if len(model.task.fields) == 1 else SELF_TEST_PAIRS
    test = record_self_test(model, texts, quantized=quantized)
    writer.add_bytes(SELFTEST_NAME, "selftest", test.to_json().encode())


def _keep_budget(report: Report, folder: Path | None) -> None:
    """Refuse what lost too much; its report says why, and is then all that is written."""
    try:
        check_budget(report)
    except BudgetExceededError as error:
        if folder is not None:
            try:
                write_report(report, folder)
            except OutputError as why:
                raise BudgetExceededError(f"{error}; {why}") from None
        raise


def _report_files(report: Report | None, folder: Path | None, bundle: Path) -> tuple[Path, ...]:
    """Write the report of a finished bundle, where one is wanted."""
    if report is None or folder is None:
        return ()
    try:
        return tuple(write_report(report, folder))
    except OutputError as error:
        raise OutputError(f"{error}; the bundle is finished, in {bundle}, and only its report is missing") from None


def _compare_options(options: DeployOptions, model: SourceModel) -> CompareOptions:
    return CompareOptions(
        task=model.task.name, data_name=str(options.evaluation), max_drop=options.max_drop, slices=options.slices
    )
