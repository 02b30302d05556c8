"""Run a graph that is still in memory: for parity, calibration and self-test vectors, before anything is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from roformer_edge._extras import require
from roformer_edge.errors import BackendError
from roformer_edge.formats import get_format
from roformer_edge.processors import usable_cores
from roformer_edge.runtime.feeds import fit_feeds

if TYPE_CHECKING:  # which imports this module when it is opened
    from roformer_edge.export.onnx.graph import Graph


class GraphSession:
    """An onnxruntime session on a :class:`Graph`; the large weights are fed to it, not copied.

    Args:
        graph: What to run.
        marks: Names of marked values to return beside the outputs.
        threads: The threads of the engine; ``None`` lets it choose.

    Raises:
        BackendError: The engine refuses the graph.
    """

    def __init__(self, graph: Graph, marks: Sequence[str] = (), threads: int | None = None) -> None:
        ort = require("onnxruntime", "to run the graph")
        outputs = [spec.name for spec in graph.outputs]
        # several products may read one tensor
        self._tensors_of = {name: name for name in outputs} | {mark: graph.marks[mark] for mark in marks}
        taps = [tensor for tensor in dict.fromkeys(self._tensors_of.values()) if tensor not in outputs]
        model, weights = graph.to_session(taps)
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads or usable_cores()
        options.log_severity_level = 4
        # the graphs that come here are run a few times each: memory that is kept for the next run is memory lost
        options.enable_cpu_mem_arena = False
        options.enable_mem_pattern = False
        options.add_session_config_entry("session.disable_prepacking", "1")
        # and so is time spent waiting for each other on cores that have other work
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # what the answers of a bundle depend on
        for name, value in get_format("onnx").session.items():
            options.add_session_config_entry(name, value)
        state = ort.capi.onnxruntime_pybind11_state  # whose exceptions have no base of their own
        try:
            self._session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except (state.Fail, state.InvalidGraph, state.NotImplemented) as error:
            raise BackendError(f"onnxruntime refuses the graph: {error}") from None
        self._value: Any = ort.OrtValue.ortvalue_from_numpy
        self._weights = {name: self._value(array) for name, array in weights.items()}
        self._arrays = weights  # whose memory the engine reads
        self._signatures = graph.signatures
        self._axes = len(graph.inputs[0].axes)
        self._outputs = tuple(output.name for output in self._session.get_outputs())

    def __call__(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Run once.

        Args:
            feeds: Integers of any width by input name; those that are no input are ignored. Where the graph wants
                ``[batch, choices, sequence]``, an array ``[rows, sequence]`` is so many texts of one choice each.

        Returns:
            Arrays by output name and by mark.
        """
        given = {name: _shaped(np.asarray(array), self._axes) for name, array in feeds.items()}
        inputs = fit_feeds(given, self._signatures)
        values = {name: self._value(np.ascontiguousarray(array)) for name, array in inputs.items()}
        made = self._session.run_with_ort_values(self._outputs, values | self._weights)
        found = {name: value.numpy() for name, value in zip(self._outputs, made, strict=True)}
        return {name: found[tensor] for name, tensor in self._tensors_of.items()}


def _shaped(array: NDArray[Any], axes: int) -> NDArray[Any]:
    return array[:, None] if array.ndim == 2 and axes == 3 else array
