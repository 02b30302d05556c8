"""Each scheme computes what its numbers say, in the operators that the runtime it is for understands."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert", reason="the engine is not installed: pip install 'roformer-edge[tflite]'")

from ai_edge_litert.interpreter import Interpreter

from roformer_edge.errors import ExportError
from roformer_edge.export.network.emitter import Outliers, Product, Table
from roformer_edge.export.tflite.flatbuffer import DYNAMIC_AXIS, Constants, Graph, write_model
from roformer_edge.export.tflite.linear import RUNTIMES, emit_linear, emit_table
from roformer_edge.formats import get_format
from roformer_edge.quantize.affine import quantize_weight
from roformer_edge.quantize.blocks import quantize_blocks
from roformer_edge.quantize.recipe import DYNAMIC, FLOAT, HALF, INT4, INT4_ROWS, ROWS, SCHEMES, STATIC
from tests.tflite_export import data, operators, read, tensors

RANDOM = np.random.default_rng(5)
X = RANDOM.normal(0, 1, (9, 32)).astype(np.float32)
# rows of very different sizes, which one scale for all would ruin
WEIGHT = (RANDOM.normal(0, 1, (12, 32)) * 10.0 ** RANDOM.integers(-3, 2, (12, 1))).astype(np.float32)
BIAS = RANDOM.normal(0, 1, 12).astype(np.float32)
REAL = X @ WEIGHT.T + BIAS
IDS = np.array([3, 11, 0, 3], np.int32)
NEW, OLD = RUNTIMES


def product(scheme: str, weight: np.ndarray = WEIGHT, **changes: object) -> Product:
    values = {"scope": "part", "name": "part", "input": "part", "weight": weight, "bias": BIAS, "scheme": scheme}
    return Product(**{**values, **changes})


def linear(made: Product, runtime: str = NEW) -> bytes:
    graph = Graph(name="default", constants=Constants())
    x = graph.input("x", (DYNAMIC_AXIS, made.weight.shape[1]), "float32")
    graph.output("y", emit_linear(graph, x, made, runtime))
    return b"".join(write_model([graph], "a product"))


def lookup(table: Table, runtime: str = NEW) -> bytes:
    graph = Graph(name="default", constants=Constants())
    graph.output("y", emit_table(graph, graph.input("ids", (DYNAMIC_AXIS,), "int32"), table, runtime))
    return b"".join(write_model([graph], "a table"))


def run(content: bytes, **feeds: np.ndarray) -> np.ndarray:
    return Interpreter(model_content=content).get_signature_runner("default")(**feeds)["y"]


def share(found: np.ndarray, wanted: np.ndarray) -> float:
    """The worst channel's root mean squared error, as a share of the channel's size."""
    return float((np.sqrt(np.square(found - wanted).mean(0)) / np.sqrt(np.square(wanted).mean(0))).max())


def calibrated(scheme: str = STATIC) -> Product:
    return product(scheme, range=(float(X.min()), float(X.max())), output_maxima=np.abs(REAL).max(0))


def test_the_runtimes_are_those_of_the_format() -> None:
    assert list(RUNTIMES) == list(get_format("tflite").runtimes)


@pytest.mark.parametrize(
    ("made", "runtime", "bound"),
    [
        (product(FLOAT), NEW, 1e-6),
        (product(FLOAT), OLD, 1e-6),
        (product(HALF), NEW, 1e-3),
        (product(HALF), OLD, 1e-3),
        (product(DYNAMIC), NEW, 0.012),
        (product(DYNAMIC), OLD, 0.012),
        (calibrated(), NEW, 0.02),
        (product(INT4), NEW, 0.25),
    ],
    ids=lambda value: f"{value.scheme}" if isinstance(value, Product) else str(value),
)
def test_every_channel_keeps_its_precision(made: Product, runtime: str, bound: float) -> None:
    assert share(run(linear(made, runtime), x=X), REAL) < bound
    single = run(linear(made, runtime), x=X[:1])
    assert share(single, REAL[:1]) < 5 * bound
    without = Product(**{**vars(made), "bias": None, "output_maxima": np.abs(REAL - BIAS).max(0)})
    assert share(run(linear(without, runtime), x=X), REAL - BIAS) < max(bound, 1e-5)


def test_both_runtimes_compute_the_same_in_int8() -> None:
    np.testing.assert_allclose(
        run(linear(product(DYNAMIC), OLD), x=X), run(linear(product(DYNAMIC), NEW), x=X), rtol=1e-5
    )


def test_versions_are_those_that_old_engines_refuse_or_understand() -> None:
    assert [*operators(read(linear(product(FLOAT))))] == [("FULLY_CONNECTED", 1)]
    assert [*operators(read(linear(product(DYNAMIC))))] == [("FULLY_CONNECTED", 12)]
    assert [*operators(read(linear(product(INT4))))] == [("FULLY_CONNECTED", 12)]
    assert [*operators(read(linear(product(DYNAMIC), OLD)))] == [("FULLY_CONNECTED", 6), ("MUL", 1), ("ADD", 1)]
    assert [*operators(read(linear(product(HALF))))] == [("DEQUANTIZE", 3), ("FULLY_CONNECTED", 1)]
    assert [*operators(read(linear(calibrated())))] == [
        ("QUANTIZE", 1),
        ("FULLY_CONNECTED", 4),
        ("DEQUANTIZE", 2),
        ("MUL", 1),
    ]


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize(("scheme", "bound"), [(FLOAT, 0), (HALF, 5e-4), (ROWS, 5e-3)])
def test_rows_are_looked_up_with_the_scale_of_each(scheme: str, bound: float, runtime: str) -> None:
    content = lookup(Table(scope="table", ids="ids", rows=WEIGHT, scheme=scheme), runtime)
    found, wanted = run(content, ids=IDS), WEIGHT[IDS]
    assert (np.abs(found - wanted).max(1) <= bound * np.abs(wanted).max(1)).all()
    if scheme == ROWS:
        np.testing.assert_allclose(found, quantize_weight(WEIGHT, 0).dequantize()[IDS], rtol=1e-6)


# one block, several, and a number of channels that 64 does not divide
@pytest.mark.parametrize("width", [32, 192, 312])
def test_rows_of_4_bits_are_looked_up_with_the_scale_of_each_block(width: int) -> None:
    rows = np.repeat(WEIGHT, 10, axis=1)[:, :width] * np.exp(RANDOM.normal(size=width)).astype(np.float32)
    table = Table(scope="table", ids="ids", rows=rows, scheme=INT4_ROWS)
    block = {32: 32, 192: 64, 312: 78}[width]
    stored = quantize_blocks(rows, block, positive=True).dequantize()
    np.testing.assert_allclose(run(lookup(table), ids=IDS), stored[IDS], rtol=1e-6)
    errors = Table(**{**vars(table), "directions": np.eye(width, dtype=np.float32)[[3, 7]]})
    left = np.abs(run(lookup(errors), ids=IDS) - rows[IDS])
    assert left[:, [3, 7]].max() < 1e-4 < 1e-2 < left.max()


def test_a_table_of_4_bits_that_a_product_shares_has_the_scales_of_the_product() -> None:
    graph = Graph(name="default", constants=Constants())
    table = Table(scope="table", ids="ids", rows=WEIGHT, scheme=INT4_ROWS, shared=True)
    x = emit_table(graph, graph.input("ids", (DYNAMIC_AXIS,), "int32"), table, NEW)
    graph.output("y", emit_linear(graph, x, product(INT4, table="table", bias=None), NEW))
    content = b"".join(write_model([graph], "both"))
    assert len([name for name in tensors(read(content)) if name.endswith("/weight")]) == 1
    stored = quantize_blocks(WEIGHT, 32, positive=True).dequantize()
    assert share(run(content, ids=IDS), stored[IDS] @ stored.T) < 0.02


@pytest.mark.parametrize(("scheme", "most"), [(ROWS, 4), (INT4_ROWS, 4)])
def test_a_scale_of_a_row_that_no_product_reads_takes_four_bytes(scheme: str, most: int) -> None:
    sizes = []
    for count in (1000, 3000):
        rows = RANDOM.normal(size=(count, 32)).astype(np.float32)
        sizes.append(len(lookup(Table(scope="table", ids="ids", rows=rows, scheme=scheme))))
    numbers = 32 if scheme == ROWS else 16
    assert numbers + most <= (sizes[1] - sizes[0]) / 2000 < numbers + most + 0.1


def test_rows_that_old_engines_would_misread_are_of_a_version_that_they_refuse() -> None:
    table = Table(scope="table", ids="ids", rows=WEIGHT, scheme=ROWS)
    assert next(iter(operators(read(lookup(table))))) == ("EMBEDDING_LOOKUP", 4)
    assert [name for name, _ in operators(read(lookup(table, OLD)))] == ["GATHER", "CAST", "GATHER", "RESHAPE", "MUL"]


def test_the_first_of_two_4_bit_weights_is_in_the_low_half_of_a_byte() -> None:
    weight = np.array([[7, -7, 1, 0], [-2, 4, -4, 7]], np.float32)  # a scale of 1 each
    model = read(linear(product(INT4, weight, bias=None)))
    (tensor,) = (one for name, one in tensors(model).items() if name == "part/weight")
    assert data(model, tensor).tolist() == [0x97, 0x01, 0x4E, 0x7C]
    assert tensor.ShapeAsNumpy().tolist() == [2, 4]


def test_an_odd_number_of_channels_has_no_4_bit_form() -> None:
    with pytest.raises(ExportError, match=r"part/weight: TFLite stores 4-bit numbers in pairs, .* odd width, 31"):
        linear(product(INT4, WEIGHT[:, :31]))
    with pytest.raises(ExportError, match=r"table/weight: TFLite stores 4-bit numbers in pairs"):
        lookup(Table(scope="table", ids="ids", rows=WEIGHT[:, :31], scheme=INT4_ROWS))


def test_numbers_that_16_bits_do_not_hold_are_refused() -> None:
    with pytest.raises(ExportError, match=r"part/weight: 1e\+06 is more than 16-bit floating point holds"):
        linear(product(HALF, WEIGHT.clip(-1, 1) * np.float32(1e6)))


@pytest.mark.parametrize("missing", [{"range": None}, {"output_maxima": None}])
def test_a_static_product_needs_both_of_its_ranges(missing: dict) -> None:
    with pytest.raises(ExportError, match="part: the scheme 'int8-static' needs calibrated ranges of 'part'"):
        linear(Product(**{**vars(calibrated()), **missing}))


def test_what_split_off_channels_cancel_is_not_cut_off() -> None:
    """A bias undoes a large constant channel; the rest by itself is far beyond what the whole was seen to be."""
    x, split = X.copy(), np.array([3])
    x[:, 3] = 500
    bias = BIAS - 500 * WEIGHT[:, 3]
    rest, multipliers = WEIGHT.copy(), np.ones(WEIGHT.shape[1], np.float32)
    rest[:, 3] = multipliers[3] = 0
    made = product(
        STATIC,
        rest,
        bias=bias,
        range=(float(X.min()), float(X.max())),
        output_maxima=np.abs(REAL).max(0),
        multipliers=multipliers,
        outliers=Outliers(channels=split, weight=WEIGHT[:, [3]]),
    )
    wanted = x.astype(np.float64) @ WEIGHT.T.astype(np.float64) + bias
    assert share(run(linear(made), x=x), wanted) < 0.02


def test_a_channel_that_is_always_zero_does_not_divide_by_it() -> None:
    weight, bias = WEIGHT.copy(), BIAS.copy()
    weight[2], bias[2] = 0, 0
    real = X @ weight.T + bias
    made = product(STATIC, weight, bias=bias, range=(float(X.min()), float(X.max())), output_maxima=np.abs(real).max(0))
    found = run(linear(made), x=X)
    assert (found[:, 2] == 0).all()
    assert np.isfinite(found).all()


def test_what_a_runtime_cannot_say_is_refused_by_name() -> None:
    with pytest.raises(
        ExportError, match=r"part: TFLite for the runtime tflite-2\.14 cannot say 'int4-dynamic' here; choose"
    ):
        linear(product(INT4), OLD)
    with pytest.raises(ExportError, match=r"table: TFLite for the runtime litert-2 cannot say 'int8-dynamic' here"):
        lookup(Table(scope="table", ids="ids", rows=WEIGHT, scheme=DYNAMIC))


def test_the_newer_runtime_says_every_scheme() -> None:
    for name, scheme in SCHEMES.items():
        if "linear" in scheme.kinds:
            linear(calibrated(name))
        if "embedding" in scheme.kinds:
            lookup(Table(scope="table", ids="ids", rows=WEIGHT, scheme=name))
