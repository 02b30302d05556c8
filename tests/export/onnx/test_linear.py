"""One product and one table in ONNX, in every number format: against the same arithmetic in numpy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from roformer_edge.errors import ExportError
from roformer_edge.export.network.emitter import Product, Table
from roformer_edge.export.network.weights import Weights
from roformer_edge.export.onnx.emitter import build_graph
from roformer_edge.export.onnx.graph import GraphBuilder
from roformer_edge.export.onnx.linear import _LINEARS, _TABLES, emit_linear, emit_table
from roformer_edge.quantize.affine import quantize_weight
from roformer_edge.quantize.blocks import quantize_blocks
from roformer_edge.quantize.outliers import Smoothing
from roformer_edge.quantize.presets import get_preset
from roformer_edge.quantize.recipe import SCHEMES, Decision, get_recipe, resolve
from roformer_edge.scopes import scopes_of
from roformer_edge.signatures import TensorSpec
from roformer_edge.tasks import Task
from tests.export.conftest import TASK
from tests.onnx_export import export_onnx, recipe_options

PRESETS_BY_NAME = ("x86", "x86-vnni", "arm")
RANDOM = np.random.default_rng(4)
WEIGHT = RANDOM.normal(size=(6, 16)).astype(np.float32)
STATES = RANDOM.normal(size=(2, 5, 16)).astype(np.float32)
PRODUCT = Product(scope="ffn", name="ffn", input="ffn", weight=WEIGHT, bias=np.arange(6, dtype=np.float32))
RANGE = (float(STATES.min()), float(STATES.max()))


def multiply(
    product: Product, preset: str = "x86-vnni", table: Table | None = None, x: np.ndarray = STATES
) -> np.ndarray:
    """What the graph of one product answers."""
    graph = GraphBuilder()
    if table is not None:
        emit_table(graph, "ids", table, get_preset(preset))
    graph.output("y", emit_linear(graph, "x", product, get_preset(preset)))
    assert graph.marks == {product.input: "x"}
    states = TensorSpec(name="x", dtype="float32", axes=("batch", "sequence", str(product.weight.shape[1])))
    ids = TensorSpec(name="ids", dtype="int64", axes=("batch", "sequence"))
    y = TensorSpec(name="y", dtype="float32", axes=("batch", "sequence", str(len(product.weight))))
    session = ort.InferenceSession(graph.finish([states, ids] if table else [states], [y]).to_bytes())
    feeds = {"x": x, "ids": np.zeros(x.shape[:2], np.int64)}
    return session.run(["y"], {spec.name: feeds[spec.name] for spec in session.get_inputs()})[0]


def _initializers(product: Product, table: Table) -> list[str]:
    graph = GraphBuilder()
    emit_table(graph, "ids", table, get_preset("x86"))
    emit_linear(graph, "x", product, get_preset("x86"))
    return [*graph.tensors]


def look_up(table: Table, ids: np.ndarray, preset: str = "x86-vnni") -> np.ndarray:
    graph = GraphBuilder()
    graph.output("y", emit_table(graph, "ids", table, get_preset(preset)))
    spec = TensorSpec(name="ids", dtype="int64", axes=("batch", "sequence"))
    y = TensorSpec(name="y", dtype="float32", axes=("batch", "sequence", str(table.rows.shape[1])))
    return ort.InferenceSession(graph.finish([spec], [y]).to_bytes()).run(None, {"ids": ids})[0]


def by_hand(product: Product, preset: str, low: float, high: float) -> np.ndarray:
    """Quantise both sides as the preset says and multiply what they stand for, in float64."""
    grid, bounded = get_preset(preset).activations, get_preset(preset).weights.bounded_pairs
    scale, zero_point = grid.parameters(low, high)
    integers = np.clip(np.rint(STATES / scale) + int(zero_point), *grid.levels)
    values = (integers - int(zero_point)) * np.float64(scale)
    weight = quantize_weight(product.weight, 0, bounded_pairs=bounded).dequantize().astype(np.float64)
    return values @ weight.T + (0 if product.bias is None else product.bias)


@pytest.mark.parametrize("bias", [None, PRODUCT.bias], ids=["no bias", "bias"])
def test_a_float_product_is_the_product(bias):
    found = multiply(replace(PRODUCT, bias=bias))
    np.testing.assert_allclose(found, STATES @ WEIGHT.T + (0 if bias is None else bias), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("preset", PRESETS_BY_NAME)
@pytest.mark.parametrize("bias", [None, PRODUCT.bias], ids=["no bias", "bias"])
def test_a_static_product_is_that_of_the_integers(preset, bias):
    product = replace(PRODUCT, bias=bias, scheme="int8-static", range=RANGE)
    np.testing.assert_allclose(multiply(product, preset), by_hand(product, preset, *RANGE), rtol=1e-4, atol=1e-4)


def test_a_static_product_keeps_to_its_range():
    narrow = replace(PRODUCT, scheme="int8-static", range=(-0.5, 0.75))
    np.testing.assert_allclose(multiply(narrow), by_hand(narrow, "x86-vnni", -0.5, 0.75), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("preset", ["x86", "x86-vnni"])
def test_a_dynamic_product_takes_the_range_of_what_it_is_given(preset):
    product = replace(PRODUCT, scheme="int8-dynamic")
    np.testing.assert_allclose(multiply(product, preset), by_hand(product, preset, *RANGE), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("scheme", ["int8-dynamic", "int8-static"])
def test_outlier_channels_are_scaled_or_multiplied_in_floating_point(scheme):
    large = WEIGHT.copy()
    large[:, 3] /= 100
    states = STATES.copy()
    states[..., 3] *= 100
    factors = np.ones(16, np.float32)
    factors[5] = 4
    smoothing = Smoothing(channels=np.array([3, 5]), ratio=60.0, factors=factors, split=np.array([3]))
    plain = replace(PRODUCT, weight=large, scheme=scheme, range=(float(states.min()), float(states.max())))
    treated = replace(plain.smoothed(smoothing), range=RANGE)
    untreated, error = (np.abs(multiply(one, x=states) - multiply(PRODUCT)).max() for one in (plain, treated))
    assert error < 0.3 < untreated


def test_outlier_channels_of_a_product_of_4_bits_are_treated_alike():
    factors = np.ones(16, np.float32)
    factors[5] = 4
    smoothing = Smoothing(channels=np.array([3, 5]), ratio=60.0, factors=factors, split=np.array([3]))
    product = replace(PRODUCT, scheme="int4-dynamic").smoothed(smoothing)
    x = STATES.copy()
    x[..., 3] *= 1000
    columns = quantize_blocks(product.weight, 32).dequantize()
    wanted = x * smoothing.multipliers @ columns.T + x[..., [3]] @ WEIGHT[:, [3]].T + PRODUCT.bias
    np.testing.assert_allclose(multiply(product, x=x), wanted, rtol=1e-4, atol=0.06)


def test_a_float_table_gives_its_rows():
    rows = RANDOM.normal(size=(9, 16)).astype(np.float32)
    ids = np.array([[0, 8, 3]])
    np.testing.assert_array_equal(look_up(Table(scope="words", ids="input_ids", rows=rows), ids), rows[ids])


@pytest.mark.parametrize("shared", [False, True])
def test_rows_of_bytes_give_what_they_stand_for(shared):
    rows = RANDOM.normal(size=(9, 16)).astype(np.float32) * np.arange(1, 10, dtype=np.float32)[:, None]
    ids = np.array([[0, 8, 3]])
    table = Table(scope="words", ids="input_ids", rows=rows, scheme="int8-rows", shared=shared)
    wanted = quantize_weight(rows, 0, bounded_pairs=shared).dequantize()[ids]
    np.testing.assert_allclose(look_up(table, ids, "x86"), wanted, rtol=1e-6)


def test_errors_of_rows_are_added_where_they_are_kept():
    rows = RANDOM.normal(size=(9, 16)).astype(np.float32)
    directions = np.eye(16, dtype=np.float32)[[2, 7]]
    table = Table(scope="words", ids="input_ids", rows=rows, scheme="int8-rows", directions=directions)
    ids = np.arange(9)[None]
    error = np.abs(look_up(table, ids)[0] - rows)
    assert error[:, [2, 7]].max() < 1e-6 < 1e-3 < error.max()


def test_half_precision_is_what_is_stored_and_not_what_is_computed_in():
    product = replace(PRODUCT, scheme="float16")
    wanted = STATES @ WEIGHT.astype(np.float16).astype(np.float32).T + PRODUCT.bias
    np.testing.assert_allclose(multiply(product), wanted, rtol=1e-4, atol=1e-5)
    rows = RANDOM.normal(size=(9, 16)).astype(np.float32)
    ids = np.array([[0, 8, 3]])
    found = look_up(Table(scope="words", ids="input_ids", rows=rows, scheme="float16"), ids)
    np.testing.assert_array_equal(found, rows.astype(np.float16)[ids].astype(np.float32))
    with pytest.raises(ExportError, match=r"ffn/weight: 1e\+06 is more than 16-bit floating point holds"):
        multiply(replace(product, weight=np.full_like(WEIGHT, 1e6)))


# widths that blocks fill, that they do not, and an odd one
@pytest.mark.parametrize("width", [64, 48, 31])
@pytest.mark.parametrize("bias", [None, PRODUCT.bias], ids=["no bias", "bias"])
def test_a_product_of_4_bits_is_that_of_its_blocks(width, bias):
    weight = RANDOM.normal(size=(6, width)).astype(np.float32) * np.exp(RANDOM.normal(size=(6, 1))).astype(np.float32)
    x = RANDOM.normal(size=(2, 5, width)).astype(np.float32)
    x[0, 3] *= 100  # a position that would take the range of all others
    found = multiply(replace(PRODUCT, weight=weight, bias=bias, scheme="int4-dynamic"), x=x)
    stored = quantize_blocks(weight, 32).dequantize()
    wanted = x @ stored.T + (0 if bias is None else bias)
    # inputs are rounded to 8 bits, with a range for each position
    share = np.abs(found - wanted).max(-1) / (np.linalg.norm(x, axis=-1) * np.linalg.norm(stored, axis=-1).max())
    assert share.max() < 0.01
    if bias is None:
        assert share.max() > 0


def test_a_product_of_4_bits_answers_each_position_alone():
    rng = np.random.default_rng(11)
    weight, x = rng.normal(size=(96, 256)).astype(np.float32), rng.normal(size=(7, 9, 256)).astype(np.float32)
    product = replace(PRODUCT, weight=weight, bias=None, scheme="int4-dynamic")
    together = multiply(product, x=x)
    for row in range(len(x)):
        np.testing.assert_array_equal(multiply(product, x=x[row : row + 1])[0], together[row])
    np.testing.assert_array_equal(multiply(product, x=x[:, :1]), together[:, :1])


@pytest.mark.parametrize("width", [64, 48, 31])
def test_rows_of_4_bits_give_what_they_stand_for(width):
    rows = RANDOM.normal(size=(9, width)).astype(np.float32) * np.arange(1, 10, dtype=np.float32)[:, None]
    ids = np.array([[0, 8, 3]])
    table = Table(scope="words", ids="input_ids", rows=rows, scheme="int4-rows")
    np.testing.assert_array_equal(look_up(table, ids), quantize_blocks(rows, 64).dequantize()[ids])
    errors = replace(table, directions=np.eye(width, dtype=np.float32)[[2, 7]])
    left = np.abs(look_up(errors, ids) - rows[ids])
    assert left[..., [2, 7]].max() < 1e-5 < 1e-2 < left.max()


@pytest.mark.parametrize(
    ("rows", "product"),
    [("float32", "float32"), ("float16", "float16"), ("int8-rows", "int8-dynamic"), ("int4-rows", "int4-dynamic")],
)
def test_a_product_may_multiply_by_the_rows_of_a_table(rows, product):
    weight = RANDOM.normal(size=(9, 16)).astype(np.float32)
    table = Table(scope="words", ids="input_ids", rows=weight, scheme=rows, shared=True)
    shared = replace(PRODUCT, weight=weight, bias=None, scheme=product, table="words")
    alone = replace(shared, table=None)
    # alone, rows of 4 bits have smaller blocks; a width below either is one block
    np.testing.assert_allclose(multiply(shared, table=table), multiply(alone), rtol=1e-5, atol=1e-5)
    stored = [tensor for tensor in _initializers(shared, table) if tensor.endswith("/weight")]
    assert stored == ["words/weight"]


def test_a_scheme_that_is_not_offered_lists_those_that_are():
    preset, graph = get_preset("x86"), GraphBuilder()
    with pytest.raises(ExportError, match="ffn: ONNX cannot say 'int4' here; choose one of: float32, float16, int8"):
        emit_linear(graph, "x", replace(PRODUCT, scheme="int4"), preset)
    table = Table(scope="words", ids="input_ids", rows=WEIGHT, scheme="int8-dynamic")
    with pytest.raises(
        ExportError, match=r"words: ONNX cannot say 'int8-dynamic' here; .* float32, float16, int8-rows, int4-rows"
    ):
        emit_table(graph, "ids", table, preset)


def test_what_is_emitted_is_what_recipes_call_by_these_names():
    assert {*_LINEARS, *_TABLES} == set(SCHEMES)
    for emitters, kinds in ((_LINEARS, {"linear", "attention"}), (_TABLES, {"embedding"})):
        assert all(kinds & set(SCHEMES[scheme].kinds) for scheme in emitters)


def test_static_ranges_must_be_there(make_checkpoint):
    checkpoint = make_checkpoint()
    decisions: dict[str, Decision] = resolve(get_recipe("int8-static"), scopes_of(checkpoint.config, TASK))
    weights = Weights(config=checkpoint.config, arrays=checkpoint.arrays, decisions=decisions)
    with pytest.raises(ExportError, match=r"needs the calibrated range of 'layer.0.attention.qkv'"):
        build_graph(weights, TASK, recipe_options("int8-static"))


def test_scopes_that_share_an_input_share_its_quantisation(make_checkpoint):
    checkpoint = make_checkpoint()
    model = onnx.load_model_from_string(exported_bytes(checkpoint, "int8-dynamic"))
    sources = [node.input[0] for node in model.graph.node if node.op_type == "DynamicQuantizeLinear"]
    assert len(sources) == len(set(sources))


def test_quantised_weights_are_stored_in_bytes(make_checkpoint):
    checkpoint = make_checkpoint()
    model = onnx.load_model_from_string(exported_bytes(checkpoint, "int8-dynamic"))
    kinds = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    for scope in scopes_of(checkpoint.config, TASK):
        if scope.name in ("embeddings.type", "head.output", "layer.2.attention.qkv"):
            continue
        assert kinds[f"{scope.name}/weight"] == onnx.TensorProto.INT8, scope.name
    assert kinds["layer.2.attention.q/weight"] == kinds["layer.2.attention.kv/weight"] == onnx.TensorProto.INT8


def exported_bytes(checkpoint, recipe: str, task: Task = TASK, preset: str = "x86-vnni", batches=None) -> bytes:
    return export_onnx(checkpoint, task, recipe_options(recipe, preset), batches).artifact.to_bytes()
