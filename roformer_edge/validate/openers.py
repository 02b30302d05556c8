"""Predictors from files: a bundle through the runtime, a checkpoint through the torch reference."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from roformer_edge.bundle.manifest import MANIFEST_NAME
from roformer_edge.bundle.reader import is_bundle, open_bundle
from roformer_edge.checkpoint.loading import check_vocabulary, load_checkpoint
from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import ComparisonError
from roformer_edge.formats import get_format, resolve
from roformer_edge.runtime.loading import PIPELINES, load
from roformer_edge.tasks import Task, get_task
from roformer_edge.tokenizer import load_tokenizer
from roformer_edge.validate.data.inputs import Inputs
from roformer_edge.validate.predictors import Facts, FileFact, Opening, Predictor
from roformer_edge.validate.tasks import measure_of_model, problem_type_of

# what a checkpoint needs beside its weights -> its role
_COMPANIONS = {
    "config.json": "config",
    "vocab.txt": "vocabulary",
    "tokenizer_config.json": "tokenizer",
    "special_tokens_map.json": "tokenizer",
    "added_tokens.json": "tokenizer",
}


def open_predictor(
    path: str | Path,
    *,
    task: str = "text-classification",
    threads: int = 1,
    truncate: bool = False,
    tokenizer: str = "auto",
    max_length: int | None = None,
    name: str | None = None,
) -> Predictor:
    """Open a bundle or a checkpoint as one side of a comparison.

    Args:
        path: A bundle's directory or archive, or a Hugging Face checkpoint directory.
        task: A name of ``tasks.TASKS``.
        threads: For the inside of one operation.
        truncate: Cut texts that are longer than the model allows, instead of refusing them.
        tokenizer: ``"slow"``, ``"fast"`` or ``"auto"``, for a checkpoint; a bundle knows its own.
        max_length: The most tokens of a text, for a checkpoint, in place of its own number of positions; a bundle knows
            its own.
        name: What the report calls it; ``path`` by default.

    Raises:
        ComparisonError: A bundle of another task, or a model whose task cannot be measured.
        BundleError: The bundle cannot be opened or trusted.
        CheckpointError: The checkpoint's weights cannot be used.
        MissingDependencyError: The path is a checkpoint and torch is not installed.
    """
    row = get_task(task)
    opening = Opening(
        path=str(path), task=task, threads=threads, truncate=truncate, tokenizer=tokenizer, max_length=max_length
    )
    pipeline, config, facts = (_open_bundle if is_bundle(path) else _open_checkpoint)(opening, row)
    measure = measure_of_model(task, config)

    def answer(inputs: Sequence[Inputs], *, batch_size: int) -> Sequence[Any]:
        return measure.ask(pipeline, inputs, batch_size=batch_size, truncation=truncate)

    return Predictor(
        name=name or str(path),
        answer=answer,
        labels=measure.labels,
        problem_type=problem_type_of(config) if row.labelled else None,
        facts=facts,
        opening=opening,
        find_problem=partial(measure.find_problem, pipeline.model.tokenizer, pipeline.max_length, truncation=truncate),
    )


def task_of_bundle(path: str | Path) -> str:
    """The name of the task that a bundle answers.

    Raises:
        BundleError: The bundle cannot be opened or trusted.
    """
    with open_bundle(path) as bundle:
        return bundle.manifest.task


def _open_bundle(opening: Opening, task: Task) -> tuple[Any, RoFormerConfig, Facts]:
    with open_bundle(opening.path) as bundle:
        manifest, own_size = bundle.manifest, len(bundle.manifest_bytes)
        config = RoFormerConfig.from_dict(json.loads(bundle.read_bytes("config")))
    if manifest.task != task.name:
        raise ComparisonError(
            f"{opening.path} is a bundle for {manifest.task}, and models for {task.name} are compared"
        )
    pipeline = load(opening.path, threads=opening.threads)
    files = [FileFact(path=entry.path, role=entry.role, bytes=entry.bytes) for entry in manifest.files]
    return (
        pipeline,
        config,
        Facts(
            engine=" ".join(resolve(get_format(manifest.format).engine)()),
            provider=pipeline.provider,
            recipe=manifest.recipe.name,
            threads=opening.threads,
            files=(*files, FileFact(path=MANIFEST_NAME, role="manifest", bytes=own_size)),
            truncates=opening.truncate,
        ),
    )


def _open_checkpoint(opening: Opening, task: Task) -> tuple[Any, RoFormerConfig, Facts]:
    from roformer_edge.validate.torch_session import TorchSession

    checkpoint = load_checkpoint(opening.path, task, max_length=opening.max_length)
    tokenizer = load_tokenizer(opening.path, mode=opening.tokenizer)
    check_vocabulary(checkpoint.config, len(tokenizer), f"the vocabulary in {opening.path}")
    session = TorchSession(opening.path, task, opening.threads, config=checkpoint.config)
    companions = [(Path(opening.path) / name, role) for name, role in _COMPANIONS.items()]
    files = [(file, "model") for file in checkpoint.files] + [pair for pair in companions if pair[0].is_file()]
    pipeline = resolve(PIPELINES[task.name])(session, tokenizer, checkpoint.config)
    return (
        pipeline,
        checkpoint.config,
        Facts(
            engine=f"{session.report.engine} {session.report.version}",
            provider=session.report.used,
            recipe="float32",
            threads=opening.threads,
            files=tuple(FileFact(path=file.name, role=role, bytes=file.stat().st_size) for file, role in files),
            truncates=opening.truncate,
        ),
    )
