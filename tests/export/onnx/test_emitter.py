"""The graph computes what the torch model computes, in every shape of the architecture."""

from __future__ import annotations

import dataclasses

import numpy as np
import onnx
import pytest

from roformer_edge.checkpoint.names import shapes_of
from roformer_edge.config import ACTIVATIONS, SUMMARIES, RoFormerConfig
from roformer_edge.errors import ExportError, UnknownNameError, UnsupportedModelError
from roformer_edge.export.artifact import ExportOptions
from roformer_edge.export.network.weights import Weights
from roformer_edge.export.onnx.emitter import build_graph
from roformer_edge.export.onnx.graph import Graph
from roformer_edge.export.parity import probe_feeds
from roformer_edge.processors import SAFE_PRESET
from roformer_edge.quantize.presets import get_preset
from roformer_edge.quantize.recipe import RECIPES, Recipe, Rule, get_recipe
from roformer_edge.runtime.backends.onnxruntime import OnnxRuntimeSession
from roformer_edge.tasks import TASKS, Task, get_task
from tests.export.conftest import SHAPES, TASK, reference_logits, reference_outputs
from tests.onnx_export import export_onnx, float_graph, parity_of, recipe_options, reference_answers


def run_bytes(model: bytes, feeds: dict[str, np.ndarray]) -> np.ndarray:
    return OnnxRuntimeSession(model).run(feeds)["logits"]


def exported_bytes(checkpoint, recipe: str, task: Task = TASK, preset: str = "x86-vnni", batches=None) -> bytes:
    return export_onnx(checkpoint, task, recipe_options(recipe, preset), batches).artifact.to_bytes()


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
@pytest.mark.parametrize("fields", SHAPES.values(), ids=SHAPES)
def test_float_graph_equals_torch(make_checkpoint, fields, task):
    checkpoint = make_checkpoint(task, **fields)
    answers = reference_answers(checkpoint, task)
    parity = parity_of(float_graph(checkpoint, task), answers, checkpoint.config, task)
    assert parity.checked
    assert parity.absolute_difference < 2e-5
    # every layer is compared, and the outputs
    assert len(answers[0]) == 1 + checkpoint.config.num_hidden_layers + len(task.outputs)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation(make_checkpoint, activation):
    checkpoint = make_checkpoint(hidden_act=activation)
    answers = reference_answers(checkpoint, TASK)
    assert parity_of(float_graph(checkpoint, TASK), answers, checkpoint.config, TASK).absolute_difference < 1e-4


@pytest.mark.parametrize("summary", SUMMARIES)
def test_every_summary_of_multiple_choice(make_checkpoint, summary):
    task = get_task("multiple-choice")
    checkpoint = make_checkpoint(task, extra={"summary_type": summary})
    answers = reference_answers(checkpoint, task)
    assert parity_of(float_graph(checkpoint, task), answers, checkpoint.config, task).absolute_difference < 2e-5


LANGUAGE_MODELS = ("fill-mask", "text-generation")


@pytest.mark.parametrize("name", LANGUAGE_MODELS)
@pytest.mark.parametrize("recipe", ["fp32", "fp16", "int8-dynamic", "int8-static", "int8-embeddings"])
@pytest.mark.parametrize("tied", [True, False])
def test_a_tied_table_is_stored_once(make_checkpoint, name, recipe, tied):
    task = get_task(name)
    checkpoint = make_checkpoint(task, tie_word_embeddings=tied, embedding_size=24)
    exported = export_onnx(
        checkpoint, task, recipe_options(recipe), batches=lambda: list(probe_feeds(checkpoint.config, task))
    )
    model = onnx.load_model_from_string(exported.artifact.to_bytes())
    tables = [tensor.name for tensor in model.graph.initializer if sorted(tensor.dims) == [24, 120]]
    # rows in integers and a product in floats have nothing to share
    assert len(tables) == (1 if tied and recipe != "int8-embeddings" else 2)
    for feeds in probe_feeds(checkpoint.config, task):
        wanted, found = (
            reference_outputs(checkpoint, feeds, task)["logits"],
            run_bytes(exported.artifact.to_bytes(), feeds),
        )
        kept = feeds["attention_mask"].astype(bool)
        bound = 1e-4 if recipe == "fp32" else 0.3 * wanted.std()
        assert np.abs(wanted[kept] - found[kept]).max() < bound


@pytest.mark.parametrize("name", LANGUAGE_MODELS)
@pytest.mark.parametrize(
    ("recipe", "width"), [("fp32", 4), ("fp16", 2), ("int8-dynamic", 1), ("int4", 0.5), ("int8-embeddings", 5)]
)
def test_a_tied_table_takes_the_room_of_one(make_checkpoint, name, recipe, width):
    task = get_task(name)
    sizes = [
        len(exported_bytes(make_checkpoint(task, embedding_size=64, vocab_size=vocabulary), recipe, task))
        for vocabulary in (1120, 120)
    ]
    # of a thousand rows more, the numbers, and a scale and a bias each
    assert 64_000 * width <= sizes[0] - sizes[1] <= 64_000 * width + 1000 * 8 + 100


@pytest.mark.parametrize(
    ("rows", "decoder"),
    [("float16", "int8-dynamic"), ("int4-rows", "int8-dynamic"), ("int8-rows", "int4-dynamic"), ("float16", "float32")],
)
def test_what_is_stored_otherwise_is_not_shared(make_checkpoint, rows, decoder):
    task = get_task("fill-mask")
    checkpoint = make_checkpoint(task)
    rules = (Rule(pattern="embeddings.word", scheme=rows), Rule(pattern="head.decoder", scheme=decoder))
    options = ExportOptions(recipe=Recipe(name="mixed", rules=rules), preset=get_preset(SAFE_PRESET))
    session = OnnxRuntimeSession(export_onnx(checkpoint, task, options).artifact.to_bytes())
    for feeds in probe_feeds(checkpoint.config, task):
        kept = feeds["attention_mask"].astype(bool)
        wanted, found = reference_outputs(checkpoint, feeds, task)["logits"][kept], session.run(feeds)["logits"][kept]
        assert np.corrcoef(wanted.ravel(), found.ravel())[0, 1] > 0.98


def largest_pair(model: bytes, name: str, axis: int) -> int:
    """The largest sum of two neighbours, channels 2i and 2i + 1 along ``axis``, in an int8 weight of a model."""
    tensors = onnx.load_model_from_string(model).graph.initializer
    weight = onnx.numpy_helper.to_array(next(tensor for tensor in tensors if tensor.name == name))
    assert weight.dtype == np.int8
    pairs = np.moveaxis(weight, axis, -1).astype(int)
    return int(np.abs(pairs[..., 0::2] + pairs[..., 1::2]).max())


def test_tied_rows_keep_to_the_range_of_the_weights(make_checkpoint):
    task = get_task("fill-mask")
    checkpoint = make_checkpoint(task)
    for preset, bounded in (("x86-vnni", False), ("x86", True)):
        model = exported_bytes(checkpoint, "int8-dynamic", task, preset)
        assert (largest_pair(model, "embeddings.word/weight", 1) <= 128) is bounded


@pytest.mark.parametrize("recipe", ["int8-dynamic", "int8-static"])
def test_every_product_of_the_default_preset_is_exact_without_vnni(make_checkpoint, recipe):
    checkpoint = make_checkpoint()
    ids = np.random.default_rng(2).integers(0, 120, (8, 12))
    feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
    parts = ("attention.output", "ffn.up", "ffn.down")
    names = [f"layer.{layer}.{part}" for layer in range(3) for part in parts]
    names += ["layer.0.attention.qkv", "layer.1.attention.qkv", "layer.2.attention.q", "layer.2.attention.kv"]
    for preset, bounded in (("x86-vnni", False), (SAFE_PRESET, True)):
        model = exported_bytes(checkpoint, recipe, preset=preset, batches=lambda: [feeds])
        # a weight lies as [in, out]
        found = [largest_pair(model, f"{name}/weight", 0) <= 128 for name in (*names, "head.dense")]
        assert all(found) if bounded else not any(found)


def test_a_causal_graph_does_not_look_ahead(make_checkpoint):
    task = get_task("text-generation")
    checkpoint = make_checkpoint(task)
    model = float_graph(checkpoint, task).to_bytes()
    ids = np.random.default_rng(0).integers(0, 120, (1, 9))
    feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
    whole = run_bytes(model, feeds)
    start = run_bytes(model, {name: array[:, :5] for name, array in feeds.items()})
    np.testing.assert_allclose(whole[:, :5], start, atol=1e-5)


# recipe -> mean error allowed, as a share of the size of the answers
BOUNDS = {
    "fp16": 0.003,
    "int8-dynamic": 0.08,
    "int8-attention": 0.08,
    "int8-static": 0.08,
    "int8-embeddings": 0.08,
    "int4": 1.0,
}


def test_every_recipe_has_a_bound() -> None:
    assert set(RECIPES) == {"fp32", *BOUNDS}


QUANTISED_SHAPES = ("plain", "values rotated", "narrow embeddings", "RoFormerV2", "pruned heads, values rotated")
CASES = [
    pytest.param(recipe, shape, task, id=f"{name}-{recipe}-{shape}")
    for name, task in TASKS.items()
    for recipe in BOUNDS
    for shape in QUANTISED_SHAPES
    # errors of 4 bits are as large as what a random network of another shape says
    if recipe != "int4" or shape == "plain"
    # attention in integers is refused there, which test_integer_attention.py looks at
    if recipe != "int8-attention" or not task.causal
]


@pytest.mark.parametrize(("recipe", "shape", "task"), CASES)
def test_quantised_graph_stays_near_torch(make_checkpoint, recipe, shape, task):
    checkpoint = make_checkpoint(task, **SHAPES[shape])
    batches = [flat(feeds) for feeds in probe_feeds(checkpoint.config, task)]
    exported = export_onnx(checkpoint, task, recipe_options(recipe), batches=lambda: batches)
    session = OnnxRuntimeSession(exported.artifact.to_bytes())
    for spec in task.outputs:
        wanted, found = [], []
        for feeds in probe_feeds(checkpoint.config, task):
            # padding attends to rubbish; what it answers means nothing and is not held to the bound
            kept = feeds["attention_mask"].astype(bool)
            kept = kept if "sequence" in spec.axes else kept.any(axis=-1)
            wanted.append(reference_outputs(checkpoint, feeds, task)[spec.name][kept])
            found.append(session.run(feeds)[spec.name][kept])
        # random networks answer nearly alike everywhere, so the size of the answers is the scale, not their spread
        scale = np.sqrt(np.square(np.concatenate(wanted)).mean())
        assert np.abs(np.concatenate(found) - np.concatenate(wanted)).mean() < BOUNDS[recipe] * scale


def flat(feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Calibration knows rows of texts only."""
    return {name: array.reshape(-1, array.shape[-1]) for name, array in feeds.items()}


def test_batch_and_length_are_free_and_inputs_may_be_int32(make_checkpoint):
    checkpoint = make_checkpoint()
    model = export_onnx(
        checkpoint, TASK, ExportOptions(recipe=get_recipe("fp32"), preset=get_preset("x86"), index_dtype="int32")
    ).artifact.to_bytes()
    for feeds in probe_feeds(checkpoint.config, TASK):
        narrow = {name: array.astype(np.int32) for name, array in feeds.items()}
        difference = np.abs(run_bytes(model, narrow) - reference_logits(checkpoint, feeds)).max()
        assert difference < 1e-5


def test_names_are_stable(make_checkpoint):
    checkpoint = make_checkpoint(num_hidden_layers=2)
    names = [node.name for node in float_graph(checkpoint, TASK).nodes]
    assert len(names) == len(set(names))
    assert [name for name in names if name.startswith("layer.0.")] == [
        "layer.0.attention.qkv/MatMul",
        "layer.0.attention.qkv/Add",
        "layer.0.attention/Split",
        "layer.0.attention/RotaryEmbedding",
        "layer.0.attention.rotated/Split",
        "layer.0.attention.q/Reshape",
        "layer.0.attention.q/Transpose",
        "layer.0.attention.v/Reshape",
        "layer.0.attention.v/Transpose",
        "layer.0.attention.k/Reshape",
        "layer.0.attention.k/Transpose",
        "layer.0.attention.scores/MatMul",
        "layer.0.attention.scores/Add",
        "layer.0.attention.scores/Softmax",
        "layer.0.attention.context/MatMul",
        "layer.0.attention.context/Transpose",
        "layer.0.attention.context/Reshape",
        "layer.0.attention.output/MatMul",
        "layer.0.attention.output/Add",
        "layer.0.attention.residual/Add",
        "layer.0.attention.norm/LayerNormalization",
        "layer.0.ffn.up/MatMul",
        "layer.0.ffn.up/Add",
        "layer.0.ffn/Gelu",
        "layer.0.ffn.down/MatMul",
        "layer.0.ffn.down/Add",
        "layer.0.ffn.residual/Add",
        "layer.0.ffn.norm/LayerNormalization",
    ]


def test_outlier_channels_are_equalised(make_checkpoint):
    plain = make_checkpoint(hidden_act="relu", rotary_value=True)
    arrays = {name: np.array(array) for name, array in plain.arrays.items()}
    for layer in range(3):  # the same function: what one side gains, the other gives back
        module = f"roformer.encoder.layer.{layer}"
        for part in ("weight", "bias"):
            arrays[f"{module}.attention.self.value.{part}"][4:6] *= 64
            arrays[f"{module}.intermediate.dense.{part}"][7] *= 64
        arrays[f"{module}.attention.output.dense.weight"][:, 4:6] /= 64
        arrays[f"{module}.output.dense.weight"][:, 7] /= 64
    outliers = dataclasses.replace(plain, arrays=arrays)
    ids = np.random.default_rng(2).integers(0, 120, (256, 12))
    feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
    wanted = reference_logits(plain, feeds)

    def error(checkpoint, recipe, batches):
        model = exported_bytes(checkpoint, recipe, batches=batches)
        return float(np.sqrt(np.mean((run_bytes(model, feeds) - wanted) ** 2)))

    spread = {recipe: error(outliers, recipe, lambda: [feeds]) for recipe in ("int8-dynamic", "int8-static")}
    for recipe, found in spread.items():
        assert found < 1.3 * error(plain, recipe, lambda: [feeds])
    # without texts the weights tell
    assert error(outliers, "int8-dynamic", None) < 1.3 * error(plain, "int8-dynamic", None)


def empty_graph(
    config: RoFormerConfig, task: Task, options: ExportOptions | None = None, **arrays: np.ndarray
) -> Graph:
    return build_graph(Weights(config=config, arrays=arrays), task, options or recipe_options("fp32"))


def test_decoders_and_unknown_dtypes_are_refused():
    with pytest.raises(ExportError, match="set it to false only if this one was trained so"):
        empty_graph(RoFormerConfig(is_decoder=True), TASK)
    with pytest.raises(ExportError, match="sees what comes after"):
        empty_graph(RoFormerConfig(), get_task("text-generation"))
    with pytest.raises(ExportError, match="another encoder"):
        empty_graph(RoFormerConfig(is_decoder=True, add_cross_attention=True), get_task("text-generation"))
    v2 = RoFormerConfig(
        norm_type="rms_norm",
        use_bias=False,
        vocab_size=30,
        embedding_size=24,
        hidden_size=48,
        num_hidden_layers=1,
        num_attention_heads=2,
    )
    arrays = {name: np.zeros(shape, np.float32) for name, shape in shapes_of(v2, "RoFormerModel").items()}
    with pytest.raises(UnsupportedModelError, match="must have one width"):
        empty_graph(v2, get_task("fill-mask"), **arrays)
    narrow = dataclasses.replace(recipe_options("fp32"), index_dtype="int16")
    with pytest.raises(UnknownNameError, match="int64, int32"):
        empty_graph(RoFormerConfig(), TASK, narrow)
