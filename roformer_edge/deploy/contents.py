"""What goes into a bundle: its manifest and its files."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from roformer_edge._version import __version__
from roformer_edge.bundle.crf import crf_bytes
from roformer_edge.bundle.manifest import (
    LABELS_NAME,
    VOCABULARY_NAME,
    CalibrationRecord,
    Manifest,
    MeasuredLoss,
    ParityRecord,
    Provenance,
    RecipeReference,
    creation_time,
)
from roformer_edge.bundle.sentence import sentence_bytes
from roformer_edge.bundle.writer import BundleWriter
from roformer_edge.checkpoint.safetensors import write_safetensors
from roformer_edge.deploy.candidates import Selection, as_card
from roformer_edge.deploy.source import WEIGHTS_NAME, SourceModel
from roformer_edge.formats import Format, resolve
from roformer_edge.quantize.recipe import ATTENTION, STATIC, batching_of, preset_matters
from roformer_edge.records import to_values
from roformer_edge.scopes import ARITHMETIC, ATTENTION_PRODUCTS
from roformer_edge.temporary import scratch_folder
from roformer_edge.tokenizer import UNICODE_PATH, WORDS_PATH
from roformer_edge.validate.report import Report

if TYPE_CHECKING:  # needs the export extra, which measuring one bundle against another does not
    from roformer_edge.export.artifact import ExportOptions
    from roformer_edge.export.exporter import Exported
    from roformer_edge.export.parity import Parity


def manifest_of(
    model: SourceModel, row: Format, export: ExportOptions, exported: Exported, *, in_torch: bool
) -> Manifest:
    """Describe an export, as long as it was not compared with the reference model.

    Args:
        model: What was exported.
        row: The format.
        export: What was chosen.
        exported: What came of it.
        in_torch: Whether it is going to be compared with a model in PyTorch.
    """
    from roformer_edge.export.exporter import NOT_COMPARED

    config, calibration = model.config, exported.calibration
    settings = model.tokenizer.to_settings()
    engine, engine_version = resolve(row.engine)()
    tools = ("numpy", *row.tools, *(("torch",) if in_torch else ()))
    return Manifest(
        task=model.task.name,
        format=row.name,
        recipe=RecipeReference(name=export.recipe.name, sha256=export.recipe.digest),
        labels=config.labels if model.task.labelled else (),
        signatures=exported.artifact.signatures,
        max_length=config.max_position_embeddings,
        # transformers writes 1e30 for "no limit", which no integer of 64 bits holds
        tokenizer=settings | {"model_max_length": min(settings["model_max_length"], config.max_position_embeddings)},
        session=row.session,
        batching=batching_of(exported.decisions),
        calibration=None
        if calibration is None
        else CalibrationRecord(texts=calibration.texts, sha256=calibration.digest, observer=calibration.observer),
        parity=parity_record(NOT_COMPARED),
        notes=model.notes,
        minimum_runtime=row.minimum_runtime(export.runtime, {decision.scheme for decision in exported.decisions}),
        provenance=Provenance(
            version=__version__,
            source=model.name,
            checkpoint_sha256=model.digest,
            created=creation_time(),
            tools={tool: version(tool) for tool in tools} | {engine: engine_version},
        ),
    )


def add_files(
    writer: BundleWriter,
    model: SourceModel,
    row: Format,
    export: ExportOptions,
    exported: Exported,
    *,
    selection: Selection | None,
) -> None:
    """Write everything but the manifest, the model card and the self-test; the card is told of a selection."""
    if selection is not None:
        writer.add_section("Chosen for one machine", as_card(selection))
    schemes = {decision.scheme for decision in exported.decisions}
    arithmetic = ARITHMETIC if ATTENTION in schemes else {**ATTENTION_PRODUCTS, **ARITHMETIC}
    recipe = {
        **export.recipe.to_dict(),
        **({"preset": export.preset.name} if preset_matters(schemes) else {}),
        **({"observer": export.observer} if STATIC in schemes else {}),
        "decisions": [decision.to_dict() for decision in exported.decisions],
        "always_float": [{"part": part, "reason": reason} for part, reason in arithmetic.items()],
        "calibration": exported.calibration and exported.calibration.to_dict(),
        **({} if selection is None else {"selection": to_values(selection)}),
    }
    writer.add_pieces(row.file_name, "model", exported.artifact.pieces())
    writer.add_bytes(VOCABULARY_NAME, "vocabulary", model.tokenizer.vocabulary_bytes)
    if row.label_file and model.task.labelled:
        lines = (" ".join(label.split()) + "\n" for label in model.config.labels)
        writer.add_bytes(LABELS_NAME, "labels", "".join(lines).encode())
    if model.tokenizer.uses_words:
        writer.add_file("words.bin", "words", WORDS_PATH)
        writer.add_file("LICENSE.jieba", "notice", Path(WORDS_PATH).with_name("LICENSE.jieba"))
    writer.add_file("unicode.bin", "unicode", UNICODE_PATH)
    writer.add_bytes("config.json", "config", model.config.to_json().encode())
    if model.checkpoint.crf is not None:
        writer.add_bytes("crf.json", "crf", crf_bytes(model.checkpoint.crf))
    if model.task.sentence is not None:
        writer.add_bytes("sentence.json", "sentence", sentence_bytes(model.task.sentence))
    writer.add_bytes("recipe.json", "recipe", (json.dumps(recipe, ensure_ascii=False, indent=2) + "\n").encode())


def add_weights(writer: BundleWriter, model: SourceModel) -> None:
    """Write the canonical arrays beside the graph."""
    with scratch_folder() as folder:
        path = folder / WEIGHTS_NAME
        write_safetensors(path, model.checkpoint.arrays)
        writer.add_file(WEIGHTS_NAME, "weights", path)


def measured_loss(report: Report) -> MeasuredLoss:
    """Put what a report found into the manifest's words: the metric that is budgeted."""
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


def parity_record(parity: Parity) -> ParityRecord:
    """Put the outcome of a comparison into the manifest's words."""
    if not parity.checked:
        return ParityRecord(checked=False, reason=parity.reference)
    return ParityRecord(
        checked=True,
        reference=parity.reference,
        tolerance=parity.tolerance,
        worst_tensor=parity.worst_tensor,
        absolute_difference=parity.absolute_difference,
        relative_difference=parity.relative_difference,
    )
