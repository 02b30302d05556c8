"""A TFLite model in memory: the graphs of its signatures, ready to be run or written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import UnknownNameError
from roformer_edge.export.artifact import ExportOptions, Run
from roformer_edge.export.network.heads import emit_network
from roformer_edge.export.network.weights import Weights
from roformer_edge.export.tflite.emitter import TFLiteEmitter
from roformer_edge.export.tflite.flatbuffer import Constants, Graph, Tensor, write_model
from roformer_edge.export.tflite.linear import RUNTIMES
from roformer_edge.tasks import Task, TensorSpec

_DEFAULT = "default"


@dataclass(frozen=True, kw_only=True, eq=False)
class TFLiteModel:
    """A finished model with its weights beside it; an ``Artifact``.

    Attributes:
        graphs: One for each signature.
        inputs: Of the signature ``default``.
        outputs: Of the same.
        marks: Name of an inner value of the network -> its tensor in that graph.
        description: What the model is, for people.
    """

    graphs: tuple[Graph, ...]
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    marks: Mapping[str, Tensor]
    description: str

    def pieces(self) -> Iterator[bytes | memoryview]:
        """Write the model file piece by piece; no piece is a copy of more than a few kilobytes."""
        return write_model(self.graphs, self.description)

    def to_bytes(self) -> bytes:
        """Write the model file."""
        return b"".join(self.pieces())

    def open(self, marks: Sequence[str] = ()) -> Run:
        """Make it ready to run; see ``Artifact.open``."""
        from roformer_edge.export.tflite.session import ModelSession  # the engine, which writing does without

        graph = self.graphs[0].with_outputs({name: self.marks[name] for name in marks})
        return ModelSession(write_model([graph, *self.graphs[1:]], self.description))


def build_model(weights: Weights, task: Task, options: ExportOptions) -> TFLiteModel:
    """Build the model of one task; a signature computes one text or pair.

    Args:
        weights: The network and what was decided about its parts.
        task: Decides the head, the inputs and the outputs.
        options: For how many tokens, and for which engine.

    Raises:
        ExportError: TFLite cannot say what was decided, or the model looks at other positions than ``task`` does.
    """
    runtime = options.runtime or RUNTIMES[0]
    if runtime not in RUNTIMES:
        raise UnknownNameError("runtime of TFLite models", runtime, RUNTIMES)
    graph = Graph(name=_DEFAULT, constants=Constants())
    emitter = TFLiteEmitter(graph, task, runtime)
    emit_network(emitter, weights, task)
    sizes = _sizes(weights.config)
    return TFLiteModel(
        graphs=(graph,),
        inputs=tuple(TensorSpec(name=s.name, dtype="int32", axes=_axes(s, sizes)) for s in task.inputs),
        outputs=tuple(TensorSpec(name=s.name, dtype=s.dtype, axes=_axes(s, sizes)) for s in task.outputs),
        marks=emitter.marks,
        description=f"RoFormer for {task.name}",
    )


def _sizes(config: RoFormerConfig) -> dict[str, str]:
    """The axes that have a size in every graph."""
    return {
        "batch": "1",
        "choices": "1",
        "labels": str(config.num_labels),
        "vocabulary": str(config.vocab_size),
        "hidden": str(config.hidden_size),
    }


def _axes(spec: TensorSpec, sizes: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(sizes.get(axis, axis) for axis in spec.axes)
