"""One linear product or one embedding table in ONNX, in the number format that was decided for it.

``y = x W + b`` is emitted in one of five ways, all with float32 in and out:

- float32: ``MatMul`` and ``Add``;
- float16: the same, with weights in 16 bits that the engine widens when it loads them;
- int8-dynamic: ``DynamicQuantizeLinear`` of x, then ``MatMulIntegerToFloat``;
- int8-static: ``QuantizeLinear`` of x with a calibrated range, then ``MatMulIntegerToFloat``;
- int4-dynamic: ``MatMulNBits``, whose weights have a scale for every block of a row; the input is rounded to 8 bits
  with a range for every block of every position, so that no position's answer depends on another's.

The integer product of 8 bits is the one that onnxruntime would fuse from ``MatMulInteger``, ``Cast``, ``Mul`` and
``Add``; it is written as such because loading is quicker without the search and the fusion then cannot be missed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np

from roformer_edge.errors import ExportError
from roformer_edge.export.network.emitter import Outliers, Product, Table
from roformer_edge.export.onnx.graph import BFLOAT16, CONTRIB, GraphBuilder
from roformer_edge.quantize.affine import QuantizedTensor, quantize_weight
from roformer_edge.quantize.blocks import BlockTensor, quantize_blocks
from roformer_edge.quantize.half import half_precision
from roformer_edge.quantize.outliers import kept_errors
from roformer_edge.quantize.presets import Preset
from roformer_edge.quantize.recipe import ATTENTION, DYNAMIC, FLOAT, HALF, INT4, INT4_ROWS, ROWS, STATIC

# Numbers that share a scale where they have 4 bits: a table, most of a small model, takes 0.25 bits a number for them,
# a product 0.5.
_ROW_BLOCK = 64
_PRODUCT_BLOCK = 32
# the level at which the engine rounds inputs to 8 bits; at lower ones it is slower than in float32
_INT8_INPUTS = 4


def emit_linear(graph: GraphBuilder, x: str, product: Product, preset: Preset) -> str:
    """Add ``x @ weight.T + bias`` to the graph and return the name of the result."""
    graph.marks[product.input] = x
    _check_scheme(product.scheme, _LINEARS, product.scope)
    return _LINEARS[product.scheme](graph, x, product, preset)


def emit_table(graph: GraphBuilder, ids: str, table: Table, preset: Preset) -> str:
    """Look up rows of a table; return the name of the float32 result ``[..., width]``."""
    _check_scheme(table.scheme, _TABLES, table.scope)
    return _TABLES[table.scheme](graph, ids, table, preset)


def _check_scheme(scheme: str, emitters: Collection[str], scope: str) -> None:
    if scheme not in emitters:
        raise ExportError(f"{scope}: ONNX cannot say {scheme!r} here; choose one of: {', '.join(emitters)}")


def _float_rows(graph: GraphBuilder, ids: str, table: Table, _: Preset) -> str:
    return graph.node("Gather", table.scope, [graph.tensor(f"{table.scope}/weight", table.rows), ids])


def _half_rows(graph: GraphBuilder, ids: str, table: Table, _: Preset) -> str:
    name = f"{table.scope}/weight"
    rows = graph.node("Gather", table.scope, [graph.tensor(name, half_precision(table.rows, name)), ids])
    return graph.node("Cast", table.scope, [rows], to=1)


def _int8_rows(graph: GraphBuilder, ids: str, table: Table, preset: Preset) -> str:
    # rows that a product multiplies by as well are bound to the range of its weights
    rows = quantize_weight(table.rows, 0, bounded_pairs=table.shared and preset.weights.bounded_pairs)
    picked = graph.node("Gather", table.scope, [graph.tensor(f"{table.scope}/weight", rows.values), ids])
    picked = graph.node("Cast", table.scope, [picked], to=1)
    column = graph.tensor(f"{table.scope}/weight_scale", rows.scale.reshape(-1, 1))
    scale = graph.node("Gather", f"{table.scope}/scale", [column, ids])
    x = graph.node("Mul", table.scope, [picked, scale])
    return _with_errors(graph, ids, x, table, rows)


def _int4_rows(graph: GraphBuilder, ids: str, table: Table, _: Preset) -> str:
    rows = quantize_blocks(table.rows, _ROW_BLOCK)
    name, width = f"{table.scope}/weight", table.rows.shape[1]
    graph.tensor(name, rows.packed.reshape(len(rows.packed), -1))
    x = graph.node(
        "GatherBlockQuantized",
        table.scope,
        [name, ids, _block_scale(graph, table.scope, rows)],
        domain=CONTRIB,
        gather_axis=0,
        quantize_axis=1,
        block_size=_ROW_BLOCK,
    )
    if width % _ROW_BLOCK:  # the last block of a row is filled up
        x = graph.node("Slice", table.scope, [x, graph.ints(0), graph.ints(width), graph.ints(-1)])
    return _with_errors(graph, ids, x, table, rows)


def _block_scale(graph: GraphBuilder, name: str, blocks: BlockTensor) -> str:
    """Add the scales of 4-bit numbers ``[rows, blocks]``, which the engine widens when it loads them."""
    short = graph.tensor(f"{name}/weight_scale", blocks.short_scale.view(BFLOAT16))
    return graph.node("Cast", f"{name}.scale", [short], to=1)


def _with_errors(graph: GraphBuilder, ids: str, x: str, table: Table, rows: QuantizedTensor | BlockTensor) -> str:
    """Add the rounding errors that are kept beside the integers."""
    if table.directions is None:
        return x
    name = f"{table.scope}.errors"
    errors = graph.tensor(f"{name}/weight", kept_errors(table.rows, rows, table.directions))
    errors = graph.node("Gather", name, [errors, ids])
    errors = graph.node("MatMul", name, [errors, graph.tensor(f"{name}/directions", table.directions)])
    return graph.node("Add", name, [x, errors])


def _float(graph: GraphBuilder, x: str, product: Product, _: Preset) -> str:
    if product.table is not None:
        return _float_product(graph, x, product, f"{product.table}/weight")
    name = f"{product.name}/weight"
    return _float_product(graph, x, product, graph.tensor(name, np.ascontiguousarray(product.weight.T)))


def _half(graph: GraphBuilder, x: str, product: Product, _: Preset) -> str:
    weight = f"{product.table or product.name}/weight"
    if product.table is None:
        graph.tensor(weight, half_precision(np.ascontiguousarray(product.weight.T), weight))
    # on a constant: the engine does it once
    return _float_product(graph, x, product, graph.node("Cast", f"{product.name}.weight", [weight], to=1))


def _float_product(graph: GraphBuilder, x: str, product: Product, weight: str) -> str:
    """Multiply by a weight ``[in, out]``, or by a table ``[out, in]``."""
    # a product without a bias ends with the multiplication, which then has the result's name
    result = (f"{product.name}/MatMul",) if product.bias is not None else _out(product)
    if product.table is not None:
        y = graph.nodes_with("FusedMatMul", product.name, [x, weight], result, domain=CONTRIB, transB=1)[0]
    else:
        y = graph.nodes_with("MatMul", product.name, [x, weight], result)[0]
    if product.bias is None:
        return y
    return graph.nodes_with(
        "Add", product.name, [y, graph.tensor(f"{product.name}/bias", product.bias)], _out(product)
    )[0]


def _dynamic(graph: GraphBuilder, x: str, product: Product, preset: Preset) -> str:
    whole, x = x, _smoothed(graph, x, product)
    names = (f"{x}/quantized", f"{x}/scale", f"{x}/zero_point")
    if not graph.has(names[0]):  # products that read one tensor share its quantisation
        graph.nodes_with("DynamicQuantizeLinear", x, [x], names)
    return _with_outliers(graph, whole, names, product, preset)


def _static(graph: GraphBuilder, x: str, product: Product, preset: Preset) -> str:
    whole, x = x, _smoothed(graph, x, product)
    names = (f"{x}/quantized", f"{x}/scale", f"{x}/zero_point")
    if not graph.has(names[0]):
        if product.range is None:
            raise ExportError(f"{product.scope}: the scheme {STATIC!r} needs the calibrated range of {product.input!r}")
        scale, zero_point = preset.activations.parameters(*product.range)
        graph.tensor(names[1], np.asarray(scale))
        graph.tensor(names[2], np.asarray(zero_point))
        graph.nodes_with("QuantizeLinear", x, [x, names[1], names[2]], names[:1])
    return _with_outliers(graph, whole, names, product, preset)


def _int4(graph: GraphBuilder, x: str, product: Product, _: Preset) -> str:
    whole, x = x, _smoothed(graph, x, product)
    if product.outliers is None:
        return _block_product(graph, x, product, _out(product))
    y = _block_product(graph, x, product, (f"{product.name}/MatMulNBits",))
    return _add_outliers(graph, whole, y, product, product.outliers)


def _block_product(graph: GraphBuilder, x: str, product: Product, result: tuple[str]) -> str:
    name, (outputs, inputs) = product.name, product.weight.shape
    if product.table is not None:  # the engine does both once, when it loads the model
        block, scale = _ROW_BLOCK, f"{product.table}.scale/Cast"
        shape = graph.ints(outputs, -(-inputs // block), block // 2)
        weight = graph.node("Reshape", name, [f"{product.table}/weight", shape])
    else:
        block, rows = _PRODUCT_BLOCK, quantize_blocks(product.weight, _PRODUCT_BLOCK)
        weight, scale = graph.tensor(f"{name}/weight", rows.packed), _block_scale(graph, name, rows)
    bias = "" if product.bias is None else graph.tensor(f"{name}/bias", product.bias)
    return graph.nodes_with(
        "MatMulNBits",
        name,
        [x, weight, scale, "", "", bias],
        result,
        domain=CONTRIB,
        K=inputs,
        N=outputs,
        bits=4,
        block_size=block,
        accuracy_level=_INT8_INPUTS,
    )[0]


def _smoothed(graph: GraphBuilder, x: str, product: Product) -> str:
    """Multiply the channels of an input by what they are multiplied by before they are quantised."""
    if product.multipliers is None:
        return x
    multipliers = graph.tensor(f"{product.scope}/multipliers", product.multipliers)
    return graph.node("Mul", f"{product.name}.smoothed", [x, multipliers])


def _with_outliers(
    graph: GraphBuilder, x: str, quantized: tuple[str, str, str], product: Product, preset: Preset
) -> str:
    """Add the integer product and the float product of the channels that were split off."""
    if product.outliers is None:
        return _integer_product(graph, quantized, product, preset, _out(product))
    y = _integer_product(graph, quantized, product, preset, (f"{product.name}/MatMulIntegerToFloat",))
    return _add_outliers(graph, x, y, product, product.outliers)


def _add_outliers(graph: GraphBuilder, x: str, y: str, product: Product, outliers: Outliers) -> str:
    name = f"{product.name}.outliers"
    channels = graph.tensor(f"{product.scope}.outliers/channels", outliers.channels)
    picked = graph.node("Gather", name, [x, channels], axis=-1)
    weight = graph.tensor(f"{name}/weight", np.ascontiguousarray(outliers.weight.T))
    return graph.nodes_with("Add", name, [graph.node("MatMul", name, [picked, weight]), y], _out(product))[0]


def _integer_product(
    graph: GraphBuilder, x: tuple[str, str, str], product: Product, preset: Preset, result: tuple[str]
) -> str:
    quantized, scale, zero_point = x
    weight, weight_scale = _integer_weight(graph, product, preset)
    bias = "" if product.bias is None else graph.tensor(f"{product.name}/bias", product.bias)
    # weights are symmetric: their zero point is 0
    inputs = [quantized, weight, scale, weight_scale, zero_point, "", bias]
    return graph.nodes_with("MatMulIntegerToFloat", product.name, inputs, result, domain=CONTRIB)[0]


def _integer_weight(graph: GraphBuilder, product: Product, preset: Preset) -> tuple[str, str]:
    """Names of the weight ``[in, out]`` and of its scales ``[out]``."""
    name = product.name
    if product.table is not None:  # the engine does both once, when it loads the model
        weight = graph.node("Transpose", name, [f"{product.table}/weight"], perm=(1, 0))
        return weight, graph.node("Squeeze", name, [f"{product.table}/weight_scale", graph.ints(1)])
    rows = quantize_weight(product.weight, 0, bounded_pairs=preset.weights.bounded_pairs)
    weight = graph.tensor(f"{name}/weight", np.ascontiguousarray(rows.values.T))
    return weight, graph.tensor(f"{name}/weight_scale", rows.scale)


def _out(product: Product) -> tuple[str]:
    return (f"{product.name}/output",)


# scheme -> what emits it
_LINEARS: dict[str, Callable[[GraphBuilder, str, Product, Preset], str]] = {
    FLOAT: _float,
    HALF: _half,
    DYNAMIC: _dynamic,
    STATIC: _static,
    ATTENTION: _dynamic,
    INT4: _int4,
}
_TABLES: dict[str, Callable[[GraphBuilder, str, Table, Preset], str]] = {
    FLOAT: _float_rows,
    HALF: _half_rows,
    ROWS: _int8_rows,
    INT4_ROWS: _int4_rows,
}


def schemes_of(_: str) -> frozenset[str]:
    """List the schemes that ONNX can say; they are the same for every runtime."""
    return frozenset((*_LINEARS, *_TABLES))
