"""From a float32 graph of ours back to the canonical arrays: the inverse of what ``onnx_graph`` folds in.

It lets a float32 bundle be the source of a quantised one. Undoing the fold of the score scale divides by
``head_size ** -0.5``, which is exact where the head size is a power of four and within one rounding elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import numpy_helper

from roformer_edge.checkpoint.names import DECODER_WEIGHT, ROTARY_TABLE, WORD_EMBEDDINGS, expected_shapes
from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import ExportError
from roformer_edge.export.onnx.encoder import half_split_order
from roformer_edge.scopes import scopes_of
from roformer_edge.tasks import Task

Arrays = dict[str, np.ndarray]


def read_arrays(model: bytes, config: RoFormerConfig, task: Task) -> Arrays:
    """Read the canonical arrays out of a model that :func:`roformer_edge.export.onnx.build.build_graph` made.

    Args:
        model: A serialised ``ModelProto`` whose scopes are all float32.
        config: The architecture it was built for.
        task: The task it was built for.

    Returns:
        Canonical name to float32 array, ``[out, in]``.

    Raises:
        ExportError: The model is not such a graph.
    """
    try:
        graph = onnx.load_model_from_string(model).graph
    except DecodeError:
        raise ExportError("the model is not a readable ONNX file") from None
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    try:
        arrays = _Inverse(tensors, config).arrays(task)
    except KeyError as error:
        raise ExportError(f"the model has no tensor {error}: it is not a float32 graph of this exporter") from None
    expected = expected_shapes(config, task)
    for name, shape in expected.items():
        if name not in arrays or arrays[name].shape != shape or arrays[name].dtype != np.float32:
            raise ExportError(
                f"the model's weights do not give {name} as float32 {list(shape)}: it is quantised or damaged"
            )
    return arrays


class _Inverse:
    def __init__(self, tensors: Mapping[str, np.ndarray], config: RoFormerConfig) -> None:
        self._tensors = tensors
        self._config = config
        self._back = np.argsort(half_split_order(config.num_attention_heads, config.head_size))

    def arrays(self, task: Task) -> Arrays:
        config = self._config
        found = {
            WORD_EMBEDDINGS: self._tensors["embeddings.word/weight"],
            "roformer.embeddings.token_type_embeddings.weight": self._tensors["embeddings.type/weight"],
            **self._norm("embeddings.norm", "roformer.embeddings.LayerNorm"),
            ROTARY_TABLE: np.concatenate([self._tensors["rotary/sin"], self._tensors["rotary/cos"]], axis=1),
            **self._head(task),
        }
        if config.has_projection:
            found |= self._linear("embeddings.project", "roformer.embeddings_project")
        for index in range(config.num_hidden_layers):
            found |= self._layer(f"layer.{index}", f"roformer.encoder.layer.{index}")
        return found

    def _head(self, task: Task) -> Arrays:
        """The scopes of the head, the norm of a language model's transform, and its bias and decoder."""
        found: Arrays = {}
        for scope in scopes_of(self._config, task):
            if not scope.name.startswith("head."):
                continue
            if scope.name != "head.decoder":
                found |= self._linear(scope.name, scope.weights[0].removesuffix(".weight"))
                continue
            if not self._config.is_v2:
                found |= self._norm("head.norm", "cls.predictions.transform.LayerNorm")
                found["cls.predictions.bias"] = self._tensors["head.decoder/bias"]
            if not self._config.tie_word_embeddings:
                found[DECODER_WEIGHT] = np.ascontiguousarray(self._tensors["head.decoder/weight"].T)
        return found

    def _layer(self, name: str, module: str) -> Arrays:
        found = {
            **self._linear(f"{name}.attention.output", f"{module}.attention.output.dense"),
            **self._norm(f"{name}.attention.norm", f"{module}.attention.output.LayerNorm"),
            **self._linear(f"{name}.ffn.up", f"{module}.intermediate.dense"),
            **self._linear(f"{name}.ffn.down", f"{module}.output.dense"),
            **self._norm(f"{name}.ffn.norm", f"{module}.output.LayerNorm"),
            **self._projections(f"{name}.attention", f"{module}.attention.self"),
        }
        if self._config.rotary_value:
            output = f"{module}.attention.output.dense.weight"
            found[output] = np.ascontiguousarray(found[output][:, self._back])
        return found

    def _projections(self, name: str, module: str) -> Arrays:
        # the last layer has the query apart
        merged = f"{name}.qkv/weight" in self._tensors
        pieces = (f"{name}.qkv",) if merged else (f"{name}.q", f"{name}.kv")
        found: Arrays = {}
        for kind in ("weight",) if self._config.is_v2 else ("weight", "bias"):
            stacked = np.split(np.concatenate([self._tensors[f"{piece}/{kind}"].T for piece in pieces]), 3)
            for part, numbers in zip(("query", "key", "value"), stacked, strict=True):
                turned = part != "value" or self._config.rotary_value
                fold = np.float32(self._config.head_size**-0.5 if part == "query" else 1)
                found[f"{module}.{part}.{kind}"] = np.ascontiguousarray(
                    (numbers[self._back] if turned else numbers) / fold
                )
        return found

    def _linear(self, name: str, module: str) -> Arrays:
        found = {f"{module}.weight": np.ascontiguousarray(self._tensors[f"{name}/weight"].T)}
        if f"{name}/bias" in self._tensors:
            found[f"{module}.bias"] = self._tensors[f"{name}/bias"]
        return found

    def _norm(self, name: str, module: str) -> Arrays:
        if self._config.is_v2:
            return {}
        return {
            f"{module}.weight": self._tensors[f"{name}/weight"],
            f"{module}.bias": self._tensors[f"{name}/bias"],
        }
