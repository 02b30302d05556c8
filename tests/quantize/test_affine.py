"""The arithmetic of quantisation: bounds that must hold for all numbers, and equality with ONNX Runtime."""

from __future__ import annotations

import tracemalloc

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from onnx import TensorProto, helper

from roformer_edge.errors import CalibrationError, CheckpointError, RecipeError
from roformer_edge.quantize.affine import (
    PAIR_LIMIT,
    SMALLEST_SCALE,
    Grid,
    QuantizedTensor,
    quantize_weight,
)

GRIDS = [
    Grid(dtype=dtype, symmetric=symmetric, bits=bits)
    for dtype in ("int8", "uint8")
    for symmetric in (False, True)
    for bits in (8, 5)
]
# float32 rounding of values near 255 steps, as a share of a step
ROUNDING = 1e-4

grids = st.sampled_from(GRIDS)
floats = st.floats(width=32, allow_nan=False, allow_infinity=False)
modest = st.floats(-1e6, 1e6, width=32)


def vectors(elements: st.SearchStrategy[float], **shape: int) -> st.SearchStrategy[np.ndarray]:
    return hnp.arrays(np.float32, hnp.array_shapes(min_dims=1, max_dims=3, max_side=17, **shape), elements=elements)


def on_grid(values: np.ndarray, grid: Grid, low: float, high: float) -> tuple[np.ndarray, np.float32, int]:
    """The integers of ``grid``, computed in float64 by the definition."""
    scale, zero_point = grid.parameters(low, high)
    steps = np.rint(values.astype(np.float64) / float(scale)) + int(zero_point)
    return np.clip(steps, *grid.levels), scale, int(zero_point)


# ---------------------------------------------------------------- parameters of a range


@given(grids, floats, floats)
def test_scale_is_a_normal_number_and_zero_point_a_level(grid, low, high):
    low, high = sorted((low, high))
    scale, zero_point = grid.parameters(low, high)
    assert scale.dtype == np.float32
    assert zero_point.dtype == grid.dtype
    assert np.isfinite(scale)
    assert scale >= SMALLEST_SCALE
    assert grid.levels[0] <= int(zero_point) <= grid.levels[1]


@given(grids, modest, modest, st.data())
def test_error_inside_the_range_is_at_most_half_a_step(grid, low, high, data):
    low, high = sorted((low, high))
    inside = st.floats(min(low, 0.0) + 0.0, max(high, 0.0) + 0.0, width=32)  # + 0.0 turns -0.0 into 0.0
    values = data.draw(hnp.arrays(np.float32, 20, elements=inside))
    values = np.concatenate([values, np.float32([low, high])])
    integers, scale, zero_point = on_grid(values, grid, low, high)
    error = np.abs((integers - zero_point) * float(scale) - values)
    assert error.max() <= float(scale) * (0.5 + ROUNDING)


@given(grids, modest, modest)
def test_no_grid_with_a_smaller_scale_covers_the_range(grid, low, high):
    low, high = min(low, high, 0.0), max(low, high, 0.0)
    assume(high - low > 1e-30)
    scale, _ = grid.parameters(low, high)
    first, last = grid.levels
    steps = max(-low, high) / (last - grid.middle) if grid.symmetric else (high - low) / (last - first)
    assert float(scale) == pytest.approx(max(steps, float(SMALLEST_SCALE)), rel=1e-6)


@given(grids, modest, modest)
def test_zero_is_exact(grid, low, high):
    weight = np.float32([low, 0, high])
    tensor = quantize_weight(weight, None, bits=grid.bits, symmetric=grid.symmetric, dtype=grid.dtype)
    assert tensor.values[1] == tensor.zero_point


@pytest.mark.parametrize("grid", GRIDS, ids=str)
@pytest.mark.parametrize(
    ("low", "high"),
    [
        (0.0, 0.0),
        (0.0, 1e-45),
        (-1e-45, 1e-45),
        (-3.4e38, 3.4e38),
        (-1e300, 1e300),
        (3.0, 3.0),
        (-2.0, -2.0),
        (5.0, 9.0),
    ],
)
def test_degenerate_ranges_are_safe(grid, low, high):
    scale, zero_point = grid.parameters(low, high)
    assert np.isfinite(scale)
    assert scale >= SMALLEST_SCALE
    # the bound of greater magnitude is still represented, as far as float32 has it
    bound = float(np.clip(high if high > -low else low, -3.4028235e38, 3.4028235e38))
    integer = np.clip(np.rint(bound / float(scale)) + int(zero_point), *grid.levels)
    assert abs((integer - int(zero_point)) * float(scale) - bound) <= float(scale) * (0.5 + ROUNDING)


def test_a_range_without_width_has_scale_one():
    assert Grid().parameters(0.0, 0.0) == (np.float32(1), np.uint8(0))
    assert Grid(dtype="int8", symmetric=True).parameters(0.0, 0.0) == (np.float32(1), np.int8(0))


@pytest.mark.parametrize(("low", "high"), [(np.nan, 1.0), (0.0, np.inf), (-np.inf, 0.0), (1.0, 0.0), (np.inf, -np.inf)])
def test_a_range_that_is_none_is_refused(low, high):
    with pytest.raises(CalibrationError, match="finite number"):
        Grid().parameters(low, high)


@pytest.mark.parametrize(
    ("grid", "levels"),
    [
        (Grid(), (0, 255)),
        (Grid(symmetric=True), (1, 255)),
        (Grid(dtype="int8"), (-128, 127)),
        (Grid(dtype="int8", symmetric=True), (-127, 127)),
        (Grid(dtype="int8", symmetric=True, bounded_pairs=True), (-127, 127)),
        (Grid(dtype="int8", symmetric=True, bits=4), (-7, 7)),
        (Grid(dtype="uint8", bits=4), (0, 15)),
    ],
    ids=str,
)
def test_levels(grid, levels):
    assert grid.levels == levels


@pytest.mark.parametrize("changes", [{"dtype": "int16"}, {"dtype": "float32"}, {"bits": 1}, {"bits": 9}], ids=str)
def test_a_grid_that_no_byte_holds_is_refused(changes):
    with pytest.raises(RecipeError, match="asked for"):
        Grid(**changes)


# ---------------------------------------------------------------- weights


@settings(deadline=None)
@given(vectors(modest), grids, st.integers(-1, 2))
def test_weight_comes_back_within_half_a_step_of_its_slice(weight, grid, axis):
    axis = None if axis >= weight.ndim or axis < 0 else axis
    tensor = quantize_weight(weight, axis, bits=grid.bits, symmetric=grid.symmetric, dtype=grid.dtype)
    assert tensor.values.dtype == grid.dtype
    assert tensor.values.min() >= grid.levels[0]
    assert tensor.values.max() <= grid.levels[1]
    slices = [weight] if axis is None else np.moveaxis(weight, axis, 0)
    back = [tensor.dequantize()] if axis is None else np.moveaxis(tensor.dequantize(), axis, 0)
    for own, got, scale in zip(slices, back, np.atleast_1d(tensor.scale), strict=True):
        assert np.abs(got.astype(np.float64) - own).max() <= float(scale) * (0.5 + ROUNDING)
        assert scale == grid.parameters(float(own.min()), float(own.max()))[0]


def test_rounding_is_half_to_even():
    weight = np.float32([127, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5])  # the scale is 1
    assert quantize_weight(weight, None).values.tolist() == [127, 0, 2, 2, 0, -2, -2]


def test_negative_axis_counts_from_the_end():
    weight = np.random.default_rng(0).standard_normal((4, 6)).astype(np.float32)
    last, named = quantize_weight(weight, -1), quantize_weight(weight, 1)
    assert last.axis == 1
    assert np.array_equal(last.values, named.values)
    assert last.scale.shape == (6,)


def test_rows_of_an_embedding_have_scales_of_their_own():
    rows = np.float32([[1, -2], [100, 50], [0, 0]])
    tensor = quantize_weight(rows, 0)
    assert tensor.values.tolist() == [[64, -127], [127, 64], [0, 0]]
    assert tensor.scale == pytest.approx([2 / 127, 100 / 127, 1])
    assert tensor.nbytes == 6 + 12 + 3


@settings(deadline=None)
@given(
    hnp.arrays(np.float32, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=modest), st.sampled_from([0, None])
)
def test_bounded_pairs_are_bounded_and_no_coarser_than_need_be(weight, axis):
    tensor = quantize_weight(weight, axis, bounded_pairs=True)
    integers = tensor.values.astype(int)
    even = weight.shape[1] // 2 * 2
    pairs = integers[:, 0:even:2] + integers[:, 1:even:2]
    assert np.abs(pairs).max(initial=0) <= PAIR_LIMIT
    assert np.abs(integers).max() <= 127
    assert np.abs(tensor.dequantize() - weight).max(initial=0) <= tensor.scale.max() * (0.5 + ROUNDING)
    # some weight, or some pair, reaches the end of the scale
    slices = [weight] if axis is None else [row[None] for row in weight]
    for own, scale in zip(slices, np.atleast_1d(tensor.scale), strict=True):
        largest = max(np.abs(own).max(), np.abs(own[:, 0:even:2] + own[:, 1:even:2]).max(initial=0))
        assert scale == pytest.approx(largest / 127 if largest > 1e-30 else scale, rel=1e-5)


def test_bounded_pairs_cost_little_of_eight_bits():
    weight = np.random.default_rng(0).standard_normal((64, 768)).astype(np.float32)
    errors = [np.std(quantize_weight(weight, 0, bounded_pairs=pairs).dequantize() - weight) for pairs in (False, True)]
    assert errors[0] < errors[1] < 1.5 * errors[0]


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_other_floats_are_taken_as_float32(dtype):
    weight = np.random.default_rng(0).standard_normal((4, 6)).astype(dtype)
    assert np.array_equal(quantize_weight(weight, 0).values, quantize_weight(weight.astype(np.float32), 0).values)


@pytest.mark.parametrize("order", ["C", "F"])
def test_an_embedding_table_is_quantised_without_a_copy_in_floats(order):
    table = np.asarray(np.random.default_rng(0).standard_normal((20_000, 256), np.float32), order=order)
    for axis, pairs in ((0, False), (0, True), (1, False), (None, False), (None, True)):
        tracemalloc.start()
        tensor = quantize_weight(table, axis, bounded_pairs=pairs)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak - tensor.nbytes < 4 * 2**20, f"axis {axis}: {peak} bytes for {tensor.nbytes} of integers"


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e39])
def test_a_weight_that_is_not_finite_is_refused(bad):
    weight = np.ones((3, 4))
    weight[1, 2] = bad
    with pytest.raises(CheckpointError, match="NaN or infinity"):
        quantize_weight(weight, 0)


def test_nonsense_is_refused():
    with pytest.raises(CheckpointError, match="no elements"):
        quantize_weight(np.ones((0, 4), np.float32), 0)
    with pytest.raises(RecipeError, match="axis 2"):
        quantize_weight(np.ones((3, 4), np.float32), 2)
    with pytest.raises(RecipeError, match="int16"):
        quantize_weight(np.ones((3, 4), np.float32), 0, dtype=np.int16)
    with pytest.raises(RecipeError, match="axis 1 of 2; use axis 0"):
        quantize_weight(np.ones((3, 4), np.float32), 1, bounded_pairs=True)
    with pytest.raises(RecipeError, match="not symmetric int8"):
        quantize_weight(np.ones((3, 4), np.float32), 0, bounded_pairs=True, dtype=np.uint8)


def test_scales_must_fit_their_integers():
    parts = {"values": np.zeros((2, 3), np.int8), "scale": np.ones(2, np.float32), "zero_point": np.zeros(2, np.int8)}
    assert QuantizedTensor(**parts, axis=0).dequantize().shape == (2, 3)
    with pytest.raises(ValueError, match="shape"):
        QuantizedTensor(**parts, axis=1)
    with pytest.raises(ValueError, match="shape"):
        QuantizedTensor(**parts)
    with pytest.raises(ValueError, match="float32"):
        QuantizedTensor(**{**parts, "scale": np.ones(2)}, axis=0)
    with pytest.raises(ValueError, match="int8"):
        QuantizedTensor(**{**parts, "zero_point": np.zeros(2, np.uint8)}, axis=0)


# ---------------------------------------------------------------- equality with ONNX Runtime


def session(node: onnx.NodeProto, inputs: dict[str, int], outputs: dict[str, int]) -> onnxruntime.InferenceSession:
    graph = helper.make_graph(
        [node],
        "one node",
        [helper.make_tensor_value_info(name, kind, None) for name, kind in inputs.items()],
        [helper.make_tensor_value_info(name, kind, None) for name, kind in outputs.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


KINDS = {"int8": TensorProto.INT8, "uint8": TensorProto.UINT8}


@pytest.fixture(scope="module", params=["int8", "uint8"])
def engine(request):
    """QuantizeLinear and DequantizeLinear of one integer type, along axis 1 where scales are many."""
    kind = KINDS[request.param]
    forward = session(
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["y"], axis=1),
        {"x": TensorProto.FLOAT, "s": TensorProto.FLOAT, "z": kind},
        {"y": kind},
    )
    backward = session(
        helper.make_node("DequantizeLinear", ["y", "s", "z"], ["x"], axis=1),
        {"y": kind, "s": TensorProto.FLOAT, "z": kind},
        {"x": TensorProto.FLOAT},
    )
    return request.param, forward, backward


@pytest.mark.parametrize("axis", [None, 1])
@pytest.mark.parametrize("spread", [1e-3, 1.0, 1e4])
def test_integers_equal_those_of_quantize_linear(engine, axis, spread):
    dtype, forward, backward = engine
    rng = np.random.default_rng(7)
    values = (rng.standard_normal((33, 65)) * spread).astype(np.float32)
    tensor = quantize_weight(values, axis, dtype=dtype, symmetric=False)
    feeds = {"s": tensor.scale, "z": tensor.zero_point}
    assert np.array_equal(tensor.values, forward.run(None, {"x": values, **feeds})[0])
    assert np.array_equal(tensor.dequantize(), backward.run(None, {"y": tensor.values, **feeds})[0])


@pytest.fixture(scope="module")
def dynamic():
    return session(
        helper.make_node("DynamicQuantizeLinear", ["x"], ["y", "s", "z"]),
        {"x": TensorProto.FLOAT},
        {"y": TensorProto.UINT8, "s": TensorProto.FLOAT, "z": TensorProto.UINT8},
    )


@settings(deadline=None, max_examples=150)
@given(values=vectors(modest))
def test_parameters_equal_those_of_dynamic_quantize_linear(dynamic, values):
    # where the range is so narrow that the engine's scale is denormal, ours deliberately is not
    assume(not 0 < np.ptp(np.append(values, 0)) < 255 * SMALLEST_SCALE)
    integers, scale, zero_point = dynamic.run(None, {"x": values})
    assert Grid().parameters(float(values.min()), float(values.max())) == (scale, zero_point)
    assert np.array_equal(quantize_weight(values, None, dtype=np.uint8, symmetric=False).values, integers)


def test_many_values_equal_those_of_dynamic_quantize_linear(dynamic):
    rng = np.random.default_rng(3)
    for _ in range(20):
        values = (rng.standard_t(3, 4096) * 10 ** rng.uniform(-6, 6) + rng.normal()).astype(np.float32)
        integers, scale, zero_point = dynamic.run(None, {"x": values})
        tensor = quantize_weight(values, None, dtype=np.uint8, symmetric=False)
        assert (tensor.scale, tensor.zero_point) == (scale, zero_point)
        assert np.array_equal(tensor.values, integers)
