"""A session without an engine behaves as one with an engine does: tests may use the one for the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from roformer_edge.errors import BackendError
from roformer_edge.runtime.backends.onnxruntime import OnnxRuntimeSession
from roformer_edge.runtime.fake import FakeSession
from roformer_edge.signatures import Signature, TensorSpec
from roformer_edge.tasks import get_task
from tests.tiny_runtime import fixed_signatures, graph

IDS = np.array([[1, 40, 50, 2], [1, 60, 2, 0]])
TASK = get_task("text-classification")


def fake(answer: Callable[[dict[str, Any]], dict[str, Any]], **signatures: Signature) -> FakeSession:
    return FakeSession(answer, signatures or {"default": TASK.signature})


def test_the_function_gets_what_a_graph_would_get() -> None:
    narrow = tuple(TensorSpec(name=spec.name, dtype="int32", axes=spec.axes) for spec in TASK.inputs)
    session = fake(
        lambda feeds: {"logits": feeds["input_ids"][:, :2].astype(np.float32)},
        default=Signature(inputs=narrow, outputs=TASK.outputs),
    )
    assert session.run({"input_ids": IDS, "extra": IDS})["logits"].tolist() == [[1, 40], [1, 60]]
    (call,) = session.calls
    assert set(call) == {"input_ids", "attention_mask", "token_type_ids"}
    assert {array.dtype for array in call.values()} == {np.dtype("int32")}
    assert call["attention_mask"].all()
    assert not call["token_type_ids"].any()


def test_the_name_of_the_signature_is_remembered_beside_the_arrays() -> None:
    session = fake(lambda feeds: {}, **{**fixed_signatures(TASK.signature, 4), "short": TASK.signature})
    session.run({"input_ids": IDS})
    session.run({"input_ids": IDS[:, :2]}, "short")
    assert session.called == ["default", "short"]
    assert [call["input_ids"].shape for call in session.calls] == [(2, 4), (2, 2)]


@pytest.mark.parametrize(
    ("feeds", "signature"),
    [
        ({"pixels": IDS}, "default"),
        ({"input_ids": IDS.astype(float)}, "default"),
        ({"input_ids": IDS, "attention_mask": IDS[:, :2]}, "default"),
        ({"input_ids": IDS[0]}, "default"),
        ({"input_ids": IDS}, "longer"),
    ],
)
def test_what_an_engine_refuses_is_refused_in_the_same_words(feeds: dict[str, Any], signature: str) -> None:
    messages = []
    session = fake(lambda feeds: pytest.fail("the function was called"))
    for one in (OnnxRuntimeSession(graph()), session):
        with pytest.raises(BackendError) as caught:
            one.run(feeds, signature)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
    assert session.calls == []


def test_a_closed_session_says_so() -> None:
    session = fake(lambda feeds: {})
    session.close()
    session.close()
    with pytest.raises(BackendError, match="is closed"):
        session.run({"input_ids": IDS})
