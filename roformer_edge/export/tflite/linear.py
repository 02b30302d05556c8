"""One linear product or one embedding table in TFLite, in the number format that was decided for it.

Products are ``FULLY_CONNECTED`` throughout; what differs is the type of the weight:

- float32;
- int8-dynamic: int8 rows with a scale each; the engine measures the range of every row of the input as it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np

from roformer_edge.errors import ExportError
from roformer_edge.export.network.emitter import Product, Table
from roformer_edge.export.tflite.flatbuffer import Constant, Graph, Quantization, Tensor
from roformer_edge.quantize.affine import quantize_weight
from roformer_edge.quantize.recipe import DYNAMIC, FLOAT, ROWS

# The oldest version of each operator that computes what is written here. tflite-runtime 2.14 knows an older one of the
# last two, takes the first of many scales for all of them, and would answer nonsense without a word.
_FLOAT_PRODUCT = 1
_FLOAT_LOOKUP = 1
_CHANNEL_PRODUCT = 12
_ROWS_LOOKUP = 4


def emit_linear(graph: Graph, x: Tensor, product: Product) -> Tensor:
    """Add ``x @ weight.T + bias`` to the graph and return the result."""
    _check_scheme(product.scheme, _LINEARS, product.scope)
    return _LINEARS[product.scheme](graph, x, product)


def emit_table(graph: Graph, ids: Tensor, table: Table) -> Tensor:
    """Look up rows of a table; return the float32 result ``[positions, width]``."""
    _check_scheme(table.scheme, _TABLES, table.scope)
    return _TABLES[table.scheme](graph, ids, table)


def _check_scheme(scheme: str, emitters: Collection[str], scope: str) -> None:
    if scheme not in emitters:
        raise ExportError(f"{scope}: TFLite cannot say {scheme!r} here; choose one of: {', '.join(emitters)}")


def _float_rows(graph: Graph, ids: Tensor, table: Table) -> Tensor:
    rows = graph.constant(f"{table.scope}/weight", table.rows)
    return _look_up(graph, ids, rows, table, _FLOAT_LOOKUP)


def _int8_rows(graph: Graph, ids: Tensor, table: Table) -> Tensor:
    rows = graph.constant(f"{table.scope}/weight", lambda: _per_row(f"{table.scope}/weight", table.rows))
    return _look_up(graph, ids, rows, table, _ROWS_LOOKUP)


def _look_up(graph: Graph, ids: Tensor, rows: Tensor, table: Table, version: int) -> Tensor:
    shape = (*ids.shape, rows.shape[1])
    return graph.op("EMBEDDING_LOOKUP", table.scope, [ids, rows], shape, version=version)


def _float(graph: Graph, x: Tensor, product: Product) -> Tensor:
    weight = graph.constant(_weight_name(product), product.weight)
    return _fully_connected(graph, x, weight, product, _FLOAT_PRODUCT)


def _dynamic(graph: Graph, x: Tensor, product: Product) -> Tensor:
    name = _weight_name(product)
    weight = graph.constant(name, lambda: _per_row(name, product.weight))
    # what the engine's own kernels do; the delegates for processors measure both ends of a range in any case
    return _fully_connected(graph, x, weight, product, _CHANNEL_PRODUCT, asymmetricQuantizeInputs=True)


def _fully_connected(
    graph: Graph, x: Tensor, weight: Tensor, product: Product, version: int, **options: bool
) -> Tensor:
    bias = None if product.bias is None else graph.constant(f"{product.name}/bias", product.bias)
    shape = (*x.shape[:-1], weight.shape[0])
    return graph.op(
        "FULLY_CONNECTED", product.name, [x, weight, bias], shape, version=version, keepNumDims=True, **options
    )


def _weight_name(product: Product) -> str:
    return f"{product.table or product.name}/weight"


def _per_row(name: str, weight: np.ndarray) -> Constant:
    rows = quantize_weight(weight, 0)
    return Constant(
        name=name,
        array=rows.values,
        shape=weight.shape,
        dtype="int8",
        quantization=Quantization(scale=rows.scale, axis=0),
    )


# scheme -> what emits it
_LINEARS: dict[str, Callable[[Graph, Tensor, Product], Tensor]] = {FLOAT: _float, DYNAMIC: _dynamic}
_TABLES: dict[str, Callable[[Graph, Tensor, Table], Tensor]] = {FLOAT: _float_rows, ROWS: _int8_rows}
