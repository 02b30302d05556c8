"""What ``from_pretrained`` of every framework makes of its arguments: an open checkpoint, and what is new in it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from roformer_edge.checkpoint.finding import find_checkpoint
from roformer_edge.checkpoint.loading import Checkpoint, load_architecture
from roformer_edge.checkpoint.names import shapes_of
from roformer_edge.checkpoint.settings import NOT_KEPT
from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import OptionError, UnsupportedModelError
from roformer_edge.hub import inside, take_options

# Options of transformers' from_pretrained that change nothing here, and why.
WITHOUT_EFFECT = {
    "low_cpu_mem_usage": "weights are read one by one",
    "_fast_init": "nothing is drawn that is replaced",
    "weights_only": "pickles are read by a reader that runs nothing of them",
    "use_safetensors": "the safest format that is there is read",
    "from_tf": "the files of every framework are read",
    "from_flax": "the files of every framework are read",
    "from_pt": "the files of every framework are read",
    "add_pooling_layer": "RoFormer has no pooler; one that is stored is kept beside",
    "use_kernels": "another way to compute the same",
    "offload_state_dict": "weights are read one by one",
}
# Options that are not followed, and what to do instead. None and False ask for nothing.
REFUSED = {
    **dict.fromkeys(
        ("quantization_config", "load_in_8bit", "load_in_4bit"),
        "train in float, and quantise what is deployed: deploy_checkpoint, DeployOptions(recipe='int8-dynamic')",
    ),
    **dict.fromkeys(
        ("max_memory", "offload_folder", "offload_buffers", "tp_plan", "tp_size", "device_mesh"),
        "the model lies on one device: device_map='cpu', or model.to(device)",
    ),
    "state_dict": "make the model, and give them to model.load_state_dict",
    "variant": "give the directory of the weights that are meant",
    "gguf_file": "give a directory with safetensors",
    "key_mapping": "rename the tensors in the file",
    **dict.fromkeys(
        ("adapter_name", "adapter_kwargs"), "give the directory of the adapter itself: it is merged into its base"
    ),
    "generation_config": "give its settings to generate",
}
# other words for the attention that is computed here
ATTENTIONS = (None, "eager", "sdpa")
_FULL = "float32"


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A checkpoint that a model is about to be made of.

    Attributes:
        checkpoint: The open files.
        dtype: The name of the type that the model's weights are to have.
        device: Where it is to lie, or ``None`` where it is made.
        generation: The content of ``generation_config.json``.
        info: What was missing, not used and of another shape, as ``output_loading_info`` returns it; ``None`` where
            that was not asked for.
    """

    checkpoint: Checkpoint
    dtype: str = _FULL
    device: Any = None
    generation: Mapping[str, Any] = field(default_factory=dict)
    info: dict[str, list[Any]] | None = None


def open_model(
    directory: str | Path,
    architecture: str,
    *,
    config: Any = None,
    new_head: bool | None = None,
    ignore_weights: Sequence[str] = (),
    revision: str | None = None,
    keeps_generation: bool = False,
    **options: Any,
) -> Opened:
    """Open a checkpoint for a class of models, with the options of transformers' ``from_pretrained``.

    What is said of the checkpoint, and which weights are new, are Python warnings.

    Args:
        directory: See :func:`~roformer_edge.checkpoint.finding.find_checkpoint`.
        architecture: The model class.
        config: Used instead of the directory's: a config, one of transformers, or where one is stored.
        new_head: ``None``: a head that is not stored is new, with a warning. ``True``: one of another shape too,
            without a warning. ``False``: both are errors.
        ignore_weights: Shell-style patterns of names of stored tensors to leave out.
        revision: A branch, tag or commit of a name.
        keeps_generation: The class has a place for the settings of generation, so that none need be said.
        **options: Those of transformers, and fields of the config to replace.

    Raises:
        CheckpointError: The weights do not fit.
        UnsupportedModelError: An option of transformers is not followed; the message says what to do.
        UnknownNameError: An option that neither transformers nor the config has.
    """
    for name, instead in REFUSED.items():
        if options.pop(name, None) not in (None, False):
            raise UnsupportedModelError(f"from_pretrained does not take {name}: {instead}")
    for name in WITHOUT_EFFECT:
        options.pop(name, None)
    attention = options.pop("attn_implementation", None)
    if attention not in ATTENTIONS:
        raise OptionError("attn_implementation", attention, "'eager' or 'sdpa', which give the same numbers here")
    wanted_info = options.pop("output_loading_info", False)
    device = _one_device(options.pop("device_map", None))
    dtype = options.pop("dtype", None) or options.pop("torch_dtype", None)
    options.pop("torch_dtype", None)
    replaced = options.pop("ignore_mismatched_sizes", False)
    hub = take_options(options)
    folder = str(inside(directory, options.pop("subfolder", None)))
    files = find_checkpoint(folder, revision, hub)
    checkpoint = load_architecture(
        files,
        architecture,
        config=as_config(config),
        changes=options,
        head="may_be_new" if new_head else "may_differ" if replaced else "stored" if new_head is False else "may_miss",
        ignore_weights=ignore_weights,
    )
    new = [name for name in shapes_of(checkpoint.config, architecture) if name not in checkpoint.arrays]
    for note in checkpoint.notes:
        if not (keeps_generation and note.startswith(NOT_KEPT)):
            warnings.warn(note, stacklevel=3)
    if new and not new_head:
        warnings.warn(
            f"{architecture} from {directory}: weights that are not stored, or in another shape, are new and random: "
            f"{', '.join(sorted(new))}; train the model before you use its answers",
            stacklevel=3,
        )
    return Opened(
        checkpoint=checkpoint,
        dtype=_type_named(dtype, checkpoint),
        device=device,
        generation=files.generation,
        info=_info(checkpoint, new) if wanted_info else None,
    )


def as_config(config: Any) -> RoFormerConfig | None:
    """Make a config of what transformers takes for one: its own class, a mapping, or where one is stored."""
    if config is None or isinstance(config, RoFormerConfig):
        return config
    if isinstance(config, str | os.PathLike):
        return RoFormerConfig.from_pretrained(Path(config))
    values = config if isinstance(config, Mapping) else config.to_dict()
    return RoFormerConfig.from_dict(dict(values))


def float32_only(opened: Opened, framework: str, instead: str) -> None:
    """Refuse another type than float32, or a device, in a framework that chooses both elsewhere.

    Raises:
        UnsupportedModelError: Something else was asked for.
    """
    if opened.dtype != _FULL:
        opened.checkpoint.close()
        raise UnsupportedModelError(f"{framework} models are float32, found dtype {opened.dtype}: {instead}")
    if opened.device not in (None, "cpu"):
        opened.checkpoint.close()
        raise UnsupportedModelError(f"{framework} chooses devices itself, found device_map {opened.device!r}")


def _info(checkpoint: Checkpoint, new: list[str]) -> dict[str, list[Any]]:
    """Sort the names as ``output_loading_info`` does."""
    mismatched = [name for name in new if name in checkpoint.unused]
    return {
        "missing_keys": sorted(set(new) - set(mismatched)),
        "unexpected_keys": sorted(set(checkpoint.unused) - set(mismatched)),
        "mismatched_keys": sorted(mismatched),
        "error_msgs": [],
    }


def _one_device(device_map: Any) -> Any:
    """Return the one device of a device map: ``"auto"`` and its like leave it to the framework."""
    if isinstance(device_map, Mapping) and len(device_map) == 1 and "" in device_map:
        return device_map[""]
    if isinstance(device_map, Mapping):
        raise UnsupportedModelError(
            "a device_map of several parts is not followed: the model lies on one device; give its name"
        )
    return device_map


def _type_named(dtype: Any, checkpoint: Checkpoint) -> str:
    """Name a type: ``"auto"`` is the config's, else that of the stored weights."""
    if dtype == "auto":
        extra = checkpoint.config.extra
        dtype = extra.get("dtype") or extra.get("torch_dtype") or checkpoint.dtype
    return _FULL if dtype is None else str(dtype).rpartition(".")[2].rstrip("'>")
