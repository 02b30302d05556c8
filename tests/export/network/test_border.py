"""The border of a graph as its emitter finds it out."""

from __future__ import annotations

from types import SimpleNamespace

from roformer_edge.config import RoFormerConfig
from roformer_edge.export.network.border import Border
from roformer_edge.tasks import TASKS, get_task

CONFIG = RoFormerConfig(vocab_size=40, hidden_size=16, num_attention_heads=2, num_hidden_layers=1, intermediate_size=8)


def axes(signature, name: str) -> tuple[str, ...]:
    return next(spec.axes for spec in (*signature.inputs, *signature.outputs) if spec.name == name)


def test_without_wishes_the_border_is_that_of_the_task() -> None:
    for task in TASKS.values():
        signature = Border(task).signature(CONFIG, "int32")
        assert [spec.name for spec in signature.inputs] == [spec.name for spec in task.inputs]
        assert [spec.name for spec in signature.outputs] == [spec.name for spec in task.outputs]
        assert {spec.dtype for spec in signature.inputs} == {"int32"}
        assert {spec.dtype for spec in signature.outputs} == {"float32"}


def test_axes_of_the_model_have_its_sizes_and_others_those_that_are_given() -> None:
    border = Border(get_task("fill-mask"))
    assert axes(border.signature(CONFIG, "int64"), "logits")[-1] == "40"
    fixed = border.signature(CONFIG, "int64", {"batch": "1", "sequence": "8"})
    assert axes(fixed, "input_ids") == ("1", "8")


def test_positions_that_are_asked_for_stand_in_place_of_the_sequence() -> None:
    border = Border(get_task("fill-mask"))
    border.ask_positions()
    signature = border.signature(CONFIG, "int32")
    assert axes(signature, "logits") == ("batch", "positions", "40")
    assert signature.inputs[-1].axes == ("batch", "positions")
    assert signature.inputs[-1].dtype == "int32"


def test_a_cache_is_an_input_and_an_output_for_keys_and_for_values() -> None:
    border = Border(get_task("text-generation"))
    border.go_on()
    names = border.keep(3, SimpleNamespace(heads=2, head_size=8))
    signature = border.signature(CONFIG, "int64")
    assert axes(signature, "attention_mask") == ("batch", "total")
    assert axes(signature, "input_ids") == ("batch", "sequence")
    assert len(names) == 2
    for past, present in names:
        assert ".3." in past
        assert axes(signature, past) == ("batch", "2", "past", "8")
        assert axes(signature, present) == ("batch", "2", "total", "8")
    floats = [spec.dtype for spec in signature.inputs if spec.name in dict(names)]
    assert floats == ["float32", "float32"]
