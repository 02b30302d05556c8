"""Reading HDF5 files of Keras: ``tf_model.h5`` of transformers, and weights of bert4keras, whose layers have names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from roformer_edge._extras import require
from roformer_edge.checkpoint.tensorflow_names import torch_name, with_torch_names
from roformer_edge.checkpoint.weight_file import StoredTensor, WeightFile, foreign_reader
from roformer_edge.errors import CheckpointError, shown

# The constant of bert4keras' norms, which asks no config for it: keras.backend.epsilon().
_LAYER_NORM_EPS = 1e-7
# Layer of bert4keras -> the modules whose weights it holds, in the order in which it makes them. Its dense layers are
# numbered through the whole model, so that their names tell nothing.
_BERT4KERAS = {
    r"Embedding-Token": ("roformer.embeddings.word_embeddings",),
    r"Embedding-Segment": ("roformer.embeddings.token_type_embeddings",),
    r"Embedding-Norm": ("roformer.embeddings.LayerNorm",),
    r"Embedding-Mapping": ("roformer.embeddings_project",),
    r"Transformer-(\d+)-MultiHeadSelfAttention": tuple(
        rf"roformer.encoder.layer.\1.attention.{part}"
        for part in ("self.query", "self.key", "self.value", "output.dense")
    ),
    r"Transformer-(\d+)-MultiHeadSelfAttention-Norm": (r"roformer.encoder.layer.\1.attention.output.LayerNorm",),
    r"Transformer-(\d+)-FeedForward": (
        r"roformer.encoder.layer.\1.intermediate.dense",
        r"roformer.encoder.layer.\1.output.dense",
    ),
    r"Transformer-(\d+)-FeedForward-Norm": (r"roformer.encoder.layer.\1.output.LayerNorm",),
    r"MLM-Dense": ("cls.predictions.transform.dense",),
    r"MLM-Norm": ("cls.predictions.transform.LayerNorm",),
    r"MLM-Bias": ("cls.predictions",),
    r"Pooler-Dense": ("roformer.pooler.dense",),
    r"NSP-Proba": ("cls.seq_relationship",),
}


def open_keras(path: Path) -> WeightFile:
    """Open an HDF5 file of Keras.

    Raises:
        CheckpointError: The file is damaged, or its variables have no names.
    """
    h5py = require("h5py", f"to read {path.name}")
    with foreign_reader(path):
        file = h5py.File(path, "r")
        try:
            return _open(path, file, h5py)
        except BaseException:
            file.close()
            raise


def _open(path: Path, file: Any, h5py: Any) -> WeightFile:
    found: dict[str, Any] = {}

    def visit(name: Any, item: Any) -> None:
        name = str(name)  # a damaged one comes as bytes
        if isinstance(item, h5py.Dataset):
            if item.is_virtual or item.external:
                raise _outside(path, name)
            found[name] = item
        else:
            _refuse_links(path, item, h5py)

    _refuse_links(path, file, h5py)
    root = file.get("model_weights", file)  # what Model.save writes
    _refuse_links(path, root, h5py)
    root.visititems(visit)
    layers = dict(_layers(root))
    if found and all(re.search(r"(^|/)vars/\d+$", name) for name in found):
        raise CheckpointError(
            f"{path} numbers its variables and names no layers, as Keras 3 writes .weights.h5; load it into the model "
            "that wrote it and save that with save_pretrained, or in tf.keras with save_weights('tf_model.h5', "
            "save_format='h5')"
        )
    variables = {
        name: StoredTensor(name=name, dtype=item.dtype.name, shape=tuple(item.shape), load=partial(np.asarray, item))
        for name, item in found.items()
    }
    if "Embedding-Token" in layers:
        return WeightFile(path, _bert4keras(variables, layers), close=file.close, layer_norm_eps=_LAYER_NORM_EPS)
    return with_torch_names(path, variables, close=file.close)


def _refuse_links(path: Path, group: Any, h5py: Any) -> None:
    for name in group:
        # links within the file too: none are written, and they may lead on to others
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise _outside(path, str(name))


def _outside(path: Path, name: str) -> CheckpointError:
    return CheckpointError(
        f"{path}: '{shown(name)}' lies in another file, and and the file says in which: copy the weights into one "
        "file, for one with save_weights of the model that they belong to"
    )


def _layers(root: Any) -> Iterator[tuple[str, list[str]]]:
    """List the layers of a model with the paths of their variables, in the order in which they were made."""
    for name in map(_text, root.attrs.get("layer_names", ())):
        # in the shards that transformers writes, these are names of variables
        if "weight_names" in root[name].attrs:
            yield name, [f"{name}/{_text(path)}" for path in root[name].attrs["weight_names"]]


def _text(name: Any) -> str:
    return name.decode(errors="replace") if isinstance(name, bytes) else str(name)


def _bert4keras(variables: Mapping[str, StoredTensor], layers: Mapping[str, list[str]]) -> dict[str, StoredTensor]:
    """Name the variables of bert4keras' layers; those of layers that are not its own keep theirs."""
    tensors = {}
    for layer, paths in layers.items():
        modules = _modules(layer)
        owners = list(dict.fromkeys(path.rpartition("/")[0] for path in paths))
        for path in paths:
            name, transposed = torch_name(path.removeprefix(f"{layer}/"))
            if len(modules) == len(owners):
                name = f"{modules[owners.index(path.rpartition('/')[0])]}.{name.rpartition('.')[2]}"
            tensors[name] = replace(variables[path], transposed=transposed)
    return tensors


def _modules(layer: str) -> list[str]:
    for pattern, modules in _BERT4KERAS.items():
        match = re.fullmatch(pattern, layer)
        if match:
            return [match.expand(module) for module in modules]
    return []
