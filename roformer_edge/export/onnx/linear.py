"""One linear product or one embedding table in ONNX, in the number format that was decided for it.

``y = x W + b`` is emitted in one of three ways, all with float32 in and out:

- float32: ``MatMul`` and ``Add``;
- int8-dynamic: ``DynamicQuantizeLinear`` of x, then ``MatMulIntegerToFloat``;
- int8-static: ``QuantizeLinear`` of x with a calibrated range, then ``MatMulIntegerToFloat``.

The integer product is the one that onnxruntime would fuse from ``MatMulInteger``, ``Cast``, ``Mul`` and ``Add``; it is
written as such because loading is quicker without the search and the fusion then cannot be missed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from roformer_edge.errors import ExportError
from roformer_edge.export.onnx.graph import CONTRIB, Parts
from roformer_edge.quantize.affine import quantize_weight
from roformer_edge.quantize.presets import Preset
from roformer_edge.quantize.recipe import DYNAMIC, FLOAT, ROWS, STATIC


@dataclass(frozen=True, kw_only=True)
class Precision:
    """What the linears of one graph need to know beyond their scheme.

    Attributes:
        preset: Integer types that suit the processor.
        ranges: Tensor name -> (low, high) of the values it takes, for the static scheme.
    """

    preset: Preset
    ranges: Mapping[str, tuple[float, float]]


@dataclass(frozen=True, kw_only=True)
class Product:
    """The numbers of one linear product.

    Attributes:
        scope: Where it stands in the network; scopes that read one tensor share its quantisation.
        name: Prefix of its nodes and weights; equals ``scope`` unless a scope is emitted in several products.
        weight: ``[out, in]``, float32.
        bias: ``[out]``, float32, or none.
        table: Name of an embedding in the graph that holds the same numbers in the same precision; the product then
            multiplies by that, and the file holds them once.
    """

    scope: str
    name: str
    weight: np.ndarray
    bias: np.ndarray | None
    table: str | None = None


def emit_linear(parts: Parts, x: str, product: Product, scheme: str, precision: Precision) -> str:
    """Add ``x @ weight.T + bias`` to the graph and return the name of the result."""
    parts.linear_inputs[product.scope] = (*parts.linear_inputs.get(product.scope, ()), x)
    return _EMITTERS[scheme](parts, x, product, precision)


def emit_embedding(
    parts: Parts, ids: str, scope: str, table: np.ndarray, scheme: str, *, reduce_range: bool = False
) -> str:
    """Look up rows of ``table`` [rows, width]; return the name of the float32 result [..., width].

    ``reduce_range`` bounds integers to 7 bits, as for the weights of a product.
    """
    if scheme == FLOAT:
        return parts.node("Gather", scope, [parts.tensor(f"{scope}/weight", table), ids])
    if scheme != ROWS:
        raise ExportError(f"{scope}: the ONNX exporter has no embedding in the scheme {scheme!r}")
    rows = quantize_weight(table, 0, reduce_range=reduce_range)
    picked = parts.node("Gather", scope, [parts.tensor(f"{scope}/weight", rows.values), ids])
    picked = parts.node("Cast", scope, [picked], to=1)
    column = rows.scale.reshape(-1, 1)
    scale = parts.node("Gather", f"{scope}/scale", [parts.tensor(f"{scope}/weight_scale", column), ids])
    return parts.node("Mul", scope, [picked, scale])


def _float(parts: Parts, x: str, product: Product, _: Precision) -> str:
    # a product without a bias ends with the multiplication, which then has the result's name
    result = (f"{product.name}/MatMul",) if product.bias is not None else _out(product)
    if product.table is not None:
        table = f"{product.table}/weight"
        y = parts.nodes_with("FusedMatMul", product.name, [x, table], result, domain=CONTRIB, transB=1)[0]
    else:
        weight = parts.tensor(f"{product.name}/weight", np.ascontiguousarray(product.weight.T))
        y = parts.nodes_with("MatMul", product.name, [x, weight], result)[0]
    if product.bias is None:
        return y
    return parts.nodes_with(
        "Add", product.name, [y, parts.tensor(f"{product.name}/bias", product.bias)], _out(product)
    )[0]


def _dynamic(parts: Parts, x: str, product: Product, precision: Precision) -> str:
    names = (f"{x}/quantized", f"{x}/scale", f"{x}/zero_point")
    if not any(names[0] in node.output for node in parts.nodes):
        parts.nodes_with("DynamicQuantizeLinear", x, [x], names)
    return _integer_product(parts, names, product, precision)


def _static(parts: Parts, x: str, product: Product, precision: Precision) -> str:
    names = (f"{x}/quantized", f"{x}/scale", f"{x}/zero_point")
    if not any(names[0] in node.output for node in parts.nodes):
        if x not in precision.ranges:
            raise ExportError(f"{product.scope}: the scheme {STATIC!r} needs the calibrated range of {x!r}")
        scale, zero_point = precision.preset.activations.parameters(*precision.ranges[x])
        parts.tensor(names[1], np.asarray(scale))
        parts.tensor(names[2], np.asarray(zero_point))
        parts.nodes_with("QuantizeLinear", x, [x, names[1], names[2]], names[:1])
    return _integer_product(parts, names, product, precision)


def _integer_product(parts: Parts, x: tuple[str, str, str], product: Product, precision: Precision) -> str:
    quantized, scale, zero_point = x
    weight, weight_scale = _integer_weight(parts, product, precision)
    bias = "" if product.bias is None else parts.tensor(f"{product.name}/bias", product.bias)
    # weights are symmetric: their zero point is 0
    inputs = [quantized, weight, scale, weight_scale, zero_point, "", bias]
    return parts.nodes_with("MatMulIntegerToFloat", product.name, inputs, _out(product), domain=CONTRIB)[0]


def _integer_weight(parts: Parts, product: Product, precision: Precision) -> tuple[str, str]:
    """Names of the weight ``[in, out]`` and of its scales ``[out]``."""
    name = product.name
    if product.table is not None:  # the engine does both once, when it loads the model
        weight = parts.node("Transpose", name, [f"{product.table}/weight"], perm=(1, 0))
        return weight, parts.node("Squeeze", name, [f"{product.table}/weight_scale", parts.ints(1)])
    rows = quantize_weight(product.weight, 0, reduce_range=precision.preset.weights.reduce_range)
    weight = parts.tensor(f"{name}/weight", np.ascontiguousarray(rows.values.T))
    return weight, parts.tensor(f"{name}/weight_scale", rows.scale)


def _out(product: Product) -> tuple[str]:
    """The name of the result: the same in every scheme, so that ranges measured in one graph serve another."""
    return (f"{product.name}/output",)


_EMITTERS: dict[str, Callable[[Parts, str, Product, Precision], str]] = {
    FLOAT: _float,
    DYNAMIC: _dynamic,
    STATIC: _static,
}
