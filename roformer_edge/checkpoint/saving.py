"""Writing a checkpoint as a Hugging Face directory."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from roformer_edge.checkpoint.names import DECODER_WEIGHT, PREFIX, ROTARY_TABLE, shapes_of
from roformer_edge.checkpoint.rotary_table import rotary_table
from roformer_edge.checkpoint.safetensors import write_safetensors
from roformer_edge.checkpoint.weight_file import Array
from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import CheckpointError, OptionError
from roformer_edge.temporary import replace_file

_FILE = "model.safetensors"
_SHARDS = "model-*-of-*.safetensors"
_UNITS = {"KB": 1000, "MB": 1000**2, "GB": 1000**3, "TB": 1000**4,
          "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30, "TIB": 1 << 40}  # fmt: skip


def save_checkpoint(
    directory: str | Path,
    config: RoFormerConfig,
    architecture: str,
    arrays: Mapping[str, Array],
    *,
    max_shard_size: int | str | None = None,
) -> Path:
    """Write ``config.json`` and ``model.safetensors``, equal bytes for equal weights.

    Args:
        directory: Made where absent; other files in it stay.
        config: Written with ``architecture`` as its ``architectures``.
        architecture: Such as ``"RoFormerForMaskedLM"``; ``"RoFormerModel"`` is written without prefix.
        arrays: Canonical arrays; the rotary table is added where it lacks, a tied decoder is left out.
        max_shard_size: Split the weights into files of so many bytes at most, or ``"5GB"``, with an index beside them,
            as transformers does; a tensor is never split.

    Returns:
        The directory.

    Raises:
        CheckpointError: The weights are not those that the config asks for, or cannot be written.
        OptionError: The size of a shard is none.
    """
    for name, shape in shapes_of(config, architecture).items():
        if name not in arrays or arrays[name].shape != shape:
            found = "missing" if name not in arrays else list(arrays[name].shape)
            raise CheckpointError(
                f"{architecture} is not saved, it could not be loaded: {name} is {found}, and its config asks for "
                f"{list(shape)}; a field of the config was set that the weights do not follow"
            )
    limit = None if max_shard_size is None else _bytes(max_shard_size)
    directory = Path(directory)
    config.replace(extra={**config.extra, "architectures": [architecture]}).save_pretrained(directory)
    written = dict(arrays)
    if ROTARY_TABLE not in written:
        written[ROTARY_TABLE] = rotary_table(config.max_position_embeddings, config.head_size)
    if config.tie_word_embeddings:
        written.pop(DECODER_WEIGHT, None)
    if architecture == "RoFormerModel":
        written = {name.removeprefix(PREFIX): array for name, array in written.items()}
    shards = [sorted(written)] if limit is None else _split(written, limit)
    if len(shards) == 1:
        write_safetensors(directory / _FILE, written)
        _remove_others(directory, [_FILE])
        return directory
    files = [f"model-{place:05d}-of-{len(shards):05d}.safetensors" for place in range(1, len(shards) + 1)]
    for file, names in zip(files, shards, strict=True):
        write_safetensors(directory / file, {name: written[name] for name in names})
    index = {
        "metadata": {"total_size": sum(array.nbytes for array in written.values())},
        "weight_map": {name: file for file, names in zip(files, shards, strict=True) for name in names},
    }
    text = json.dumps(index, indent=2, sort_keys=True) + "\n"
    replace_file(directory / f"{_FILE}.index.json", text.encode())
    _remove_others(directory, [*files, f"{_FILE}.index.json"])
    return directory


def _split(arrays: Mapping[str, Array], limit: int) -> list[list[str]]:
    """Group names, in order, so that no group is larger than the limit unless it is one tensor."""
    groups: list[list[str]] = []
    size = limit
    for name in sorted(arrays):
        size += arrays[name].nbytes
        if size > limit:
            groups.append([])
            size = arrays[name].nbytes
        groups[-1].append(name)
    return groups


def _bytes(size: int | str) -> int:
    """Read a number of bytes, or ``"5GB"``."""
    if isinstance(size, int) and size > 0:
        return size
    number, unit = str(size).upper().strip(), 1
    for name, factor in _UNITS.items():
        if number.endswith(name):
            number, unit = number.removesuffix(name).strip(), factor
            break
    if not number.isdecimal() or int(number) == 0:
        raise OptionError("max_shard_size", size, "a number of bytes, or one with a unit such as '5GB' or '200MB'")
    return int(number) * unit


def _remove_others(directory: Path, written: Sequence[str]) -> None:
    """Remove what an earlier model left, whole or in shards: two models in a directory could not be told apart."""
    for path in (*directory.glob(_SHARDS), directory / _FILE, directory / f"{_FILE}.index.json"):
        if path.name not in written:
            path.unlink(missing_ok=True)
