"""Calibration of a graph: which tensors to watch, and what to make of the magnitudes of their channels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeAlias

import numpy as np

from roformer_edge.checkpoint.loading import Checkpoint
from roformer_edge.export.onnx.encoder import half_split_order
from roformer_edge.export.onnx.graph import Graph
from roformer_edge.export.onnx.session import GraphSession
from roformer_edge.progress import ProgressListener
from roformer_edge.quantize.affine import Grid
from roformer_edge.quantize.calibrate import Calibration, calibrate
from roformer_edge.quantize.equalise import equalise

Arrays: TypeAlias = Mapping[str, np.ndarray]
Batches: TypeAlias = Callable[[], Iterable[Arrays]]

# the products whose input channels may be equalised
_EQUALISED = (".attention.output", ".ffn.down")


def equalised_arrays(
    graph: Graph, checkpoint: Checkpoint, scopes: Iterable[str], batches: Batches, progress: ProgressListener
) -> Arrays:
    """The weights with loud channels spread over both sides of a product; the float function is the same to the bit.

    Args:
        graph: The float graph of ``checkpoint``.
        checkpoint: Weights and architecture.
        scopes: Names of the linear scopes that will be quantised.
        batches: Makes the calibration batches.
        progress: Told how many texts were seen.
    """
    watched = {scope: graph.linear_inputs[scope][0] for scope in scopes if scope.endswith(_EQUALISED)}
    arrays, config = checkpoint.arrays, checkpoint.config
    if not watched:
        return arrays
    tensors = tuple(watched.values())
    seen = calibrate(
        GraphSession(graph, tensors),
        batches(),
        tensors,
        observer="minmax",
        progress=progress,
    )
    maxima = {scope: np.asarray(seen.channel_maxima[tensor], np.float32) for scope, tensor in watched.items()}
    if config.rotary_value:  # the graph's context has the values' channels in the order in which they were turned
        back = np.argsort(half_split_order(config.num_attention_heads, config.head_size))
        for scope in maxima:
            if scope.endswith(".attention.output"):
                maxima[scope] = maxima[scope][back]
    return _Overlay(equalise(arrays, config, {scope: row.tolist() for scope, row in maxima.items()}), arrays)


def calibrate_graph(
    graph: Graph, scopes: Iterable[str], batches: Batches, progress: ProgressListener, *, grid: Grid, observer: str
) -> Calibration:
    """The ranges of every tensor that the products of ``scopes`` read.

    Args:
        graph: A float graph.
        scopes: Names of linear scopes.
        batches: Makes the calibration batches.
        progress: Told how many texts were seen.
        grid: The integers that the tensors will become.
        observer: A key of ``observers.OBSERVERS``.
    """
    tensors = tuple(dict.fromkeys(name for scope in scopes for name in graph.linear_inputs[scope]))
    return calibrate(
        GraphSession(graph, tensors),
        batches(),
        tensors,
        observer=observer,
        grid=grid,
        channels=False,
        progress=progress,
    )


class _Overlay(Mapping[str, np.ndarray]):
    """Some arrays over others, which are still read one at a time."""

    def __init__(self, above: Arrays, below: Arrays) -> None:
        self._above = above
        self._below = below

    def __getitem__(self, name: str) -> np.ndarray:
        return self._above[name] if name in self._above else self._below[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._below)

    def __len__(self) -> int:
        return len(self._below)
