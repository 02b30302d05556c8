"""The pieces an ONNX graph is put together from: nodes, tensors, and the model that holds them.

Large tensors stay numpy arrays beside the graph: a session is fed them and a file is written of them without a copy
in between.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import ml_dtypes
import numpy as np
import onnx
from google.protobuf.message import Message
from onnx import helper

from roformer_edge._version import __version__
from roformer_edge.errors import ExportError
from roformer_edge.export.artifact import Run
from roformer_edge.protobuf import Pieces, field, varint
from roformer_edge.signatures import DEFAULT, Signature, TensorSpec

OPSET = 20
CONTRIB = "com.microsoft"
CONTRIB_VERSION = 1
# what opset 20 came with
IR_VERSION = 9

# numpy knows neither this type nor, therefore, an engine the arrays of it
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)

# up to this size a tensor is written into the model even when the large ones are handed over separately: what engines
# look at when they fuse nodes, such as biases, stays constant
_INLINE_BYTES = 1 << 16
# of a protobuf message
_MOST_BYTES = (1 << 31) - 1


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

    def pieces(self) -> Iterator[bytes | memoryview]:
        """Write the model file piece by piece: one ``ModelProto``, weights included.

        Raises:
            ExportError: It is larger than the 2 GiB of a protobuf message.
        """
        return self._pieces(self.tensors)

    def to_bytes(self) -> bytes:
        """Serialise the whole model; see :meth:`pieces`."""
        return b"".join(self.pieces())

    def open(self, marks: Sequence[str] = ()) -> Run:
        """Make it ready to run; see ``Artifact.open``."""
        from roformer_edge.export.onnx.session import GraphSession  # the engine, which writing does without

        return GraphSession(self, marks)

    def to_session(self, taps: Sequence[str] = ()) -> tuple[bytes, dict[str, np.ndarray]]:
        """Serialise the model with its large weights as further inputs, for an engine that is fed them from memory.

        As initializers the engine would copy them.

        Args:
            taps: Names of inner float32 tensors to be outputs as well.

        Returns:
            The serialised model, and the arrays to feed by tensor name.
        """
        kept = {name: a for name, a in self.tensors.items() if a.nbytes <= _INLINE_BYTES or a.dtype == BFLOAT16}
        fed = {name: np.ascontiguousarray(a) for name, a in self.tensors.items() if name not in kept}
        return b"".join(self._pieces(kept, fed, taps)), fed

    def _pieces(
        self, tensors: Mapping[str, np.ndarray], fed: Mapping[str, np.ndarray] | None = None, taps: Sequence[str] = ()
    ) -> Iterator[bytes | memoryview]:
        """Write what protobuf makes of the whole model, which would copy every weight four times on the way.

        Protobuf writes the fields of a message by number, and the bytes of two messages one behind the other are
        those of both in one.
        """
        inputs = [_value_info(spec) for spec in self.inputs]
        inputs += [_tensor_info(name, array.dtype, array.shape) for name, array in (fed or {}).items()]
        outputs = [_value_info(spec) for spec in self.outputs]
        outputs += [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in taps]
        nodes = _serialised(onnx.GraphProto(node=self.nodes, name="roformer"))
        ending = _serialised(onnx.GraphProto(input=inputs, output=outputs))
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(CONTRIB, CONTRIB_VERSION)]
        origin = _serialised(
            onnx.ModelProto(ir_version=IR_VERSION, producer_name="roformer-edge", producer_version=__version__)
        )
        numbers = {name: np.ascontiguousarray(a).reshape(-1).view(np.uint8).data for name, a in tensors.items()}
        # how the graph's size is written depends on that size, and where tensors lie on how it is written
        for digits in range(1, 6):
            graph: Pieces = [nodes]
            place = len(origin) + 1 + digits + len(nodes)
            for name, array in tensors.items():
                pieces = _initializer(name, array, numbers[name], place)
                graph += pieces
                place += sum(map(len, pieces))
            graph.append(ending)
            if len(varint(sum(map(len, graph)))) == digits:
                break
        model: Pieces = [
            origin,
            *field(onnx.ModelProto.GRAPH_FIELD_NUMBER, graph),
            _serialised(onnx.ModelProto(opset_import=opsets)),
        ]
        size = sum(map(len, model))
        if size > _MOST_BYTES:
            raise ExportError(
                f"the model takes {size:,} bytes, and an ONNX file holds 2 GiB at most; quantise more of it"
            )
        return iter(model)


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


def _initializer(name: str, array: np.ndarray, numbers: memoryview, place: int) -> Pieces:
    """Write a ``TensorProto`` as a field of the graph, without a copy of its numbers.

    Args:
        name: The name of the tensor.
        array: Says its shape and type.
        numbers: Its numbers, as bytes.
        place: Where in the file the field will begin. Numbers of several bytes then lie where a processor reads them
            at once, so that an engine can compute on the mapped file; what is not needed for that is spaces in the
            tensor's description.
    """
    dtype = helper.np_dtype_to_tensor_dtype(array.dtype) if array.dtype != BFLOAT16 else onnx.TensorProto.BFLOAT16
    # the description brings two bytes of its own, so that each remainder comes up
    for spaces in range(-2, array.itemsize):
        described = {} if spaces < 0 else {"doc_string": " " * spaces}
        head = _serialised(onnx.TensorProto(name=name, dims=array.shape, data_type=dtype, **described))
        raw = field(onnx.TensorProto.RAW_DATA_FIELD_NUMBER, [numbers])
        pieces = field(onnx.GraphProto.INITIALIZER_FIELD_NUMBER, [head, *raw])
        if (place + sum(map(len, pieces)) - len(numbers)) % array.itemsize == 0:
            break
    return pieces


def _serialised(message: Message) -> bytes:
    serialised: bytes = message.SerializeToString(deterministic=True)
    return serialised


def _value_info(spec: TensorSpec) -> onnx.ValueInfoProto:
    axes = [int(axis) if axis.isdecimal() else axis for axis in spec.axes]
    return _tensor_info(spec.name, np.dtype(spec.dtype), axes)


def _tensor_info(name: str, dtype: np.dtype, axes: Sequence[int | str]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(dtype), axes)
