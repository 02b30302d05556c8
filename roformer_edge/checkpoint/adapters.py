"""LoRA adapters of PEFT: a directory that holds what training added to a base model, merged into it as PEFT merges."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from roformer_edge.checkpoint.aliases import canonical_names
from roformer_edge.checkpoint.safetensors import open_safetensors
from roformer_edge.checkpoint.torch_pickle import open_torch
from roformer_edge.checkpoint.weight_file import Array, WeightFile
from roformer_edge.config import CONFIG_NAME, read_object
from roformer_edge.errors import CheckpointError, ConfigError, UnsupportedModelError, shown
from roformer_edge.lfs import find_pointer, pointer_message

ADAPTER_CONFIG = "adapter_config.json"
# file of the adapter's weights -> what opens it, best first
_WEIGHTS = {"adapter_model.safetensors": open_safetensors, "adapter_model.bin": open_torch}
# Keys of an adapter_config.json that merging reads, or that change nothing once training is over.
_KNOWN = frozenset(
    [
        "peft_type", "base_model_name_or_path", "r", "lora_alpha", "use_rslora", "rank_pattern", "alpha_pattern",
        "auto_mapping", "peft_version", "revision", "task_type", "inference_mode", "target_modules", "exclude_modules",
        "lora_dropout", "bias", "modules_to_save", "init_lora_weights", "layers_to_transform", "layers_pattern",
        "megatron_core", "loftq_config", "eva_config", "corda_config", "lora_ga_config", "runtime_config",
        "qalora_group_size", "ensure_weight_tying",
    ]
)  # fmt: skip
# How A and B were drawn before training; others of PEFT's ways subtract their product from the base at the start.
_STARTS = (True, False, "gaussian", "eva", None)
_MERGE = "merge it first: merge_and_unload() of peft, and save_pretrained of what that returns"


@dataclass(frozen=True, kw_only=True)
class _Pair:
    """The two factors of one weight's change, and what their product is multiplied by."""

    a: str
    b: str
    embedding: bool
    scale: float


class Adapter:
    """The weights of an opened adapter by the canonical names of what they change.

    Attributes:
        files: What it consists of.
        file: Its weights, opened.
        replaced: Canonical name -> name in ``file``, for tensors that were trained whole and take the place of the
            base's.
    """

    def __init__(self, directory: Path, settings: Mapping[str, Any]) -> None:
        path = next((directory / name for name in _WEIGHTS if (directory / name).is_file()), None)
        if path is None:
            raise CheckpointError(f"{directory} has an {ADAPTER_CONFIG} and none of: {', '.join(_WEIGHTS)}")
        if find_pointer(path):
            raise CheckpointError(pointer_message(path))
        self.files = (directory / ADAPTER_CONFIG, path)
        self.file: WeightFile = _WEIGHTS[path.name](path)
        try:
            self._read_names(settings)
        except BaseException:
            self.file.close()
            raise

    def _read_names(self, settings: Mapping[str, Any]) -> None:
        path = self.file.path
        self.replaced: dict[str, str] = {}
        self._pairs: dict[str, _Pair] = {}
        factors = {}
        for stored, name in canonical_names(self.file.names()).items():
            match = re.fullmatch(r"(.+)\.lora_(embedding_)?([AB])(\.weight)?", name)
            if match:
                factors[f"{match[1]}.{match[3]}"] = (stored, bool(match[2]))
            elif "lora_" in name:
                raise UnsupportedModelError(f"{path} holds '{shown(stored)}', which is no plain LoRA; {_MERGE}")
            else:
                self.replaced[name.replace(".base_layer.", ".")] = stored
        for place in sorted({name[:-2] for name in factors}):
            if not {f"{place}.A", f"{place}.B"} <= factors.keys():
                raise CheckpointError(f"{path} holds one of the two factors of '{shown(place)}' alone")
            (a, embedding), (b, _) = factors[f"{place}.A"], factors[f"{place}.B"]
            shapes = self.file.shape(a), self.file.shape(b)
            if [len(shape) for shape in shapes] != [2, 2] or shapes[0][0] != shapes[1][1] or not shapes[0][0]:
                raise CheckpointError(f"{path}: the factors of '{shown(place)}' do not fit: {shown(shapes)}")
            scale = _scale(settings, place, shapes[0][0])
            self._pairs[f"{place}.weight"] = _Pair(a=a, b=b, embedding=embedding, scale=scale)

    def changes(self) -> dict[str, tuple[int, ...]]:
        """Map the canonical names of the weights that are changed in place to the shape that they must have."""
        shapes: dict[str, tuple[int, ...]] = {}
        for name, pair in self._pairs.items():
            shape = (self.file.shape(pair.b)[0], self.file.shape(pair.a)[1])
            shapes[name] = shape[::-1] if pair.embedding else shape
        return shapes

    def merge(self, name: str, array: Array) -> Array:
        """Add to a weight of the base what was trained: ``B A`` times ``alpha / r``; others stay as they are."""
        pair = self._pairs.get(name)
        if pair is None:
            return array
        change = self.file.read(pair.b) @ self.file.read(pair.a) * np.float32(pair.scale)
        merged: Array = array + (change.T if pair.embedding else change)
        return merged

    def close(self) -> None:
        """Let go of the file."""
        self.file.close()


def read_adapter_settings(directory: Path) -> dict[str, Any] | None:
    """Read the settings of the adapter that a directory holds; ``None`` where it holds none.

    Raises:
        ConfigError: ``adapter_config.json`` is no JSON object.
        UnsupportedModelError: It is an adapter of another kind than LoRA, or of a variant that is not merged here.
    """
    path = directory / ADAPTER_CONFIG
    if not path.is_file():
        return None
    settings = read_object(path)
    _check(path, settings)
    return settings


def find_base(directory: Path, settings: Mapping[str, Any]) -> Path:
    """Find the base of an adapter: the local directory that it names, else the adapter's own, if that holds a model.

    Raises:
        CheckpointError: Neither is there.
        UnsupportedModelError: The base is an adapter itself.
    """
    named = settings.get("base_model_name_or_path")
    for place in [directory / str(named), Path(str(named))] if named else []:
        # of a name that no directory can have Path.is_dir makes an error
        if os.path.isdir(place) and place.resolve() != directory.resolve():  # noqa: PTH112
            if (place / ADAPTER_CONFIG).exists():
                raise UnsupportedModelError(f"the base of {directory}, {place}, is an adapter itself; {_MERGE}")
            return place
    if (directory / CONFIG_NAME).is_file():
        return directory
    raise CheckpointError(
        f"{directory} is a LoRA adapter, and its base '{shown(named)}' is no directory here: put the base's "
        f"{CONFIG_NAME} and weights beside the adapter, or {_MERGE}"
    )


def _check(path: Path, settings: Mapping[str, Any]) -> None:
    kind = settings.get("peft_type")
    if kind != "LORA":
        raise UnsupportedModelError(f"{path} is of an adapter of type {shown(kind)}, not LORA; {_MERGE}")
    used = [key for key, value in settings.items() if value and key not in _KNOWN]
    if settings.get("init_lora_weights", True) not in _STARTS:
        used.append("init_lora_weights")
    if used:
        raise UnsupportedModelError(f"{path} uses {shown(', '.join(sorted(used)))}, which is not merged here; {_MERGE}")


def _scale(settings: Mapping[str, Any], place: str, rank: int) -> float:
    """Compute what the product of the factors is multiplied by, as PEFT does for the module at ``place``."""
    alpha, patterns = settings.get("lora_alpha", 8), settings.get("alpha_pattern") or {}
    for pattern, value in patterns.items():
        # PEFT reads a regular expression; of a file that is not trusted it is taken as the end of a path
        if not re.fullmatch(r"[\w.]+", pattern):
            raise UnsupportedModelError(
                f"{ADAPTER_CONFIG}: alpha_pattern '{shown(pattern)}' is not read here; {_MERGE}"
            )
        if f".{place}".endswith(f".{pattern}"):
            alpha = value
            break
    if type(alpha) not in (int, float) or rank < 1:
        raise ConfigError(f"{ADAPTER_CONFIG}: lora_alpha must be a number, found {shown(alpha)}")
    return float(alpha / (math.sqrt(rank) if settings.get("use_rslora") else rank))
