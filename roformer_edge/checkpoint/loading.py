"""From a Hugging Face checkpoint directory to a config and canonical arrays, with nothing left to chance.

What is missing, unexpected or of another shape is an error that lists it; nothing is ever filled with random numbers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from roformer_edge.checkpoint.names import (
    DECODER_WEIGHT,
    POOLER,
    PREFIX,
    ROTARY_TABLE,
    Shapes,
    architectures_with,
    canonical_name,
    shapes_of,
)
from roformer_edge.checkpoint.rotary import rotary_table
from roformer_edge.checkpoint.safetensors_file import write_safetensors
from roformer_edge.checkpoint.weight_files import Array, Store, open_weights
from roformer_edge.config import CONFIG_NAME, RoFormerConfig
from roformer_edge.errors import CheckpointError, UnsupportedModelError, VocabularyError
from roformer_edge.tasks import Task

# A stored rotary table may carry the rounding of bfloat16, the coarsest type a checkpoint is kept in.
_TABLE_TOLERANCE = 2.0**-8
_NAMES_SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """The weights of one model, ready to be read one by one.

    Attributes:
        config: The architecture.
        arrays: Canonical name -> float32 array. A tensor is read from its file every time it is asked for and never
            kept. The rotary table is always there: as stored (it carries the rounding of the type it was stored in),
            else by formula.
        files: The weight files, in reading order.
        source_directory: Where they lie.
        unused: Canonical names of stored tensors that the architecture has no place for, such as other heads.
    """

    config: RoFormerConfig
    arrays: Mapping[str, Array]
    files: tuple[Path, ...]
    source_directory: Path
    unused: tuple[str, ...] = ()

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the bytes of all weight files in order, as hexadecimal; read once, when first asked for."""
        digest = hashlib.sha256()
        for path in self.files:
            with path.open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
        return digest.hexdigest()


def load_checkpoint(directory: str | Path, task: Task | None, *, max_length: int | None = None) -> Checkpoint:
    """Open a checkpoint directory and check that it holds what its config and ``task`` require.

    Args:
        directory: Holds ``config.json``, or the ``bert_config.json`` of TensorFlow 1, and weights under one of the
            names in :data:`~roformer_edge.checkpoint.weight_files.WEIGHT_FILES`.
        task: The head that must be there; ``None`` asks for the encoder only.
        max_length: Take so many positions, in place of those of the config; see :func:`fit_rotary_table`.

    Raises:
        CheckpointError: Weights are missing, truncated, mis-shaped, unexpected or unsafe to open, or the head is
            missing. Numbers that are not finite are reported when their tensor is read.
        ConfigError: ``config.json`` is missing or malformed.
        UnsupportedModelError: The weights are those of RoFormer-sim or the config that of another architecture.
        MissingDependencyError: The weights are in a format whose package is not installed: torch for
            ``pytorch_model.bin``, h5py for ``tf_model.h5``, flax, or tensorflow.
    """
    config = None
    if max_length is not None and Path(directory).is_dir():
        config = _read_config(Path(directory)).replace(max_position_embeddings=max_length)
    return load_architecture(directory, "RoFormerModel" if task is None else task.model_class, config=config)


def load_architecture(
    directory: str | Path,
    architecture: str,
    *,
    config: RoFormerConfig | None = None,
    changes: Mapping[str, Any] | None = None,
    head_may_miss: bool = False,
) -> Checkpoint:
    """:func:`load_checkpoint` by the name of the model class.

    Args:
        directory: As there.
        architecture: Such as ``"RoFormerForMaskedLM"``.
        config: Used instead of the directory's ``config.json``. It may ask for another number of positions than the
            checkpoint has: see :func:`fit_rotary_table`.
        changes: Fields of the config to replace.
        head_may_miss: Accept a checkpoint without any of the head's weights, or with one of another shape;
            ``arrays`` then lacks them.
    """
    directory = Path(directory)
    if not directory.is_dir():
        raise CheckpointError(f"no such checkpoint directory: {directory} (names of a model hub are not downloaded)")
    changes = changes or {}
    resizable = config is not None or "max_position_embeddings" in changes
    config = (config or _read_config(directory)).replace(**changes)
    files, stores = open_weights(directory)
    found = _collect(stores)
    arrays = _LazyArrays(found, config)
    if any(name.startswith(POOLER) for name in found):
        raise UnsupportedModelError(
            f"{directory} holds a pooler ({POOLER}dense): it is a RoFormer-sim checkpoint, which needs a pooler and a "
            "prefix mask that RoFormer does not have"
        )
    # each layer has several, so a typing error in the config ends here and not in a list of a billion names
    if config.num_hidden_layers > len(found):
        raise CheckpointError(
            f"{directory} holds {len(found)} weights, and its config asks for {config.num_hidden_layers} layers "
            "(num_hidden_layers)"
        )
    expected = shapes_of(config, architecture)
    head = [name for name in expected if not name.startswith(PREFIX)]
    misshapen = any(name in found and arrays.shape(name) != expected[name] for name in head)
    if head_may_miss and (misshapen or not any(name in found for name in head)):
        expected = {name: shape for name, shape in expected.items() if name.startswith(PREFIX)}
    _check_names(directory, config, architecture, expected, arrays)
    _check_rotary_table(directory, config, arrays, resizable=resizable)
    return Checkpoint(
        config=config,
        arrays=arrays.only((*expected, ROTARY_TABLE)),
        files=files,
        source_directory=directory,
        unused=tuple(sorted(found.keys() - expected.keys() - {ROTARY_TABLE, DECODER_WEIGHT})),
    )


def save_checkpoint(
    directory: str | Path, config: RoFormerConfig, architecture: str, arrays: Mapping[str, Array]
) -> Path:
    """Write a Hugging Face directory: ``config.json`` and ``model.safetensors``, equal bytes for equal weights.

    Args:
        directory: Made where absent; other files in it stay.
        config: Written with ``architecture`` as its ``architectures``.
        architecture: Such as ``"RoFormerForMaskedLM"``; ``"RoFormerModel"`` is written without prefix.
        arrays: Canonical arrays; the rotary table is added where it lacks, a tied decoder is left out.

    Returns:
        The directory.
    """
    directory = Path(directory)
    config.replace(extra={**config.extra, "architectures": [architecture]}).save_pretrained(directory)
    written = dict(arrays)
    if ROTARY_TABLE not in written:
        written[ROTARY_TABLE] = rotary_table(config.max_position_embeddings, config.head_size)
    if config.tie_word_embeddings:
        written.pop(DECODER_WEIGHT, None)
    if architecture == "RoFormerModel":
        written = {name.removeprefix(PREFIX): array for name, array in written.items()}
    write_safetensors(directory / "model.safetensors", written)
    return directory


def check_vocabulary(config: RoFormerConfig, tokens: int, source: str) -> None:
    """Check that a vocabulary fits the embedding table.

    More tokens than rows would index outside the table. Fewer tokens mean that the two do not belong together, with
    one exception met in practice: tables padded up to a multiple of 64 or 128 rows for the sake of tensor cores.

    Args:
        config: The model.
        tokens: Number of tokens, added ones included.
        source: Names the vocabulary in the message.

    Raises:
        VocabularyError: The two do not fit.
    """
    rows = config.vocab_size
    padded = any(rows == -(-tokens // multiple) * multiple for multiple in (64, 128))
    if tokens > rows or (tokens < rows and not padded):
        raise VocabularyError(
            f"{source} has {tokens} tokens and the model {rows} embeddings (vocab_size); "
            "use the vocabulary that the model was trained with"
        )


def fit_rotary_table(table: Array, config: RoFormerConfig) -> Array:
    """A stored rotary table for the positions of a config: cut, or grown by its formula. Weights do not depend on it.

    Args:
        table: float32 ``[positions, head size]``.
        config: Asks for ``max_position_embeddings`` positions.
    """
    positions = config.max_position_embeddings
    if len(table) >= positions:
        return table[:positions]
    return np.concatenate((table, rotary_table(positions, config.head_size)[len(table) :]))


class _LazyArrays(Mapping[str, Array]):
    """Tensors of several files under their canonical names, read when asked for."""

    def __init__(self, places: Mapping[str, tuple[Store, str]], config: RoFormerConfig) -> None:
        self._places = places
        self._config = config

    def __getitem__(self, name: str) -> Array:
        if name == ROTARY_TABLE and name not in self._places:
            return rotary_table(self._config.max_position_embeddings, self._config.head_size)
        store, stored_name = self._places[name]
        array = store.read(stored_name)
        # the extremes carry NaN and infinity without a mask as long as the tensor
        if array.size and not (np.isfinite(array.min()) and np.isfinite(array.max())):
            raise CheckpointError(
                f"{store.path}: tensor {stored_name!r} holds NaN or infinity; the checkpoint is broken"
            )
        return fit_rotary_table(array, self._config) if name == ROTARY_TABLE else array

    def __iter__(self) -> Iterator[str]:
        yield from self._places
        if ROTARY_TABLE not in self._places:
            yield ROTARY_TABLE

    def __len__(self) -> int:
        return len(self._places) + (ROTARY_TABLE not in self._places)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a stored tensor, without reading it."""
        store, stored_name = self._places[name]
        return store.shape(stored_name)

    def stored(self, name: str) -> bool:
        """Whether a file holds the tensor."""
        return name in self._places

    def only(self, names: Collection[str]) -> _LazyArrays:
        """The same, restricted to ``names`` and in their order."""
        return _LazyArrays({name: self._places[name] for name in names if name in self._places}, self._config)


def _read_config(directory: Path) -> RoFormerConfig:
    """``config.json``, or the ``bert_config.json`` that lies beside a TensorFlow 1 checkpoint."""
    original = directory / "bert_config.json"
    if original.is_file() and not (directory / CONFIG_NAME).exists():
        return RoFormerConfig.from_json(original.read_text(encoding="utf-8"), str(original))
    return RoFormerConfig.from_pretrained(directory)


def _collect(stores: list[Store]) -> dict[str, tuple[Store, str]]:
    """Canonical name -> the file that holds it and the name it has there."""
    found: dict[str, tuple[Store, str]] = {}
    for store in stores:
        for stored_name in store.names():
            name = canonical_name(stored_name)
            # where a tensor is stored twice, under its own name and an alias, its own name counts
            if name not in found or stored_name == name:
                found[name] = (store, stored_name)
    return found


def _check_names(
    directory: Path, config: RoFormerConfig, architecture: str, expected: Shapes, arrays: _LazyArrays
) -> None:
    missing = [name for name in expected if not arrays.stored(name)]
    misshapen = [
        f"{name} is {list(arrays.shape(name))}, expected {list(shape)}"
        for name, shape in expected.items()
        if arrays.stored(name) and arrays.shape(name) != shape
    ]
    headless = bool(missing) and not any(name.startswith(PREFIX) for name in missing)
    # other heads are harmless; a part of the encoder without a place means that config and weights are of two models,
    # and beside an encoder that lacks parts, every name may tell what the file holds instead
    strange = "" if missing and not headless else PREFIX
    known = {*expected, ROTARY_TABLE, DECODER_WEIGHT}
    unexpected = [name for name in arrays if name.startswith(strange) and name not in known]
    if headless and not unexpected and not misshapen:
        others = architectures_with(set(arrays), config)
        raise CheckpointError(
            f"{directory} has no head for {architecture}: {_some(missing)} missing"
            + (f" (its head is that of {' or '.join(others)})" if others else " (it is a bare encoder)")
            + "; fine-tune it for the task first (from_pretrained(..., new_head=True) starts that)"
        )
    if missing or unexpected or misshapen:
        of_the_head = misshapen and not any(name.startswith(PREFIX) for name in (*missing, *unexpected, *misshapen))
        parts = (("missing", missing), ("unexpected", unexpected), ("of another shape", misshapen))
        raise CheckpointError(
            f"the weights in {directory} do not fit its config as {architecture}: "
            + "; ".join(f"{len(names)} {what}: {_some(names)}" for what, names in parts if names)
            + "; check that config.json and the weights belong together"
            + (", or start a new head: from_pretrained(..., new_head=True)" if of_the_head else "")
        )


def _check_rotary_table(directory: Path, config: RoFormerConfig, arrays: _LazyArrays, *, resizable: bool) -> None:
    shape = (config.max_position_embeddings, config.head_size)
    found = arrays.shape(ROTARY_TABLE) if arrays.stored(ROTARY_TABLE) else shape
    if found[1:] != shape[1:] or (found != shape and not resizable):
        raise CheckpointError(
            f"{directory}: the rotary table is {list(found)}, expected {list(shape)} "
            "(max_position_embeddings, head size)"
        )
    if not np.allclose(arrays[ROTARY_TABLE], rotary_table(*shape), rtol=0, atol=_TABLE_TOLERANCE):
        raise CheckpointError(
            f"{directory}: {ROTARY_TABLE} is not the sinusoidal table of RoFormer; "
            "this checkpoint needs another position embedding and cannot be run"
        )


def _some(names: list[str]) -> str:
    rest = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
