"""Check a TFLite model before an engine sees it: a damaged one has to be an error, and engines trust what they read.

A digest tells damage from intention only as long as nobody computes it anew. What is checked here holds whoever wrote
the file: every offset is inside it, every tensor has the bytes that its shape needs, every operator is one that the
network of a RoFormer is made of, with operands of the types, shapes and kinds that it takes, each computed before it is
read, and with the output that follows from them. Numbers in arrays may be anything: wrong ones give a wrong answer.
"""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from roformer_edge.errors import BackendError, BundleIntegrityError
from roformer_edge.runtime.backends.flatbuffer import DEFAULTS, ElsewhereError, Flatbuffer, MalformedError, Span

# An axis of any size, whose size in the file is 1.
_OPEN = -1
# The number of an operand that is left out.
_LEFT_OUT = -1
_Shape: TypeAlias = tuple[int, ...]

# number of a type of the schema -> letter in the rules below, and bits of an element
_TYPES = {
    0: ("f", 32), 1: ("h", 16), 2: ("i", 32), 4: ("l", 64), 6: ("t", 8), 9: ("b", 8), 17: ("4", 4)
}  # fmt: skip
_LIMITS = {"b": (-128, 127), "4": (-8, 7), "i": (0, 0)}
# of shapes and of what is not a constant: more than any network here has
_MOST_AXES = 6
_MOST_BYTES_COMPUTED = 1 << 30
_MOST_BYTES_OF_AN_INPUT = 1 << 26
# lists of whole numbers, such as shapes, that operators read as they prepare
_MOST_NUMBERS = 16
_PLACEHOLDER_CODE = 127
# functions that may be applied to what an operator gives: none and three kinds of ReLU
_FUSED = range(4)
# a scale of integers, which engines turn into an integer and a shift
_SCALES = (1e-30, 1e30)


def check_tflite(model: str | Path | bytes, complaint: str) -> None:
    """Make sure that an engine can read a model without harm to this process.

    Args:
        model: The path of the file, or its bytes.
        complaint: The beginning of the message where it cannot.

    Raises:
        BundleIntegrityError: Parts of it lie in other files.
        BackendError: The file cannot be read, or is no such model.
    """
    try:
        with closing(io.BytesIO(model) if isinstance(model, bytes) else Path(model).open("rb", buffering=0)) as stream:
            _Check(Flatbuffer(stream)).run()
    except OSError as error:
        raise BackendError(f"cannot read {model!s:.200}: {error.strerror or error}") from None
    except ElsewhereError:
        raise BundleIntegrityError(
            "the model file says that buffers lie in another file, and a bundle reads nothing that its manifest does "
            "not list: make the model anew with everything in it"
        ) from None
    except MalformedError as error:
        raise BackendError(f"{complaint}: it is damaged, or no TFLite model of a RoFormer: {error}") from None


class _Tensor(NamedTuple):
    """What is told of a tensor: ``shape`` has ``_OPEN`` for axes of any size; ``data`` where it is a constant."""

    type: str
    shape: _Shape
    bytes: int
    data: Span | None


_NOTHING = _Tensor("-", (), 0, None)


class _Call(NamedTuple):
    """One operator where it is called."""

    inputs: Sequence[_Tensor]
    outputs: Sequence[_Tensor]
    options: Any
    read: Callable[[_Tensor], tuple[int, ...]]

    def shape(self, number: int) -> _Shape:
        """Tell the shape of an operand."""
        return self.inputs[number].shape

    def numbers(self, number: int) -> tuple[int, ...]:
        """Read an operand that is a constant list of whole numbers."""
        return self.read(self.inputs[number])

    def number(self, number: int) -> int:
        """Read an operand that is one constant whole number."""
        numbers = self.numbers(number)
        _demand(len(numbers) == 1, "an axis is a list")
        return numbers[0]


class _Check:
    def __init__(self, file: Flatbuffer) -> None:
        self._file = file
        self._shapes: dict[tuple[int, _Shape, _Shape], tuple[str, _Shape, int]] = {}
        self._lists: dict[Span, tuple[int, ...]] = {}

    def run(self) -> None:
        model = self._file.root()
        self._model = model
        self._data = [self._content(buffer) for buffer in model.buffers]
        _demand(bool(model.subgraphs) and bool(self._data) and self._data[0] is None, "it has no graph")
        self._codes = [_known_operator(code) for code in model.operator_codes]
        for one in model.metadata:
            _demand(one.buffer < len(self._data), "metadata are nowhere")
        for graph in model.subgraphs:
            self._check_graph(graph)
        keys = [self._check_signature(signature) for signature in model.signatures]
        _demand(len(set(keys)) == len(keys) > 0, "its signatures have no names, or one name")

    def _content(self, buffer: SimpleNamespace) -> Span | None:
        """Find the bytes of a buffer, which may also lie behind all tables; ``None`` where it has none."""
        if buffer.offset > 1 or buffer.size > 1:
            inside = buffer.offset <= self._file.size and buffer.size <= self._file.size - buffer.offset
            _demand(inside, "an array lies outside it")
            return buffer.offset, buffer.size
        return buffer.data if buffer.data is not None and buffer.data[1] else None

    def _check_signature(self, signature: SimpleNamespace) -> bytes:
        _demand(signature.subgraph < len(self._model.subgraphs), "a signature has no graph")
        graph = self._model.subgraphs[signature.subgraph]
        for ours, theirs in ((signature.inputs, graph.inputs), (signature.outputs, graph.outputs)):
            _demand(sorted(one.tensor for one in ours) == sorted(theirs), "a signature and its graph differ")
            _demand(len({self._name(one.name) for one in ours}) == len(ours), "tensors of a signature share a name")
        return self._name(signature.key)

    def _name(self, name: Span | None) -> bytes:
        _demand(name is not None, "a name is missing")
        return self._file.bytes_at(*name) if name else b""

    def _check_graph(self, graph: SimpleNamespace) -> None:
        tensors = [self._tensor(one) for one in graph.tensors]
        known = {_LEFT_OUT, *(number for number, tensor in enumerate(tensors) if tensor.data is not None)}
        for number in graph.inputs:
            _demand(0 <= number < len(tensors) and number not in known, "an input is no tensor of its own")
            _demand(tensors[number].bytes <= _MOST_BYTES_OF_AN_INPUT, "an input is larger than texts are")
            known.add(number)
        for operator in graph.operators:
            _demand(operator.code < len(self._codes), "an operator is none of its list")
            _demand(known.issuperset(operator.inputs), "an operand is not computed before it is read")
            for number in operator.outputs:
                _demand(0 <= number < len(tensors) and number not in known, "a tensor is computed twice")
                known.add(number)
            name, rule = self._codes[operator.code]
            try:
                self._check_operator(operator, rule, tensors)
            except MalformedError as error:
                raise MalformedError(f"{name}: {error}") from None
        _demand(bool(graph.inputs) and bool(graph.outputs), "a graph has no inputs or outputs")
        _demand(known.issuperset(graph.outputs) and _LEFT_OUT not in graph.outputs, "an output is nowhere")

    def _tensor(self, tensor: SimpleNamespace) -> _Tensor:
        described = (tensor.type, tensor.shape, tensor.signature)
        # most tensors of one layer are those of another
        if described not in self._shapes:
            self._shapes[described] = _sizes(*described)
        letter, shape, size = self._shapes[described]
        _demand(tensor.buffer < len(self._data), "a tensor's buffer is nowhere")
        data = self._data[tensor.buffer]
        if data is None:
            _demand(size <= _MOST_BYTES_COMPUTED, "a tensor is larger than texts need")
        else:
            _demand(_OPEN not in shape and size == data[1], "a shape does not fit the bytes of its tensor")
        made = _Tensor(letter, shape, size, data)
        if tensor.quantization is not None:
            self._check_quantization(tensor.quantization, made)
        return made

    def _check_quantization(self, quantization: SimpleNamespace, tensor: _Tensor) -> None:
        if quantization.scale is None or not quantization.scale[1]:
            return
        start, count = quantization.scale
        per_index = 0 <= quantization.axis < len(tensor.shape) and tensor.shape[quantization.axis] == count
        _demand(count == 1 or per_index, "there are not as many scales as rows")
        zero_points = quantization.zero_point or (0, 0)
        _demand(zero_points[1] in (0, count), "there are not as many zero points as scales")
        scales = np.frombuffer(self._file.bytes_at(start, 4 * count), "<f4")
        _demand(bool(((scales >= _SCALES[0]) & (scales <= _SCALES[1])).all()), "a scale is no size")
        points = np.frombuffer(self._file.bytes_at(zero_points[0], 8 * zero_points[1]), "<i8")
        low, high = _LIMITS.get(tensor.type, (0, 0))
        _demand(bool(((points >= low) & (points <= high)).all()), "a zero point is out of range")

    def _check_operator(self, operator: SimpleNamespace, rule: _Rule, tensors: Sequence[_Tensor]) -> None:
        _demand(operator.options_type == (0 if operator.options is None else rule.options_type), "other options")
        if operator.options is None:
            options = SimpleNamespace(**DEFAULTS[rule.options])
        else:
            options = self._file.table(rule.options, operator.options)
        _demand(getattr(options, "activation", 0) in _FUSED, "it is fused with something unknown")
        inputs = [_NOTHING if number == _LEFT_OUT else tensors[number] for number in operator.inputs]
        outputs = [tensors[number] for number in operator.outputs]
        given = f"{''.join([one.type for one in inputs])}>{''.join([one.type for one in outputs])}"
        _demand(rule.takes(given), "it does not compute such types")
        call = _Call(inputs, outputs, options, self._numbers)
        _demand([*rule.shapes(call)] == [one.shape for one in outputs], "it gives another shape than it says")

    def _numbers(self, tensor: _Tensor) -> tuple[int, ...]:
        """Read a constant list of whole numbers."""
        place = tensor.data or (0, 0)
        if place not in self._lists:
            start, size = place
            _demand(0 < size <= 4 * _MOST_NUMBERS and len(tensor.shape) <= 1, "a shape or an axis is no constant list")
            self._lists[place] = struct.unpack(f"<{size // 4}i", self._file.bytes_at(start, size))
        return self._lists[place]


class _Rule(NamedTuple):
    """What is known of an operator.

    Attributes:
        types: Operands and results that it takes, by the letters of ``_TYPES``, ``-`` for one that is left out and
            ``*`` behind one that may be repeated.
        shapes: Tells the shapes of its results, or that it takes no such operands.
        options: The table of its options.
        options_type: The number of that table among all options.
    """

    types: tuple[str, ...]
    shapes: Callable[[_Call], Iterable[_Shape]]
    options: str = "None"
    options_type: int = 0

    def takes(self, given: str) -> bool:
        return given in self.types or any("*" in one and _repeats(one, given) for one in self.types)


def _repeats(pattern: str, given: str) -> bool:
    """Compare with a pattern in which one letter before ``*`` stands once or more often."""
    before, _, after = pattern.partition("*")
    middle = len(given) - len(before) - len(after)
    return middle >= 0 and given == before + before[-1] * middle + after


def _known_operator(code: SimpleNamespace) -> tuple[str, _Rule]:
    # files of before 2020 have the first number only
    number = code.code or code.old_code
    _demand(number in _OPERATORS and code.old_code in (0, min(number, _PLACEHOLDER_CODE)), "an operator is unknown")
    return _OPERATORS[number]


def _demand(truth: bool, otherwise: str = "something is missing") -> None:
    if not truth:
        raise MalformedError(otherwise)


def _sizes(kind: int, stored: _Shape, signature: _Shape) -> tuple[str, _Shape, int]:
    """Tell the letter of a tensor's type, its shape, and its bytes where every open axis is of size 1."""
    _demand(kind in _TYPES, "a tensor is of an unknown type")
    letter, bits = _TYPES[kind]
    shape = signature or stored
    _demand(stored == tuple(1 if size == _OPEN else size for size in shape), "shapes of a tensor contradict each other")
    _demand(len(shape) <= _MOST_AXES and all(size > 0 for size in stored), "a shape is impossible")
    return letter, shape, (math.prod(stored) * bits + 7) // 8


def _same(call: _Call) -> Iterable[_Shape]:
    yield call.shape(0)


def _broadcast(call: _Call) -> Iterable[_Shape]:
    x, y = call.shape(0), call.shape(1)
    rank = max(len(x), len(y))
    pairs = [*zip((1,) * (rank - len(x)) + x, (1,) * (rank - len(y)) + y, strict=True)]
    _demand(all(one == other or 1 in (one, other) for one, other in pairs), "shapes do not go together")
    yield tuple(other if one == 1 else one for one, other in pairs)


def _reduced(call: _Call) -> Iterable[_Shape]:
    shape = call.shape(0)
    axes = {_axis(axis, len(shape)) for axis in call.numbers(1)}
    kept = bool(call.options.keep_dims)
    yield tuple(1 if axis in axes else size for axis, size in enumerate(shape) if kept or axis not in axes)


def _looked_up(call: _Call) -> Iterable[_Shape]:
    ids, rows = call.shape(0), call.shape(1)
    _demand(len(ids) == 1 and len(rows) == 2, "a table is no table")
    yield (*ids, *rows[1:])


def _gathered(call: _Call) -> Iterable[_Shape]:
    x, places = call.shape(0), call.shape(1)
    axis = _axis(call.options.axis, len(x))
    yield (*x[:axis], *places, *x[axis + 1 :])


def _multiplied(call: _Call) -> Iterable[_Shape]:
    x, y = call.shape(0), call.shape(1)
    _demand(len(x) == len(y) >= 2 and x[:-2] == y[:-2], "matrices do not go together")
    x, y = (_swapped(shape, bool(adj)) for shape, adj in ((x, call.options.adj_x), (y, call.options.adj_y)))
    _demand(x[-1] == y[-2], "matrices do not go together")
    yield (*x[:-1], y[-1])


def _swapped(shape: _Shape, swap: bool) -> _Shape:
    return (*shape[:-2], shape[-1], shape[-2]) if swap else shape


def _fully_connected(call: _Call) -> Iterable[_Shape]:
    x, weight = call.shape(0), call.shape(1)
    _demand(len(weight) == 2 and len(x) >= 1 and x[-1] == weight[1], "a product does not fit its weights")
    _demand(bool(call.options.keep_num_dims) or len(x) == 2, "a product loses its axes")
    if len(call.inputs) > 2 and call.inputs[2] is not _NOTHING:
        _demand(call.shape(2) == weight[:1], "a bias does not fit its weights")
    yield (*x[:-1], weight[0])


def _reshaped(call: _Call) -> Iterable[_Shape]:
    x, asked = call.shape(0), call.numbers(1)
    _demand(len(asked) <= _MOST_AXES and all(size > 0 or size == _OPEN for size in asked), "a shape is impossible")
    _demand(max(x.count(_OPEN), asked.count(_OPEN)) <= 1, "a shape has several open axes")
    _demand(bool(call.options.shape) is False or call.options.shape == asked, "two shapes are asked for")
    known, wanted = (math.prod(size for size in shape if size != _OPEN) for shape in (x, asked))
    if _OPEN in asked and _OPEN not in x:
        _demand(known % wanted == 0, "a shape does not hold what is put in it")
        asked = tuple(known // wanted if size == _OPEN else size for size in asked)
    else:
        _demand(known == wanted and (_OPEN in x) == (_OPEN in asked), "a shape does not hold what is put in it")
    yield asked


def _transposed(call: _Call) -> Iterable[_Shape]:
    shape, axes = call.shape(0), call.numbers(1)
    _demand(sorted(axes) == [*range(len(shape))], "an axis is not there")
    yield tuple(shape[axis] for axis in axes)


def _joined(call: _Call) -> Iterable[_Shape]:
    shapes = [call.shape(number) for number in range(len(call.inputs))]
    axis = _axis(call.options.axis, len(shapes[0]))
    rests = {(*shape[:axis], *shape[axis + 1 :]) for shape in shapes}
    _demand(len(rests) == 1 and len({*map(len, shapes)}) == 1, "what is joined differs")
    sizes = [shape[axis] for shape in shapes]
    yield (*shapes[0][:axis], _OPEN if _OPEN in sizes else sum(sizes), *shapes[0][axis + 1 :])


def _parted(call: _Call) -> Iterable[_Shape]:
    shape, parts = call.shape(1), len(call.outputs)
    axis = _axis(call.number(0), len(shape))
    _demand(call.options.parts == parts and shape[axis] > 0 and shape[axis] % parts == 0, "parts are not equal")
    for _ in range(parts):
        yield (*shape[:axis], shape[axis] // parts, *shape[axis + 1 :])


def _sliced(call: _Call) -> Iterable[_Shape]:
    shape, bounds = call.shape(0), [call.numbers(number) for number in (1, 2, 3)]
    _demand({*map(len, bounds)} == {len(shape)}, "a slice has other axes")
    _demand(set(bounds[2]) == {1}, "a slice leaves elements out")
    made = []
    for axis, (size, begin, end) in enumerate(zip(shape, *bounds[:2], strict=True)):
        first = 0 if call.options.begin_mask >> axis & 1 else begin
        to_the_end = bool(call.options.end_mask >> axis & 1)
        if size == _OPEN:
            # so many from the start, or so many up to the end; all, or a number that only the engine can tell
            length = end - first if not to_the_end else _OPEN if first == 0 else -first
        else:
            length = len(range(size)[slice(first, None if to_the_end else end)])
        _demand(length == _OPEN == size or length > 0, "a slice is of nothing")
        made.append(length)
    yield tuple(made)


def _largest(call: _Call) -> Iterable[_Shape]:
    shape = call.shape(0)
    axis = _axis(call.number(1), len(shape))
    _demand(_TYPES[call.options.type][0] == call.outputs[0].type, "a place is of another type")
    yield (*shape[:axis], *shape[axis + 1 :])


def _counted(call: _Call) -> Iterable[_Shape]:
    _axis(call.number(1), len(call.shape(0)))
    yield call.shape(0)


def _axis(axis: int, rank: int) -> int:
    _demand(-rank <= axis < rank, "an axis is not there")
    return axis % rank


_unary = partial(_Rule, types=("f>f",), shapes=_same)
_binary = partial(_Rule, types=("ff>f", "ii>i"), shapes=_broadcast)
_reducer = partial(_Rule, types=("fi>f",), shapes=_reduced, options="Reducer", options_type=27)
# number of an operator in the schema -> its name and what is known of it
_OPERATORS: dict[int, tuple[str, _Rule]] = {
    0: ("ADD", _binary(options="Fused", options_type=11)),
    2: (
        "CONCATENATION",
        _Rule(types=("f*>f", "i*>i"), shapes=_joined, options="Concatenation", options_type=10),
    ),
    6: ("DEQUANTIZE", _Rule(types=("b>f", "h>f"), shapes=_same, options_type=38)),
    7: ("EMBEDDING_LOOKUP", _Rule(types=("if>f", "ib>f", "i4>f"), shapes=_looked_up)),
    9: (
        "FULLY_CONNECTED",
        _Rule(
            types=("ff>f", "fb>f", "ff->f", "fb->f", "f4->f", "bb->b", "fff>f", "fbf>f", "f4f>f", "bbi>b"),
            shapes=_fully_connected,
            options="FullyConnected",
            options_type=8,
        ),
    ),
    14: ("LOGISTIC", _unary()),
    18: ("MUL", _binary(options="Fused", options_type=21)),
    19: ("RELU", _unary()),
    21: ("RELU6", _unary()),
    22: (
        "RESHAPE",
        _Rule(types=("fi>f", "ii>i", "bi>b", "li>l"), shapes=_reshaped, options="Reshape", options_type=17),
    ),
    25: ("SOFTMAX", _unary(options="Softmax", options_type=9)),
    28: ("TANH", _unary()),
    36: ("GATHER", _Rule(types=("fi>f", "bi>b", "hi>h", "ii>i"), shapes=_gathered, options="Gather", options_type=23)),
    39: ("TRANSPOSE", _Rule(types=("fi>f",), shapes=_transposed, options_type=26)),
    40: ("MEAN", _reducer()),
    41: ("SUB", _binary(options="Fused", options_type=28)),
    42: ("DIV", _binary(options="Fused", options_type=29, types=("ff>f",))),
    45: (
        "STRIDED_SLICE",
        _Rule(types=("fiii>f", "iiii>i"), shapes=_sliced, options="StridedSlice", options_type=32),
    ),
    47: ("EXP", _unary(options_type=33)),
    49: ("SPLIT", _Rule(types=("if>f*",), shapes=_parted, options="Split", options_type=35)),
    53: (
        "CAST",
        _Rule(types=("i>f", "t>f", "b>f", "h>f", "f>i", "l>i", "i>l"), shapes=_same, options="Cast", options_type=37),
    ),
    55: ("MAXIMUM", _binary(options_type=39)),
    56: ("ARG_MAX", _Rule(types=("fi>i", "ii>i"), shapes=_largest, options="ArgMax", options_type=40)),
    57: ("MINIMUM", _binary(options_type=39, types=("ff>f",))),
    59: ("NEG", _unary(options_type=42)),
    63: ("LESS_EQUAL", _binary(options_type=46, types=("ff>t", "ii>t"))),
    73: ("LOG", _unary()),
    74: ("SUM", _reducer()),
    75: ("SQRT", _unary()),
    76: ("RSQRT", _unary()),
    82: ("REDUCE_MAX", _reducer(types=("fi>f", "ii>i"))),
    98: ("LEAKY_RELU", _unary(options="LeakyRelu", options_type=75)),
    101: ("ABS", _unary(options_type=78)),
    114: ("QUANTIZE", _Rule(types=("f>b",), shapes=_same, options_type=89)),
    126: ("BATCH_MATMUL", _Rule(types=("ff>f",), shapes=_multiplied, options="BatchMatMul", options_type=101)),
    128: ("CUMSUM", _Rule(types=("ii>i",), shapes=_counted, options="Cumsum", options_type=102)),
    150: ("GELU", _unary(options="Gelu", options_type=116)),
}
