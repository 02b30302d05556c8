"""Predictors from files: a bundle through the runtime, a checkpoint through the torch reference."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from roformer_edge.bundle.manifest import MANIFEST_NAME
from roformer_edge.bundle.reader import open_bundle
from roformer_edge.checkpoint.loading import check_vocabulary, load_checkpoint
from roformer_edge.errors import ComparisonError
from roformer_edge.formats import get_format, resolve
from roformer_edge.runtime.loading import load
from roformer_edge.runtime.pipelines.text_classification import TextClassifier
from roformer_edge.tasks import Task, get_task
from roformer_edge.tokenizer import load_tokenizer
from roformer_edge.validate.predictors import Predictor, Source
from roformer_edge.validate.report import Facts, FileFact

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
        ComparisonError: A bundle of another task, or a model that does not choose exactly one of several labels.
        BundleError: The bundle cannot be opened or trusted.
        CheckpointError: The checkpoint's weights cannot be used.
        MissingDependencyError: The path is a checkpoint and torch is not installed.
    """
    path, row = Path(path), get_task(task)
    source = Source(
        path=str(path), task=task, threads=threads, truncate=truncate, tokenizer=tokenizer, max_length=max_length
    )
    is_bundle = path.is_file() or (path / MANIFEST_NAME).is_file()
    classifier, facts = _open_bundle(source, row) if is_bundle else _open_checkpoint(source, row)
    if classifier.problem_type != "single_label_classification":
        kind = classifier.problem_type.replace("_", " ")
        raise ComparisonError(
            f"{path} is a {kind} model with {len(classifier.labels)} label(s); what can be validated is "
            "single-label classification with two labels or more"
        )
    return Predictor(
        name=name or str(path),
        labels=classifier.labels,
        logits=partial(classifier.logits, truncation=truncate),
        facts=facts,
        source=source,
    )


def _open_bundle(source: Source, task: Task) -> tuple[TextClassifier, Facts]:
    with open_bundle(source.path) as bundle:
        manifest, own_size = bundle.manifest, len(bundle.manifest_bytes)
    if manifest.task != task.name:
        raise ComparisonError(f"{source.path} is a bundle for {manifest.task}, and models for {task.name} are compared")
    classifier = load(source.path, threads=source.threads)
    assert isinstance(classifier, TextClassifier)
    files = [FileFact(path=entry.path, role=entry.role, bytes=entry.bytes) for entry in manifest.files]
    return classifier, Facts(
        engine=" ".join(resolve(get_format(manifest.format).engine)()),
        provider=classifier.provider,
        recipe=manifest.recipe.name,
        threads=source.threads,
        files=(*files, FileFact(path=MANIFEST_NAME, role="manifest", bytes=own_size)),
        truncates=source.truncate,
    )


def _open_checkpoint(source: Source, task: Task) -> tuple[TextClassifier, Facts]:
    from roformer_edge.validate.torch_session import TorchSession

    checkpoint = load_checkpoint(source.path, task, max_length=source.max_length)
    tokenizer = load_tokenizer(source.path, mode=source.tokenizer)
    check_vocabulary(checkpoint.config, len(tokenizer), f"the vocabulary in {source.path}")
    session = TorchSession(source.path, task, source.threads, config=checkpoint.config)
    companions = [(Path(source.path) / name, role) for name, role in _COMPANIONS.items()]
    files = [(file, "model") for file in checkpoint.files] + [pair for pair in companions if pair[0].is_file()]
    return TextClassifier(session, tokenizer, checkpoint.config), Facts(
        engine=session.engine,
        provider=session.provider,
        recipe="float32",
        threads=source.threads,
        files=tuple(FileFact(path=file.name, role=role, bytes=file.stat().st_size) for file, role in files),
        truncates=source.truncate,
    )
