"""A directory of sentence-transformers: ``modules.json``, and the settings of every module that it names.

The vectors are those of ``SentenceTransformer.encode``. What would change them and is not computed here is refused; the
other keys are without effect, or named.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from roformer_edge.config import read_object
from roformer_edge.errors import CheckpointError, ConfigError, UnsupportedModelError, shown
from roformer_edge.lfs import find_pointer, pointer_message
from roformer_edge.sentence import POOLINGS, SentenceHead, Step

MODULES_NAME = "modules.json"
_MODEL_SETTINGS = "config_sentence_transformers.json"
# of the module Transformer; the first that there is counts
_TRANSFORMER_SETTINGS = (
    "sentence_bert_config.json", "sentence_roberta_config.json", "sentence_distilbert_config.json",
    "sentence_camembert_config.json", "sentence_albert_config.json", "sentence_xlm-roberta_config.json",
    "sentence_xlnet_config.json",
)  # fmt: skip
_PACKAGE = "sentence_transformers."
# keys of the settings of the module Transformer -> the only values that change nothing
_NEUTRAL: dict[str, tuple[object, ...]] = {
    "transformer_task": ("feature-extraction",),
    "modality_config": ({"text": {"method": "forward", "method_output_name": "last_hidden_state"}},),
    "module_output_name": ("token_embeddings",),
    "processing_kwargs": (None, {}),
    "tokenizer_name_or_path": (None,),
    **dict.fromkeys(
        ("model_args", "model_kwargs", "tokenizer_args", "processor_kwargs", "config_args", "config_kwargs"), (None, {})
    ),
}
# keys of the settings of the whole model -> why they change no vector
_WITHOUT_EFFECT = {
    "__version__": "which packages wrote the files",
    "model_type": "read when the modules are looked for",
    "similarity_fn_name": "how vectors are compared afterwards",
}
# keys of older poolings, in the order in which their vectors stand beside each other
_LEGACY_POOLINGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
# classes of torch -> the function that they are when they are made without arguments
_ACTIVATIONS = {
    "Identity": "linear",
    "Tanh": "tanh",
    "GELU": "gelu",
    "ReLU": "relu",
    "ReLU6": "relu6",
    "LeakyReLU": "leaky_relu",
    "SiLU": "silu",
    "Mish": "mish",
    "Sigmoid": "sigmoid",
}
_SHORTEST = 3  # tokens: [CLS], one token and [SEP]


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A module with weights of its own.

    Attributes:
        directory: Where they lie.
        shapes: Canonical name -> (name in the file, shape).
    """

    directory: Path
    shapes: Mapping[str, tuple[str, tuple[int, ...]]]


@dataclass(frozen=True, kw_only=True)
class Modules:
    """What the modules of a directory say.

    Attributes:
        head: How the vector is made of the states.
        layers: The modules with weights of their own.
        notes: Sentences on what has no effect.
    """

    head: SentenceHead
    layers: tuple[Layer, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class TextSettings:
    """What sentence-transformers does to a text before the model reads it.

    Attributes:
        max_length: The most tokens of a text; ``None`` for as many as the model has positions.
        lowers: Whether it is lower-cased, whatever the tokenizer's own files say.
    """

    max_length: int | None
    lowers: bool


@dataclass(frozen=True, kw_only=True)
class _Module:
    """One entry of ``modules.json``: the name of its class without the package, and where its files lie."""

    kind: str
    directory: Path


@dataclass
class _Chain:
    """The steps so far, and how wide what the last one makes is."""

    width: int
    steps: list[Step] = field(default_factory=list)
    layers: list[Layer] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def pooled(self) -> bool:
        return any(step.kind == "pooling" for step in self.steps)


def find_transformer(directory: Path) -> Path:
    """Find where the module that holds the model lies: the directory itself, or in older ones ``0_Transformer``.

    Raises:
        CheckpointError: ``modules.json`` is malformed.
        UnsupportedModelError: The first module is none that holds a model.
    """
    first = _read_modules(directory)[0]
    if first.kind != "Transformer":
        raise UnsupportedModelError(
            f"{directory / MODULES_NAME} begins with the module {shown(first.kind)}; only Transformer can stand there"
        )
    return first.directory


def is_cross_encoder(directory: Path) -> bool:
    """Tell whether ``modules.json`` is that of a CrossEncoder, which is a text classifier and makes no vectors."""
    return _read_settings(directory, _MODEL_SETTINGS).get("model_type") == "CrossEncoder"


def read_modules(directory: Path, hidden: int) -> Modules:
    """Read what a directory's modules say.

    Args:
        directory: Holds ``modules.json``.
        hidden: Width of the model's states.

    Raises:
        CheckpointError: ``modules.json`` is malformed, or a module's settings contradict the model.
        ConfigError: A module's settings are malformed.
        UnsupportedModelError: A module, or a setting of one, that is not computed here.
    """
    transformer, *others = _read_modules(directory)
    chain = _Chain(width=hidden)
    _check_transformer(transformer.directory)
    chain.notes += _read_model_settings(directory)
    for number, module in enumerate(others, 1):
        if module.kind not in _KINDS:
            raise UnsupportedModelError(
                f"{directory / MODULES_NAME} names the module {shown(module.kind)}, which is not computed here; "
                f"supported are Transformer, {', '.join(_KINDS)}"
            )
        _KINDS[module.kind](chain, module.directory, f"modules.{number}")
    if not chain.pooled:
        raise UnsupportedModelError(f"{directory / MODULES_NAME} names no Pooling, so it makes no vector of a text")
    return Modules(
        head=SentenceHead(asked=None, steps=tuple(chain.steps)),
        layers=tuple(chain.layers),
        notes=tuple(chain.notes),
    )


def _read_modules(directory: Path) -> list[_Module]:
    """Read ``modules.json``; every module lies in the directory or below it."""
    path = directory / MODULES_NAME
    if find_pointer(path):
        raise CheckpointError(pointer_message(path))
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is not valid JSON: {shown(error)}") from None
    if not isinstance(entries, list) or not entries:
        raise CheckpointError(f"{path} must be a list of modules, found {shown(entries)}")
    return [_read_module(entry, path) for entry in entries]


def _read_module(entry: object, path: Path) -> _Module:
    values = dict(entry) if isinstance(entry, dict) else {}
    kind, place = values.pop("type", None), values.pop("path", None)
    if not isinstance(kind, str) or not isinstance(place, str):
        raise CheckpointError(f"{path}: every module must be an object with a path and a type, found {shown(entry)}")
    # the numbers and names of modules have no effect, nor has what a caller of encode() may pass on to one
    _refuse_unknown(values.keys() - {"idx", "name", "kwargs"}, f"{path}: the module {shown(kind)}")
    # written on Windows, too
    parts = Path(place.replace("\\", "/")).parts
    if ".." in parts or Path(place).is_absolute() or ":" in place:
        raise CheckpointError(f"{path} names the folder '{shown(place)}'; modules must lie in the directory")
    if not kind.startswith(_PACKAGE):
        raise UnsupportedModelError(
            f"{path} names the class {shown(kind)}, which is code of the checkpoint's own and is not run; supported "
            f"are the modules Transformer, {', '.join(_KINDS)} of sentence-transformers"
        )
    return _Module(kind=kind.rpartition(".")[2], directory=path.parent.joinpath(*parts))


def _read_settings(directory: Path, name: str) -> dict[str, Any]:
    path = directory / name
    return read_object(path) if path.exists() else {}


def read_text_settings(directory: Path) -> TextSettings:
    """Read what the module Transformer in a directory does to texts.

    Raises:
        ConfigError: The settings are malformed.
    """
    where, values = _transformer_settings(directory)
    limit, lowers = values.get("max_seq_length"), values.get("do_lower_case", False)
    if limit is not None and (type(limit) is not int or limit < _SHORTEST):
        raise ConfigError(f"{where}: max_seq_length must be a whole number of at least {_SHORTEST}: {shown(limit)}")
    if type(lowers) is not bool:
        raise ConfigError(f"{where}: do_lower_case must be true or false, found {shown(lowers)}")
    return TextSettings(max_length=_tokenizer_limit(directory) if limit is None else limit, lowers=lowers)


def _transformer_settings(directory: Path) -> tuple[Path, dict[str, Any]]:
    files = [name for name in _TRANSFORMER_SETTINGS if (directory / name).exists()]
    name = files[0] if files else _TRANSFORMER_SETTINGS[0]
    return directory / name, _read_settings(directory, name)


def _check_transformer(directory: Path) -> None:
    """Refuse settings that are not followed."""
    where, values = _transformer_settings(directory)
    # unpad_inputs gives the same vectors, sooner
    read = {"max_seq_length", "do_lower_case", "unpad_inputs"}
    _refuse_unknown(values.keys() - read - _NEUTRAL.keys(), str(where))
    for key in values.keys() - read:
        if values[key] not in _NEUTRAL[key]:
            raise UnsupportedModelError(
                f"{where}: {key} {shown(values[key])} is not followed here, and changes vectors"
            )


def _tokenizer_limit(directory: Path) -> int | None:
    """Read the limit of the tokenizer, where sentence-transformers 5 keeps that of the model."""
    values = _read_settings(directory, "tokenizer_config.json")
    limit = values.get("model_max_length", values.get("max_len"))
    # early versions wrote 1e30 for none
    return int(limit) if isinstance(limit, int | float) and _SHORTEST <= limit < 1 << 31 else None


def _read_model_settings(directory: Path) -> list[str]:
    """Read the settings of the whole model, and say which of them have no effect."""
    where, values = directory / _MODEL_SETTINGS, _read_settings(directory, _MODEL_SETTINGS)
    prompts, default = values.pop("prompts", None) or {}, values.pop("default_prompt_name", None)
    if not isinstance(prompts, dict) or not all(isinstance(prompt, str) for prompt in prompts.values()):
        raise ConfigError(f"{where}: prompts must map names to texts, found {shown(prompts)}")
    if default is not None and prompts.get(default) != "":
        raise UnsupportedModelError(
            f"{where}: default_prompt_name puts {shown(repr(prompts.get(default)))} before every text, which is not "
            "done here; set it to null, and put the prompt before the texts"
        )
    if values.pop("truncate_dim", None) is not None:
        raise UnsupportedModelError(f"{where}: truncate_dim cuts vectors, which is not done here; set it to null")
    notes = []
    named = [name for name, prompt in prompts.items() if prompt]
    if named:
        notes.append(f"{_MODEL_SETTINGS}: prompts are put before no text unless you do: {shown(', '.join(named))}")
    unknown = sorted(values.keys() - _WITHOUT_EFFECT.keys())
    if unknown:
        notes.append(f"{_MODEL_SETTINGS}: unknown keys without effect: {shown(', '.join(unknown))}")
    return notes


def _add_pooling(chain: _Chain, directory: Path, module: str) -> None:
    where = directory / "config.json"
    values = read_object(where)
    if chain.pooled:
        raise UnsupportedModelError(f"{where}: a second Pooling, which would leave the first without effect")
    legacy = {key: values.pop(key) for key in _LEGACY_POOLINGS if key in values}
    width = values.pop("embedding_dimension", values.pop("word_embedding_dimension", None))
    values.pop("word_embedding_dimension", None)
    values.pop("include_prompt", None)  # there is none
    named = values.pop("pooling_mode", None)
    if named is None:
        if not all(type(value) is bool for value in legacy.values()):
            raise ConfigError(f"{where}: pooling_mode_* must be true or false, found {shown(legacy)}")
        named = [mode for key, mode in _LEGACY_POOLINGS.items() if legacy.get(key)] or ["mean"]
    poolings = [named] if isinstance(named, str) else named
    if not isinstance(poolings, list) or not poolings or not all(isinstance(mode, str) for mode in poolings):
        raise ConfigError(f"{where}: pooling_mode must be a name or a list of names, found {shown(named)}")
    unknown = [mode for mode in poolings if mode not in POOLINGS]
    if unknown:
        raise UnsupportedModelError(
            f"{where}: the pooling {shown(unknown[0])} is not computed here; supported are {', '.join(POOLINGS)}"
        )
    _refuse_unknown(values.keys(), str(where))
    if width not in (None, chain.width):
        chain.notes.append(
            f"{_shown(where)} has states of width {shown(width)}, and the model {chain.width}: it counts"
        )
    made = chain.width * len(poolings)
    chain.steps.append(Step(kind="pooling", inputs=chain.width, width=made, poolings=tuple(poolings)))
    chain.width = made


def _add_dense(chain: _Chain, directory: Path, module: str) -> None:
    where = directory / "config.json"
    values = read_object(where)
    inputs, width = values.pop("in_features", None), values.pop("out_features", None)
    if type(inputs) is not int or type(width) is not int or inputs < 1 or width < 1:
        raise ConfigError(f"{where}: in_features and out_features must be whole numbers of at least 1")
    if inputs != chain.width:
        raise CheckpointError(f"{where}: in_features is {inputs}, and what comes before is {chain.width} wide")
    bias, name = values.pop("bias", True), values.pop("activation_function", "torch.nn.modules.activation.Tanh")
    taken = values.pop("module_input_name", "sentence_embedding")
    given = values.pop("module_output_name", None) or taken
    _refuse_unknown(values.keys(), str(where))
    wanted = "sentence_embedding" if chain.pooled else "token_embeddings"
    if (taken, given) != (wanted, wanted):
        raise UnsupportedModelError(
            f"{where}: the layer makes {shown(given)} of {shown(taken)}; here it can only make {wanted} of {wanted}"
        )
    package, _, function = str(name).rpartition(".")
    if not package.startswith("torch.nn") or function not in _ACTIVATIONS:
        allowed = ", ".join(_ACTIVATIONS)
        raise UnsupportedModelError(
            f"{where}: the activation_function {shown(name)} is not computed here; supported are those of torch.nn: "
            f"{allowed}"
        )
    shapes: dict[str, tuple[str, tuple[int, ...]]] = {f"{module}.weight": ("linear.weight", (width, inputs))}
    if bias:
        shapes[f"{module}.bias"] = ("linear.bias", (width,))
    activation = _ACTIVATIONS[function]
    chain.steps.append(Step(kind="dense", inputs=inputs, width=width, module=module, activation=activation))
    chain.layers.append(Layer(directory=directory, shapes=shapes))
    chain.width = width


def _add_layer_norm(chain: _Chain, directory: Path, module: str) -> None:
    _need_vector(chain, directory)
    where = directory / "config.json"
    values = read_object(where)
    width = values.pop("dimension", None)
    _refuse_unknown(values.keys(), str(where))
    if width != chain.width:
        raise CheckpointError(f"{where}: dimension is {shown(width)}, and what comes before is {chain.width} wide")
    chain.steps.append(Step(kind="layer_norm", inputs=width, width=width, module=module))
    shapes = {f"{module}.{name}": (f"norm.{name}", (width,)) for name in ("weight", "bias")}
    chain.layers.append(Layer(directory=directory, shapes=shapes))


def _add_normalize(chain: _Chain, directory: Path, module: str) -> None:
    _need_vector(chain, directory)
    chain.steps.append(Step(kind="normalize", inputs=chain.width, width=chain.width))


def _add_dropout(chain: _Chain, directory: Path, module: str) -> None:
    """Leave it out: it drops nothing but in training."""


# class of a module, without its package -> what adds its step
_KINDS: dict[str, Callable[[_Chain, Path, str], None]] = {
    "Pooling": _add_pooling,
    "Dense": _add_dense,
    "LayerNorm": _add_layer_norm,
    "Normalize": _add_normalize,
    "Dropout": _add_dropout,
}


def _need_vector(chain: _Chain, directory: Path) -> None:
    if not chain.pooled:
        raise UnsupportedModelError(f"{directory} comes before the Pooling, where there is no vector yet")


def _refuse_unknown(keys: set[str] | Any, where: str) -> None:
    if keys:
        raise UnsupportedModelError(
            f"{where} has keys that are not known here, and that may change vectors: {shown(', '.join(sorted(keys)))}"
        )


def _shown(path: Path) -> str:
    """Name a file by its folder and itself, as it stands in a bundle that leaves this machine."""
    return f"{shown(path.parent.name)}/{path.name}"
