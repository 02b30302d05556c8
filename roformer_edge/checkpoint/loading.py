"""From a Hugging Face checkpoint directory to a config and canonical arrays, with nothing left to chance.

What is missing, unexpected or of another shape is an error that lists it; nothing is ever filled with random numbers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from roformer_edge.checkpoint.finding import find_weights
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
from roformer_edge.checkpoint.rotary import fit_rotary_table, rotary_table
from roformer_edge.checkpoint.weight_file import Array, WeightFile
from roformer_edge.config import CONFIG_NAME, RoFormerConfig
from roformer_edge.errors import CheckpointError, UnsupportedModelError, VocabularyError, shown
from roformer_edge.tasks import TASKS, Task, task_of

if TYPE_CHECKING:
    from typing_extensions import Self

# A stored rotary table may carry the rounding of bfloat16, the coarsest type a checkpoint is kept in.
_TABLE_TOLERANCE = 2.0**-8
_NAMES_SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """The weights of one model, ready to be read one by one.

    Its weight files are opened once, when it is loaded, and closed by :meth:`close`, at the end of a ``with`` block, or
    with the last reference to it; going through ``arrays`` again opens nothing.

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
        """SHA-256 of the bytes of all weight files in order, as hexadecimal; one pass, when first asked for."""
        digest = hashlib.sha256()
        for path in self.files:
            with path.open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
        return digest.hexdigest()

    def close(self) -> None:
        """Close the weight files; ``arrays`` cannot be read afterwards."""
        if isinstance(self.arrays, _LazyArrays):
            self.arrays.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def load_checkpoint(directory: str | Path, task: Task | None, *, max_length: int | None = None) -> Checkpoint:
    """Open a checkpoint directory and check that it holds what its config and ``task`` require.

    Args:
        directory: Holds ``config.json``, or the ``bert_config.json`` of TensorFlow 1, and weights in one of the
            formats in :data:`~roformer_edge.checkpoint.finding.FORMATS`.
        task: The head that must be there; ``None`` asks for the encoder only.
        max_length: Number of positions to take in place of the config's; see
            :func:`~roformer_edge.checkpoint.rotary.fit_rotary_table`.

    Raises:
        CheckpointError: Weights are missing, truncated, mis-shaped, unexpected or unsafe to open, or the head is
            missing. Numbers that are not finite are reported when their tensor is read.
        ConfigError: ``config.json`` is missing or malformed.
        UnsupportedModelError: The weights are those of RoFormer-sim or the config that of another architecture.
        MissingDependencyError: The weights are in a format whose package is not installed: torch for
            ``pytorch_model.bin``, h5py for ``tf_model.h5``, flax, or tensorflow.
    """
    changes = {} if max_length is None else {"max_position_embeddings": max_length}
    return load_architecture(directory, "RoFormerModel" if task is None else task.model_class, changes=changes)


def load_architecture(
    directory: str | Path,
    architecture: str,
    *,
    config: RoFormerConfig | None = None,
    changes: Mapping[str, Any] | None = None,
    head_may_miss: bool = False,
) -> Checkpoint:
    """Open a checkpoint directory as :func:`load_checkpoint` does, by the name of the model class.

    Args:
        directory: A checkpoint directory.
        architecture: The model class, such as ``"RoFormerForMaskedLM"``.
        config: Used instead of the directory's ``config.json``. It may ask for another number of positions than the
            checkpoint has: see :func:`~roformer_edge.checkpoint.rotary.fit_rotary_table`.
        changes: Fields of the config to replace.
        head_may_miss: Accept a checkpoint without any of the head's weights, or with one of another shape;
            ``arrays`` then lacks them.
    """
    directory = Path(directory)
    if not directory.is_dir():
        raise CheckpointError(f"no such checkpoint directory: {directory} (names of a model hub are not downloaded)")
    changes = changes or {}
    resizable = config is not None or "max_position_embeddings" in changes
    config = (config or read_config(directory)).replace(**changes)
    weights = find_weights(directory)
    opened = weights.open()
    try:
        found = _collect(opened)
        arrays = _LazyArrays(found, config, opened)
        if any(name.startswith(POOLER) for name in found):
            raise UnsupportedModelError(
                f"{directory} holds a pooler ({POOLER}dense): it is a RoFormer-sim checkpoint, which needs a pooler "
                "and a prefix mask that RoFormer does not have"
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
    except BaseException:
        for file in opened:
            file.close()
        raise
    return Checkpoint(
        config=config,
        arrays=arrays.only((*expected, ROTARY_TABLE)),
        files=weights.files,
        source_directory=directory,
        unused=tuple(sorted(found.keys() - expected.keys() - {ROTARY_TABLE, DECODER_WEIGHT})),
    )


def task_of_config(config: RoFormerConfig) -> Task:
    """Return the task of the model class that a config names.

    Raises:
        UnsupportedModelError: It names none, or none of RoFormer's.
    """
    named = config.extra.get("architectures")
    names = [name for name in named if isinstance(name, str)] if isinstance(named, list) else []
    task = task_of(names)
    if task is None:
        others = f"names {shown(', '.join(names))}, which is none of RoFormer's"
        raise UnsupportedModelError(
            f"config.json {others if names else 'names no architecture'}, so what the checkpoint is for is not known; "
            f"say it with --task, one of: {', '.join(TASKS)}"
        )
    return task


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


class _LazyArrays(Mapping[str, Array]):
    """Tensors of several files under their canonical names, read when asked for."""

    def __init__(
        self, places: Mapping[str, tuple[WeightFile, str]], config: RoFormerConfig, files: Sequence[WeightFile]
    ) -> None:
        self._places = places
        self._config = config
        self._files = files

    def __getitem__(self, name: str) -> Array:
        if name == ROTARY_TABLE and name not in self._places:
            return rotary_table(self._config.max_position_embeddings, self._config.head_size)
        file, stored_name = self._places[name]
        array = file.read(stored_name)
        return fit_rotary_table(array, self._config.max_position_embeddings) if name == ROTARY_TABLE else array

    def __iter__(self) -> Iterator[str]:
        yield from self._places
        if ROTARY_TABLE not in self._places:
            yield ROTARY_TABLE

    def __len__(self) -> int:
        return len(self._places) + (ROTARY_TABLE not in self._places)

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a stored tensor, without reading it."""
        file, stored_name = self._places[name]
        return file.shape(stored_name)

    def stored(self, name: str) -> bool:
        """Return whether a file holds the tensor."""
        return name in self._places

    def only(self, names: Collection[str]) -> _LazyArrays:
        """Return the same, restricted to ``names`` and in their order."""
        places = {name: self._places[name] for name in names if name in self._places}
        return _LazyArrays(places, self._config, self._files)

    def close(self) -> None:
        """Close every file."""
        for file in self._files:
            file.close()


def read_config(directory: Path) -> RoFormerConfig:
    """Read ``config.json``, or the ``bert_config.json`` that lies beside a TensorFlow 1 checkpoint."""
    original = directory / "bert_config.json"
    if original.is_file() and not (directory / CONFIG_NAME).exists():
        return RoFormerConfig.from_json(original.read_text(encoding="utf-8"), str(original))
    return RoFormerConfig.from_pretrained(directory)


def _collect(files: list[WeightFile]) -> dict[str, tuple[WeightFile, str]]:
    """Map every canonical name to the file that holds the tensor and the name it has there."""
    found: dict[str, tuple[WeightFile, str]] = {}
    for file in files:
        for stored_name in file.names():
            name = canonical_name(stored_name)
            # where a tensor is stored twice, under its own name and an alias, its own name counts
            if name not in found or stored_name == name:
                found[name] = (file, stored_name)
    return found


def _check_names(
    directory: Path, config: RoFormerConfig, architecture: str, expected: Shapes, arrays: _LazyArrays
) -> None:
    missing = [name for name in expected if not arrays.stored(name)]
    misshapen = [
        f"{name} is {shown(list(arrays.shape(name)))}, expected {list(shape)}"
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
            f"{directory}: the rotary table is {shown(list(found))}, expected {list(shape)} "
            "(max_position_embeddings, head size)"
        )
    if not np.allclose(arrays[ROTARY_TABLE], rotary_table(*shape), rtol=0, atol=_TABLE_TOLERANCE):
        raise CheckpointError(
            f"{directory}: {ROTARY_TABLE} is not the sinusoidal table of RoFormer; "
            "this checkpoint needs another position embedding and cannot be run"
        )


def _some(names: list[str]) -> str:
    rest = len(names) - _NAMES_SHOWN
    return ", ".join(shown(name, 200) for name in names[:_NAMES_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
