"""The whole journey in one call: checkpoint in, validated bundle out. Composes the floors below, computes nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from roformer_edge._extras import available
from roformer_edge.bundle.pack import ARCHIVE_SUFFIX, MODEL_SUFFIX, check_packed, pack_directory
from roformer_edge.bundle.self_test_vectors import SELFTEST_NAME
from roformer_edge.bundle.writer import BundleWriter
from roformer_edge.deploy.candidates import Selection, as_choice, list_candidates
from roformer_edge.deploy.contents import add_files, add_weights, manifest_of, measured_loss, parity_record
from roformer_edge.deploy.inputs import calibration_batches, export_options_of, labelled_examples, open_model
from roformer_edge.deploy.options import MOST_TUNED, Deployment, DeployOptions
from roformer_edge.deploy.pruning import prune_vocabulary
from roformer_edge.deploy.reference import Answers, open_session, predictor_of_source, probing
from roformer_edge.deploy.source import SourceModel
from roformer_edge.errors import BudgetExceededError, OptionError, OutputError
from roformer_edge.formats import resolve
from roformer_edge.log import Logged, log
from roformer_edge.progress import SILENT, ProgressListener
from roformer_edge.quantize.recipe import AUTO, FLOAT
from roformer_edge.runtime.loading import load
from roformer_edge.runtime.pipelines.base import Pipeline
from roformer_edge.runtime.self_test import record_self_test
from roformer_edge.runtime.session import Session
from roformer_edge.temporary import TemporaryPath
from roformer_edge.validate.baseline import check_baseline
from roformer_edge.validate.data.examples import HELD_OUT, Example, halves, spread_sample
from roformer_edge.validate.language import ENGLISH
from roformer_edge.validate.openers import predictor_of_bundle
from roformer_edge.validate.options import CompareOptions
from roformer_edge.validate.predictors import Opening
from roformer_edge.validate.render import check_report, write_report
from roformer_edge.validate.report import Report, check_budget, read_report
from roformer_edge.validate.runner import compare
from roformer_edge.validate.scoring import standard_of
from roformer_edge.validate.tasks import measure_of_model
from roformer_edge.validate.torch_session import TorchSession

if TYPE_CHECKING:  # needs the export extra
    from roformer_edge.deploy.search import Searched
    from roformer_edge.export.artifact import ExportOptions
    from roformer_edge.export.calibration import Batches

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
        RoFormerEdgeError: One of its subclasses, whenever something is wrong; nothing is then left at ``out``, unless
            the message says that the bundle is finished and only its report could not be written.
        BudgetExceededError: The drop is larger than ``options.max_drop``. The report is written, the bundle is not.
    """
    from roformer_edge.export.exporter import compare_network, export_checkpoint

    if Path(out).suffix in (ARCHIVE_SUFFIX, MODEL_SUFFIX):
        return _deploy_packed(source, Path(out), options or DeployOptions(), progress)
    options, progress = options or DeployOptions(), Logged("deploy", progress)
    if options.report is not None:
        check_report(options.report, out)
    baseline = None if options.baseline is None else read_report(options.baseline)
    # what cannot be made as asked is refused before the long work
    (list_candidates if options.for_this_machine else export_options_of)(options)
    with BundleWriter(out, overwrite=options.overwrite) as writer:
        progress.stage("read")
        with open_model(source, options) as original, ExitStack() as beside:
            material = _gather(original, options, baseline, progress)
            model, reference, answers = material.model, material.reference, material.answers
            plan = _plan(material, options, progress)
            row, export = plan.options.row, plan.export
            if reference is None and available("torch"):
                answers = beside.enter_context(_probing(original, model, options))
            comparing = partial(
                compare_network,
                model.checkpoint,
                model.task,
                export,
                build=resolve(row.builder),
                answers=answers,
                progress=progress,
            )
            # before the long work where the answers are there, and else when another process has had time for them
            parity = None if reference is None else comparing()
            exported = export_checkpoint(
                model.checkpoint,
                model.task,
                export,
                build=resolve(row.builder),
                batches=None if plan.options.calibration is None else material.batches,
                progress=progress,
            )
            progress.stage("write")
            manifest = manifest_of(model, row, export, exported, in_torch=answers is not None)
            add_files(writer, model, row, export, exported, selection=plan.selection)
            if options.keep_weights:
                add_weights(writer, model)
            warnings, quantized = exported.warnings, any(one.scheme != FLOAT for one in exported.decisions)
            del exported  # its arrays
            with load(writer.draft(manifest), threads=_THREADS) as pipeline:
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
                        predictor_of_source(original, reference, _THREADS, truncation=options.truncation),
                        predictor_of_bundle(pipeline, model.config, written, opening, str(out)),
                    )
                    report = compare(
                        *sides, material.examples, _compare_options(options, model, baseline, plan), progress
                    )
            manifest = manifest.replace(parity=parity_record(comparing() if parity is None else parity))
        if report is not None:
            _keep_budget(report, options, plan)
            manifest = manifest.replace(measured=measured_loss(report))
        bundle = writer.finish(manifest)
        manifest = manifest.replace(files=writer.files)
    return _logged(
        Deployment(
            bundle=bundle,
            manifest=manifest,
            report=report,
            report_files=_report_files(report, options, bundle),
            warnings=warnings,
            searched=plan.searched,
            selection=plan.selection,
        )
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Material:
    """What bundles are made of and measured with.

    Attributes:
        original: What was opened.
        model: The same with the vocabulary that the bundle gets.
        examples: Labelled examples that the bundle is measured on.
        chosen_by: Those that it is chosen by.
        batches: Makes the calibration batches, or ``None``.
        reference: What it is measured against; ``None`` where there are no examples.
        answers: Gives the reference's answers to the probes of parity, where it is a model in PyTorch.
    """

    original: SourceModel
    model: SourceModel
    examples: Sequence[Example]
    chosen_by: Sequence[Example]
    batches: Batches | None
    reference: Session | None = None
    answers: Answers | None = None


def _gather(
    original: SourceModel, options: DeployOptions, baseline: Report | None, progress: ProgressListener
) -> _Material:
    """Read what was asked for beside the checkpoint, and open what the bundle is to be measured against."""
    from roformer_edge.export.parity import torch_answers

    model = original
    if options.prune_vocab is not None:
        progress.stage("vocabulary")
        model = prune_vocabulary(original, options.prune_vocab, options.fields)
    examples = labelled_examples(options, original, model)
    batches = calibration_batches(options, model)
    chosen_by = examples
    if options.halved:
        chosen_by, examples = halves(examples)
    if baseline is not None:
        check_baseline(baseline, measure_of_model(original.task.name, original.config), examples)
    material = _Material(original=original, model=model, examples=examples, chosen_by=chosen_by, batches=batches)
    if not examples:
        return material
    progress.stage("reference")
    session, answers = open_session(model, _THREADS), None
    if isinstance(session, TorchSession):
        answers = partial(torch_answers, session.model, model.config, model.task)
    # what a smaller vocabulary loses, it loses against all tokens
    reference = session if model is original else open_session(original, _THREADS)
    return dataclasses.replace(material, reference=reference, answers=answers)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Plan:
    """What is made, and how that was chosen where it was not asked for."""

    options: DeployOptions
    export: ExportOptions
    searched: Searched | None = None
    selection: Selection | None = None


def _plan(material: _Material, options: DeployOptions, progress: ProgressListener) -> _Plan:
    """Choose by measurement what was left open."""
    model, reference, batches = material.model, material.reference, material.batches
    if options.for_this_machine:
        from roformer_edge.deploy.selection import SelectionWork, select_candidate

        standard = None
        if reference is not None:
            side = predictor_of_source(material.original, reference, _THREADS, truncation=options.truncation)
            progress.stage("reference")
            standard = standard_of(side, spread_sample(material.chosen_by, MOST_TUNED), model.task.name, progress)
        work = SelectionWork(model=model, options=options, batches=batches, standard=standard)
        options, selection = select_candidate(work, progress)
        return _Plan(options=options, export=export_options_of(options), selection=selection)
    export = export_options_of(options)
    if options.recipe != AUTO or reference is None:
        return _Plan(options=options, export=export)
    from roformer_edge.deploy.search import SearchWork, search_recipe

    searching = SearchWork(
        original=material.original, model=model, reference=reference, options=options, export=export, batches=batches
    )
    recipe, searched = search_recipe(searching, material.chosen_by, progress)
    return _Plan(options=options, export=dataclasses.replace(export, recipe=recipe), searched=searched)


def _logged(made: Deployment) -> Deployment:
    log("deploy", "info", "%r", made)
    for note in made.manifest.notes:
        log("deploy", "info", "%s", note)
    for warning in made.warnings:
        log("deploy", "warning", "%s", warning)
    return made


def _probing(original: SourceModel, model: SourceModel, options: DeployOptions) -> AbstractContextManager[Answers]:
    asked = options.max_length or options.lengths
    length = model.config.max_position_embeddings if asked else None
    return probing(model, max_length=length, pruned=model is not original)


def _deploy_packed(source: str | Path, out: Path, options: DeployOptions, progress: ProgressListener) -> Deployment:
    """Make a bundle as one file."""
    if options.for_this_machine and options.format is None and out.suffix == MODEL_SUFFIX:
        raise OptionError("format", options.format, f"the one whose models are {MODEL_SUFFIX} files, to write {out}")
    check_packed(out, options.row.name, overwrite=options.overwrite)
    with TemporaryPath(out) as temporary:
        directory = temporary.path / out.stem
        made = deploy_checkpoint(source, directory, options, progress=progress)
        temporary.check_unclaimed()
        return dataclasses.replace(made, bundle=pack_directory(directory, out, overwrite=options.overwrite))


def _add_self_test(writer: BundleWriter, pipeline: Pipeline, *, quantized: bool) -> None:
    """Record the answers of the bundle, as far as it is written, to a few texts."""
    model = pipeline.model
    texts = SELF_TEST_TEXTS if len(model.task.fields) == 1 else SELF_TEST_PAIRS
    test = record_self_test(model, texts, quantized=quantized)
    writer.add_bytes(SELFTEST_NAME, "selftest", test.to_json().encode())


def _keep_budget(report: Report, options: DeployOptions, plan: _Plan) -> None:
    """Refuse what lost too much; its report says why, and is then all that is written."""
    try:
        check_budget(report)
    except BudgetExceededError as broken:
        error = broken
        if options.halved and not report.within_budget:
            error = BudgetExceededError(f"{broken}; {_on_the_other_half(plan)}")
        if options.report is not None:
            try:
                write_report(report, options.report, language=options.language or ENGLISH)
            except OutputError as why:
                raise BudgetExceededError(f"{error}; {why}") from None
        raise error from None


def _on_the_other_half(plan: _Plan) -> str:
    if plan.selection is not None:
        examples, drop = plan.selection.examples, plan.selection.chosen.drop
    else:
        assert plan.searched is not None  # nothing else is halved for
        examples, drop = plan.searched.examples, plan.searched.drop
    return (
        f"on the {examples} examples that it was chosen by it drops by {drop:.2f}: "
        "give more labelled data, or a larger budget"
    )


def _report_files(report: Report | None, options: DeployOptions, bundle: Path) -> tuple[Path, ...]:
    """Write the report of a finished bundle, where one is wanted."""
    if report is None or options.report is None:
        return ()
    try:
        return tuple(write_report(report, options.report, language=options.language or ENGLISH))
    except OutputError as error:
        raise OutputError(f"{error}; the bundle is finished, in {bundle}, and only its report is missing") from None


def _compare_options(
    options: DeployOptions, model: SourceModel, baseline: Report | None, plan: _Plan
) -> CompareOptions:
    name = str(options.evaluation)
    return CompareOptions(
        task=model.task.name,
        data_name=f"{name}, {HELD_OUT}" if options.halved else name,
        max_drop=options.max_drop,
        slices=options.slices,
        gates=options.gates,
        baseline=baseline,
        choice=None if plan.selection is None else as_choice(plan.selection),
    )
