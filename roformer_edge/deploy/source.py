"""What a bundle is made of: a checkpoint directory, or a float32 bundle that keeps its weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from roformer_edge.bundle.crf import read_crf
from roformer_edge.bundle.reader import Bundle, is_bundle, open_bundle
from roformer_edge.bundle.sentence import read_sentence
from roformer_edge.checkpoint.finding import CheckpointFiles, find_checkpoint
from roformer_edge.checkpoint.loading import Checkpoint, load_checkpoint
from roformer_edge.checkpoint.names import ROTARY_TABLE
from roformer_edge.checkpoint.rotary_table import fit_rotary_table
from roformer_edge.checkpoint.safetensors import open_safetensors
from roformer_edge.config import RoFormerConfig, check_vocabulary
from roformer_edge.errors import OptionError, UnsupportedModelError, advice
from roformer_edge.runtime.loading import tokenizer_of_bundle
from roformer_edge.tasks import Task, get_task
from roformer_edge.temporary import scratch_folder
from roformer_edge.tokenizer import Tokenizer
from roformer_edge.validate.openers import open_tokenizer

WEIGHTS_NAME = "weights.safetensors"


@dataclass(frozen=True, kw_only=True)
class SourceModel:
    """Everything that an artifact is made from.

    Attributes:
        task: What it is made for.
        checkpoint: Weights and architecture.
        tokenizer: The tokenizer of the same model.
        tokenizer_mode: The mode that it was asked for in.
        pooling: The pooling that was asked for.
        ignore_weights: Patterns of the tensors that were to be left out.
        path: Where it was opened.
        name: The name of the checkpoint, without the folders above it.
        digest: SHA-256 of the checkpoint's weight files.
        notes: What is worth saying aloud of its files: what is not used, and what decided between contradictions.
    """

    task: Task
    checkpoint: Checkpoint
    tokenizer: Tokenizer
    tokenizer_mode: str
    pooling: str | None
    path: Path
    name: str
    digest: str
    ignore_weights: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def config(self) -> RoFormerConfig:
        """The architecture."""
        return self.checkpoint.config


@contextmanager
def open_source(
    path: str | Path,
    task: str | None = None,
    mode: str = "auto",
    *,
    max_length: int | None = None,
    ignore_weights: Sequence[str] = (),
    pooling: str | None = None,
    revision: str | None = None,
) -> Iterator[SourceModel]:
    """Open a checkpoint directory or a float32 bundle; its files are closed at the end of the block.

    Args:
        path: Either of them, or the name of a checkpoint on a model hub.
        task: A key of ``tasks.TASKS``, whose head must be there; ``None`` for the one that the files name.
        mode: ``"slow"``, ``"fast"`` or ``"auto"`` for the tokenizer of a checkpoint; a bundle keeps the one it has.
        max_length: The most tokens of a text, in place of the source's own number of positions.
        ignore_weights: See :func:`~roformer_edge.checkpoint.loading.load_checkpoint`.
        pooling: See there; a bundle keeps the one it has.
        revision: A branch, tag or commit of a name.

    Raises:
        CheckpointError: The weights cannot be used.
        VocabularyError: The vocabulary does not fit the model.
        UnsupportedModelError: A bundle that is quantised already, or for another task; or a model of single texts for
            a task whose rows are pairs.
        BundleError: A bundle that cannot be read or was altered.
    """
    path = Path(path)
    if is_bundle(path):
        if revision is not None:
            raise OptionError("revision", revision, "left out for a bundle; it is for names such as owner/model")
        if ignore_weights:
            raise OptionError("ignore_weights", ignore_weights[0], "left out for a bundle, which holds no others")
        if pooling is not None:
            raise OptionError("pooling", pooling, "left out for a bundle, which knows its own")
        model = _open_bundle(path, task, mode, max_length)
    else:
        files = find_checkpoint(path, revision)
        model = _open_checkpoint(
            files, task, mode, max_length=max_length, ignore_weights=ignore_weights, pooling=pooling
        )
    with model.checkpoint:
        yield model


def _open_checkpoint(
    files: CheckpointFiles,
    asked: str | None,
    mode: str,
    *,
    max_length: int | None,
    ignore_weights: Sequence[str],
    pooling: str | None,
) -> SourceModel:
    task = files.task if asked is None else get_task(asked)
    checkpoint = load_checkpoint(files, task, max_length=max_length, ignore_weights=ignore_weights, pooling=pooling)
    tokenizer = open_tokenizer(files, mode, max_length)
    where = f"the vocabulary in {files.tokenizer_directory}"
    spare = check_vocabulary(checkpoint.config, tokenizer.embedding_rows, where)
    types = checkpoint.config.type_vocab_size
    if len(task.fields) > 1 and types < 2 and tokenizer.uses_token_types:
        raise UnsupportedModelError(
            f"config.type_vocab_size is {types}, and {task.name} needs 2: the tokenizer numbers the tokens of a text 0 "
            "and those of its pair 1"
        )
    return SourceModel(
        task=task.pooled(checkpoint.sentence),
        checkpoint=checkpoint,
        tokenizer=tokenizer,
        tokenizer_mode=mode,
        pooling=pooling,
        path=files.directory,
        name=files.name,
        digest=checkpoint.digest,
        ignore_weights=tuple(ignore_weights),
        notes=(*checkpoint.notes, *tokenizer.notes, *spare),
    )


def _open_bundle(path: Path, asked: str | None, mode: str, max_length: int | None) -> SourceModel:
    if mode != "auto":
        raise OptionError("tokenizer", mode, "left out for a bundle, which knows its own")
    with open_bundle(path) as bundle:
        manifest = bundle.manifest
        task = get_task(asked or manifest.task)
        if manifest.task != task.name or manifest.recipe.name != "fp32":
            raise UnsupportedModelError(
                f"{path} is a bundle for {manifest.task} with the recipe {manifest.recipe.name!r}; what a bundle "
                f"is made from must be for {task.name}, with the recipe 'fp32'"
            )
        if manifest.find("weights") is None:
            raise UnsupportedModelError(
                f"{path} holds a graph and not the weights that it was made of; quantise the checkpoint, or export it "
                "again with its weights "
                + advice(python="(recipe='fp32', keep_weights=True)", command="(roformer-edge export)")
            )
        config = RoFormerConfig.from_json(bundle.read_bytes("config").decode(), f"{path}/config.json")
        arrays, crf, sentence = _read_arrays(bundle), read_crf(bundle), read_sentence(bundle)
        if max_length is not None:
            config = config.replace(max_position_embeddings=max_length)
            arrays[ROTARY_TABLE] = fit_rotary_table(arrays[ROTARY_TABLE], max_length)
        tokenizer = tokenizer_of_bundle(bundle)
        tokenizer.model_max_length = max_length or tokenizer.model_max_length
        bundle.check_unchanged()
        check_vocabulary(config, tokenizer.embedding_rows, f"the vocabulary of {path}")
    return SourceModel(
        task=task.pooled(sentence),
        checkpoint=Checkpoint(
            config=config, arrays=arrays, files=(), source_directory=path, crf=crf, sentence=sentence
        ),
        tokenizer=tokenizer,
        tokenizer_mode=mode,
        pooling=None,
        path=path,
        name=manifest.provenance.source,
        digest=manifest.provenance.checkpoint_sha256,
        notes=manifest.notes,
    )


def _read_arrays(bundle: Bundle) -> dict[str, np.ndarray]:
    place = bundle.file_path("weights")
    if place is not None:
        return _arrays_in(place)
    with scratch_folder() as folder:
        copy = folder / WEIGHTS_NAME
        copy.write_bytes(bundle.read_bytes("weights"))
        return _arrays_in(copy)


def _arrays_in(path: Path) -> dict[str, np.ndarray]:
    file = open_safetensors(path)
    try:
        return {name: file.read(name) for name in file.names()}
    finally:
        file.close()
