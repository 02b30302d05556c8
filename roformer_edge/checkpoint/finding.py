"""Which files of a directory are its checkpoint, and what opens them: the one table of formats."""

from __future__ import annotations

import glob
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from roformer_edge.checkpoint.flax_msgpack import open_flax
from roformer_edge.checkpoint.keras_h5 import open_keras
from roformer_edge.checkpoint.safetensors import open_safetensors
from roformer_edge.checkpoint.tensorflow1 import open_tensorflow1
from roformer_edge.checkpoint.torch_pickle import open_torch
from roformer_edge.checkpoint.weight_file import WeightFile
from roformer_edge.errors import CheckpointError, shown


@dataclass(frozen=True, kw_only=True)
class Format:
    """One way of storing weights.

    Attributes:
        file: The file's name, or a pattern of it. ``{file}.index.json`` beside shards stands for them.
        open: Opens one file.
        package: What the opener imports, as a distribution's name.
    """

    file: str
    open: Callable[[Path], WeightFile]
    package: str


# Best first.
FORMATS = (
    Format(file="model.safetensors", open=open_safetensors, package="safetensors"),
    Format(file="pytorch_model.bin", open=open_torch, package="torch"),
    Format(file="tf_model.h5", open=open_keras, package="h5py"),
    Format(file="flax_model.msgpack", open=open_flax, package="flax"),
    Format(file="*.ckpt*.index", open=open_tensorflow1, package="tensorflow"),
)
_OTHER_FORMATS = ("*.gguf", "*.onnx", "*.pt", "*.pth", "*.bin")
_INDEX = ".index.json"


@dataclass(frozen=True, kw_only=True)
class FoundWeights:
    """The weight files of a directory; none of them is opened yet.

    Attributes:
        format: How they are stored.
        shards: The files to open, in reading order.
        files: All files that belong to them, those that are opened by way of others included.
    """

    format: Format
    shards: tuple[Path, ...]
    files: tuple[Path, ...]

    def open(self) -> list[WeightFile]:
        """Open every shard.

        Raises:
            CheckpointError: One is damaged, truncated or unsafe to open.
            MissingDependencyError: The package that reads the format is not installed.
        """
        opened: list[WeightFile] = []
        try:
            for shard in self.shards:
                opened.append(self.format.open(shard))
        except BaseException:
            for file in opened:
                file.close()
            raise
        return opened


def find_weights(directory: Path) -> FoundWeights:
    """Find the best weights that a directory holds.

    Raises:
        CheckpointError: There are none, or it cannot be told which are meant.
    """
    for row in FORMATS:
        found = sorted(path for path in directory.glob(row.file) if path.is_file())
        if len(found) > 1:
            raise CheckpointError(
                f"{directory} holds {len(found)} TensorFlow 1 checkpoints: {', '.join(file.name for file in found)}; "
                "keep one of them"
            )
        if found:
            beside = sorted(directory.glob(f"{glob.escape(found[0].stem)}.data-*")) if "*" in row.file else []
            return FoundWeights(format=row, shards=(found[0],), files=(found[0], *beside))
        index = directory / f"{row.file}{_INDEX}"
        if index.is_file():
            shards = _shards(index)
            return FoundWeights(format=row, shards=shards, files=shards)
    others = sorted(path.name for pattern in _OTHER_FORMATS for path in directory.glob(pattern))
    expected = ", ".join(f"{row.file}" for row in FORMATS)
    raise CheckpointError(
        f"{directory} holds no weights: expected one of {expected}"
        + (f"; found {', '.join(others)}, which must be converted to model.safetensors first" if others else "")
    )


def _shards(index: Path) -> tuple[Path, ...]:
    """Read the names of the shards: existing, plain names beside the index."""
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    except OSError as error:
        raise CheckpointError(f"cannot read {index}: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise CheckpointError(f"{index} must be a JSON object with a weight_map of tensor to file name") from None
    for name in names:
        if not isinstance(name, str) or name != Path(name).name or name in ("", ".", ".."):
            raise CheckpointError(f"{index} names the file '{shown(name)}'; shards must lie beside the index")
        if not (index.parent / name).is_file():
            raise CheckpointError(
                f"{index} names the file '{shown(name)}', which is missing; download the checkpoint again"
            )
    return tuple(index.parent / name for name in names)
