"""One linear product or one embedding table in TFLite, in the number format that was decided for it.

Products are ``FULLY_CONNECTED`` throughout, with float32 in and out:

- float32, and float16, whose weights the engine widens when it loads them;
- int8-dynamic and int4-dynamic: integer rows with a scale each; the engine measures the range of every position of the
  input as it runs;
- int8-static: integers in and out, between ``QUANTIZE`` and ``DEQUANTIZE``, which is what processors without floating
  point want. An output has one scale, so each of its channels is divided by its own calibrated size in the weights and
  multiplied by it afterwards. Where outlier channels are split off, what is calibrated is the whole and not the rest,
  which may be much larger: the rest is emitted as int8-dynamic, whose output is float32.

Runtimes of before 2025 know no scale for each row, and would take the first for all of them. For these
(``tflite-2.14``) the integers have scale 1, and the scales are multiplied in float32 behind the product.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from roformer_edge.errors import ExportError
from roformer_edge.export.network.emitter import Outliers, Product, Table
from roformer_edge.export.tflite.flatbuffer import Constant, Graph, Quantization, Tensor, plain
from roformer_edge.export.tflite.operators import binary, reshape
from roformer_edge.quantize.affine import Grid, QuantizedTensor, quantize_weight
from roformer_edge.quantize.blocks import ZERO_POINT, BlockTensor, quantize_blocks
from roformer_edge.quantize.half import half_precision
from roformer_edge.quantize.outliers import kept_errors
from roformer_edge.quantize.recipe import DYNAMIC, FLOAT, HALF, INT4, INT4_ROWS, ROWS, STATIC

# The oldest version of each operator that computes what is written here.
_FLOAT_PRODUCT = 1
_STATIC_PRODUCT = 4
_UNIT_PRODUCT = 6
_ROW_SCALES_PRODUCT = 12
_FLOAT_LOOKUP = 1
_ROW_SCALES_LOOKUP = 4
_DEQUANTIZE_INT8 = 2
_DEQUANTIZE_HALF = 3
_GATHER_INT8 = 2

# numbers of a row of a table that share a scale where they have 4 bits, at least
_SMALLEST_BLOCK = 64

# what the inputs and outputs of static products become
_SIGNED = Grid(dtype="int8", symmetric=False)
_INT8_LIMIT = 127
_UNIT = Quantization(scale=np.ones(1, np.float32))


def emit_linear(graph: Graph, x: Tensor, product: Product, runtime: str) -> Tensor:
    """Add ``x @ weight.T + bias`` to the graph and return the result."""
    emitters = _LINEARS[runtime]
    _check_scheme(product.scheme, emitters, product.scope, runtime)
    whole = x
    if product.multipliers is not None:
        multipliers = graph.constant(f"{product.scope}/multipliers", product.multipliers)
        x = graph.op("MUL", f"{product.name}.smoothed", [x, multipliers], x.shape)
    # the calibrated sizes are those of the whole output
    scheme = DYNAMIC if product.scheme == STATIC and product.outliers is not None else product.scheme
    y = emitters[scheme](graph, x, product)
    return y if product.outliers is None else _with_outliers(graph, whole, y, product.name, product.outliers)


def _with_outliers(graph: Graph, x: Tensor, y: Tensor, name: str, outliers: Outliers) -> Tensor:
    """Add the float product of the channels that were split off to that of the others.

    They are picked by a product too: looking them up would end the delegate's part of the graph.
    """
    picks = np.zeros((len(outliers.channels), x.shape[-1]), np.float32)
    picks[np.arange(len(picks)), outliers.channels] = 1
    for part, weight in (("channels", picks), ("weight", outliers.weight)):
        constant = graph.constant(f"{name}.outliers/{part}", np.ascontiguousarray(weight))
        x = _multiply(graph, f"{name}.outliers.{part}", x, constant)
    return graph.op("ADD", f"{name}.outliers", [y, x], y.shape)


def _multiply(graph: Graph, name: str, x: Tensor, weight: Tensor) -> Tensor:
    shape = (*x.shape[:-1], weight.shape[0])
    return graph.op("FULLY_CONNECTED", name, [x, weight, None], shape, version=_FLOAT_PRODUCT, keepNumDims=True)


def emit_table(graph: Graph, ids: Tensor, table: Table, runtime: str) -> Tensor:
    """Look up rows of a table; return the float32 result ``[positions, width]``."""
    emitters = _TABLES[runtime]
    _check_scheme(table.scheme, emitters, table.scope, runtime)
    return emitters[table.scheme](graph, ids, table)


def _check_scheme(scheme: str, emitters: Collection[str], scope: str, runtime: str) -> None:
    if scheme not in emitters:
        raise ExportError(
            f"{scope}: TFLite for the runtime {runtime} cannot say {scheme!r} here; choose one of: "
            f"{', '.join(emitters)}"
        )


def _float_rows(graph: Graph, ids: Tensor, table: Table) -> Tensor:
    rows = graph.constant(f"{table.scope}/weight", table.rows)
    return _look_up(graph, ids, rows, table.scope, _FLOAT_LOOKUP)


def _half_rows(graph: Graph, ids: Tensor, table: Table) -> Tensor:
    # not EMBEDDING_LOOKUP, which knows no such type
    rows = _gather(graph, ids, _half(graph, f"{table.scope}/weight", table.rows), table.scope)
    return graph.op("CAST", table.scope, [rows], rows.shape)


def _widened_rows(graph: Graph, ids: Tensor, table: Table) -> Tensor:
    """Look up rows of a table that the engine widens as a whole, because it picks no 16-bit ones."""
    rows = _half(graph, f"{table.scope}/weight", table.rows)
    rows = graph.op("DEQUANTIZE", f"{table.scope}.weight", [rows], rows.shape, version=_DEQUANTIZE_HALF)
    return _look_up(graph, ids, rows, table.scope, _FLOAT_LOOKUP)


def _int8_rows(graph: Graph, ids: Tensor, table: Table) -> Tensor:
    """Look up rows of 8 bits.

    A scale of the engine's own takes 12 bytes: 4 of its own and 8 of a zero point. Only a product needs these.
    """
    name = table.scope
    if table.shared:
        rows = graph.constant(f"{name}/weight", lambda: _integer_rows(f"{name}/weight", table.rows))
        return _with_errors(graph, ids, _look_up(graph, ids, rows, name, _ROW_SCALES_LOOKUP), table)
    rows, scales = _unit_scale(graph, f"{name}/weight", table.rows, columns=1)
    picked = _look_up(graph, ids, rows, name, _ROW_SCALES_LOOKUP)
    scale = _look_up(graph, ids, scales, f"{name}.scale", _FLOAT_LOOKUP)
    return _with_errors(graph, ids, binary(graph, "MUL", name, picked, scale), table)


def _with_errors(graph: Graph, ids: Tensor, x: Tensor, table: Table) -> Tensor:
    """Add the rounding errors that are kept beside the integers."""
    if table.directions is None:
        return x
    name, directions = f"{table.scope}.errors", table.directions

    def make() -> Constant:
        if table.scheme == INT4_ROWS:
            block = table.rows.shape[1] if table.shared else _block_of(table.rows.shape[1])
            stored: BlockTensor | QuantizedTensor = quantize_blocks(table.rows, block, positive=True)
        else:
            stored = quantize_weight(table.rows, 0)
        return plain(f"{name}/weight", kept_errors(table.rows, stored, directions))

    errors = _look_up(graph, ids, graph.constant(f"{name}/weight", make), name, _FLOAT_LOOKUP)
    errors = _multiply(graph, name, errors, graph.constant(f"{name}/directions", np.ascontiguousarray(directions.T)))
    return graph.op("ADD", name, [x, errors], x.shape)


def _int4_rows(graph: Graph, ids: Tensor, table: Table) -> Tensor:
    """Look up rows of 4 bits whose scale is 1 as far as the engine knows, and the scales of their blocks."""
    name, width = table.scope, table.rows.shape[1]
    if table.shared:  # what a product multiplies by has one scale a row
        rows = graph.constant(f"{name}/weight", lambda: _int4_weight(f"{name}/weight", table.rows))
        return _with_errors(graph, ids, _look_up(graph, ids, rows, name, _ROW_SCALES_LOOKUP), table)
    block, length = _block_of(width), ids.shape[0]

    def make() -> Constant:
        blocks = _int4_blocks(f"{name}/weight", table.rows, block)
        graph.constants.get(f"{name}/weight_scale", lambda: plain(f"{name}/weight_scale", blocks.scale))
        return _int4_constant(f"{name}/weight", blocks, _UNIT)

    rows = graph.constant(f"{name}/weight", make)
    scales = graph.constant(f"{name}/weight_scale")
    picked = _look_up(graph, ids, rows, name, _ROW_SCALES_LOOKUP)
    picked = reshape(graph, picked, name, length, width // block, block)
    scale = _look_up(graph, ids, scales, f"{name}.scale", _FLOAT_LOOKUP)
    scale = reshape(graph, scale, f"{name}.scale", length, width // block, 1)
    x = reshape(graph, binary(graph, "MUL", name, picked, scale), name, length, width)
    return _with_errors(graph, ids, x, table)


def _block_of(width: int) -> int:
    """Choose how many numbers of a row share a scale: few, and so that rows are whole blocks."""
    return next((block for block in range(_SMALLEST_BLOCK, width, 2) if width % block == 0), width)


def _unit_rows(graph: Graph, ids: Tensor, table: Table) -> Tensor:
    rows, scales = _unit_scale(graph, f"{table.scope}/weight", table.rows)
    picked = _gather(graph, ids, rows, table.scope, version=_GATHER_INT8)
    picked = graph.op("CAST", table.scope, [picked], picked.shape)
    scale = graph.op("GATHER", f"{table.scope}.scale", [scales, ids], ids.shape, axis=0)
    scale = graph.op("RESHAPE", f"{table.scope}.scale", [scale, graph.ints(*ids.shape, 1)], (*ids.shape, 1))
    return _with_errors(graph, ids, graph.op("MUL", table.scope, [picked, scale], picked.shape), table)


def _look_up(graph: Graph, ids: Tensor, rows: Tensor, name: str, version: int) -> Tensor:
    return graph.op("EMBEDDING_LOOKUP", name, [ids, rows], (*ids.shape, rows.shape[1]), version=version)


def _gather(graph: Graph, ids: Tensor, rows: Tensor, name: str, *, version: int = 1) -> Tensor:
    shape = (*ids.shape, rows.shape[1])
    quantization = rows.quantization
    return graph.op(
        "GATHER", name, [rows, ids], shape, version=version, dtype=rows.dtype, quantization=quantization, axis=0
    )


def _float(graph: Graph, x: Tensor, product: Product) -> Tensor:
    weight = graph.constant(_weight_name(product), product.weight)
    return _fully_connected(graph, x, weight, product, _FLOAT_PRODUCT)


def _half_weights(graph: Graph, x: Tensor, product: Product) -> Tensor:
    weight = _half(graph, _weight_name(product), product.weight)
    # on a constant: engines do it once
    weight = graph.op("DEQUANTIZE", f"{product.name}.weight", [weight], weight.shape, version=_DEQUANTIZE_HALF)
    return _fully_connected(graph, x, weight, product, _FLOAT_PRODUCT)


def _dynamic(graph: Graph, x: Tensor, product: Product) -> Tensor:
    name = _weight_name(product)
    weight = graph.constant(name, lambda: _integer_rows(name, product.weight))
    return _hybrid(graph, x, weight, product, _ROW_SCALES_PRODUCT)


def _int4_dynamic(graph: Graph, x: Tensor, product: Product) -> Tensor:
    name = _weight_name(product)
    weight = graph.constant(name, lambda: _int4_weight(name, product.weight))
    return _hybrid(graph, x, weight, product, _ROW_SCALES_PRODUCT)


def _unit(graph: Graph, x: Tensor, product: Product) -> Tensor:
    weight, scales = _unit_scale(graph, _weight_name(product), product.weight)
    y = _hybrid(graph, x, weight, product, _UNIT_PRODUCT, biased=False)
    y = graph.op("MUL", f"{product.name}.scale", [y, scales], y.shape)
    if product.bias is None:
        return y
    return graph.op("ADD", f"{product.name}.bias", [y, graph.constant(f"{product.name}/bias", product.bias)], y.shape)


def _static(graph: Graph, x: Tensor, product: Product) -> Tensor:
    name, sizes = product.name, product.output_maxima
    if product.range is None or sizes is None:
        raise ExportError(f"{product.scope}: the scheme {STATIC!r} needs calibrated ranges of {product.input!r}")
    scale, zero_point = _SIGNED.parameters(*product.range)
    # of what is stored, one unit of an output channel is so much of the real one
    steps = np.where(sizes > 0, sizes / np.float32(_INT8_LIMIT), np.float32(1)).astype(np.float32)
    weight = graph.constant(f"{name}/weight", lambda: _integer_rows(f"{name}/weight", product.weight / steps[:, None]))
    bias = None
    if product.bias is not None:
        bias = graph.constant(
            f"{name}/bias", lambda: _integer_bias(f"{name}/bias", product.bias / steps, weight, float(scale))
        )
    of_input = Quantization(scale=np.atleast_1d(scale), zero_point=int(zero_point))
    y = graph.op("QUANTIZE", name, [x], x.shape, dtype="int8", quantization=of_input)
    shape = (*x.shape[:-1], weight.shape[0])
    y = graph.op(
        "FULLY_CONNECTED",
        name,
        [y, weight, bias],
        shape,
        version=_STATIC_PRODUCT,
        dtype="int8",
        quantization=_UNIT,
        keepNumDims=True,
    )
    y = graph.op("DEQUANTIZE", name, [y], shape, version=_DEQUANTIZE_INT8)
    return graph.op("MUL", f"{name}.steps", [y, graph.constant(f"{name}/steps", steps)], shape)


def _hybrid(graph: Graph, x: Tensor, weight: Tensor, product: Product, version: int, *, biased: bool = True) -> Tensor:
    # engines' own kernels measure both ends of a range only if told to; XNNPACK does in any case
    return _fully_connected(graph, x, weight, product, version, biased=biased, asymmetricQuantizeInputs=True)


def _fully_connected(
    graph: Graph, x: Tensor, weight: Tensor, product: Product, version: int, *, biased: bool = True, **options: Any
) -> Tensor:
    has_bias = biased and product.bias is not None
    bias = graph.constant(f"{product.name}/bias", product.bias) if has_bias else None
    shape = (*x.shape[:-1], weight.shape[0])
    return graph.op(
        "FULLY_CONNECTED", product.name, [x, weight, bias], shape, version=version, keepNumDims=True, **options
    )


def _weight_name(product: Product) -> str:
    return f"{product.table or product.name}/weight"


def _half(graph: Graph, name: str, weight: NDArray[np.float32]) -> Tensor:
    return graph.constant(
        name,
        lambda: Constant(name=name, array=half_precision(weight, name), shape=weight.shape, dtype="float16"),
    )


def _integer_rows(name: str, weight: NDArray[np.float32]) -> Constant:
    rows = quantize_weight(weight, 0)
    scales = Quantization(scale=rows.scale, axis=0)
    return Constant(name=name, array=rows.values, shape=weight.shape, dtype="int8", quantization=scales)


def _int4_weight(name: str, weight: NDArray[np.float32]) -> Constant:
    """Quantise to 4 bits, with a scale for every row."""
    rows = _int4_blocks(name, weight, weight.shape[1])
    return _int4_constant(name, rows, Quantization(scale=rows.scale[:, 0], axis=0))


def _int4_blocks(name: str, weight: NDArray[np.float32], block: int) -> BlockTensor:
    if block % 2:
        raise ExportError(
            f"{name}: TFLite stores 4-bit numbers in pairs, and rows of an odd width, {block}, have none for the last; "
            "leave it in int8 with a rule of the recipe"
        )
    return quantize_blocks(weight, block, positive=True)


def _int4_constant(name: str, blocks: BlockTensor, quantization: Quantization) -> Constant:
    # from a zero point of 8 to signed integers
    packed = blocks.packed.reshape(-1) ^ np.uint8(ZERO_POINT | ZERO_POINT << 4)
    shape = (len(blocks.packed), blocks.width)
    return Constant(name=name, array=packed, shape=shape, dtype="int4", quantization=quantization)


def _unit_scale(
    graph: Graph, name: str, weight: NDArray[np.float32], *, columns: int | None = None
) -> tuple[Tensor, Tensor]:
    """Read int8 rows whose scale is 1 as far as the engine knows; and the scales, ``[rows]`` or ``[rows, columns]``."""

    def make() -> Constant:
        rows = quantize_weight(weight, 0)
        scales = rows.scale if columns is None else rows.scale.reshape(-1, columns)
        graph.constants.get(f"{name}_scale", lambda: plain(f"{name}_scale", scales))
        return Constant(name=name, array=rows.values, shape=weight.shape, dtype="int8", quantization=_UNIT)

    return graph.constant(name, make), graph.constant(f"{name}_scale")


def _integer_bias(name: str, bias: NDArray[np.float32], weight: Tensor, input_scale: float) -> Constant:
    assert weight.quantization is not None
    scale = (weight.quantization.scale * np.float32(input_scale)).astype(np.float32)
    # in doubles, which hold all integers of 32 bits
    limits = np.iinfo(np.int32)
    values = np.clip(np.rint(bias.astype(np.float64) / scale), limits.min, limits.max).astype(np.int32)
    return Constant(name=name, array=values, shape=values.shape, dtype="int32", quantization=Quantization(scale=scale))


_Linear: TypeAlias = Callable[[Graph, Tensor, Product], Tensor]
_Table: TypeAlias = Callable[[Graph, Tensor, Table], Tensor]

# runtime -> scheme -> what emits it
_LINEARS: Mapping[str, Mapping[str, _Linear]] = {
    "litert-2": {
        FLOAT: _float,
        HALF: _half_weights,
        DYNAMIC: _dynamic,
        STATIC: _static,
        INT4: _int4_dynamic,
    },
    "tflite-2.14": {FLOAT: _float, HALF: _half_weights, DYNAMIC: _unit},
}
RUNTIMES = tuple(_LINEARS)
_TABLES: Mapping[str, Mapping[str, _Table]] = {
    "litert-2": {FLOAT: _float_rows, HALF: _half_rows, ROWS: _int8_rows, INT4_ROWS: _int4_rows},
    "tflite-2.14": {FLOAT: _float_rows, HALF: _widened_rows, ROWS: _unit_rows},
}


def schemes_of(runtime: str) -> frozenset[str]:
    """List the schemes that TFLite can say to a runtime."""
    return frozenset((*_LINEARS[runtime], *_TABLES[runtime]))
