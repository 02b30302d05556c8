"""What a bundle is made of: a checkpoint directory, or a float32 bundle."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from roformer_edge.bundle.reader import Bundle, is_bundle, open_bundle
from roformer_edge.checkpoint.loading import Checkpoint, check_vocabulary, load_checkpoint
from roformer_edge.checkpoint.names import ROTARY_TABLE
from roformer_edge.checkpoint.rotary import fit_rotary_table
from roformer_edge.checkpoint.safetensors import open_safetensors
from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import TextTooLongError, UnsupportedModelError
from roformer_edge.tasks import Task
from roformer_edge.tokenizer import Tokenizer, from_settings, load_tokenizer

WEIGHTS_NAME = "weights.safetensors"
# a text, with its pair or without
Row: TypeAlias = tuple[str, str | None]


@dataclass(frozen=True, kw_only=True)
class Source:
    """Everything that an artifact is made from.

    Attributes:
        checkpoint: Weights and architecture.
        tokenizer: Of the same model.
        name: Of the checkpoint, without the folders above it.
        digest: SHA-256 of the checkpoint's weight files.
    """

    checkpoint: Checkpoint
    tokenizer: Tokenizer
    name: str
    digest: str


def open_source(path: str | Path, task: Task, mode: str = "auto", *, max_length: int | None = None) -> Source:
    """Open a checkpoint directory or a float32 bundle.

    Args:
        path: Either of them.
        task: The head that must be there.
        mode: ``"slow"``, ``"fast"`` or ``"auto"`` for the tokenizer of a checkpoint; a bundle keeps the one it has.
        max_length: The most tokens of a text, in place of the source's own number of positions.

    Raises:
        CheckpointError: The weights cannot be used.
        VocabularyError: The vocabulary does not fit the model.
        UnsupportedModelError: A bundle that is quantised already, or for another task; or a model of single texts for
            a task whose rows are pairs.
        BundleError: A bundle that cannot be read or was altered.
    """
    path = Path(path)
    if is_bundle(path):
        return _open_bundle(path, task, max_length)
    checkpoint = load_checkpoint(path, task, max_length=max_length)
    tokenizer = load_tokenizer(path, mode=mode)
    check_vocabulary(checkpoint.config, len(tokenizer), f"the vocabulary in {path}")
    _check_types(checkpoint.config, task)
    return Source(
        checkpoint=checkpoint, tokenizer=tokenizer, name=path.resolve().name or "checkpoint", digest=checkpoint.digest
    )


def _check_types(config: RoFormerConfig, task: Task) -> None:
    if len(task.fields) > 1 and config.type_vocab_size < 2:
        raise UnsupportedModelError(
            f"config.type_vocab_size is {config.type_vocab_size}, and {task.name} needs 2: the tokenizer numbers the "
            "tokens of a text 0 and those of its pair 1"
        )


def _open_bundle(path: Path, task: Task, max_length: int | None) -> Source:
    with open_bundle(path) as bundle:
        manifest = bundle.manifest
        if manifest.task != task.name or manifest.recipe.name != "fp32":
            raise UnsupportedModelError(
                f"{path} is a bundle for {manifest.task} with the recipe {manifest.recipe.name!r}; what a bundle "
                f"is made from must be for {task.name}, with the recipe 'fp32'"
            )
        if manifest.find("weights") is None:
            raise UnsupportedModelError(
                f"{path} holds a graph and not the weights that it was made of; quantise the checkpoint, or export it "
                "again with its weights (roformer-edge export)"
            )
        config = RoFormerConfig.from_json(bundle.read_bytes("config").decode(), f"{path}/config.json")
        arrays = _read_arrays(bundle)
        if max_length is not None:
            config = config.replace(max_position_embeddings=max_length)
            arrays[ROTARY_TABLE] = fit_rotary_table(arrays[ROTARY_TABLE], max_length)
        vocabulary, words, unicode = (bundle.read_bytes(role) for role in ("vocabulary", "words", "unicode"))
    return Source(
        checkpoint=Checkpoint(config=config, arrays=arrays, files=(), source_directory=path),
        tokenizer=from_settings(manifest.tokenizer, vocabulary, words=words, unicode=unicode),
        name=manifest.provenance.source,
        digest=manifest.provenance.checkpoint_sha256,
    )


def _read_arrays(bundle: Bundle) -> dict[str, np.ndarray]:
    place = bundle.file_path("weights")
    if place is not None:
        arrays = _arrays_in(place)
        bundle.check_unchanged()
        return arrays
    with tempfile.TemporaryDirectory(prefix="roformer-edge-") as folder:
        copy = Path(folder) / WEIGHTS_NAME
        copy.write_bytes(bundle.read_bytes("weights"))
        return _arrays_in(copy)


def _arrays_in(path: Path) -> dict[str, np.ndarray]:
    file = open_safetensors(path)
    try:
        return {name: file.read(name) for name in file.names()}
    finally:
        file.close()


def encode_batches(
    tokenizer: Tokenizer,
    rows: Sequence[Row],
    config: RoFormerConfig,
    task: Task,
    *,
    batch_size: int,
    truncation: bool,
) -> Iterator[dict[str, np.ndarray]]:
    """Token ids of texts and pairs, shortest first, as padded feeds of int64 ``[batch, sequence]``.

    Raises:
        TextTooLongError: A row has more tokens than the model has positions, and ``truncation`` is not set.
    """
    limit = config.max_position_embeddings
    encoded = []
    for number, (text, pair) in enumerate(rows):
        encoding = tokenizer.encode_text(text, pair)
        if len(encoding.ids) > limit and not truncation:
            raise TextTooLongError(
                f"calibration text {number} has {len(encoding.ids)} tokens, and the model takes {limit}; "
                "cut long texts with truncation (--truncate), or leave it out"
            )
        if len(encoding.ids) > limit:
            encoding = tokenizer(text, pair, truncation=True, max_length=limit).encodings[0]
        encoded.append(encoding)
    encoded.sort(key=lambda encoding: len(encoding.ids))
    pad = config.pad_token_id or 0
    for start in range(0, len(encoded), batch_size):
        batch = encoded[start : start + batch_size]
        width = len(batch[-1].ids)
        feeds = {
            "input_ids": np.full((len(batch), width), pad, np.int64),
            "attention_mask": np.zeros((len(batch), width), np.int64),
            "token_type_ids": np.zeros((len(batch), width), np.int64),
        }
        for row, encoding in enumerate(batch):
            first = width - len(encoding.ids) if task.pad_left else 0
            place = slice(first, first + len(encoding.ids))
            feeds["input_ids"][row, place] = encoding.ids
            feeds["attention_mask"][row, place] = 1
            feeds["token_type_ids"][row, place] = encoding.type_ids
        yield feeds
