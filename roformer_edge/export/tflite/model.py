"""A TFLite model in memory: the graphs of its signatures, ready to be run or written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from roformer_edge.errors import UnknownNameError
from roformer_edge.export.artifact import ExportOptions, Run
from roformer_edge.export.network.heads import emit_network
from roformer_edge.export.network.weights import Weights
from roformer_edge.export.tflite.emitter import INDEX_DTYPE, TFLiteEmitter
from roformer_edge.export.tflite.flatbuffer import Constants, Graph, Tensor, write_model
from roformer_edge.export.tflite.linear import RUNTIMES
from roformer_edge.export.tflite.metadata import METADATA_NAME, write_metadata
from roformer_edge.signatures import DEFAULT, Signature
from roformer_edge.tasks import Task


@dataclass(frozen=True, kw_only=True, eq=False)
class TFLiteModel:
    """A finished model with its weights beside it; an ``Artifact``.

    Attributes:
        task: What it is for.
        graphs: One for each signature, ``default`` first.
        signatures: The signatures by name, in the same order.
        tensors: Name of an inner value of the network -> its tensor in each graph.
    """

    task: Task
    graphs: tuple[Graph, ...]
    signatures: Mapping[str, Signature]
    tensors: tuple[Mapping[str, Tensor], ...]

    @property
    def marks(self) -> frozenset[str]:
        """The names that :meth:`open` knows."""
        return frozenset(self.tensors[0])

    def pieces(self) -> Iterator[bytes | memoryview]:
        """Write the model file piece by piece; the weights are handed out as they lie in memory."""
        metadata = {METADATA_NAME: write_metadata(self.task, self.signatures)}
        return write_model(self.graphs, f"RoFormer, {self.task.name}", metadata)

    def to_bytes(self) -> bytes:
        """Write the model file."""
        return b"".join(self.pieces())

    def open(self, marks: Sequence[str] = ()) -> Run:
        """Make it ready to run; see ``Artifact.open``."""
        from roformer_edge.export.tflite.session import ModelSession  # the engine, which writing does without

        graphs = [
            graph.with_outputs({name: tensors[name] for name in marks})
            for graph, tensors in zip(self.graphs, self.tensors, strict=True)
        ]
        return ModelSession(write_model(graphs, "to be run once"), self.task)


def build_model(weights: Weights, task: Task, options: ExportOptions) -> TFLiteModel:
    """Build the model of one task; each signature computes one text or pair.

    Args:
        weights: The network and what was decided about its parts.
        task: Decides the head, the inputs and the outputs.
        options: The engine that the model is for, and the lengths.

    Raises:
        ExportError: TFLite cannot say what was decided, or the model looks at other positions than ``task`` does.
        UnknownNameError: The index dtype or the runtime is not offered.
    """
    runtime = options.runtime or RUNTIMES[0]
    if runtime not in RUNTIMES:
        raise UnknownNameError("runtime for TFLite", runtime, RUNTIMES)
    if options.index_dtype not in (None, INDEX_DTYPE):
        raise UnknownNameError("index dtype of TFLite", options.index_dtype, (INDEX_DTYPE,))
    *shorter, longest = options.lengths or (None,)
    names = {DEFAULT: longest, **{f"length_{length}": length for length in shorter}}
    constants, graphs, marks = Constants(), [], []
    signatures = {}
    for name, length in names.items():
        graph = Graph(name=name, constants=constants)
        emitter = TFLiteEmitter(graph, task, runtime, length)
        emit_network(emitter, weights, task)
        signatures[name] = emitter.finish(weights.config)
        graphs.append(graph)
        marks.append(emitter.marks)
    return TFLiteModel(task=task, graphs=tuple(graphs), signatures=signatures, tensors=tuple(marks))
