"""The TFLite file format: graphs put together from tensors and operators, and the bytes of the model that holds them.

This is the only module that knows the schema. Numbers stay numpy arrays until the file is written: the description of
the graphs is a small flatbuffer, the arrays follow it one by one, and nothing is ever copied as a whole. Offsets in a
flatbuffer point forward, so a buffer may lie behind everything else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from roformer_edge.errors import ExportError

# An axis that is as long as the input; an exact size otherwise.
Shape: TypeAlias = tuple[int, ...]
DYNAMIC_AXIS = -1
# for options that name a type
INT32 = schema.TensorType.INT32

_IDENTIFIER = b"TFL3"
_SCHEMA_VERSION = 3
# of every buffer in the file, so that engines can compute on the mapped file
_ALIGNMENT = 16
# the largest number of an operator that the first field for it can hold
_PLACEHOLDER_CODE = 127
# what flatbuffers can address
MOST_BYTES = 2**31 - 1

_TYPES = {
    "float32": schema.TensorType.FLOAT32,
    "float16": schema.TensorType.FLOAT16,
    "int32": schema.TensorType.INT32,
    "int8": schema.TensorType.INT8,
    "int4": schema.TensorType.INT4,
    "bool": schema.TensorType.BOOL,
}

# operator -> the table of its options; one that is not here has none
_OPTIONS = {
    "ABS": "AbsOptions",
    "ADD": "AddOptions",
    "ARG_MAX": "ArgMaxOptions",
    "BATCH_MATMUL": "BatchMatMulOptions",
    "CAST": "CastOptions",
    "CONCATENATION": "ConcatenationOptions",
    "CUMSUM": "CumsumOptions",
    "DEQUANTIZE": "DequantizeOptions",
    "DIV": "DivOptions",
    "EXP": "ExpOptions",
    "FULLY_CONNECTED": "FullyConnectedOptions",
    "GATHER": "GatherOptions",
    "GELU": "GeluOptions",
    "LEAKY_RELU": "LeakyReluOptions",
    "LESS_EQUAL": "LessEqualOptions",
    "MAXIMUM": "MaximumMinimumOptions",
    "MEAN": "ReducerOptions",
    "MINIMUM": "MaximumMinimumOptions",
    "MUL": "MulOptions",
    "NEG": "NegOptions",
    "QUANTIZE": "QuantizeOptions",
    "REDUCE_MAX": "ReducerOptions",
    "RESHAPE": "ReshapeOptions",
    "SOFTMAX": "SoftmaxOptions",
    "SPLIT": "SplitOptions",
    "STRIDED_SLICE": "StridedSliceOptions",
    "SUB": "SubOptions",
    "SUM": "ReducerOptions",
    "TRANSPOSE": "TransposeOptions",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Quantization:
    """What the integers of a tensor stand for: ``(integer - zero_point) * scale``.

    Attributes:
        scale: float32, one for the tensor or one for each index of ``axis``.
        zero_point: The one zero point of all values.
        axis: The axis that the scales run along.
    """

    scale: NDArray[np.float32]
    zero_point: int = 0
    axis: int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class Constant:
    """Numbers of the file, shared by all graphs that read them.

    Attributes:
        name: Unique in the file.
        array: The values as they are stored; of int4 the packed bytes.
        shape: The shape of the tensor.
        dtype: The type of the tensor.
        quantization: The scales of integers that stand for real numbers.
    """

    name: str
    array: np.ndarray
    shape: Shape
    dtype: str
    quantization: Quantization | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Tensor:
    """A value in a graph. ``shape`` may have dynamic axes."""

    name: str
    shape: Shape
    dtype: str
    constant: Constant | None = None
    quantization: Quantization | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class _Operator:
    code: str
    version: int
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor, ...]
    options: Mapping[str, Any]


class Constants:
    """The arrays of a file by name. Several graphs that ask for one name share the bytes."""

    def __init__(self) -> None:
        self._made: dict[str, Constant] = {}

    def get(self, name: str, make: Callable[[], Constant]) -> Constant:
        """Return the constant of this name; ``make`` is called where there is none yet."""
        if name not in self._made:
            self._made[name] = make()
        return self._made[name]


@dataclass(kw_only=True, eq=False)
class Graph:
    """One graph: a signature of the file.

    Attributes:
        name: The name of the signature.
        constants: The constants of the file.
        inputs: The inputs by name, in order.
        outputs: The outputs by name, in order.
        operators: The operators in the order of the computation.
    """

    name: str
    constants: Constants
    inputs: dict[str, Tensor] = field(default_factory=dict)
    outputs: dict[str, Tensor] = field(default_factory=dict)
    operators: list[_Operator] = field(default_factory=list)
    _constants: dict[str, Tensor] = field(default_factory=dict)

    def input(self, name: str, shape: Shape, dtype: str) -> Tensor:
        """Add an input."""
        self.inputs[name] = Tensor(name=name, shape=shape, dtype=dtype)
        return self.inputs[name]

    def output(self, name: str, x: Tensor) -> None:
        """Make a value an output."""
        self.outputs[name] = x

    def constant(self, name: str, numbers: np.ndarray | Callable[[], Constant] | None = None) -> Tensor:
        """Read a constant.

        Args:
            name: Unique in the file.
            numbers: An array as it is to be stored, or what makes the constant where the file has none of the name;
                not needed where it has.
        """
        if name not in self._constants:
            made = self.constants.get(name, numbers if callable(numbers) else lambda: plain(name, np.asarray(numbers)))
            self._constants[name] = Tensor(
                name=name, shape=made.shape, dtype=made.dtype, constant=made, quantization=made.quantization
            )
        return self._constants[name]

    def ints(self, *values: int) -> Tensor:
        """Read a list of int32, shared by all who ask for the same values."""
        return self.constant("const/" + "_".join(map(str, values)), np.array(values, np.int32))

    def scalar(self, value: float, dtype: str = "float32") -> Tensor:
        """Read one number without axes."""
        return self.constant(f"const/{dtype}/{value!r}", np.asarray(value, dtype))

    def op(
        self,
        code: str,
        name: str,
        inputs: Sequence[Tensor | None],
        shape: Shape,
        *,
        version: int = 1,
        dtype: str = "float32",
        quantization: Quantization | None = None,
        **options: Any,
    ) -> Tensor:
        """Add an operator with one output.

        Args:
            code: The operator's name in the schema.
            name: Where in the network it is.
            inputs: Its operands; ``None`` for one that is left out.
            shape: The shape of the output.
            version: The oldest version of the operator that means what is written here: an engine that knows only
                older ones has to refuse the file.
            dtype: The type of the output.
            quantization: The scales of the output.
            options: The options of the operator, by their names in the schema.
        """
        output = Tensor(name=f"{name}/{code}", shape=shape, dtype=dtype, quantization=quantization)
        return self.op_with(code, inputs, (output,), version=version, **options)[0]

    def op_with(
        self,
        code: str,
        inputs: Sequence[Tensor | None],
        outputs: Sequence[Tensor],
        *,
        version: int = 1,
        **options: Any,
    ) -> tuple[Tensor, ...]:
        """Add an operator with these outputs."""
        operator = _Operator(code=code, version=version, inputs=tuple(inputs), outputs=tuple(outputs), options=options)
        self.operators.append(operator)
        return operator.outputs

    def with_outputs(self, tensors: Mapping[str, Tensor]) -> Graph:
        """Copy the graph, with inner values ``[sequence, width]`` as outputs ``[1, sequence, width]`` beside its own.

        A value of one position, ``[1, width]``, stays as it is.
        """
        copy = replace(self, outputs=dict(self.outputs), operators=list(self.operators))
        for name, x in tensors.items():
            shape = x.shape if x.shape[0] == 1 else (1, *x.shape)
            copy.output(name, copy.op("RESHAPE", f"mark.{name}", [x, copy.ints(*shape)], shape))
        return copy


def plain(name: str, array: np.ndarray) -> Constant:
    """Make a constant of an array as it is."""
    return Constant(name=name, array=array, shape=array.shape, dtype=array.dtype.name)


def write_model(
    graphs: Sequence[Graph], description: str, metadata: Mapping[str, bytes] | None = None
) -> Iterator[bytes | memoryview]:
    """Write a model file piece by piece.

    Args:
        graphs: The signatures; all of them share one :class:`Constants`.
        description: What the model is, for people.
        metadata: Named blobs.
    """
    return _Model(graphs, description, metadata or {}).pieces()


class _Model:
    """Numbers everything, then packs the description and appends the arrays."""

    def __init__(self, graphs: Sequence[Graph], description: str, metadata: Mapping[str, bytes]) -> None:
        self._codes: dict[tuple[str, int], int] = {}
        # buffer 0 is that of tensors without data
        self._buffers: list[np.ndarray] = [np.empty(0, np.uint8)]
        self._numbers: dict[str, int] = {}
        self._quantizations: dict[int, _SharedQuantization] = {}
        self._zero_points: dict[tuple[int, int], int] = {}  # (value, count) -> where the list stands
        self._model = schema.ModelT()
        self._model.version = _SCHEMA_VERSION
        self._model.description = description
        self._model.subgraphs = [self._subgraph(graph) for graph in graphs]
        self._model.signatureDefs = [self._signature(number, graph) for number, graph in enumerate(graphs)]
        self._model.operatorCodes = [self._operator_code(code, version) for code, version in self._codes]
        self._model.metadata = [self._metadata(name, blob) for name, blob in metadata.items()]
        self._model.buffers = [schema.BufferT() for _ in self._buffers]

    def pieces(self) -> Iterator[bytes | memoryview]:
        head, places = self._head()
        layout, end = [], len(head)
        for place, array in zip(places, self._buffers, strict=True):
            if place is None:
                continue
            # the length stands in front of the data, which is what has to be aligned
            start = end + (-(end + 4)) % _ALIGNMENT
            head[place : place + 4] = int(start - place).to_bytes(4, "little")
            layout.append((start - end, array))
            end = start + 4 + array.nbytes
        if end > MOST_BYTES:
            raise ExportError(
                f"a TFLite file holds at most {MOST_BYTES} bytes, and this one would have {end}; choose a recipe that "
                "makes it smaller"
            )
        yield bytes(head)
        for padding, array in layout:
            yield bytes(padding) + array.nbytes.to_bytes(4, "little")
            yield np.ascontiguousarray(array).reshape(-1).view(np.uint8).data

    def _head(self) -> tuple[bytearray, list[int | None]]:
        """Pack the flatbuffer without arrays, and tell where the offset of each buffer's data stands in it."""
        # each buffer that has data gets some of its own size: a placeholder, whose offset is overwritten
        for buffer, array in zip(self._model.buffers, self._buffers, strict=True):
            buffer.data = np.zeros(1, np.uint8) if array.nbytes else None
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(self._model.Pack(builder), file_identifier=_IDENTIFIER)
        head = bytearray(builder.Output())
        packed = schema.Model.GetRootAs(head)
        places = []
        for number in range(packed.BuffersLength()):
            table = packed.Buffers(number)._tab
            slot = table.Offset(4)
            places.append(table.Pos + slot if slot else None)
        return head, places

    def _subgraph(self, graph: Graph) -> schema.SubGraphT:
        numbers: dict[int, int] = {}
        tensors: list[schema.TensorT] = []

        def number(tensor: Tensor | None) -> int:
            if tensor is None:
                return -1
            if id(tensor) not in numbers:
                numbers[id(tensor)] = len(tensors)
                tensors.append(self._tensor(tensor))
            return numbers[id(tensor)]

        made = schema.SubGraphT()
        made.name = graph.name
        # first of all, so that their numbers tell their order: engines list them by name
        made.inputs = [number(tensor) for tensor in graph.inputs.values()]
        made.outputs = [number(tensor) for tensor in graph.outputs.values()]
        made.operators = [
            self._operator(operator, [number(x) for x in operator.inputs], [number(x) for x in operator.outputs])
            for operator in graph.operators
        ]
        made.tensors = tensors
        return made

    def _signature(self, index: int, graph: Graph) -> schema.SignatureDefT:
        subgraph = self._model.subgraphs[index]
        made = schema.SignatureDefT()
        made.signatureKey = graph.name
        made.subgraphIndex = index
        made.inputs = [_named(*pair) for pair in zip(graph.inputs, subgraph.inputs, strict=True)]
        made.outputs = [_named(*pair) for pair in zip(graph.outputs, subgraph.outputs, strict=True)]
        return made

    def _tensor(self, tensor: Tensor) -> schema.TensorT:
        made = schema.TensorT()
        made.name = tensor.name
        made.type = _TYPES[tensor.dtype]
        made.shape = [1 if size == DYNAMIC_AXIS else size for size in tensor.shape]
        if DYNAMIC_AXIS in tensor.shape:
            made.shapeSignature = list(tensor.shape)
        made.hasRank = True
        made.buffer = 0 if tensor.constant is None else self._buffer(tensor.constant.name, tensor.constant.array)
        if tensor.quantization is not None:
            made.quantization = self._quantization(tensor.quantization)
        return made

    def _quantization(self, quantization: Quantization) -> _SharedQuantization:
        return self._quantizations.setdefault(id(quantization), _SharedQuantization(quantization, self._zero_points))

    def _buffer(self, name: str, array: np.ndarray) -> int:
        if name not in self._numbers:
            self._numbers[name] = len(self._buffers)
            self._buffers.append(array)
        return self._numbers[name]

    def _operator(self, operator: _Operator, inputs: list[int], outputs: list[int]) -> schema.OperatorT:
        made = schema.OperatorT()
        made.opcodeIndex = self._codes.setdefault((operator.code, operator.version), len(self._codes))
        made.inputs = inputs
        made.outputs = outputs
        if operator.code in _OPTIONS:
            table = _OPTIONS[operator.code]
            made.builtinOptionsType = getattr(schema.BuiltinOptions, table)
            made.builtinOptions = _with_fields(getattr(schema, f"{table}T")(), operator.options)
        elif operator.options:
            raise ValueError(f"{operator.code} has no options, found {', '.join(operator.options)}")
        return made

    def _operator_code(self, name: str, version: int) -> schema.OperatorCodeT:
        code = getattr(schema.BuiltinOperator, name)
        made = schema.OperatorCodeT()
        # readers of before 2020 know the first field only
        made.deprecatedBuiltinCode = min(code, _PLACEHOLDER_CODE)
        made.builtinCode = code
        made.version = version
        return made

    def _metadata(self, name: str, blob: bytes) -> schema.MetadataT:
        number = self._buffer(f"metadata/{name}", np.frombuffer(blob, np.uint8))
        return _with_fields(schema.MetadataT(), {"name": name, "buffer": number})


def _named(name: str, tensor: int) -> schema.TensorMapT:
    """Give a tensor its name in a signature."""
    # field by field: the classes of ai-edge-litert 1.4 take no arguments
    return _with_fields(schema.TensorMapT(), {"name": name, "tensorIndex": tensor})


class _SharedQuantization(schema.QuantizationParametersT):  # type: ignore[misc] # generated code is not typed
    """Is written once, whatever number of tensors have it: the scales of an embedding table are long.

    Engines want as many zero points as scales, at 8 bytes each: equal lists of them are written once.
    """

    def __init__(self, quantization: Quantization, zero_points: dict[tuple[int, int], int]) -> None:
        super().__init__()
        self.scale = np.atleast_1d(quantization.scale).astype(np.float32)
        self.quantizedDimension = quantization.axis
        self._zero_point, self._zero_points = quantization.zero_point, zero_points
        self._offset: int | None = None

    def Pack(self, builder: flatbuffers.Builder) -> int:  # noqa: N802 - the generated code's name
        if self._offset is None:
            wanted = (self._zero_point, len(self.scale))
            if wanted not in self._zero_points:
                self._zero_points[wanted] = builder.CreateNumpyVector(np.full(wanted[1], wanted[0], np.int64))
            scale = builder.CreateNumpyVector(self.scale)
            schema.QuantizationParametersStart(builder)
            schema.QuantizationParametersAddScale(builder, scale)
            schema.QuantizationParametersAddZeroPoint(builder, self._zero_points[wanted])
            schema.QuantizationParametersAddQuantizedDimension(builder, self.quantizedDimension)
            self._offset = schema.QuantizationParametersEnd(builder)
        return self._offset


def _with_fields(table: Any, fields: Mapping[str, Any]) -> Any:
    for name, value in fields.items():
        if not hasattr(table, name):
            raise ValueError(f"{type(table).__name__} has no field {name!r}")
        setattr(table, name, value)
    return table
