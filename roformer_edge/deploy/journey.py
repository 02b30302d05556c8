"""The whole journey in one call: checkpoint in, validated bundle out. Composes the floors below, computes nothing."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from roformer_edge._extras import available
from roformer_edge._version import __version__
from roformer_edge.bundle.manifest import (
    CalibrationRecord,
    Manifest,
    MeasuredLoss,
    ParityRecord,
    Provenance,
    RecipeReference,
    creation_time,
)
from roformer_edge.bundle.reader import is_bundle, open_bundle
from roformer_edge.bundle.self_test_vectors import SELFTEST_NAME
from roformer_edge.bundle.writer import BundleWriter
from roformer_edge.checkpoint.safetensors import write_safetensors
from roformer_edge.config import CONFIG_NAME, RoFormerConfig
from roformer_edge.deploy.source import WEIGHTS_NAME, Source, encode_batches, open_source
from roformer_edge.errors import ComparisonError, OptionError
from roformer_edge.formats import Format, get_format, resolve
from roformer_edge.progress import SILENT, ProgressListener
from roformer_edge.quantize.observers import get_observer
from roformer_edge.quantize.presets import SAFE_PRESET, get_preset
from roformer_edge.quantize.recipe import FLOAT, get_recipe
from roformer_edge.runtime.loading import load
from roformer_edge.runtime.self_test import record_self_test
from roformer_edge.scopes import ARITHMETIC
from roformer_edge.tasks import Task, get_task, input_rows, task_of
from roformer_edge.tokenizer import UNICODE_PATH, WORDS_PATH
from roformer_edge.validate.data.examples import Example, check_inputs, read_examples
from roformer_edge.validate.data.fields import BY_NAME, FieldNames
from roformer_edge.validate.data.inputs import read_inputs
from roformer_edge.validate.openers import open_predictor
from roformer_edge.validate.options import CompareOptions
from roformer_edge.validate.predictors import Predictor
from roformer_edge.validate.render import check_report, write_report
from roformer_edge.validate.report import Report, check_budget
from roformer_edge.validate.runner import compare
from roformer_edge.validate.tasks import measure_of_model

if TYPE_CHECKING:  # needs the export extra, which measuring one bundle against another does not
    from roformer_edge.export.artifact import ExportOptions
    from roformer_edge.export.exporter import Exported

# of a checkpoint that does not say what it is
_DEFAULT_TASK = "text-classification"
# tokens, below which truncation leaves nothing of a text
_SHORTEST = 3
CALIBRATION_TEXTS = 512
_CALIBRATION_BATCH = 8

# answers to these are recorded in every bundle, so that a runtime that computes something else is found out
SELF_TEST_TEXTS = ("把客厅的灯打开。", "今天天气非常好！", "这家酒店的服务很周到，只是房间小了一点，下次还会再来。")
SELF_TEST_PAIRS = (("谁打开了灯？", "妈妈打开了客厅的灯。"), ("今天天气怎么样？", "今天天气非常好，明天有雨。"))


@dataclass(frozen=True, kw_only=True)
class DeployOptions:
    """What can be chosen about a deployment.

    Attributes:
        task: A key of ``tasks.TASKS``; ``None`` for the one that the source's own files name.
        format: The format of the model file; a key of ``formats.FORMATS``.
        runtime: What the bundle is to run on, one of the format's ``runtimes``; ``None`` for the first.
        lengths: Numbers of tokens that the model is made for, ascending; texts are padded to the next. Empty for a
            model that takes any number.
        recipe: A key of ``quantize.recipe.RECIPES``, or the path of a recipe in JSON.
        keep_float: Shell-style patterns of scopes to leave in float32 whatever the recipe says.
        preset: A key of ``quantize.presets.PRESETS``: integer types that suit the target's processor.
        observer: A key of ``quantize.observers.OBSERVERS``, for recipes with calibrated ranges.
        index_dtype: Of the graph's inputs, ``"int64"`` or ``"int32"``; ``None`` for what is usual in the format.
        tokenizer: ``"slow"``, ``"fast"``, or ``"auto"`` for the one that the checkpoint was trained with.
        max_length: The most tokens of a text, in place of the source's own number of positions. The rotary table is
            cut, or grows by its formula; how well a model reads longer texts than it was trained on is another matter.
        calibration: A file of the task's inputs to calibrate on; the first ``calibration_texts`` are used.
        calibration_texts: How many texts (or pairs) at most.
        evaluation: A file of labelled examples to measure the loss on.
        fields: Which key of either file is which field.
        slices: What to cut the evaluation data by, in the report: ``"length"``, or keys of the data.
        max_drop: Largest loss of the task's metric allowed, in percentage points.
        report: Folder for the report's files.
        truncation: Cut texts that are longer than the model allows, instead of refusing them.
        overwrite: Replace a bundle that is there already.
        keep_weights: Put the canonical arrays beside the graph of a float32 bundle, so that it can be quantised later.
    """

    task: str | None = None
    format: str = "onnx"
    runtime: str | None = None
    lengths: tuple[int, ...] = ()
    recipe: str = "int8-dynamic"
    keep_float: tuple[str, ...] = ()
    preset: str = SAFE_PRESET
    observer: str = "percentile"
    index_dtype: str | None = None
    tokenizer: str = "auto"
    max_length: int | None = None
    calibration: Path | None = None
    calibration_texts: int = CALIBRATION_TEXTS
    evaluation: Path | None = None
    fields: FieldNames = BY_NAME
    slices: tuple[str, ...] = ()
    max_drop: float | None = None
    report: Path | None = None
    truncation: bool = False
    overwrite: bool = False
    keep_weights: bool = False

    def __post_init__(self) -> None:
        get_format(self.format).minimum_runtime(self.runtime)
        if any(type(length) is not int or length < _SHORTEST for length in self.lengths) or sorted(
            set(self.lengths)
        ) != list(self.lengths):
            raise OptionError("lengths", self.lengths, f"ascending whole numbers of at least {_SHORTEST}")
        if self.max_drop is not None and self.evaluation is None:
            raise ComparisonError("a largest drop was given, but no labelled data to measure it on (--eval)")
        get_observer(self.observer)
        if type(self.calibration_texts) is not int or self.calibration_texts < 1:
            raise OptionError("calibration_texts", self.calibration_texts)
        if self.max_length is not None and (type(self.max_length) is not int or self.max_length < _SHORTEST):
            allowed = f"a whole number of at least {_SHORTEST}, for [CLS], one token and [SEP]"
            raise OptionError("max_length", self.max_length, allowed)


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


def deploy_checkpoint(
    source: str | Path,
    out: str | Path,
    options: DeployOptions | None = None,
    *,
    progress: ProgressListener = SILENT,
) -> Deployment:
    """Make a bundle of a checkpoint and, where evaluation data is given, measure what it lost.

    Args:
        source: A Hugging Face checkpoint directory, or a float32 bundle.
        out: The bundle's directory, or nothing there yet.
        options: What to make of it; an int8 ONNX bundle for the task that the checkpoint names by default.
        progress: Told of stages and steps.

    Returns:
        Where the bundle lies, what it is and what it lost.

    Raises:
        RoformerEdgeError: One of its subclasses, whenever something is wrong; nothing is then left at ``out``.
        BudgetExceededError: The drop is larger than ``options.max_drop``. The report is written, the bundle is not.
    """
    from roformer_edge.export.artifact import ExportOptions
    from roformer_edge.export.exporter import export_checkpoint

    options = options or DeployOptions()
    if options.report is not None:
        check_report(options.report, out)
    task, row = _task_of(source, options), get_format(options.format)
    export = ExportOptions(
        recipe=get_recipe(options.recipe).with_float(options.keep_float, "asked for"),
        preset=get_preset(options.preset),
        index_dtype=options.index_dtype,
        observer=options.observer,
        runtime=options.runtime,
        lengths=options.lengths,
    )
    with BundleWriter(out, overwrite=options.overwrite) as writer:
        progress.stage("read")
        made_of = open_source(source, task, options.tokenizer, max_length=options.max_length)
        if options.lengths:
            _check_lengths(options.lengths, made_of)
            options = dataclasses.replace(options, max_length=options.lengths[-1])
            made_of = open_source(source, task, options.tokenizer, max_length=options.max_length)
        examples = _examples(options, task, made_of)
        exported = export_checkpoint(
            made_of.checkpoint,
            task,
            export,
            build=resolve(row.builder),
            batches=_batches(options, task, made_of),
            progress=progress,
        )
        progress.stage("write")
        manifest = _manifest(made_of, task, row, export, exported)
        writer.add_bytes(row.file_name, "model", exported.artifact.to_bytes())
        _add_files(writer, made_of, export, exported)
        if options.keep_weights:
            _add_weights(writer, made_of)
        _add_self_test(writer, manifest, exported)
        report: Report | None = None
        report_files: tuple[Path, ...] = ()
        if examples:
            candidate = open_predictor(str(writer.draft(manifest)), task=task.name, truncate=options.truncation)
            candidate = dataclasses.replace(candidate, name=str(out))
            report = _evaluate((source, candidate), examples, task, options, progress)
            manifest = manifest.replace(measured=_measured(report))
            report_files = _report_files(report, options)
            check_budget(report)
        bundle = writer.finish(manifest)
        manifest = manifest.replace(files=writer.files)
    return Deployment(bundle=bundle, manifest=manifest, report=report, report_files=report_files)


@contextlib.contextmanager
def open_reference(
    source: str | Path,
    task: Task,
    *,
    tokenizer: str = "auto",
    threads: int = 1,
    truncation: bool = False,
    max_length: int | None = None,
) -> Iterator[Predictor]:
    """The model that a bundle is measured against.

    A checkpoint runs in PyTorch; where torch is not installed it is exported to a float32 bundle for the time being,
    and the report says so. A bundle runs as it is.

    Args:
        source: A checkpoint directory or a bundle.
        task: Of both.
        tokenizer: For a checkpoint: ``"slow"``, ``"fast"`` or ``"auto"``.
        threads: Of one computation.
        truncation: Cut texts that are longer than the model allows.
        max_length: As in :class:`DeployOptions`, for a checkpoint.
    """
    if is_bundle(source) or available("torch"):
        yield open_predictor(
            source, task=task.name, threads=threads, truncate=truncation, tokenizer=tokenizer, max_length=max_length
        )
        return
    with tempfile.TemporaryDirectory(prefix="roformer-edge-") as folder:
        options = DeployOptions(task=task.name, recipe="fp32", tokenizer=tokenizer, max_length=max_length)
        made = deploy_checkpoint(source, Path(folder) / "reference", options)
        name = f"{source}, as a float32 bundle"
        yield open_predictor(made.bundle, task=task.name, threads=threads, truncate=truncation, name=name)


def _task_of(source: str | Path, options: DeployOptions) -> Task:
    """The task asked for, or else the one of the bundle or of the class that the checkpoint's config names."""
    if options.task is not None:
        return get_task(options.task)
    if is_bundle(source):
        with open_bundle(source) as bundle:
            return get_task(bundle.manifest.task)
    if not (Path(source) / CONFIG_NAME).is_file():
        return get_task(_DEFAULT_TASK)
    config = RoFormerConfig.from_pretrained(source)
    named = config.extra.get("architectures") or ()
    task = task_of([name for name in named if isinstance(name, str)]) if isinstance(named, list) else None
    return task or get_task(_DEFAULT_TASK)


def _examples(options: DeployOptions, task: Task, made_of: Source) -> tuple[Example, ...]:
    """The labelled data, read before the long work so that a broken line is reported at once."""
    if options.evaluation is None:
        return ()
    config = made_of.checkpoint.config
    measure = measure_of_model(task.name, config)
    examples = tuple(read_examples(options.evaluation, measure, options.fields))
    limit, truncation = config.max_position_embeddings, options.truncation
    check_inputs(examples, partial(measure.find_problem, made_of.tokenizer, limit, truncation=truncation))
    return examples


def _check_lengths(lengths: tuple[int, ...], made_of: Source) -> None:
    positions = made_of.checkpoint.config.max_position_embeddings
    if lengths[-1] > positions:
        allowed = f"at most {positions}, the model's number of positions (--max-length gives it more)"
        raise OptionError("lengths", lengths[-1], allowed)


def _batches(
    options: DeployOptions, task: Task, made_of: Source
) -> Callable[[], Iterable[Mapping[str, np.ndarray]]] | None:
    if options.calibration is None:
        return None
    examples = (input_rows(task, values) for values in read_inputs(options.calibration, task.name, options.fields))
    rows = list(islice(chain.from_iterable(examples), options.calibration_texts))
    return lambda: encode_batches(
        made_of.tokenizer,
        rows,
        made_of.checkpoint.config,
        task,
        batch_size=_CALIBRATION_BATCH,
        truncation=options.truncation,
    )


def _manifest(made_of: Source, task: Task, row: Format, export: ExportOptions, exported: Exported) -> Manifest:
    config = made_of.checkpoint.config
    calibration, parity = exported.calibration, exported.parity
    tools = ("numpy", *row.tools, *(("torch",) if parity.checked else ()))
    return Manifest(
        task=task.name,
        format=row.name,
        recipe=RecipeReference(name=export.recipe.name, sha256=export.recipe.digest),
        labels=config.labels if task.labelled else (),
        signatures=exported.artifact.signatures,
        max_length=config.max_position_embeddings,
        # transformers writes 1e30 for "no limit", which no integer of 64 bits holds
        tokenizer=made_of.tokenizer.to_settings() | {"model_max_length": config.max_position_embeddings},
        session=row.session,
        calibration=None
        if calibration is None
        else CalibrationRecord(texts=calibration.texts, sha256=calibration.digest, observer=calibration.observer),
        parity=ParityRecord(
            checked=True,
            reference=parity.reference,
            tolerance=parity.tolerance,
            worst_tensor=parity.worst_tensor,
            absolute_difference=parity.absolute_difference,
            relative_difference=parity.relative_difference,
        )
        if parity.checked
        else ParityRecord(checked=False, reason=parity.reference),
        minimum_runtime=row.minimum_runtime(export.runtime),
        provenance=Provenance(
            version=__version__,
            source=made_of.name,
            checkpoint_sha256=made_of.digest,
            created=creation_time(),
            tools={tool: version(tool) for tool in tools},
        ),
    )


def _add_files(writer: BundleWriter, made_of: Source, export: ExportOptions, exported: Exported) -> None:
    calibration = exported.calibration
    recipe = {
        **export.recipe.to_dict(),
        "preset": export.preset.name,
        "decisions": [decision.to_dict() for decision in exported.decisions],
        "always_float": [{"part": part, "reason": reason} for part, reason in ARITHMETIC.items()],
        "calibration": calibration and calibration.to_dict(),
    }
    writer.add_bytes("vocab.txt", "vocabulary", made_of.tokenizer.vocabulary_bytes)
    writer.add_file("words.bin", "words", WORDS_PATH)
    writer.add_file("unicode.bin", "unicode", UNICODE_PATH)
    writer.add_file("LICENSE.jieba", "notice", Path(WORDS_PATH).with_name("LICENSE.jieba"))
    writer.add_bytes("config.json", "config", made_of.checkpoint.config.to_json().encode())
    writer.add_bytes("recipe.json", "recipe", (json.dumps(recipe, ensure_ascii=False, indent=2) + "\n").encode())


def _add_weights(writer: BundleWriter, made_of: Source) -> None:
    with tempfile.TemporaryDirectory(prefix="roformer-edge-") as folder:
        path = Path(folder) / WEIGHTS_NAME
        write_safetensors(path, made_of.checkpoint.arrays)
        writer.add_file(WEIGHTS_NAME, "weights", path)


def _add_self_test(writer: BundleWriter, manifest: Manifest, exported: Exported) -> None:
    """Load what was written so far, and record its answers to a few texts."""
    with load(writer.draft(manifest)) as classifier:
        texts = SELF_TEST_TEXTS if len(get_task(manifest.task).fields) == 1 else SELF_TEST_PAIRS
        quantized = any(decision.scheme != FLOAT for decision in exported.decisions)
        test = record_self_test(classifier.model, texts, quantized=quantized)
    writer.add_bytes(SELFTEST_NAME, "selftest", test.to_json().encode())


def _evaluate(
    sides: tuple[str | Path, Predictor],
    examples: tuple[Example, ...],
    task: Task,
    options: DeployOptions,
    progress: ProgressListener,
) -> Report:
    source, candidate = sides
    settings = CompareOptions(
        task=task.name, data_name=str(options.evaluation), max_drop=options.max_drop, slices=options.slices
    )
    with open_reference(
        source, task, tokenizer=options.tokenizer, truncation=options.truncation, max_length=options.max_length
    ) as reference:
        return compare(reference, candidate, examples, settings, progress)


def _measured(report: Report) -> MeasuredLoss:
    figure = report.gated  # in percent, whatever the task
    return MeasuredLoss(
        metric=figure.name,
        unit="%",
        reference=100 * figure.reference,
        candidate=100 * figure.candidate,
        drop=figure.drop,
        low=figure.drop_interval.low,
        high=figure.drop_interval.high,
        agreement=100 * report.agreement.share,
        examples=report.data.examples,
        data=Path(report.data.name).name,
        data_sha256=report.data.sha256,
    )


def _report_files(report: Report, options: DeployOptions) -> tuple[Path, ...]:
    return tuple(write_report(report, options.report)) if options.report is not None else ()
