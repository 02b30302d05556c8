"""The recorded answers are compared wherever the graph may be run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from roformer_edge.bundle.self_test_vectors import SelfTest
from roformer_edge.errors import SelfTestError
from roformer_edge.runtime.fake import FakeSession
from roformer_edge.runtime.inference import Limits, TextModel
from roformer_edge.runtime.loading import load
from roformer_edge.runtime.self_test import RECORDED, record_self_test, run_self_test
from roformer_edge.signatures import Signature, TensorSpec
from roformer_edge.tasks import Task, get_task
from tests.runtime.tiny_tasks import TOKENIZER
from tests.tiny_runtime import FixedSession, fixed_signatures


class WrongAtOneLength(FixedSession):
    """An engine that computes nonsense at one of the lengths that it is given."""

    def __init__(self, *args: object, wrong: int) -> None:
        super().__init__(*args)
        self._wrong = wrong

    def run(self, feeds: dict[str, np.ndarray], signature: str = "default") -> dict[str, np.ndarray]:
        found = super().run(feeds, signature)
        width = feeds["input_ids"].shape[-1]
        return {name: values + (width == self._wrong) for name, values in found.items()}


@pytest.mark.parametrize("wrong", [8, 16, 64])
def test_every_length_that_holds_a_text_is_tested(runnable: Path, wrong: int) -> None:
    with load(runnable) as pipeline:
        model = pipeline.model
        test = record_self_test(model, ["今天天气", "把客厅的灯打开，把客厅的灯打开"], quantized=False)
        signatures = fixed_signatures(model.task.signature, 64, 8, 16)
        right = TextModel(FixedSession(model.session, signatures), model.tokenizer, model.task, Limits(max_length=64))
        assert run_self_test(right, test) < test.tolerance
        # the short text in all three, the other one where there is room
        assert sorted(right.session.called) == ["default"] * 2 + ["length 16"] * 2 + ["length 8"]
        session = WrongAtOneLength(model.session, signatures, wrong=wrong)
        broken = TextModel(session, model.tokenizer, model.task, Limits(max_length=64))
        with pytest.raises(SelfTestError, match="differ from those recorded by 1"):
            run_self_test(broken, test)
        short = SelfTest(tolerance=test.tolerance, cases=test.cases[1:])
        if wrong == 8:
            assert run_self_test(broken, short) < test.tolerance


def recorded(task: Task, size: int, texts: list) -> SelfTest:
    """The self-test of a graph with ``size`` different numbers a row."""
    numbers = np.arange(size, dtype=np.float32)
    outputs = (TensorSpec(name=task.outputs[0].name, dtype="float32", axes=("batch", "labels")),)
    session = FakeSession(
        lambda feeds: {task.outputs[0].name: np.broadcast_to(numbers, (len(feeds["input_ids"]), size))},
        {"default": Signature(inputs=task.inputs, outputs=outputs)},
    )
    model = TextModel(session, TOKENIZER, task, Limits(max_length=40))
    model.outputs = outputs
    test = record_self_test(model, texts, quantized=False)
    assert run_self_test(model, test) == 0
    return test


@pytest.mark.parametrize(("size", "kept"), [(1, 1), (RECORDED, RECORDED), (RECORDED + 1, RECORDED), (10**6, RECORDED)])
def test_of_many_values_some_are_recorded_evenly_spaced(size: int, kept: int) -> None:
    values = recorded(get_task("text-classification"), size, ["好"]).cases[0].outputs["logits"]
    assert len(values) == kept
    assert (values[0], values[-1]) == (0, size - 1)
    steps = np.diff(values)
    assert steps.size == 0 or steps.max() - steps.min() <= 1


def test_texts_are_paired_where_rows_are_pairs() -> None:
    cases = recorded(get_task("multiple-choice"), 1, ["一", "二", ("三", "四")]).cases
    assert [(case.text, case.pair) for case in cases] == [
        ("一", "二"), ("一", "三"), ("二", "一"), ("二", "三"), ("三", "四"),
    ]  # fmt: skip
    alone = recorded(get_task("question-answering"), 1, ["一"]).cases
    assert [(case.text, case.pair) for case in alone] == [("一", "一")]
    assert json.loads(recorded(get_task("fill-mask"), 1, ["一"]).to_json())["cases"][0]["pair"] is None
