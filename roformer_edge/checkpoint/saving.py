"""Writing a checkpoint as a Hugging Face directory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from roformer_edge.checkpoint.names import DECODER_WEIGHT, PREFIX, ROTARY_TABLE
from roformer_edge.checkpoint.rotary_table import rotary_table
from roformer_edge.checkpoint.safetensors import write_safetensors
from roformer_edge.checkpoint.weight_file import Array
from roformer_edge.config import RoFormerConfig


def save_checkpoint(
    directory: str | Path, config: RoFormerConfig, architecture: str, arrays: Mapping[str, Array]
) -> Path:
    """Write ``config.json`` and ``model.safetensors``, equal bytes for equal weights.

    Args:
        directory: Made where absent; other files in it stay.
        config: Written with ``architecture`` as its ``architectures``.
        architecture: Such as ``"RoFormerForMaskedLM"``; ``"RoFormerModel"`` is written without prefix.
        arrays: Canonical arrays; the rotary table is added where it lacks, a tied decoder is left out.

    Returns:
        The directory.

    Raises:
        CheckpointError: The weights cannot be written.
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
