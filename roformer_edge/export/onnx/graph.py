"""The pieces an ONNX graph is put together from: nodes, tensors, and the model that holds them.

Large tensors stay numpy arrays beside the graph until it is serialised, so that a session can be opened on them
without a copy in between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import ml_dtypes
import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.external_data_helper import set_external_data

from roformer_edge._version import __version__
from roformer_edge.export.artifact import Run
from roformer_edge.signatures import DEFAULT, Signature, TensorSpec

OPSET = 20
CONTRIB = "com.microsoft"
CONTRIB_VERSION = 1
# what opset 20 came with
IR_VERSION = 9

# numpy knows neither this type nor, therefore, an engine the arrays of it
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)

# below this size a tensor is written into the model even when the large ones are handed over separately
_INLINE_BYTES = 1024


@dataclass(frozen=True, kw_only=True)
class Graph:
    """A finished graph with its weights beside it.

    Attributes:
        nodes: The nodes in topological order.
        inputs: The graph's inputs.
        outputs: The graph's outputs.
        tensors: Weight arrays by tensor name.
        marks: Name of an inner value of the network -> name of its tensor: the inputs of products under the names they
            are calibrated by, and the states that the reference model has too.
    """

    nodes: tuple[onnx.NodeProto, ...]
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    tensors: Mapping[str, np.ndarray]
    marks: Mapping[str, str]

    @property
    def signatures(self) -> dict[str, Signature]:
        """The one way to call the graph."""
        return {DEFAULT: Signature(inputs=self.inputs, outputs=self.outputs)}

    def pieces(self) -> tuple[bytes]:
        """Write the model file; protobuf has no way to do so piece by piece."""
        return (self.to_bytes(),)

    def to_bytes(self) -> bytes:
        """Serialise the whole model as one ``ModelProto``, weights included (at most 2 GiB)."""
        return self._model([_inline(name, array) for name, array in self.tensors.items()])

    def open(self, marks: Sequence[str] = ()) -> Run:
        """Make it ready to run; see ``Artifact.open``."""
        from roformer_edge.export.onnx.session import GraphSession  # the engine, which writing does without

        return GraphSession(self, marks)

    def to_session(self, taps: Sequence[str] = ()) -> tuple[bytes, dict[str, np.ndarray]]:
        """Serialise the model without its large weights, for an engine that takes those from memory.

        Args:
            taps: Names of inner float32 tensors to be outputs as well.

        Returns:
            The serialised model, and the arrays it lacks by tensor name. They must outlive the session.
        """
        proxies: list[onnx.TensorProto] = []
        apart: dict[str, np.ndarray] = {}
        for name, array in self.tensors.items():
            if array.nbytes <= _INLINE_BYTES or array.dtype == BFLOAT16:
                proxies.append(_inline(name, array))
                continue
            proxy = onnx.TensorProto(
                name=name, dims=array.shape, data_type=helper.np_dtype_to_tensor_dtype(array.dtype)
            )
            # the location is never opened: the engine is given the array under the tensor's name
            proxy.raw_data = b""
            set_external_data(proxy, location="memory", offset=0, length=array.nbytes)
            proxy.ClearField("raw_data")
            proxy.data_location = onnx.TensorProto.EXTERNAL
            proxies.append(proxy)
            apart[name] = np.ascontiguousarray(array)
        return self._model(proxies, taps), apart

    def _model(self, initializers: list[onnx.TensorProto], taps: Sequence[str] = ()) -> bytes:
        tapped = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in taps]
        graph = helper.make_graph(
            self.nodes,
            "roformer",
            [_value_info(spec) for spec in self.inputs],
            [_value_info(spec) for spec in self.outputs] + tapped,
            initializer=initializers,
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(CONTRIB, CONTRIB_VERSION)]
        model = helper.make_model(
            graph,
            opset_imports=opsets,
            ir_version=IR_VERSION,
            producer_name="roformer-edge",
            producer_version=__version__,
        )
        serialised: bytes = model.SerializeToString(deterministic=True)
        return serialised


class GraphBuilder:
    """Collects nodes and weights; every method that adds a node returns the name of its first output."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: dict[str, np.ndarray] = {}
        self.marks: dict[str, str] = {}
        self._made: set[str] = set()
        self._outputs: dict[str, str] = {}

    def tensor(self, name: str, array: np.ndarray) -> str:
        """Add a weight under ``name`` (once) and return the name."""
        self.tensors.setdefault(name, array)
        return name

    def ints(self, *values: int) -> str:
        """Add a one-dimensional int64 constant, shared by all who ask for the same values."""
        return self.tensor("const/" + "_".join(map(str, values)), np.array(values, np.int64))

    def scalar(self, name: str, value: float, dtype: type[np.generic] = np.int64) -> str:
        """Add a constant without axes."""
        return self.tensor(f"const/{name}", np.asarray(value, dtype))

    def node(self, op: str, name: str, inputs: Sequence[str], *, domain: str = "", **attributes: object) -> str:
        """Add a node with one output, ``{name}/{op}``."""
        return self.nodes_with(op, name, inputs, (f"{name}/{op}",), domain=domain, **attributes)[0]

    def nodes_with(
        self,
        op: str,
        name: str,
        inputs: Sequence[str],
        outputs: Sequence[str],
        *,
        domain: str = "",
        **attributes: object,
    ) -> tuple[str, ...]:
        """Add a node with the named ``outputs`` and return them."""
        node = helper.make_node(op, inputs, outputs, name=f"{name}/{op}", domain=domain, **attributes)
        self.nodes.append(node)
        self._made.update(outputs)
        return tuple(outputs)

    def has(self, tensor: str) -> bool:
        """Tell whether a node makes this tensor."""
        return tensor in self._made

    def output(self, name: str, tensor: str) -> None:
        """Give a tensor the name of an output of the graph."""
        self._outputs[tensor] = name

    def finish(self, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> Graph:
        """Put the graph together."""
        for node in self.nodes:
            for names in (node.input, node.output):
                for place, name in enumerate(names):
                    if name in self._outputs:
                        names[place] = self._outputs[name]
        return Graph(
            nodes=tuple(self.nodes),
            inputs=tuple(inputs),
            outputs=tuple(outputs),
            tensors=self.tensors,
            marks={mark: self._outputs.get(tensor, tensor) for mark, tensor in self.marks.items()},
        )


def _inline(name: str, array: np.ndarray) -> onnx.TensorProto:
    if array.dtype == BFLOAT16:  # older versions of onnx do not know it as a type of arrays
        return helper.make_tensor(name, onnx.TensorProto.BFLOAT16, array.shape, array.tobytes(), raw=True)
    return numpy_helper.from_array(array, name)


def _value_info(spec: TensorSpec) -> onnx.ValueInfoProto:
    dtype = helper.np_dtype_to_tensor_dtype(np.dtype(spec.dtype))
    axes = [int(axis) if axis.isdecimal() else axis for axis in spec.axes]
    return helper.make_tensor_value_info(spec.name, dtype, axes)
