"""A third format, as small as one can be: the network computed in numpy. It shows what a format has to bring: an
emitter, something to run, and a row of the table. And it is a reference that shares no operator with any engine.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import ExportError
from roformer_edge.export.artifact import ExportOptions
from roformer_edge.export.network.emitter import EARLIER, PREFIX, Attention, Linear, Norm, Product, Table
from roformer_edge.export.network.heads import emit_network
from roformer_edge.export.network.weights import Weights
from roformer_edge.formats import Format
from roformer_edge.quantize.affine import quantize_weight
from roformer_edge.quantize.recipe import FLOAT, ROWS, Decision
from roformer_edge.runtime.feeds import fit_feeds
from roformer_edge.runtime.session import BackendReport, SessionOptions
from roformer_edge.scopes import scopes_of
from roformer_edge.scores import softmax
from roformer_edge.signatures import CACHED_PARTS, DEFAULT, PAST, POSITION_IDS, POSITIONS, PRESENT, Signature
from roformer_edge.tasks import Task, get_task

Array = np.ndarray
_erf = np.vectorize(math.erf, otypes=[np.float32])
_ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "gelu": lambda x: x * 0.5 * (1 + _erf(x / math.sqrt(2))),
    "gelu_tanh": lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "relu": lambda x: np.maximum(x, 0),
    "linear": lambda x: x,
    "silu": lambda x: x / (1 + np.exp(-x)),
}
_TABLES: dict[str, Callable[[Array], Array]] = {
    FLOAT: lambda rows: rows,
    ROWS: lambda rows: quantize_weight(rows, 0).dequantize(),
}


class NumpyEmitter:
    """Computes each verb at once; values are arrays ``[rows, sequence, width]`` or ``[rows, width]``."""

    def __init__(self, feeds: Mapping[str, Array], task: Task) -> None:
        self._shape = np.shape(feeds["input_ids"])[: len(task.inputs[0].axes) - 1]
        self._cache = {name: array for name, array in feeds.items() if name.startswith(PAST)}
        self._feeds = {
            name: np.reshape(ids, (-1, np.shape(ids)[-1])) for name, ids in feeds.items() if name not in self._cache
        }
        # what a call may leave out: all positions are read, and there are no keys and values of earlier ones
        rows, length = self._feeds["input_ids"].shape
        self._past = next((array.shape[2] for array in self._cache.values()), 0)
        self._feeds.setdefault(POSITIONS, np.tile(np.arange(length), (rows, 1)))
        self._feeds.setdefault(POSITION_IDS, np.tile(self._past + np.arange(length), (rows, 1)))
        self._choices = "choices" in task.inputs[0].axes
        self.marks: dict[str, Array] = {}
        self.outputs: dict[str, Array] = {}

    def lookup(self, table: Table) -> Array:
        if table.scheme not in _TABLES:
            raise ExportError(f"{table.scope}: numpy cannot say {table.scheme!r}")
        return _TABLES[table.scheme](table.rows)[self._feeds[table.ids]]

    def linear(self, x: Array, product: Product) -> Array:
        if product.scheme != FLOAT:
            raise ExportError(f"{product.scope}: numpy cannot say {product.scheme!r}")
        self.marks[product.input] = x
        return _multiply(x, (product.weight, product.bias))

    def norm(self, x: Array, norm: Norm) -> Array:
        if norm.weight is None:
            return x / np.sqrt(np.mean(x * x, -1, keepdims=True) + norm.epsilon)
        centred = x - x.mean(-1, keepdims=True)
        return centred / np.sqrt(np.mean(centred**2, -1, keepdims=True) + norm.epsilon) * norm.weight + norm.bias

    def activation(self, x: Array, name: str, function: str) -> Array:
        return _ACTIVATIONS[function](x)

    def add(self, x: Array, y: Array, name: str) -> Array:
        return x + y

    def mask(self, seen: str) -> Array:
        keep = self._feeds["attention_mask"].astype(bool)[:, None, None, :]
        if seen == PREFIX:
            begun = self._feeds["token_type_ids"].cumsum(1)
            earlier = np.zeros((len(begun), self._past), np.int64)
            keep = keep & (np.concatenate([earlier, begun], 1)[:, None, None] <= begun[:, None, :, None])
        elif seen == EARLIER:
            total = keep.shape[-1]
            keep = keep & np.tri(total, dtype=bool)[self._past :]
        return np.where(keep, 0, np.finfo(np.float32).min).astype(np.float32)

    def attention(
        self, x: Array, mask: Array, attention: Attention, *, first: Array | None = None, cache: int | None = None
    ) -> Array:
        self.marks[attention.scope] = x
        queries = x if first is None else first[:, None]
        q, k, v = (
            _multiply(states, part).reshape(len(x), -1, attention.heads, attention.head_size).transpose(0, 2, 1, 3)
            for states, part in ((queries, attention.query), (x, attention.key), (x, attention.value))
        )
        places = self._feeds[POSITION_IDS]
        q, k = _rotate(q, attention, places if first is None else 0 * places[:, :1]), _rotate(k, attention, places)
        v = _rotate(v, attention, places) if attention.rotates_value else v
        if cache is not None:
            k, v = (self._kept(part, cache, new) for part, new in zip(CACHED_PARTS, (k, v), strict=True))
        context = softmax(q @ k.swapaxes(-1, -2) + mask) @ v
        context = context.transpose(0, 2, 1, 3).reshape(len(x), -1, attention.width)
        return context if first is None else context[:, 0]

    def _kept(self, part: str, cache: int, new: Array) -> Array:
        earlier = self._cache.get(f"{PAST}.{cache}.{part}", new[:, :, :0])
        self.outputs[f"{PRESENT}.{cache}.{part}"] = both = np.concatenate([earlier, new], axis=2)
        return both

    def asked(self, x: Array, name: str) -> Array:
        return np.take_along_axis(x, self._feeds[POSITIONS][:, :, None], axis=1)

    def first(self, x: Array, name: str) -> Array:
        return x[:, 0]

    def summary(self, x: Array, kind: str) -> Array:
        if kind == "mean":
            return x.mean(1)
        mask = self._feeds["attention_mask"]
        last = (mask * np.arange(mask.shape[1])).argmax(1)
        return x[np.arange(len(x)), {"first": 0, "last": -1}.get(kind, last)]

    def pool(self, x: Array, kind: str, name: str) -> Array:
        keep = self._feeds["attention_mask"][:, :, None]
        if kind == "max":
            return np.where(keep, x, -1e9).max(1)
        weights = keep * np.arange(1, 1 + x.shape[1])[None, :, None] if kind == "weightedmean" else keep
        count = np.maximum(weights.sum(1), 1)
        return (x * weights).sum(1) / (np.sqrt(count) if kind == "mean_sqrt_len_tokens" else count)

    def beside(self, parts: Sequence[Array], name: str) -> Array:
        return np.concatenate(parts, axis=-1)

    def unit(self, x: Array, name: str) -> Array:
        return x / np.linalg.norm(x, axis=-1, keepdims=True)

    def columns(self, x: Array, names: Sequence[str]) -> tuple[Array, ...]:
        return tuple(np.moveaxis(x, -1, 0))

    def mark(self, name: str, x: Array) -> None:
        self.marks[name] = x

    def output(self, name: str, x: Array) -> None:
        self.outputs[name] = x.reshape(self._shape) if self._choices else x


def _multiply(x: Array, linear: Linear) -> Array:
    weight, bias = linear
    return x @ weight.T if bias is None else x @ weight.T + bias


def _rotate(x: Array, attention: Attention, places: Array) -> Array:
    """Rotate ``[rows, heads, sequence, head size]`` in half-split order by positions ``[rows, sequence]``."""
    sines, cosines = attention.sines[places][:, None], attention.cosines[places][:, None]
    even, odd = np.split(x, 2, axis=-1)
    return np.concatenate([even * cosines - odd * sines, odd * cosines + even * sines], axis=-1)


@dataclass(frozen=True)
class NumpyModel:
    """An artifact: the weights and the task; it is run by saying the network anew for each feed."""

    weights: Weights
    task: Task

    @property
    def signatures(self) -> dict[str, Signature]:
        return {DEFAULT: Signature(inputs=self.task.inputs, outputs=self.task.outputs)}

    def pieces(self) -> tuple[bytes]:
        return (self.to_bytes(),)

    def to_bytes(self) -> bytes:
        file = io.BytesIO()
        schemes = {scope: decision.scheme for scope, decision in self.weights.decisions.items()}
        about = json.dumps({"config": self.weights.config.to_dict(), "task": self.task.name, "schemes": schemes})
        np.savez(file, about=np.array(about), **dict(self.weights.arrays))
        return file.getvalue()

    def run(self, feeds: Mapping[str, Array]) -> NumpyEmitter:
        emitter = NumpyEmitter(feeds, self.task)
        emit_network(emitter, self.weights, self.task)
        return emitter

    def open(self, marks: Sequence[str] = ()) -> Callable[[Mapping[str, Any]], dict[str, Array]]:
        def run(feeds: Mapping[str, Any]) -> dict[str, Array]:
            emitter = self.run(feeds)
            return emitter.outputs | {name: emitter.marks[name] for name in marks}

        return run

    @property
    def marks(self) -> list[str]:
        shape = (1,) * len(self.task.inputs[0].axes)
        feeds = {spec.name: np.full(shape, spec.name == "attention_mask", np.int64) for spec in self.task.inputs}
        return list(self.run(feeds).marks)


class NumpySession:
    """The backend: implements ``runtime.session.Session`` on a model that was written as bytes."""

    report = BackendReport(engine="numpy", version=np.__version__, used="numpy")

    def __init__(self, model: Path | bytes, options: SessionOptions, session: Mapping[str, str]) -> None:
        arrays = dict(np.load(io.BytesIO(model) if isinstance(model, bytes) else model))
        about = json.loads(str(arrays.pop("about")))
        config, task = RoFormerConfig.from_dict(about["config"]), get_task(about["task"])
        decisions = {
            scope.name: Decision(scope=scope, scheme=about["schemes"][scope.name], reason="as stored")
            for scope in scopes_of(config, task)
            if scope.name in about["schemes"]
        }
        self._model = NumpyModel(Weights(config=config, arrays=arrays, decisions=decisions), task)
        self.signatures = self._model.signatures

    def run(self, feeds: Mapping[str, Any], signature: str = DEFAULT) -> dict[str, Array]:
        return self._model.run(fit_feeds(feeds, self.signatures, signature)).outputs

    def close(self) -> None:
        pass


def numpy_engine() -> tuple[str, str]:
    return "numpy", np.__version__


NUMPY = Format(
    name="numpy",
    file_name="model.npz",
    builder=f"{__name__}:build_numpy",
    backend=f"{__name__}:NumpySession",
    engine=f"{__name__}:numpy_engine",
    runtimes={"numpy-1.24": {"numpy": "1.24"}},
)


def build_numpy(weights: Weights, task: Task, options: ExportOptions) -> NumpyModel:
    return NumpyModel(weights, task)
