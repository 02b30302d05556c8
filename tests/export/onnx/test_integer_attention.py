"""Attention in integers: near the same attention in float, where that is hard, and refused where it would not be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from roformer_edge.checkpoint.loading import Checkpoint
from roformer_edge.errors import ExportError
from roformer_edge.export.artifact import ExportOptions
from roformer_edge.export.network.emitter import Attention
from roformer_edge.export.onnx.graph import GraphBuilder
from roformer_edge.export.onnx.integer_attention import emit_integer_attention
from roformer_edge.export.parity import probe_feeds
from roformer_edge.quantize.presets import get_preset
from roformer_edge.quantize.recipe import ATTENTION, FLOAT, Recipe, Rule
from roformer_edge.runtime.backends.onnxruntime import OnnxRuntimeSession
from roformer_edge.signatures import TensorSpec
from roformer_edge.tasks import get_task
from tests.export.conftest import TASK, reference_logits
from tests.onnx_export import export_onnx, recipe_options

HEADS, SIZE = 2, 8
WIDTH = HEADS * SIZE
NONE = np.zeros((0, 0), np.float32)
ATTENTION_OF_A_LAYER = Attention(
    name="layer.0.attention",
    scope="layer.0.attention.qkv",
    heads=HEADS,
    head_size=SIZE,
    query=(NONE, None),
    key=(NONE, None),
    value=(NONE, None),
    rotates_value=False,
    sines=NONE,
    cosines=NONE,
    scheme=ATTENTION,
    ranges={},
)
MASKED = np.finfo(np.float32).min


def draw(length: int, seed: int = 0, rows: int = 1) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    feeds = {name: rng.standard_normal((rows, length, WIDTH), np.float32) for name in "qkv"}
    return {**feeds, "mask": np.zeros((rows, 1, 1, length), np.float32)}


def in_float(feeds: dict[str, np.ndarray]) -> np.ndarray:
    q, k, v = (feeds[name].reshape(*feeds[name].shape[:2], HEADS, SIZE).astype(np.float64) for name in "qkv")
    scores = np.einsum("rshd,rthd->rhst", q, k) + feeds["mask"]
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return np.einsum("rhst,rthd->rhsd", weights / weights.sum(-1, keepdims=True), v)


def in_integers(feeds: dict[str, np.ndarray], preset: str = "x86-vnni", also: tuple[str, ...] = ()):
    graph = GraphBuilder()
    context = emit_integer_attention(graph, ("q", "k", "v"), "mask", ATTENTION_OF_A_LAYER, get_preset(preset))
    graph.output("context", context)
    states = [TensorSpec(name=name, dtype="float32", axes=("r", "s", str(WIDTH))) for name in "qkv"]
    mask = TensorSpec(name="mask", dtype="float32", axes=("r", "1", "1", "s"))
    out = TensorSpec(name="context", dtype="float32", axes=("r", str(HEADS), "s", str(SIZE)))
    model = onnx.load_model_from_string(graph.finish([*states, mask], [out]).to_bytes())
    for name in also:
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.INT8, None))
    found = ort.InferenceSession(model.SerializeToString()).run(None, feeds)
    return found if also else found[0]


def error(found: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.sqrt(np.square(found - wanted).mean() / np.square(wanted).mean()))


@pytest.mark.parametrize(("preset", "bound"), [("x86", 0.045), ("x86-vnni", 0.025), ("arm", 0.025)])
@pytest.mark.parametrize("length", [1, 7, 130])
def test_it_is_near_the_same_in_float(preset: str, bound: float, length: int) -> None:
    feeds = draw(length)
    assert error(in_integers(feeds, preset), in_float(feeds)) < bound


def test_flat_rows_of_a_long_text_keep_their_weights_beside_a_peaked_one() -> None:
    """With one scale for all rows, the flat ones would be all zeros: 1/600 is less than half a step of 1/255."""
    feeds = draw(600, seed=1)
    feeds["q"][0, 1:] *= 0.01
    feeds["q"][0, 0], feeds["k"][0, 5] = 3, 3
    feeds["v"] += 1
    found, wanted = in_integers(feeds), in_float(feeds)
    assert error(found[:, :, 1:], wanted[:, :, 1:]) < 0.01
    assert error(found[:, :, 0], wanted[:, :, 0]) < 0.02


def test_what_is_masked_is_not_seen_however_large_its_score() -> None:
    feeds = draw(9, seed=2)
    short = {name: array[:, :6] for name, array in feeds.items() if name != "mask"}
    feeds["mask"][..., 6:] = MASKED
    feeds["k"][:, 6:] = feeds["q"][:, :3]  # as alike as can be
    assert error(in_integers(feeds)[:, :, :6], in_float({**short, "mask": feeds["mask"][..., :6]})) < 0.02


def test_every_text_of_a_batch_has_its_own_mask_and_rows() -> None:
    feeds = draw(6, seed=3, rows=3)
    feeds["mask"][1, ..., 4:] = MASKED
    assert error(in_integers(feeds), in_float(feeds)) < 0.02


@pytest.mark.parametrize("zero", ["q", "k", "v"])
def test_nothing_but_zeros_stays_a_number(zero: str) -> None:
    feeds = draw(5)
    feeds[zero] = np.zeros_like(feeds[zero])
    found, wanted = in_integers(feeds), in_float(feeds)
    np.testing.assert_allclose(found, wanted, atol=0.03)
    assert zero != "v" or not found.any()


@pytest.mark.parametrize(("preset", "largest"), [("x86", 64), ("x86-vnni", 127), ("arm", 127)])
def test_integers_are_as_large_as_the_processor_adds_exactly(preset: str, largest: int) -> None:
    """255 times two neighbours of 64 is less than 32,768, at which VPMADDUBSW saturates."""
    name = ATTENTION_OF_A_LAYER.name
    _, k, v = in_integers(draw(40), preset, (f"{name}.k/QuantizeLinear", f"{name}.v/QuantizeLinear"))
    assert (np.abs(k.astype(int)).max(), np.abs(v.astype(int)).max()) == (largest, largest)
    assert 255 * 2 * 64 < 2**15


def operators(checkpoint: Checkpoint, layer: int) -> list[str]:
    model = export_onnx(checkpoint, TASK, recipe_options("int8-attention")).artifact.to_bytes()
    nodes = onnx.load_model_from_string(model).graph.node
    parts = tuple(f"layer.{layer}.attention.{part}/" for part in ("scores", "context"))
    return [node.op_type for node in nodes if node.name.startswith(parts)]


def test_products_are_integers_but_those_of_the_one_position_that_a_last_layer_answers_for(make_checkpoint) -> None:
    checkpoint = make_checkpoint()
    assert operators(checkpoint, 0).count("MatMulIntegerToFloat") == 2
    last = operators(checkpoint, checkpoint.config.num_hidden_layers - 1)
    assert (last.count("MatMul"), last.count("MatMulIntegerToFloat")) == (2, 0)


def test_models_that_keep_keys_and_values_are_refused(make_checkpoint) -> None:
    task = get_task("text-generation")
    with pytest.raises(ExportError, match=r"0\.attention\.qkv: 'int8-attention' is not for models that keep keys"):
        export_onnx(make_checkpoint(task), task, recipe_options("int8-attention"))


def spoiled(checkpoint: Checkpoint, factor: float) -> Checkpoint:
    """The same function with a rotated pair of the query, and a channel of the value, ``factor`` times as large."""
    arrays = dict(checkpoint.arrays)

    def scale(module: str, rows: slice, by: float) -> None:
        for part in ("weight", "bias"):
            arrays[f"{module}.{part}"] = arrays[f"{module}.{part}"].copy()
            arrays[f"{module}.{part}"][rows] *= by

    for index in range(checkpoint.config.num_hidden_layers):
        module = f"roformer.encoder.layer.{index}.attention"
        scale(f"{module}.self.query", slice(2, 4), factor)
        scale(f"{module}.self.key", slice(2, 4), 1 / factor)
        scale(f"{module}.self.value", slice(5, 6), factor)
        columns = arrays[f"{module}.output.dense.weight"].copy()
        columns[:, 5] /= factor
        arrays[f"{module}.output.dense.weight"] = columns
    return replace(checkpoint, arrays=arrays)


def moved(checkpoint: Checkpoint, options: ExportOptions) -> float:
    """How far logits move from the reference, as a share of their size."""
    session = OnnxRuntimeSession(export_onnx(checkpoint, TASK, options).artifact.to_bytes())
    pairs = [
        (session.run(feeds)["logits"], reference_logits(checkpoint, feeds))
        for feeds in probe_feeds(checkpoint.config, TASK)
    ]
    return error(*(np.concatenate(side) for side in zip(*pairs, strict=True)))


@pytest.mark.parametrize("scheme_of_the_output", [ATTENTION, FLOAT])
def test_outliers_of_query_and_value_are_evened_out_in_the_weights(make_checkpoint, scheme_of_the_output) -> None:
    """Attention alone in integers, so that nothing else treats the outliers or hides what they cost."""
    rules = (Rule(pattern="layer.*.attention.qkv", scheme=ATTENTION),)
    if scheme_of_the_output == ATTENTION:
        rules = (Rule(pattern="layer.*.attention.output", scheme="int8-dynamic"), *rules)
    options = ExportOptions(recipe=Recipe(name="mine", rules=rules), preset=get_preset("x86-vnni"))
    checkpoint = make_checkpoint()
    usual, hostile = (moved(one, options) for one in (checkpoint, spoiled(checkpoint, 64.0)))
    assert hostile < 1.5 * usual
