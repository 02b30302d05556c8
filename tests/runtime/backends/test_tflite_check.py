"""What an engine is spared: every model that we write passes, and each kind of damage is told by its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert", reason="the engine is not installed: pip install 'roformer-edge[tflite]'")

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

from roformer_edge.config import ACTIVATIONS
from roformer_edge.errors import BackendError, BundleIntegrityError
from roformer_edge.export.tflite.flatbuffer import _OPTIONS
from roformer_edge.runtime.backends.litert import LiteRTSession
from roformer_edge.runtime.backends.tflite_check import _OPERATORS, check_tflite
from roformer_edge.tasks import TASKS
from tests.tflite_export import build_tiny

RECIPES = ("fp32", "fp16", "int8-embeddings", "int8-dynamic", "int4")


@pytest.fixture(scope="module")
def model() -> bytes:
    return build_tiny(recipe="int8-dynamic").to_bytes()


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("recipe", RECIPES)
def test_models_of_ours_pass(task: str, recipe: str) -> None:
    for options in ({}, {"lengths": (1, 5)}, {"runtime": "tflite-2.14"}):
        if recipe == "int4" and "runtime" in options:
            continue
        check_tflite(build_tiny(task, recipe, **options).to_bytes(), "no model")


@pytest.mark.parametrize(
    "fields",
    [
        *({"hidden_act": name} for name in ACTIVATIONS),
        {"rotary_value": True},
        {"embedding_size": 16},
        {"type_vocab_size": 1},
        {"num_attention_heads": 1, "hidden_size": 10},
        {"num_hidden_layers": 1},
    ],
)
def test_other_networks_pass(fields: dict[str, object]) -> None:
    for task in ("text-classification", "text-generation"):
        check_tflite(build_tiny(task, fields=fields).to_bytes(), "no model")


def test_numbers_are_those_of_the_schema() -> None:
    for number, (name, rule) in _OPERATORS.items():
        assert getattr(schema.BuiltinOperator, name) == number
        assert getattr(schema.BuiltinOptions, _OPTIONS.get(name, "NONE")) == rule.options_type
    # what the writer can say, the check knows
    assert _OPTIONS.keys() <= {name for name, _ in _OPERATORS.values()}


def edited(model: bytes, edit: Callable[[Any], None]) -> bytes:
    """Write a model with something in it changed."""
    unpacked = schema.ModelT.InitFromPackedBuf(model)
    edit(unpacked)
    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(unpacked.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def operator(model: Any, name: str, place: int = 0) -> Any:
    number = getattr(schema.BuiltinOperator, name)
    codes = [place for place, code in enumerate(model.operatorCodes) if code.builtinCode == number]
    return [one for one in model.subgraphs[0].operators if one.opcodeIndex in codes][place]


def tensor(model: Any, name: str, which: int, place: int = 0) -> Any:
    """An operand of an operator."""
    return model.subgraphs[0].tensors[operator(model, name, place).inputs[which]]


def set_numbers(model: Any, tensor: Any, *numbers: int) -> None:
    tensor.shape = [len(numbers)] if tensor.shape is not None and len(tensor.shape) else []
    model.buffers[tensor.buffer].data = np.frombuffer(np.array(numbers, "<i4").tobytes(), np.uint8)


def test_a_model_that_was_written_anew_passes(model: bytes) -> None:
    again = edited(model, lambda one: None)
    check_tflite(again, "no model")
    feeds = {"input_ids": np.array([[1, 2, 3]])}
    np.testing.assert_array_equal(LiteRTSession(again).run(feeds)["logits"], LiteRTSession(model).run(feeds)["logits"])


DAMAGE: dict[str, tuple[Callable[[Any], Any], str]] = {
    "no graph": (lambda m: m.subgraphs.clear(), "it has no graph"),
    "no signature": (lambda m: m.signatureDefs.clear(), "signatures have no names"),
    "a signature of another graph": (lambda m: setattr(m.signatureDefs[0], "subgraphIndex", 3), "has no graph"),
    "a signature of other tensors": (lambda m: setattr(m.signatureDefs[0].inputs[0], "tensorIndex", 9), "differ"),
    "a name twice": (
        lambda m: setattr(m.signatureDefs[0].inputs[0], "name", m.signatureDefs[0].inputs[1].name),
        "share a name",
    ),
    "an unknown operator": (lambda m: setattr(m.operatorCodes[0], "builtinCode", 32), "an operator is unknown"),
    "an operator of its own": (lambda m: setattr(m.operatorCodes[0], "customCode", "mine"), "no model of ours does"),
    "an operator that is not listed": (
        lambda m: setattr(operator(m, "ADD"), "opcodeIndex", 99),
        "an operator is none of its list",
    ),
    "an operand that is not there": (lambda m: set_operand(operator(m, "ADD"), 0, 5000), "not computed before"),
    "an operand that comes later": (lambda m: set_operand(operator(m, "ADD"), 0, last(m)), "not computed before"),
    "an operand that is left out": (lambda m: set_operand(operator(m, "ADD"), 0, -1), "ADD: it does not compute"),
    "one operand less": (lambda m: shorten(operator(m, "FULLY_CONNECTED")), "does not compute"),
    "a result that is a constant": (lambda m: set_result(m, operator(m, "MEAN").inputs[1]), "computed twice"),
    "a result that is an input": (lambda m: set_result(m, m.subgraphs[0].inputs[0]), "computed twice"),
    "an output that is not computed": (lambda m: m.subgraphs[0].operators.pop(), "an output is nowhere"),
    "an output that is left out": (lambda m: set_output(m, -1), "an output is nowhere"),
    "an input that is a constant": (lambda m: set_input(m, operator(m, "MEAN").inputs[1]), "no tensor of its own"),
    "another type": (lambda m: setattr(tensor(m, "SOFTMAX", 0), "type", schema.TensorType.INT32), "does not compute"),
    "an unknown type": (lambda m: setattr(tensor(m, "SOFTMAX", 0), "type", 15), "unknown type"),
    "a shape of other bytes": (lambda m: set_shape(tensor(m, "FULLY_CONNECTED", 1), 0, 7), "does not fit the bytes"),
    "a shape that contradicts": (lambda m: set_shape(tensor(m, "SOFTMAX", 0), 2, 4), "contradict each other"),
    "a shape that does not follow": (lambda m: set_both(tensor(m, "SOFTMAX", 0), 0, 5), "another shape than it says"),
    "a shape of nothing": (lambda m: set_both(tensor(m, "SOFTMAX", 0), 0, 0), "a shape is impossible"),
    "a shape that is huge": (lambda m: set_both(tensor(m, "SOFTMAX", 0), 0, 2**30), "larger than texts need"),
    "an input that is huge": (lambda m: set_both(m.subgraphs[0].tensors[0], 0, 2**25), "larger than texts are"),
    "a buffer that is not there": (lambda m: setattr(tensor(m, "SOFTMAX", 0), "buffer", 999), "buffer is nowhere"),
    "data outside": (lambda m: set_outside(m.buffers[3]), "outside"),
    "fewer scales": (lambda m: set_scales(m, lambda s: s[:-1]), "not as many scales as rows"),
    "scales that are no sizes": (lambda m: set_scales(m, lambda s: s * np.nan), "a scale is no size"),
    "a zero point out of range": (lambda m: set_zero_point(m, 300), "a zero point is out of range"),
    "variables": (lambda m: setattr(tensor(m, "SOFTMAX", 0), "isVariable", True), "no model of ours does"),
    "other options": (lambda m: set_options(operator(m, "SOFTMAX"), "GeluOptions"), "SOFTMAX: other options"),
    "options of no kind": (lambda m: setattr(operator(m, "SOFTMAX"), "builtinOptionsType", 200), "other options"),
    "an unknown fusion": (lambda m: set_option(operator(m, "ADD"), "fusedActivationFunction", 5), "fused with"),
    "shuffled weights": (lambda m: set_option(operator(m, "FULLY_CONNECTED"), "weightsFormat", 1), "of ours does"),
    "a split in other parts": (
        lambda m: set_option(operator(m, "SPLIT"), "numSplits", 6),
        "SPLIT: parts are not equal",
    ),
    "a split of another axis": (lambda m: set_numbers(m, tensor(m, "SPLIT", 0), 2), "an axis is not there"),
    "a join of another axis": (lambda m: set_option(operator(m, "CONCATENATION"), "axis", 3), "an axis is not there"),
    "a mean of another axis": (lambda m: set_numbers(m, tensor(m, "MEAN", 1), -3), "MEAN: an axis is not there"),
    "axes twice": (lambda m: set_numbers(m, tensor(m, "TRANSPOSE", 1), 1, 1, 2), "TRANSPOSE: an axis is not there"),
    "a shape that holds more": (lambda m: set_numbers(m, tensor(m, "RESHAPE", 1, 9), 2, 2, 7), "does not hold"),
    "a shape that is computed": (lambda m: set_operand(operator(m, "RESHAPE"), 1, 0), "RESHAPE: "),
    "other matrices": (lambda m: set_option(operator(m, "BATCH_MATMUL"), "adjY", False), "do not go together"),
    "a slice that steps": (lambda m: set_numbers(m, tensor(m, "STRIDED_SLICE", 3), 0, 1), "leaves elements out"),
    "a slice of nothing": (lambda m: set_numbers(m, tensor(m, "STRIDED_SLICE", 2), 0, 16), "a slice is of nothing"),
}


def last(model: Any) -> int:
    return int(model.subgraphs[0].operators[-1].outputs[0])


def set_operand(one: Any, place: int, number: int) -> None:
    one.inputs = [number if at == place else old for at, old in enumerate(one.inputs)]


def shorten(one: Any) -> None:
    one.inputs = one.inputs[:1]


def set_result(model: Any, number: int) -> None:
    operator(model, "ADD").outputs = [number]


def set_output(model: Any, number: int) -> None:
    model.subgraphs[0].outputs = [number]
    model.signatureDefs[0].outputs[0].tensorIndex = number % 2**32


def set_input(model: Any, number: int) -> None:
    model.subgraphs[0].inputs = [number, *model.subgraphs[0].inputs[1:]]


def set_shape(one: Any, axis: int, size: int) -> None:
    one.shape = [size if at == axis else old for at, old in enumerate(one.shape)]


def set_both(one: Any, axis: int, size: int) -> None:
    set_shape(one, axis, size)
    if one.shapeSignature is not None:
        one.shapeSignature = [size if at == axis else old for at, old in enumerate(one.shapeSignature)]


def set_outside(buffer: Any) -> None:
    buffer.offset, buffer.size = 2**40, 16


def quantized(model: Any) -> Any:
    return tensor(model, "FULLY_CONNECTED", 1).quantization


def set_scales(model: Any, change: Callable[[np.ndarray], np.ndarray]) -> None:
    found = quantized(model)
    found.scale = change(np.asarray(found.scale))
    found.zeroPoint = np.zeros(len(found.scale), np.int64)


def set_zero_point(model: Any, value: int) -> None:
    quantized(model).zeroPoint = np.full(len(quantized(model).scale), value, np.int64)


def set_options(one: Any, table: str) -> None:
    one.builtinOptionsType = getattr(schema.BuiltinOptions, table)
    one.builtinOptions = getattr(schema, f"{table}T")()


def set_option(one: Any, name: str, value: object) -> None:
    assert hasattr(one.builtinOptions, name)
    setattr(one.builtinOptions, name, value)


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_told_by_its_name(model: bytes, kind: str) -> None:
    edit, reason = DAMAGE[kind]
    with pytest.raises(BackendError, match=rf"^no model: it is damaged, .*{reason}") as caught:
        check_tflite(edited(model, edit), "no model")
    assert "\n" not in str(caught.value)


def test_parts_in_other_files_are_refused(model: bytes, tmp_path: Path) -> None:
    builder = flatbuffers.Builder(64)
    text = builder.CreateString("../secret.bin")
    builder.StartObject(9)
    builder.PrependUOffsetTRelativeSlot(8, text, 0)
    builder.Finish(builder.EndObject(), file_identifier=b"TFL3")
    with pytest.raises(BundleIntegrityError, match="lie in another file"):
        check_tflite(bytes(builder.Output()), "no model")
    path = tmp_path / "model.tflite"
    with pytest.raises(BackendError, match="cannot read"):
        check_tflite(path, "no model")
    path.write_bytes(model)
    check_tflite(path, "no model")


def test_data_behind_all_tables_are_found_by_offset_and_size(model: bytes) -> None:
    # how other writers put arrays in files of more than 2 GB, and some in all
    where = {}

    def move(one: Any) -> None:
        where["number"] = tensor(one, "FULLY_CONNECTED", 1).buffer
        where["data"] = bytes(one.buffers[where["number"]].data)
        one.buffers[where["number"]].data = None
        # written in full, so that there is room for the numbers
        one.buffers[where["number"]].offset, one.buffers[where["number"]].size = 2**31, len(where["data"])

    moved = bytearray(edited(model, move))
    place = moved.index((2**31).to_bytes(8, "little"))
    moved += bytes(-len(moved) % 16)
    moved[place : place + 8] = len(moved).to_bytes(8, "little")
    moved += where["data"]
    check_tflite(bytes(moved), "no model")
    feeds = {"input_ids": np.array([[1, 2, 3]])}
    np.testing.assert_array_equal(
        LiteRTSession(bytes(moved)).run(feeds)["logits"], LiteRTSession(model).run(feeds)["logits"]
    )
    with pytest.raises(BackendError, match="an array lies outside it"):
        check_tflite(bytes(moved[:-1]), "no model")
