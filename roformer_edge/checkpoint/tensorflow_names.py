"""The paths of variables in TensorFlow, Keras and Flax files, as the names that PyTorch gives the same weights.

They differ from the canonical names in a handful of words, and their kernels are ``[in, out]``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from roformer_edge.checkpoint.weight_file import StoredTensor, WeightFile

_ROOTS = {"bert": "roformer", "mlm___cls": "cls"}
_MODULES = {"embedding_hidden_mapping_in": "embeddings_project"}
_LEAVES = {
    "kernel": "weight", "gamma": "weight", "scale": "weight", "embedding": "weight", "embeddings": "weight",
    "weight": "weight", "beta": "bias", "bias": "bias", "output_bias": "bias",
}  # fmt: skip
_OPTIMIZER = re.compile(r"(^|/)(adam_[mv]|global_step|AdamWeightDecayOptimizer(_\d+)?|Adam|iterations)($|/)")


def torch_name(path: str) -> tuple[str, bool]:
    """Return the PyTorch name of a variable, and whether its array must be transposed.

    >>> torch_name("roformer/tf_ro_former_model/roformer/encoder/layer_._0/attention/self/key/kernel:0")
    ('roformer.encoder.layer.0.attention.self.key.weight', True)
    """
    steps = path.removesuffix(":0").replace("layer_._", "layer/")
    parts = re.sub(r"/layer_(\d+)/", r"/layer/\1/", steps).replace(".", "/").split("/")
    owners = [index for index, part in enumerate(parts) if part.startswith("tf_ro_former")]
    parts = parts[owners[-1] + 1 :] if owners else parts
    parts[0] = _ROOTS.get(parts[0], parts[0])
    if "embedding_hidden_mapping_in" in parts:  # the original keeps the projection inside the encoder
        parts = [parts[0], *(_MODULES.get(part, part) for part in parts[1:] if part != "encoder")]
    leaf = parts[-1]
    if leaf in _LEAVES:
        return ".".join((*parts[:-1], _LEAVES[leaf])), leaf == "kernel"
    return ".".join((*parts, "weight")), False  # TensorFlow 1 names an embedding table itself


def with_torch_names(
    path: Path, variables: Mapping[str, StoredTensor], *, close: Callable[[], object] | None = None
) -> WeightFile:
    """Make a weight file of the variables of a model, leaving out the optimizer's state.

    Args:
        path: The file.
        variables: Every variable by its path in the file.
        close: Lets go of the file.
    """
    tensors = {}
    for name, variable in variables.items():
        if not _OPTIMIZER.search(name.removesuffix(":0")):
            torch, transposed = torch_name(name)
            tensors[torch] = replace(variable, transposed=transposed)
    return WeightFile(path, tensors, close=close)
