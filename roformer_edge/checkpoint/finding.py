"""Which files of a directory are its checkpoint, and what opens them: the one table of formats."""

from __future__ import annotations

import dataclasses
import glob
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path
from typing import Any

from roformer_edge.checkpoint.adapters import ADAPTER_CONFIG, Adapter, find_base, read_adapter_settings
from roformer_edge.checkpoint.flax_msgpack import open_flax
from roformer_edge.checkpoint.keras_h5 import open_keras
from roformer_edge.checkpoint.leftovers import matching, some
from roformer_edge.checkpoint.modules import (
    MODULES_NAME,
    Modules,
    TextSettings,
    find_transformer,
    is_cross_encoder,
    read_modules,
    read_text_settings,
)
from roformer_edge.checkpoint.paddle_pickle import open_paddle
from roformer_edge.checkpoint.safetensors import open_safetensors
from roformer_edge.checkpoint.settings import read_config_values, read_generation
from roformer_edge.checkpoint.tensorflow1 import open_tensorflow1
from roformer_edge.checkpoint.torch_pickle import open_torch
from roformer_edge.checkpoint.weight_file import WeightFile, foreign_reader
from roformer_edge.config import CONFIG_NAME, RoFormerConfig
from roformer_edge.errors import CheckpointError, UnsupportedModelError, advice, shown
from roformer_edge.hub import DEFAULT_OPTIONS, HubOptions, local_directory
from roformer_edge.lfs import find_pointer, pointer_message
from roformer_edge.records import parse_object
from roformer_edge.sentence import TOKENS
from roformer_edge.tasks import TASKS, Task, task_of


@dataclass(frozen=True, kw_only=True)
class WeightFormat:
    """One way of storing weights.

    Attributes:
        file: The usual name of the file, or a pattern of it. ``{file}.index.json`` beside shards stands for them.
        others: Patterns of other names that people give such a file; one counts where it is the only one.
        open: Opens one file.
        package: What the opener imports, as a distribution's name.
    """

    file: str
    others: tuple[str, ...]
    open: Callable[[Path], WeightFile]
    package: str


# Best first.
FORMATS = (
    WeightFormat(file="model.safetensors", others=("*.safetensors",), open=open_safetensors, package="safetensors"),
    WeightFormat(
        file="pytorch_model.bin", others=("*.bin", "*.pt", "*.pth", "*.ckpt"), open=open_torch, package="torch"
    ),
    WeightFormat(file="tf_model.h5", others=("*.h5", "*.hdf5", "*.weights"), open=open_keras, package="h5py"),
    WeightFormat(file="flax_model.msgpack", others=("*.msgpack",), open=open_flax, package="flax"),
    WeightFormat(file="model_state.pdparams", others=("*.pdparams",), open=open_paddle, package="numpy"),
    WeightFormat(file="*.ckpt*.index", others=("*.index",), open=open_tensorflow1, package="tensorflow"),
)
_INDEX = ".index.json"
_NAMES_SHOWN = 5
# What trainers leave beside weights: states of optimizers and random numbers, arguments, adapters.
_NO_WEIGHTS = (
    "training_args.bin", "optimizer*", "scheduler*", "scaler*", "rng_state*", "random_states*", "adapter_model*",
    "words.bin", "unicode.bin",
)  # fmt: skip
# What a tokenizer is made of, at the least.
_VOCABULARIES = ("vocab.txt", "tokenizer.json")
# Files of other kinds -> what makes weights of them that are read here.
_CONVERTIBLE = {
    "*.gguf": "a GGUF file; start from the checkpoint that it was made from",
    "*.onnx": "an ONNX graph; start from the checkpoint that it was exported from",
    "*.keras": "a whole Keras model; load it with keras.saving.load_model and save its weights with save_weights",
    "*.pb": "a TensorFlow graph; start from the checkpoint that it was exported from",
    "*.pdiparams": "a PaddlePaddle inference model; start from the model_state.pdparams that it was made from",
    "*.npz": "numpy arrays; write them with safetensors.numpy.save_file as model.safetensors",
}


@dataclass(frozen=True, kw_only=True)
class FoundWeights:
    """The weight files of a directory; none of them is opened yet.

    Attributes:
        format: How they are stored.
        shards: The files to open, in reading order.
        files: All files that belong to them, those that are opened by way of others included.
        beside: Names of other files of weights in the directory, which are not opened.
    """

    format: WeightFormat
    shards: tuple[Path, ...]
    files: tuple[Path, ...]
    beside: tuple[str, ...] = ()

    @property
    def notes(self) -> list[str]:
        """Say which files of weights are left alone: they may be the same in another format, or another model's."""
        if not self.beside:
            return []
        return [f"{self.shards[0].name} is read, and not what lies beside it: {some(self.beside)}"]

    def open(self) -> list[WeightFile]:
        """Open every shard.

        Raises:
            CheckpointError: One is damaged, truncated, unsafe to open, or the pointer that stands for it in Git LFS.
            MissingDependencyError: The package that reads the format is not installed.
        """
        opened: list[WeightFile] = []
        try:
            for shard in self.shards:
                if find_pointer(shard):
                    raise CheckpointError(pointer_message(shard))
                with foreign_reader(shard):
                    opened.append(self.format.open(shard))
        except BaseException:
            for file in opened:
                file.close()
            raise
        return opened


class CheckpointFiles:
    """A checkpoint directory; every file of settings is read once, when it is asked for first.

    Attributes:
        directory: Where the files lie.
        name: What the checkpoint is called: ``owner/model`` in a cache of Hugging Face, else the directory's own name.
        root: The directory of sentence-transformers that it is the model of, where it is that of one. Older ones keep
            the model in a folder of its own.
    """

    def __init__(self, directory: Path, name: str) -> None:
        described = (directory / MODULES_NAME).exists()
        self.directory = find_transformer(directory) if described else directory
        self.name = name
        self.root = directory if described else None

    @cached_property
    def values(self) -> dict[str, Any]:
        """The content of ``config.json``."""
        return self._config_file[0]

    @cached_property
    def config(self) -> RoFormerConfig:
        """What ``config.json`` says."""
        return RoFormerConfig.from_values(*self._config_file)

    @cached_property
    def generation(self) -> dict[str, Any]:
        """The content of ``generation_config.json``, empty where there is none."""
        return read_generation(self.directory)

    @cached_property
    def weights(self) -> FoundWeights:
        """The weight files; of an adapter, those of its base."""
        return find_weights(self.base)

    @cached_property
    def base(self) -> Path:
        """Where the weights lie: another directory than ``directory`` where that holds an adapter of theirs."""
        settings = self._adapter_settings
        return self.directory if settings is None else find_base(self.directory, settings)

    def open_adapter(self) -> Adapter | None:
        """Open the LoRA adapter that the directory holds, if it does."""
        return None if self._adapter_settings is None else Adapter(self.directory, self._adapter_settings)

    @property
    def tokenizer_directory(self) -> Path:
        """Where the tokenizer's files lie: an adapter may have its own, and else shares those of its base."""
        own = any((self.directory / name).exists() for name in _VOCABULARIES)
        return self.directory if own else self.base

    @cached_property
    def modules(self) -> Modules | None:
        """What the modules of sentence-transformers say about vectors of texts, where there are any."""
        if self.root is None or self.is_cross_encoder:
            return None
        try:
            return read_modules(self.root, self.config.hidden_size)
        except UnsupportedModelError as error:
            asked = advice(python=f"pooling={TOKENS!r}", command=f"--pooling {TOKENS}")
            raise UnsupportedModelError(f"{error}; {asked} leaves all modules after the model out") from None

    @cached_property
    def text_settings(self) -> TextSettings | None:
        """What sentence-transformers does to texts before the model reads them, where it is one of its models."""
        return None if self.root is None or self.is_cross_encoder else read_text_settings(self.directory)

    @cached_property
    def is_cross_encoder(self) -> bool:
        """Whether sentence-transformers takes it for a classifier of pairs."""
        return self.root is not None and is_cross_encoder(self.root)

    @property
    def architectures(self) -> tuple[str, ...]:
        """The model classes that ``config.json`` names."""
        named = self.values.get("architectures")
        return tuple(name for name in named if isinstance(name, str)) if isinstance(named, list) else ()

    @property
    def task(self) -> Task:
        """The task of the model class that ``config.json`` names; with modules of sentence-transformers theirs.

        Raises:
            UnsupportedModelError: It names none, or none of RoFormer's.
        """
        makes_vectors = self.root is not None and not self.is_cross_encoder
        task = task_of(["RoFormerModel"] if makes_vectors else self.architectures)
        if task is None:
            others = f"names {shown(', '.join(self.architectures))}, which is none of RoFormer's"
            found = others if self.architectures else "names no architecture"
            raise UnsupportedModelError(
                f"{self.directory / CONFIG_NAME} {found}, so what the checkpoint is for is not known; say it with "
                f"{advice(python='task=', command='--task')}, one of: {', '.join(TASKS)}"
            )
        return task

    @cached_property
    def _adapter_settings(self) -> dict[str, Any] | None:
        return read_adapter_settings(self.directory)

    @cached_property
    def _config_file(self) -> tuple[dict[str, Any], str]:
        own = (self.directory / CONFIG_NAME).exists()
        return read_config_values(self.directory if own else self.base)


def find_checkpoint(
    path: str | Path, revision: str | None = None, options: HubOptions = DEFAULT_OPTIONS
) -> CheckpointFiles:
    """Find the checkpoint that a path or a name means.

    Args:
        path: A checkpoint directory; or, in a cache of Hugging Face, the directory of one model
            (``models--owner--name``), whose snapshot is then taken, or one above that holds one model only; or the name
            of a model, ``owner/name``, which is then downloaded.
        revision: A branch, tag or commit of a name.
        options: How a name is downloaded.

    Raises:
        CheckpointError: There is nothing, a file, or more than one model.
        MissingDependencyError: A name, and ``huggingface_hub`` is not installed.
    """
    path = local_directory(path, _weights_among, revision=revision, options=options)
    if path.is_file():
        raise CheckpointError(f"{path} is a file; give the directory that it lies in, with {CONFIG_NAME} beside it")
    if not path.is_dir():
        raise CheckpointError(f"no such checkpoint directory: {path} (names of a model hub are owner/model)")
    if any((path / name).exists() for name in (CONFIG_NAME, ADAPTER_CONFIG, MODULES_NAME)):
        return CheckpointFiles(path, _name(path))
    models = sorted(folder for folder in _cached_models(path) if (folder / "snapshots").is_dir())
    if len(models) > 1:
        names = ", ".join(_name(model) for model in models[:_NAMES_SHOWN])
        raise CheckpointError(
            f"{path} is a cache of {len(models)} models ({shown(names, 300)}{' ...' * (len(models) > _NAMES_SHOWN)}); "
            "give the directory of one of them"
        )
    if models:
        return CheckpointFiles(_snapshot(models[0]), _name(models[0]))
    return CheckpointFiles(path, _name(path))


def find_weights(directory: Path) -> FoundWeights:
    """Find the best weights that a directory holds.

    Raises:
        CheckpointError: There are none, or it cannot be told which are meant.
    """
    others = sorted((path for path in directory.glob("*") if path.is_file()), key=lambda path: path.name)
    weights = [path for path in others if not any(fnmatch(path.name, pattern) for pattern in _NO_WEIGHTS)]
    candidates = [
        (row, path)
        for row in FORMATS
        for path in weights
        if any(fnmatch(path.name, pattern) for pattern in (row.file, *row.others))
    ]
    for row in FORMATS:
        found = [path for path in others if fnmatch(path.name, row.file)]
        if found:
            return _beside(_only(directory, [(row, path) for path in found]), candidates)
        index = directory / f"{row.file}{_INDEX}"
        if index.is_file():
            shards = _shards(index)
            return _beside(FoundWeights(format=row, shards=shards, files=shards), candidates)
    if candidates:
        return _only(directory, candidates)
    expected = ", ".join(row.file for row in FORMATS)
    for path in others:
        for pattern, what in _CONVERTIBLE.items():
            if fnmatch(path.name, pattern):
                raise CheckpointError(f"{directory} holds no weights that are read here: {path.name} is {what}")
    raise CheckpointError(f"{directory} holds no weights: expected one of {expected}")


def _weights_among(names: Sequence[str]) -> list[str]:
    """Choose the best weights among the names of a repository, as :func:`find_weights` does in a directory.

    Adapters and their settings come along; where it cannot be told which weights are meant, all that may be.
    """
    root = [name for name in names if "/" not in name]
    adapters = matching(root, ("adapter_model*",))
    for row in FORMATS:
        stem, suffix = Path(row.file).stem, Path(row.file).suffix
        index = f"{row.file}{_INDEX}"
        if found := matching(root, (row.file,)):  # which TensorFlow 1 gives its data beside it
            return [*adapters, *found, *matching(root, [f"{Path(name).stem}.data-*" for name in found])]
        if index in root:
            return [*adapters, index, *matching(root, (f"{stem}-*-of-*{suffix}",))]
    others = matching(root, [pattern for row in FORMATS for pattern in row.others])
    return [*adapters, *(name for name in others if not matching([name], _NO_WEIGHTS))]


def _only(directory: Path, candidates: list[tuple[WeightFormat, Path]]) -> FoundWeights:
    """Take the only candidate; which of several is meant is not guessed."""
    if len(candidates) > 1:
        names = ", ".join(path.name for _, path in candidates[:_NAMES_SHOWN])
        raise CheckpointError(
            f"{directory} holds {len(candidates)} files of weights: {shown(names, 300)}"
            f"{' ...' * (len(candidates) > _NAMES_SHOWN)}; keep one of them, or give it its usual name: "
            f"{candidates[0][0].file}"
        )
    row, path = candidates[0]
    beside = sorted(directory.glob(f"{glob.escape(path.stem)}.data-*")) if path.suffix == ".index" else []
    return FoundWeights(format=row, shards=(path,), files=(path, *beside))


def _beside(found: FoundWeights, candidates: list[tuple[WeightFormat, Path]]) -> FoundWeights:
    """Note what else lies there."""
    names = dict.fromkeys(path.name for _, path in candidates if path not in found.files)
    return dataclasses.replace(found, beside=tuple(names))


def _cached_models(path: Path) -> Iterator[Path]:
    """List the directories of models in a cache of Hugging Face, whichever of its folders was given."""
    if path.name.startswith("models--"):
        yield path
    for folder in (path, path / "hub"):
        yield from folder.glob("models--*")


def _snapshot(model: Path) -> Path:
    """Find the snapshot of a cached model that its branch ``main`` points to, or else the only one."""
    snapshots = {folder.name: folder for folder in (model / "snapshots").iterdir() if folder.is_dir()}
    main = model / "refs" / "main"
    revision = main.read_text(encoding="utf-8", errors="replace").strip() if main.is_file() else None
    if revision in snapshots:
        return snapshots[revision]
    if len(snapshots) != 1:
        asked = (
            f"its branch main is at {shown(revision)}, which is not there" if revision else "it names no branch main"
        )
        raise CheckpointError(
            f"{model} holds {len(snapshots)} snapshots, and {asked}; give the directory of a snapshot"
        )
    return next(iter(snapshots.values()))


def _name(directory: Path) -> str:
    """Name a directory, or a model in a cache of Hugging Face, whose snapshots are named after revisions."""
    whole = directory.resolve()
    name = (whole.parent.parent if whole.parent.name == "snapshots" else whole).name
    return (
        name.removeprefix("models--").replace("--", "/") if name.startswith("models--") else whole.name or "checkpoint"
    )


def _shards(index: Path) -> tuple[Path, ...]:
    """Read the names of the shards: existing, plain names beside the index."""
    if find_pointer(index):
        raise CheckpointError(pointer_message(index))
    try:
        content = index.read_bytes()
    except OSError as error:
        raise CheckpointError(f"cannot read {index}: {error.strerror or error}") from None
    refusal = CheckpointError(f"{index} must be a JSON object with a weight_map of tensor to file name")
    mapping = parse_object(content, str(index), lambda message: refusal).get("weight_map")
    # one that names nothing leaves nothing to read
    if not isinstance(mapping, dict) or not mapping or any(isinstance(name, (list, dict)) for name in mapping.values()):
        raise refusal
    names = sorted(set(mapping.values()), key=str)
    for name in names:
        if not isinstance(name, str) or name != Path(name).name or name in ("", ".", ".."):
            raise CheckpointError(f"{index} names the file '{shown(name)}'; shards must lie beside the index")
        if not os.path.isfile(index.parent / name):  # noqa: PTH113 - Path.is_file makes an error of odd names
            raise CheckpointError(
                f"{index} names the file '{shown(name)}', which is missing; download the checkpoint again"
            )
    return tuple(index.parent / name for name in names)
