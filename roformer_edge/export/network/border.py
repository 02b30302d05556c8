"""The border of a graph as its emitter finds it out: which tensors go in and out, and what their axes are called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from roformer_edge.config import RoFormerConfig
from roformer_edge.export.network.emitter import Attention
from roformer_edge.signatures import CACHED_PARTS, PAST, POSITION_IDS, POSITIONS, PRESENT, Signature, TensorSpec
from roformer_edge.tasks import Task


class Border:
    """Starts as the task's own inputs and outputs; what the network asks for beyond these is added.

    Args:
        task: Names the tensors.

    Attributes:
        inputs: The inputs by name, in order.
        outputs: The same.
    """

    def __init__(self, task: Task) -> None:
        self.inputs = {spec.name: spec for spec in task.inputs}
        self.outputs = {spec.name: spec for spec in task.outputs}

    def ask_positions(self) -> None:
        """Let the caller say which positions are read."""
        self.inputs[POSITIONS] = TensorSpec(name=POSITIONS, dtype="int64", axes=("batch", "positions"))
        for name, spec in self.outputs.items():
            axes = ("positions" if axis == "sequence" else axis for axis in spec.axes)
            self.outputs[name] = replace(spec, axes=tuple(axes))

    def go_on(self) -> None:
        """Let tokens come after others: their positions are given, and the mask is one of all."""
        self.inputs[POSITION_IDS] = TensorSpec(name=POSITION_IDS, dtype="int64", axes=("batch", "sequence"))
        self.inputs["attention_mask"] = replace(self.inputs["attention_mask"], axes=("batch", "total"))

    def keep(self, cache: int, attention: Attention) -> tuple[tuple[str, str], ...]:
        """Take the keys and values of earlier tokens and give those of all.

        Args:
            cache: Their number.
            attention: The attention that they are of.

        Returns:
            The names of input and output, for the keys and for the values.
        """
        names = tuple((f"{PAST}.{cache}.{part}", f"{PRESENT}.{cache}.{part}") for part in CACHED_PARTS)
        for past, present in names:
            for specs, name, axis in ((self.inputs, past, "past"), (self.outputs, present, "total")):
                axes = ("batch", str(attention.heads), axis, str(attention.head_size))
                specs[name] = TensorSpec(name=name, dtype="float32", axes=axes)
        return names

    def signature(self, config: RoFormerConfig, index_dtype: str, sizes: Mapping[str, str] | None = None) -> Signature:
        """Describe what was found.

        Args:
            config: Gives the axes that belong to the model their sizes.
            index_dtype: The type of all inputs of whole numbers.
            sizes: Axis name -> its size, for others that are fixed.
        """
        known = {
            "labels": str(config.num_labels),
            "vocabulary": str(config.vocab_size),
            "hidden": str(config.hidden_size),
            **(sizes or {}),
        }

        def sized(spec: TensorSpec) -> TensorSpec:
            dtype = index_dtype if spec.dtype == "int64" else spec.dtype
            return replace(spec, dtype=dtype, axes=tuple(known.get(axis, axis) for axis in spec.axes))

        return Signature(
            inputs=tuple(map(sized, self.inputs.values())), outputs=tuple(map(sized, self.outputs.values()))
        )
