"""The recorded answers are compared wherever the graph may be run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from roformer_edge.bundle.self_test_vectors import SelfTest
from roformer_edge.errors import SelfTestError
from roformer_edge.runtime.inference import Limits, TextModel
from roformer_edge.runtime.loading import load
from roformer_edge.runtime.self_test import record_self_test, run_self_test
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
