"""A model of every task and recipe stays near torch, in each of its signatures."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert", reason="the engine is not installed: pip install 'roformer-edge[tflite]'")

from ai_edge_litert.interpreter import Interpreter

from roformer_edge.errors import BackendError, ExportError, UnknownNameError
from roformer_edge.export.parity import probe_feeds
from roformer_edge.export.tflite.linear import schemes_of
from roformer_edge.quantize.recipe import RECIPES
from roformer_edge.tasks import TASKS, get_task
from tests.export.conftest import SHAPES, TASK, reference_outputs
from tests.onnx_export import parity_of, reference_answers
from tests.tflite_export import export_tflite, float_model, operators, read, tensors

# recipe -> mean error allowed, as a share of the size of the answers
BOUNDS = {"fp16": 0.003, "int8-embeddings": 0.02, "int8-dynamic": 0.08, "int8-static": 0.15, "int4": 1.0}
# every recipe in every task, and the shapes that change the products
CASES = [(recipe, "plain") for recipe in BOUNDS] + [
    ("int8-dynamic", shape) for shape in ("values rotated", "narrow embeddings", "RoFormerV2")
]


def test_every_recipe_has_a_bound_or_is_not_for_this_format() -> None:
    known = schemes_of("litert-2")
    others = {name for name, recipe in RECIPES.items() if not {rule.scheme for rule in recipe.rules} <= known}
    assert (set(RECIPES) - others, others) == ({"fp32", *BOUNDS}, {"int8-attention"})


def flat(feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Calibration knows rows of texts only."""
    return {name: array.reshape(-1, array.shape[-1]) for name, array in feeds.items()}


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
@pytest.mark.parametrize(("recipe", "shape"), CASES)
def test_a_quantised_model_stays_near_torch(make_checkpoint, recipe, shape, task):
    checkpoint = make_checkpoint(task, **SHAPES[shape])
    probes = list(probe_feeds(checkpoint.config, task))
    exported = export_tflite(checkpoint, task, recipe, batches=lambda: [flat(feeds) for feeds in probes])
    run = exported.artifact.open()
    for spec in task.outputs:
        wanted, found = [], []
        for feeds in probes:
            # what padding answers means nothing
            kept = feeds["attention_mask"].astype(bool)
            kept = kept if "sequence" in spec.axes else kept.any(axis=-1)
            wanted.append(reference_outputs(checkpoint, feeds, task)[spec.name][kept])
            found.append(run(feeds)[spec.name][kept])
        scale = np.sqrt(np.square(np.concatenate(wanted)).mean())
        assert np.abs(np.concatenate(found) - np.concatenate(wanted)).mean() < BOUNDS[recipe] * scale


LENGTHS = (5, 16, 70)


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
@pytest.mark.parametrize("shape", ["plain", "RoFormerV2"])
def test_fixed_lengths_compute_what_any_length_does(make_checkpoint, shape, task):
    checkpoint = make_checkpoint(task, **SHAPES[shape])
    model = float_model(checkpoint, task, lengths=LENGTHS)
    assert {name: one.length for name, one in model.signatures.items()} == {
        "default": 70,
        "length_5": 5,
        "length_16": 16,
    }
    assert {one.rows for one in model.signatures.values()} == {1}
    parity = parity_of(model, reference_answers(checkpoint, task), checkpoint.config, task)
    assert min(parity.absolute_difference, parity.relative_difference) < 1e-5


def test_fixed_lengths_share_every_weight_and_leave_no_axis_open(make_checkpoint):
    checkpoint = make_checkpoint()
    one, three = (
        export_tflite(checkpoint, TASK, "int8-dynamic", lengths=lengths).artifact.to_bytes()
        for lengths in ((70,), LENGTHS)
    )
    model = read(three)
    assert model.SubgraphsLength() == 3
    weights = [
        {name: tensor.Buffer() for name, tensor in tensors(model, n).items() if name.endswith(("/weight", "/bias"))}
        for n in range(3)
    ]
    assert len(weights[0]) > 30
    assert weights[0] == weights[1] == weights[2]
    for number in range(3):
        assert all(tensor.ShapeSignatureIsNone() for tensor in tensors(model, number).values())
    # beside the weights there are the sines and cosines of the shorter lengths, and three descriptions
    assert len(three) - len(one) < len(one)
    assert {name for name, _ in operators(model)} & {"CUMSUM", "SHAPE"} == set()


def test_between_the_embeddings_and_the_head_everything_is_one_part_for_the_processor(make_checkpoint):
    for task, recipe in (("text-classification", "int8-dynamic"), ("question-answering", "fp32")):
        model = export_tflite(make_checkpoint(get_task(task)), get_task(task), recipe).artifact
        interpreter = Interpreter(model_content=model.to_bytes())
        ids = np.ones((1, 9), np.int32)
        interpreter.get_signature_runner("default")(input_ids=ids, attention_mask=ids, token_type_ids=0 * ids)
        names = [one["op_name"] for one in interpreter._get_ops_details()]
        assert names.count("DELEGATE") == 1


def test_a_length_that_no_signature_holds_is_refused(make_checkpoint):
    run = float_model(make_checkpoint(), TASK, lengths=(4, 8)).open()
    ids = np.ones((1, 9), np.int64)
    with pytest.raises(BackendError, match=r"takes input_ids of shape \[1, 8\], and was given \[1, 9\]"):
        run({"input_ids": ids, "attention_mask": ids, "token_type_ids": 0 * ids})


def test_what_is_not_offered_is_refused_by_name(make_checkpoint):
    checkpoint = make_checkpoint()
    with pytest.raises(
        UnknownNameError, match="unknown runtime for TFLite 'litert-9'; choose one of: litert-2, tflite-2"
    ):
        float_model(checkpoint, TASK, runtime="litert-9")
    with pytest.raises(UnknownNameError, match="unknown index dtype of TFLite 'int64'; choose one of: int32"):
        float_model(checkpoint, TASK, index_dtype="int64")
    with pytest.raises(ExportError, match=r"tflite-2\.14 cannot say 'int4-rows' here; choose one of: float32"):
        export_tflite(checkpoint, TASK, "int4", runtime="tflite-2.14")


@pytest.mark.parametrize("name", ["fill-mask", "text-generation"])
@pytest.mark.parametrize("recipe", ["fp32", "fp16", "int8-dynamic", "int8-embeddings", "int4"])
def test_a_tied_table_is_stored_once(make_checkpoint, name, recipe):
    task = get_task(name)
    sizes = [
        len(
            export_tflite(
                make_checkpoint(task, embedding_size=24, vocab_size=vocabulary), task, recipe
            ).artifact.to_bytes()
        )
        for vocabulary in (1120, 120)
    ]
    width = {"fp32": 4, "fp16": 2, "int8-dynamic": 1, "int8-embeddings": 5, "int4": 0.5}[recipe]
    # of a thousand rows more, the numbers, and at most a scale, a zero point and a bias each
    assert 24_000 * width <= sizes[0] - sizes[1] <= 24_000 * width + 1000 * 20 + 1000


def test_marks_are_inputs_and_outputs_of_products_and_states(make_checkpoint):
    checkpoint = make_checkpoint()
    model = float_model(checkpoint, TASK)
    feeds = next(iter(probe_feeds(checkpoint.config, TASK)))
    names = ["layer.0.attention.qkv", "layer.2.attention.qkv.first", "layer.0.ffn.up/output", "layer.1"]
    found = model.open(names)(feeds)
    rows, length = feeds["input_ids"].shape
    assert [found[name].shape for name in names] == [
        (rows, length, 48),
        (rows, 48),
        (rows, length, 80),
        (rows, length, 48),
    ]
    assert set(names) < set(model.marks)


def test_options_that_make_no_difference_make_none(make_checkpoint):
    checkpoint = make_checkpoint()
    usual = float_model(checkpoint, TASK).to_bytes()
    assert float_model(checkpoint, TASK, index_dtype="int32", runtime="litert-2").to_bytes() == usual
