"""Predictors from files: a bundle through the runtime, a checkpoint through the torch reference."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from roformer_edge.bundle.manifest import MANIFEST_NAME, Manifest
from roformer_edge.bundle.reader import is_bundle, open_bundle
from roformer_edge.bundle.sentence import read_sentence
from roformer_edge.checkpoint.finding import CheckpointFiles, find_checkpoint
from roformer_edge.checkpoint.loading import Checkpoint, load_checkpoint
from roformer_edge.config import RoFormerConfig, check_vocabulary
from roformer_edge.errors import ComparisonError, UnsupportedModelError
from roformer_edge.formats import get_format, resolve
from roformer_edge.runtime.loading import PIPELINES, load
from roformer_edge.runtime.session import Session
from roformer_edge.sentence import TOKENS
from roformer_edge.tasks import get_task
from roformer_edge.tokenizer import Tokenizer, load_tokenizer
from roformer_edge.validate.data.inputs import Inputs
from roformer_edge.validate.predictors import Facts, FileFact, Opening, Predictor
from roformer_edge.validate.tasks import measure_of_model, problem_type_of
from roformer_edge.validate.torch_session import TorchSession

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
    task: str | None = None,
    threads: int = 1,
    truncate: bool = False,
    tokenizer: str = "auto",
    max_length: int | None = None,
    pooling: str | None = None,
    ignore_weights: Sequence[str] = (),
    name: str | None = None,
) -> Predictor:
    """Open a bundle or a checkpoint as one side of a comparison.

    Args:
        path: A bundle's directory or archive, or a Hugging Face checkpoint directory.
        task: A name of ``tasks.TASKS``; left out for the one that the files name.
        threads: The threads of one operation.
        truncate: Cut texts that are longer than the model allows, instead of refusing them.
        tokenizer: ``"slow"``, ``"fast"`` or ``"auto"``, for a checkpoint; a bundle knows its own.
        max_length: The most tokens of a text, for a checkpoint, in place of its own number of positions; a bundle knows
            its own.
        pooling: How one vector of a text is made, for a checkpoint; see
            :func:`~roformer_edge.checkpoint.loading.load_checkpoint`. A bundle knows its own.
        ignore_weights: Tensors of a checkpoint to leave out; see there.
        name: What the report calls it; ``path`` by default.

    Raises:
        ComparisonError: A bundle of another task, or a model whose task cannot be measured.
        BundleError: The bundle cannot be opened or trusted.
        CheckpointError: The checkpoint's weights cannot be used.
        MissingDependencyError: The path is a checkpoint and torch is not installed.
    """
    bundle = is_bundle(path)
    if task is None:
        task = task_of_bundle(path) if bundle else find_checkpoint(path).task.name
    get_task(task)
    opening = Opening(
        path=str(path),
        task=task,
        threads=threads,
        truncate=truncate,
        tokenizer=tokenizer,
        max_length=max_length,
        pooling=pooling,
        ignore_weights=tuple(ignore_weights),
    )
    return (_open_bundle if bundle else _open_checkpoint)(opening, name or str(path))


def open_tokenizer(files: CheckpointFiles, mode: str, max_length: int | None = None) -> Tokenizer:
    """Open the tokenizer of a checkpoint, as its model was trained with it.

    sentence-transformers takes the fast tokenizers, whatever the files say, may lower-case texts before, and has a
    limit of its own.

    Args:
        files: The checkpoint's files.
        mode: ``"slow"``, ``"fast"`` or ``"auto"``.
        max_length: The number of tokens that texts are cut to, in place of the files' own.

    Raises:
        VocabularyError: Its files cannot be followed.
        UnsupportedModelError: Texts are to be lower-cased, and the tokenizer's own steps are not known here.
    """
    tokenizer = _open_tokenizer(files, mode)
    if max_length is None and files.text_settings is not None:
        max_length = files.text_settings.max_length
    if max_length is not None:
        tokenizer.model_max_length = max_length
    return tokenizer


def _open_tokenizer(files: CheckpointFiles, mode: str) -> Tokenizer:
    directory, settings = files.tokenizer_directory, files.text_settings
    tokenizer = load_tokenizer(directory, mode=mode)
    if settings is not None and mode == "auto" and not tokenizer.is_fast:
        tokenizer = load_tokenizer(directory, mode="fast")
    if settings is None or not settings.lowers or tokenizer.do_lower_case:
        return tokenizer
    if tokenizer.mode == "plain":
        raise UnsupportedModelError(
            f"{files.directory}: do_lower_case of sentence-transformers is not followed beside a tokenizer.json with "
            "steps of its own; add a Lowercase normalizer there"
        )
    # texts are lower-cased first; whether accents are dropped is not changed by that in the fast tokenizers
    accents: dict[str, Any] = {"strip_accents": bool(tokenizer.strip_accents)} if tokenizer.is_fast else {}
    return type(tokenizer).from_pretrained(directory, do_lower_case=True, **accents)


def pooling_of_bundle(path: str | Path) -> str | None:
    """Read which pooling makes of a checkpoint what a bundle makes; see ``load_checkpoint``.

    Raises:
        BundleError: The bundle cannot be opened or trusted.
    """
    with open_bundle(path) as bundle:
        if not get_task(bundle.manifest.task).gives_states:
            return None
        sentence = read_sentence(bundle)
        return TOKENS if sentence is None else sentence.asked


def task_of_bundle(path: str | Path) -> str:
    """Read the name of the task that a bundle answers.

    Raises:
        BundleError: The bundle cannot be opened or trusted.
    """
    with open_bundle(path) as bundle:
        return bundle.manifest.task


def _open_bundle(opening: Opening, name: str) -> Predictor:
    with open_bundle(opening.path) as bundle:
        manifest = bundle.manifest
        config = RoFormerConfig.from_json(
            bundle.read_bytes("config").decode("utf-8", "replace"), f"config of {bundle.path}"
        )
    if manifest.task != opening.task:
        raise ComparisonError(
            f"{opening.path} is a bundle for {manifest.task}, and models for {opening.task} are compared"
        )
    return predictor_of_bundle(load(opening.path, threads=opening.threads), config, manifest, opening, name)


def predictor_of_bundle(
    pipeline: Any, config: RoFormerConfig, manifest: Manifest, opening: Opening, name: str
) -> Predictor:
    """Make a bundle that is loaded already one side of a comparison.

    Args:
        pipeline: What ``load`` gave.
        config: The architecture.
        manifest: The manifest of the bundle.
        opening: How it was opened.
        name: What the report calls it.
    """
    files = [FileFact(path=entry.path, role=entry.role, bytes=entry.bytes) for entry in manifest.files]
    own = FileFact(path=MANIFEST_NAME, role="manifest", bytes=len(manifest.to_json().encode()))
    facts = Facts(
        engine=" ".join(resolve(get_format(manifest.format).engine)()),
        provider=pipeline.provider,
        recipe=manifest.recipe.name,
        threads=opening.threads,
        files=(*files, own),
        truncates=opening.truncate,
    )
    return _predictor(pipeline, config, opening, facts, name)


def _open_checkpoint(opening: Opening, name: str) -> Predictor:
    task = get_task(opening.task)
    files = find_checkpoint(opening.path)
    checkpoint = load_checkpoint(
        files,
        task,
        max_length=opening.max_length,
        pooling=opening.pooling,
        ignore_weights=opening.ignore_weights,
    )
    tokenizer = open_tokenizer(files, opening.tokenizer, opening.max_length)
    check_vocabulary(checkpoint.config, tokenizer.embedding_rows, f"the vocabulary in {files.tokenizer_directory}")
    with checkpoint:
        session = TorchSession(checkpoint, task.pooled(checkpoint.sentence), opening.threads)
    return predictor_of_checkpoint(session, tokenizer, checkpoint, opening, name)


def predictor_of_checkpoint(
    session: Session, tokenizer: Tokenizer, checkpoint: Checkpoint, opening: Opening, name: str
) -> Predictor:
    """Make a checkpoint whose model is in memory already one side of a comparison.

    Args:
        session: Runs its model.
        tokenizer: The tokenizer of the same model.
        checkpoint: Weights and architecture.
        opening: How it was opened.
        name: What the report calls it.
    """
    companions = [(checkpoint.source_directory / file, role) for file, role in _COMPANIONS.items()]
    files = [(file, "model") for file in checkpoint.files] + [pair for pair in companions if pair[0].is_file()]
    facts = Facts(
        engine=f"{session.report.engine} {session.report.version}",
        provider=session.report.used,
        recipe="float32",
        threads=opening.threads,
        files=tuple(FileFact(path=file.name, role=role, bytes=file.stat().st_size) for file, role in files),
        truncates=opening.truncate,
    )
    parts: dict[str, Any] = {} if checkpoint.crf is None else {"crf": checkpoint.crf}
    parts |= {} if checkpoint.sentence is None else {"sentence": checkpoint.sentence}
    pipeline = resolve(PIPELINES[opening.task])(session, tokenizer, checkpoint.config, **parts)
    return _predictor(pipeline, checkpoint.config, opening, facts, name)


def _predictor(pipeline: Any, config: RoFormerConfig, opening: Opening, facts: Facts, name: str) -> Predictor:
    measure = measure_of_model(opening.task, config)

    def answer(inputs: Sequence[Inputs], *, batch_size: int) -> Sequence[Any]:
        return measure.ask(pipeline, inputs, batch_size=batch_size, truncation=opening.truncate)

    tokenizer, limit = pipeline.model.tokenizer, pipeline.max_length
    return Predictor(
        name=name,
        answer=answer,
        labels=measure.labels,
        problem_type=problem_type_of(config) if get_task(opening.task).labelled else None,
        method=measure.method_of(pipeline),
        facts=facts,
        opening=opening,
        find_problem=partial(measure.find_problem, tokenizer, limit, truncation=opening.truncate),
    )
